import { type Eta, type ImagineRequest, isOver, type Job, type QueuePosition } from '../../../bot/job.ts';
import { lackText } from '../../../bot/replies/lack-text.ts';
import { type Button, fileIdOf, type Reply, type ReplyImage } from '../../../bot/reply.ts';
import type { Core } from '../../adapter.ts';

/** A number where JavaScript keeps it exact, else decimal digits. */
export type JsonSeed = number | string;

type ShownImage = ReplyImage & {
  /** Path of the PNG on this server. */
  readonly url: string;
};

type JsonImage = ShownImage & {
  readonly seed: JsonSeed;
  /** Verbs that apply to it: send `verb:id` to `/api/actions`. */
  readonly actions: readonly string[];
};

/** A reply with URLs instead of files, and `data:` URLs instead of bytes. */
export type JsonReply = Omit<Reply, 'preview' | 'images'> & {
  readonly preview: string | null;
  readonly images: readonly ShownImage[];
};

/** A job without what concerns only the platform. Times are in milliseconds since 1970, by the server's clock. */
export interface JsonJob extends Omit<Job, 'caller' | 'request' | 'images'> {
  readonly room: string;
  readonly user: string;
  readonly position: number | null;
  readonly eta: Eta | null;
  /** Why it cannot start whoever's turn it is, as a sentence. */
  readonly lack: string | null;
  /** When this was written: what `eta` is to be compared with. */
  readonly now: number;
  readonly request: Omit<ImagineRequest, 'seed'> & { readonly seed: JsonSeed };
  readonly images: readonly JsonImage[];
  /** What the chat shows for the job, with its buttons. */
  readonly reply: JsonReply;
}

export function seedJson(seed: bigint): JsonSeed {
  return seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seed) : seed.toString();
}

/** Another version of a picture is another address: browsers keep what they have of one. */
export function imageUrl(image: Parameters<typeof fileIdOf>[0]): string {
  return `/images/${fileIdOf(image)}.png`;
}

export function replyJson(reply: Reply): JsonReply {
  return {
    ...reply,
    preview: reply.preview && dataUrl(reply.preview),
    images: reply.images.map((image) => ({ ...image, url: imageUrl(image) })),
  };
}

/** `queuePosition` comes from the event about the job where it has one, else from the core; `null` leaves it out. */
export function jobJson(core: Core, job: Job, queuePosition?: QueuePosition | null): JsonJob {
  const known = isOver(job) ? null : queuePosition;
  const place = known === undefined ? core.queuePosition(job.id) : known;
  const { position = null, eta = null, lack } = place ?? {};
  const reply = replyJson(core.jobReply(job, place));
  return {
    id: job.id,
    room: job.caller.room,
    user: job.caller.user,
    state: job.state,
    position,
    eta: eta ?? reply.eta,
    lack: lack === undefined ? null : lackText(lack),
    now: Date.now(),
    request: { ...job.request, seed: seedJson(job.request.seed) },
    derivation: job.derivation,
    images: job.images.flatMap(({ id, seed }) =>
      reply.images
        .filter((image) => image.id === id)
        .map((image) => ({ ...image, seed: seedJson(seed), actions: actionsOf(id, job.id, reply.buttons) })),
    ),
    error: job.error,
    notes: job.notes,
    createdAt: job.createdAt,
    startedAt: job.startedAt,
    finishedAt: job.finishedAt,
    reply,
  };
}

/** The verbs of the image's buttons, and those of its job's buttons that apply to a single image too. */
function actionsOf(imageId: string, jobId: string, buttons: readonly (readonly Button[])[]): string[] {
  const verbs = new Set<string>();
  for (const { action, disabled } of buttons.flat()) {
    const [verb = '', target] = action.split(/:(.*)/s);
    const appliesHere = target === imageId || (target === jobId && (verb === 'reroll' || verb === 'delete'));
    if (appliesHere && disabled !== true && verb !== 'show') verbs.add(verb);
  }
  return [...verbs];
}

function dataUrl(bytes: Uint8Array): string {
  const type = bytes[0] === 0x89 ? 'image/png' : 'image/jpeg';
  return `data:${type};base64,${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}`;
}
