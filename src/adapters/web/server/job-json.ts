import type { Derivation, Eta, ImagineRequest, Job, JobState } from '../../../bot/job.ts';
import type { Button, Reply, ReplyImage } from '../../../bot/reply.ts';
import type { Core } from '../../adapter.ts';

/** A number where JSON readers keep it exact, else decimal digits. */
export type JsonSeed = number | string;

export interface JsonImage {
  readonly id: string;
  readonly seed: JsonSeed;
  readonly width: number;
  readonly height: number;
  /** Path of the PNG on this server. */
  readonly url: string;
  /** What a screen reader says. Untrusted. */
  readonly alt: string;
  readonly fileName: string;
  readonly spoiler: boolean;
  /** Verbs that work on it: send `verb:id` to `/api/actions`. */
  readonly actions: readonly string[];
}

/** A reply with paths in place of files and `data:` addresses in place of bytes. */
export type JsonReply = Omit<Reply, 'preview' | 'images'> & {
  readonly preview: string | null;
  readonly images: readonly (ReplyImage & { readonly url: string })[];
};

export interface JsonJob {
  readonly id: string;
  readonly room: string;
  readonly user: string;
  readonly state: JobState;
  readonly position: number | null;
  /** Milliseconds since 1970, like all times here. */
  readonly eta: Eta | null;
  readonly request: Omit<ImagineRequest, 'seed'> & { readonly seed: JsonSeed };
  readonly derivation: Derivation | null;
  readonly images: readonly JsonImage[];
  readonly error: Job['error'];
  readonly notes: readonly string[];
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** What the chat shows for it, with its buttons. */
  readonly reply: JsonReply;
}

export function seedJson(seed: bigint): JsonSeed {
  return seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seed) : seed.toString();
}

export function imageUrl(id: string): string {
  return `/images/${id}.png`;
}

export function replyJson(reply: Reply): JsonReply {
  return {
    ...reply,
    preview: reply.preview && dataUrl(reply.preview),
    images: reply.images.map((image) => ({ ...image, url: imageUrl(image.id) })),
  };
}

/** `queuePosition` is asked of the core unless the event that brings the job has it. */
export function jobJson(
  core: Core,
  job: Job,
  queuePosition?: { readonly position: number | null; readonly eta: Eta | null },
): JsonJob {
  const open = job.state === 'queued' || job.state === 'running';
  const { position, eta } = queuePosition ?? (open ? core.queuePosition(job.id) : { position: null, eta: null });
  const reply = replyJson(core.jobReply(job));
  return {
    id: job.id,
    room: job.caller.room,
    user: job.caller.user,
    state: job.state,
    position,
    eta: eta ?? reply.eta,
    request: { ...job.request, seed: seedJson(job.request.seed) },
    derivation: job.derivation,
    images: job.images.filter((image) => !image.deleted).map((image) => imageJson(image, job, reply)),
    error: job.error,
    notes: job.notes,
    createdAt: job.createdAt,
    startedAt: job.startedAt,
    finishedAt: job.finishedAt,
    reply,
  };
}

function imageJson(image: Job['images'][number], job: Job, reply: JsonReply): JsonImage {
  const shown = reply.images.find((candidate) => candidate.id === image.id);
  return {
    id: image.id,
    seed: seedJson(image.seed),
    width: image.width,
    height: image.height,
    url: imageUrl(image.id),
    alt: shown?.alt ?? job.request.prompt,
    fileName: shown?.fileName ?? `${image.id}.png`,
    spoiler: shown?.spoiler ?? job.request.spoiler,
    actions: actionsOf(image.id, job.id, reply.buttons),
  };
}

/** What the buttons offer for this image, or for its job as a whole and by the grammar for the image too. */
function actionsOf(imageId: string, jobId: string, buttons: readonly (readonly Button[])[]): string[] {
  const verbs = new Set<string>();
  for (const { action, disabled } of buttons.flat()) {
    const [verb = '', target] = splitAction(action);
    const appliesHere = target === imageId || (target === jobId && (verb === 'reroll' || verb === 'delete'));
    if (appliesHere && disabled !== true && verb !== 'show') verbs.add(verb);
  }
  return [...verbs];
}

function splitAction(action: string): [string, string] {
  const colon = action.indexOf(':');
  return [action.slice(0, colon), action.slice(colon + 1)];
}

function dataUrl(bytes: Uint8Array): string {
  const type = bytes[0] === 0x89 ? 'image/png' : 'image/jpeg';
  return `data:${type};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}`;
}
