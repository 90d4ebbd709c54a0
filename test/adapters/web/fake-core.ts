import assert from 'node:assert/strict';
import type { CommandOptions, Core, Outcome } from '../../../src/adapters/adapter.ts';
import { completions } from '../../../src/bot/command/completion.ts';
import {
  type Caller,
  type Derivation,
  type ImagineRequest,
  type Job,
  type JobEvent,
  type JobImage,
  type Stage,
  TERMINAL_STATES,
} from '../../../src/bot/job.ts';
import type { QueueEntry, QueueOverview } from '../../../src/bot/queue-overview.ts';
import { type Button, EMPTY_REPLY, type Reply } from '../../../src/bot/reply.ts';
import { DEFAULT_LIMITS } from '../../../src/bot/request-limits.ts';
import { UserError } from '../../../src/system/errors.ts';
import { FakeAdministration } from './fake-administration.ts';
import { FakeGallery } from './fake-gallery.ts';
import { paintPicture } from './fake-pictures.ts';
import { fakeJobReply, type LiveState } from './fake-reply.ts';

type NewEvent = JobEvent extends infer E ? (E extends JobEvent ? Omit<E, 'seq'> : never) : never;

/**
 * The core's contract in memory, with a hand on its events: tests say when a job starts, steps and ends.
 * Words of the prompt steer it: `n:4`, `seed:7`, `size:640x400`, `spoiler`, and `badword` is refused.
 */
export class FakeCore implements Core {
  readonly commands: { text: string; caller: Caller; options: CommandOptions }[] = [];
  readonly actions: { action: string; caller: Caller; text: string | undefined }[] = [];
  readonly delivered = new Set<string>();
  readonly files = new Map<string, string>();
  readonly #folder: string;
  readonly #jobs = new Map<string, Job>();
  readonly #byKey = new Map<string, string>();
  readonly #live = new Map<string, LiveState>();
  readonly #log: JobEvent[] = [];
  readonly #listeners = new Set<(event: JobEvent) => void>();
  readonly administration = new FakeAdministration();
  readonly gallery = new FakeGallery(() => [...this.#jobs.values()]);
  #clock = 1_790_000_000_000;
  #lastId = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Pictures that were given; each is known by its number. */
  readonly given: Uint8Array[] = [];

  async givePicture(content: Uint8Array): Promise<string> {
    if (Buffer.from(content).includes('damaged')) throw new UserError('picture_damaged', 'This picture is damaged.');
    this.given.push(content);
    return String(this.given.length).repeat(64).slice(0, 64);
  }

  async command(text: string, caller: Caller, options: CommandOptions = {}): Promise<Outcome> {
    this.commands.push({ text, caller, options });
    if (text === 'help') return { kind: 'reply', reply: HELP };
    if (text === 'crash') throw new Error('secret detail');
    if (text.includes('badword')) {
      throw new UserError('blocked_word', 'The word "badword" is blocked here.', { hint: 'Leave it out: a red fox.' });
    }
    const permutation = /\{(.*)\}/.exec(text)?.[1]?.split(',');
    if (permutation) return { kind: 'reply', reply: confirmReply(text, permutation.length) };
    return this.#submit(parseRequest(text), caller, null, options.idempotencyKey);
  }

  /** Makes a request in a room, past the HTTP face. */
  async request(text: string, room = 'r', user = 'ann'): Promise<Job> {
    const caller = { user, name: user, room, guild: room, payer: room, moderator: true, ageRestricted: false };
    const outcome = await this.command(text, { surface: 'web', ...caller });
    assert.ok(outcome.kind === 'job');
    return outcome.job;
  }

  async act(
    action: string,
    caller: Caller,
    options: { idempotencyKey?: string; text?: string } = {},
  ): Promise<Outcome> {
    this.actions.push({ action, caller, text: options.text });
    const [verb = '', target = ''] = action.split(/:(.*)/s);
    if (verb === 'confirm') return this.#submit(parseRequest(target), caller, null, options.idempotencyKey);
    const job =
      this.#jobs.get(target) ?? [...this.#jobs.values()].find((one) => one.images.some(({ id }) => id === target));
    if (!job) throw new UserError('image_unknown', 'There is no such picture.', { hint: 'It may have been deleted.' });
    if (verb === 'cancel') {
      if (TERMINAL_STATES.includes(job.state)) throw new UserError('already_finished', 'This job has ended already.');
      return { kind: 'job', job: this.#close(job, 'cancelled', null), repeated: false };
    }
    if (verb === 'favourite' || verb === 'unfavourite') {
      this.gallery.like(target, caller.user, verb === 'favourite');
      return { kind: 'reply', reply: { ...EMPTY_REPLY, title: 'Kept as a favourite', ephemeral: true } };
    }
    if (verb === 'delete') {
      if (!caller.moderator && caller.user !== job.caller.user) throw new UserError('not_yours', 'This is not yours.');
      const isMeant = (id: string) => target === job.id || target === id;
      const images = job.images.map((image) => ({ ...image, deleted: image.deleted || isMeant(image.id) }));
      const changed = this.#update(job, { images });
      this.#emit({ type: 'changed', job: changed });
      return { kind: 'job', job: changed, repeated: false };
    }
    if (verb === 'info') return { kind: 'reply', reply: infoReply(job) };
    const derivation: Derivation = { verb: 'reroll', parentImage: target, parentJob: job.id, strength: null };
    const request = { ...job.request, prompt: options.text ?? job.request.prompt, seed: job.request.seed + 100n };
    return this.#submit(request, caller, derivation, options.idempotencyKey);
  }

  job(id: string): Job | null {
    return this.#jobs.get(id) ?? null;
  }

  jobOfImage(imageId: string): Job | null {
    return [...this.#jobs.values()].find((job) => job.images.some(({ id }) => id === imageId)) ?? null;
  }

  jobs(filter: Parameters<Core['jobs']>[0]): readonly Job[] {
    const newestFirst = [...this.#jobs.values()].reverse();
    const from = filter.before === undefined ? 0 : newestFirst.findIndex(({ id }) => id === filter.before) + 1;
    return newestFirst
      .slice(from)
      .filter((job) => filter.room === undefined || job.caller.room === filter.room)
      .slice(0, filter.limit);
  }

  rooms({ user }: Pick<Caller, 'user'>): readonly string[] {
    const own = [...this.#jobs.values()].filter(({ caller }) => caller.user === user).reverse();
    return [...new Set(own.map(({ caller }) => caller.room))];
  }

  queuePosition(jobId: string) {
    const live = this.#live.get(jobId);
    return { position: live?.position ?? null, eta: live?.eta ?? null };
  }

  /** In the order of arrival. Requests of rooms that begin with `secret` are shown to whoever asked for them alone. */
  queueOverview({ user, moderator }: Caller): QueueOverview {
    const open = [...this.#jobs.values()].filter(({ state }) => !TERMINAL_STATES.includes(state));
    const entryOf = (job: Job, index: number): QueueEntry => {
      const { room, name } = job.caller;
      const own = job.caller.user === user;
      const seen = own || !room.startsWith('secret');
      const { eta = null, fraction = 0 } = this.#live.get(job.id) ?? {};
      const isRunning = job.state === 'running';
      return {
        ...{ id: seen ? job.id : null, room: seen ? room : null, user: seen ? name : null },
        ...{ prompt: seen ? job.request.prompt : null, surface: 'web', pictures: job.request.n, own },
        ...{ mayCancel: seen && (own || moderator), askedAt: job.createdAt, position: isRunning ? null : index + 1 },
        ...{ ahead: { own: 0, others: index }, lack: null, start: isRunning ? null : eta, end: eta },
        ...{ painters: isRunning ? ['GPU 1'] : [], fraction },
      };
    };
    const waiting = open.filter(({ state }) => state === 'queued');
    return {
      count: waiting.length,
      running: open.filter(({ state }) => state === 'running').map(entryOf),
      waiting: waiting.map(entryOf),
      painters: [{ name: 'GPU 1', ready: true, busy: open.length > waiting.length }],
    };
  }

  button(): Button | null {
    return null;
  }

  /** Who asked for the files of pictures. */
  readonly askers: string[] = [];

  async imagePath(imageId: string, asker?: Caller): Promise<string | null> {
    this.askers.push(asker?.user ?? 'nobody');
    const image = [...this.#jobs.values()].flatMap((job) => job.images).find(({ id }) => id === imageId);
    return image && !image.deleted ? (this.files.get(imageId) ?? null) : null;
  }

  jobReply(job: Job, _place?: unknown): Reply {
    return fakeJobReply(job, this.#live.get(job.id));
  }

  errorReply(error: unknown): Reply {
    return { ...EMPTY_REPLY, tone: 'error', title: error instanceof Error ? error.message : 'failed' };
  }

  recentPrompts(caller: Caller, containing: string, limit: number) {
    return [...this.#jobs.values()]
      .reverse()
      .filter((job) => job.caller.user === caller.user && job.request.prompt.includes(containing))
      .slice(0, limit)
      .map((job) => ({ id: job.id, prompt: job.request.prompt }));
  }

  promptById(id: string): string | null {
    return this.#jobs.get(id)?.request.prompt ?? null;
  }

  limits(): typeof DEFAULT_LIMITS {
    return DEFAULT_LIMITS;
  }

  completions(textBeforeCursor: string) {
    return completions(textBeforeCursor, DEFAULT_LIMITS);
  }

  *exportText({ user }: Caller): Iterable<string> {
    yield '{ "jobs": [';
    const own = [...this.#jobs.values()].filter(({ caller }) => caller.user === user);
    for (const [place, { id }] of own.entries()) yield `${place === 0 ? '' : ', '}"${id}"`;
    yield '] }';
  }

  subscribe(listener: (event: JobEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  eventsSince(_surface: string, room: string, seq: number, limit: number): readonly JobEvent[] {
    return this.#log.filter((event) => event.job.caller.room === room && (event.seq ?? 0) > seq).slice(0, limit);
  }

  saveMessage(): void {}

  message(): unknown | null {
    return null;
  }

  undelivered(): readonly Job[] {
    return [...this.#jobs.values()].filter((job) => TERMINAL_STATES.includes(job.state) && !this.delivered.has(job.id));
  }

  markDelivered(jobId: string): void {
    this.delivered.add(jobId);
  }

  /** Says where a waiting job stands. */
  wait(id: string, position: number, eta = { from: Date.now() + 60_000, to: Date.now() + 90_000 }): void {
    this.#live.set(id, { position, eta, fraction: 0, label: `Waiting, position ${position}`, preview: null });
    this.#emit({ type: 'queued', job: this.#get(id), position, eta }, false);
  }

  start(id: string): void {
    this.#live.delete(id);
    this.#emit({ type: 'started', job: this.#update(this.#get(id), { state: 'running', startedAt: this.#tick() }) });
  }

  step(
    id: string,
    step: number,
    options: { total?: number; stage?: Stage; preview?: Uint8Array | null; previewOf?: readonly number[] } = {},
  ): void {
    const { total = 10, stage = 'prior', preview = null, previewOf = [this.#get(id).images.length] } = options;
    const eta = { from: Date.now() + (total - step) * 2000, to: Date.now() + (total - step) * 3000 };
    const fraction = step / total;
    const label = `${stage === 'prior' ? 'Sketching' : 'Painting'} ${step}/${total}`;
    this.#live.set(id, { position: null, eta, fraction, label, preview, previewOf });
    this.#emit({ type: 'step', job: this.#get(id), stage, step, total, fraction, eta, preview, previewOf }, false);
  }

  async paint(id: string): Promise<void> {
    const { request, images } = this.#get(id);
    const seed = request.seed + BigInt(images.length);
    const imageId = `${id}i${images.length}`;
    this.files.set(
      imageId,
      await paintPicture(this.#folder, imageId, request.width, request.height, Number(seed % 1000n)),
    );
    const image: JobImage = {
      id: imageId,
      index: images.length,
      seed,
      width: request.width,
      height: request.height,
      hash: '0'.repeat(64),
      deleted: false,
    };
    const job = this.#get(id);
    this.#emit({ type: 'image', image, job: this.#update(job, { images: [...job.images, image] }) });
  }

  finish(id: string): void {
    this.#close(this.#get(id), 'done', null);
  }

  fail(id: string, message: string): void {
    this.#close(this.#get(id), 'failed', { code: 'failed', message, hint: 'Try it again.' });
  }

  /** All of a job's life at once. */
  async complete(id: string): Promise<void> {
    this.start(id);
    for (let k = 0; k < this.#get(id).request.n; k++) await this.paint(id);
    this.finish(id);
  }

  #submit(request: ImagineRequest, caller: Caller, derivation: Derivation | null, key: string | undefined): Outcome {
    const known = key === undefined ? undefined : this.#jobs.get(this.#byKey.get(key) ?? '');
    if (known) return { kind: 'job', job: known, repeated: true };
    const id = `job${++this.#lastId}`;
    const job: Job = {
      id,
      caller,
      state: 'queued',
      request,
      derivation,
      images: [],
      error: null,
      notes: [],
      createdAt: this.#tick(),
      startedAt: null,
      finishedAt: null,
    };
    this.#jobs.set(id, job);
    if (key !== undefined) this.#byKey.set(key, id);
    this.#emit({ type: 'queued', job, position: 1, eta: null });
    return { kind: 'job', job, repeated: false };
  }

  #close(job: Job, state: 'done' | 'failed' | 'cancelled', error: Job['error']): Job {
    this.#live.delete(job.id);
    const closed = this.#update(job, { state, error, finishedAt: this.#tick() });
    this.#emit({ type: state, job: closed });
    return closed;
  }

  #get(id: string): Job {
    const job = this.#jobs.get(id);
    if (!job) throw new Error(`no job ${id}`);
    return job;
  }

  #update(job: Job, change: Partial<Job>): Job {
    const updated = { ...job, ...change };
    this.#jobs.set(job.id, updated);
    return updated;
  }

  /** As erasing a person does to each of their jobs. */
  erase(id: string): void {
    const job = this.#get(id);
    this.#jobs.delete(id);
    this.#emit({ type: 'erased', job }, false);
  }

  #emit(event: NewEvent, durable = true): void {
    const numbered: JobEvent = { ...event, seq: durable ? this.#log.length + 1 : null };
    if (durable) this.#log.push(numbered);
    for (const listener of this.#listeners) listener(numbered);
  }

  #tick(): number {
    this.#clock += 1000;
    return this.#clock;
  }
}

function parseRequest(text: string): ImagineRequest {
  const setting = (key: string) => new RegExp(`(?:^|\\s)${key}:(\\S+)`).exec(text)?.[1];
  const [width = 256, height = 256] = (setting('size') ?? '').split('x').map(Number).filter(Boolean);
  return {
    prompt: text.replace(/(?:^|\s)(?:n|seed|size|style|negative):\S+/g, '').trim(),
    negative: setting('negative') ?? '',
    width,
    height,
    n: Number(setting('n') ?? 1),
    style: setting('style') ?? 'interpolated',
    seed: BigInt(setting('seed') ?? 7),
    steps: null,
    decoderSteps: 12,
    guidance: 4,
    decoderGuidance: 0,
    spoiler: text.includes('spoiler'),
  };
}

const HELP: Reply = {
  ...EMPTY_REPLY,
  title: 'What you can type',
  lines: ['Describe a picture, and add settings anywhere.'],
  fields: [{ name: 'size:1024x1536', value: 'width and height' }],
  code: '/wuerst a red fox size:1024x1536 style:aesthetic',
  ephemeral: true,
};

function confirmReply(text: string, count: number): Reply {
  const prompt = text.replace(/\{([^,}]*)[^}]*\}/, '$1');
  return {
    ...EMPTY_REPLY,
    title: `This makes ${count} jobs`,
    buttons: [[{ action: `confirm:${prompt}`, label: `Make ${count}`, style: 'primary' }]],
    ephemeral: true,
  };
}

function infoReply(job: Job): Reply {
  return {
    ...EMPTY_REPLY,
    title: job.request.prompt,
    fields: [
      { name: 'Seed', value: String(job.request.seed) },
      { name: 'Size', value: `${job.request.width} × ${job.request.height}` },
    ],
    code: `/wuerst ${job.request.prompt} seed:${job.request.seed}`,
    ephemeral: true,
  };
}
