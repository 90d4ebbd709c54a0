import { mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandOptions, Core, Outcome } from '../../src/adapters/adapter.ts';
import { completions } from '../../src/bot/command/completion.ts';
import { parseCommand } from '../../src/bot/command/parse.ts';
import {
  type Caller,
  type ImagineRequest,
  type Job,
  type JobEvent,
  type JobImage,
  type Surface,
  TERMINAL_STATES,
} from '../../src/bot/job.ts';
import type { Button, Reply } from '../../src/bot/reply.ts';
import { DEFAULT_LIMITS } from '../../src/bot/request-limits.ts';
import { UserError } from '../../src/system/errors.ts';

/** One blue pixel. */
export const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPj/HwADBwIAMCbHYQAAAABJRU5ErkJggg==',
  'base64',
);

export const REQUEST: ImagineRequest = {
  prompt: 'a red fox',
  negative: '',
  width: 1024,
  height: 1024,
  n: 1,
  style: 'interpolated',
  seed: 7n,
  steps: null,
  decoderSteps: 12,
  guidance: 4,
  decoderGuidance: 0,
  spoiler: false,
};

/** `REQUEST` with native options, read as the core reads them. */
function requestWith(options: Readonly<Record<string, string | number | boolean>>): ImagineRequest {
  const { seed, ...defaults } = REQUEST;
  const parsed = parseCommand('x', { limits: DEFAULT_LIMITS, options, defaults, randomSeed: () => seed });
  if (parsed.kind !== 'imagine') throw new Error(`Expected a request, got ${parsed.kind}.`);
  return parsed.request;
}

export const EMPTY_REPLY: Reply = {
  tone: 'normal',
  title: '',
  lines: [],
  fields: [],
  progress: null,
  eta: null,
  preview: null,
  images: [],
  buttons: [],
  code: null,
  ephemeral: false,
};

interface Stored {
  readonly jobs: readonly Job[];
  readonly keys: readonly (readonly [string, string])[];
  readonly messages: readonly (readonly [string, unknown])[];
  readonly delivered: readonly (readonly [string, string | null])[];
}

interface FakeCoreOptions {
  /** Keeps everything in this file, as the real core does in its database: for tests that kill the process. */
  readonly file?: string;
  readonly now?: () => number;
}

/**
 * A core in memory, moved by the test: `command` and `act` answer what `onCommand` and `onAct` say (by default a
 * new job), and `started`, `step`, `finish`, `fail`, `cancel` make a job's events.
 */
export class FakeCore implements Core {
  readonly calls: { readonly text: string; readonly caller: Caller; readonly options: CommandOptions }[] = [];
  readonly acts: { readonly action: string; readonly caller: Caller; readonly text: string | undefined }[] = [];
  readonly jobsById = new Map<string, Job>();
  readonly messages = new Map<string, unknown>();
  /** Job id → problem, or `null` for a good delivery. */
  readonly delivered = new Map<string, string | null>();
  readonly prompts: { id: string; prompt: string }[] = [];
  /** Image id → path; other images are `PIXEL`. */
  readonly paths = new Map<string, string>();
  onCommand: (text: string, caller: Caller, options: CommandOptions) => Promise<Outcome> | Outcome;
  onAct: (action: string, caller: Caller, options: { idempotencyKey?: string; text?: string }) => Promise<Outcome>;
  onButton: (action: string) => Button | null = () => null;
  /** Changes what a job's message shows. */
  decorate: (reply: Reply, job: Job) => Reply = (reply) => reply;
  readonly #keys = new Map<string, string>();
  readonly #listeners = new Set<(event: JobEvent) => void>();
  readonly #steps = new Map<string, { readonly fraction: number; readonly preview: Uint8Array | null }>();
  readonly #file: string | undefined;
  readonly #now: () => number;
  readonly #pixel: string;
  #seq = 0;

  constructor(options: FakeCoreOptions = {}) {
    this.#file = options.file;
    this.#now = options.now ?? Date.now;
    this.#pixel = join(mkdtempSync(join(tmpdir(), 'fake-core-')), 'pixel.png');
    writeFileSync(this.#pixel, PIXEL);
    this.onCommand = (text, caller, { options: given = {}, idempotencyKey }) =>
      this.accept({ ...requestWith(given), prompt: text }, caller, idempotencyKey);
    this.onAct = async (action, caller, { idempotencyKey, text }) =>
      this.accept({ ...REQUEST, prompt: text ?? action }, caller, idempotencyKey);
    if (this.#file !== undefined) this.#load(this.#file);
  }

  /** Pictures that were given; each is known by its number. */
  readonly given: Uint8Array[] = [];

  async givePicture(content: Uint8Array): Promise<string> {
    if (Buffer.from(content).includes('damaged')) throw new UserError('picture_damaged', 'This picture is damaged.');
    this.given.push(content);
    return String(this.given.length).repeat(64).slice(0, 64);
  }

  async command(text: string, caller: Caller, options: CommandOptions = {}): Promise<Outcome> {
    this.calls.push({ text, caller, options });
    return this.onCommand(text, caller, options);
  }

  async act(
    action: string,
    caller: Caller,
    options: { readonly idempotencyKey?: string; readonly text?: string } = {},
  ): Promise<Outcome> {
    this.acts.push({ action, caller, text: options.text });
    return this.onAct(action, caller, options);
  }

  /** Stores a job, once per key, and announces it. */
  accept(request: ImagineRequest, caller: Caller, key?: string): Outcome {
    const known = key === undefined ? undefined : this.jobsById.get(this.#keys.get(key) ?? '');
    if (known) return { kind: 'job', job: known, repeated: true };
    const id = `j${(this.jobsById.size + 1).toString(36).padStart(5, '0')}`;
    const job: Job = {
      id,
      caller,
      state: 'queued',
      request,
      derivation: null,
      images: [],
      error: null,
      notes: [],
      createdAt: this.#now(),
      startedAt: null,
      finishedAt: null,
    };
    this.jobsById.set(id, job);
    if (key !== undefined) this.#keys.set(key, id);
    this.#store();
    this.emit({ seq: ++this.#seq, type: 'queued', job, position: 1, eta: null });
    return { kind: 'job', job, repeated: false };
  }

  started(id: string): void {
    const job = this.#change(id, { state: 'running', startedAt: this.#now() });
    this.emit({ seq: ++this.#seq, type: 'started', job });
  }

  step(id: string, fraction: number, preview: Uint8Array | null = null): void {
    this.#steps.set(id, { fraction, preview });
    const job = this.#must(id);
    this.emit({ seq: null, type: 'step', job, stage: 'prior', step: 1, total: 2, fraction, eta: null, preview });
  }

  finish(id: string): void {
    const { request } = this.#must(id);
    const images = Array.from(
      { length: request.n },
      (_, index): JobImage => ({
        id: `i${id.slice(1)}${index}`,
        index,
        seed: request.seed + BigInt(index),
        width: request.width,
        height: request.height,
        hash: 'ab'.repeat(32),
        deleted: false,
      }),
    );
    const job = this.#change(id, { state: 'done', images, finishedAt: this.#now() });
    this.emit({ seq: ++this.#seq, type: 'done', job });
  }

  fail(id: string, message: string): void {
    const job = this.#change(id, { state: 'failed', error: { code: 'failed', message }, finishedAt: this.#now() });
    this.emit({ seq: ++this.#seq, type: 'failed', job });
  }

  cancel(id: string): void {
    const job = this.#change(id, { state: 'cancelled', finishedAt: this.#now() });
    this.emit({ seq: ++this.#seq, type: 'cancelled', job });
  }

  deleteImage(id: string, index: number): void {
    const images = this.#must(id).images.map((image) => (image.index === index ? { ...image, deleted: true } : image));
    const job = this.#change(id, { images });
    this.emit({ seq: ++this.#seq, type: 'changed', job });
  }

  emit(event: JobEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  job(id: string): Job | null {
    return this.jobsById.get(id) ?? null;
  }

  jobOfImage(imageId: string): Job | null {
    return [...this.jobsById.values()].find((job) => job.images.some(({ id }) => id === imageId)) ?? null;
  }

  rooms(): readonly string[] {
    return [];
  }

  jobs(filter: { readonly surface: Surface; readonly limit: number }): readonly Job[] {
    return [...this.jobsById.values()]
      .filter((job) => job.caller.surface === filter.surface)
      .reverse()
      .slice(0, filter.limit);
  }

  queuePosition() {
    return { position: 1, eta: null };
  }

  async imagePath(imageId: string): Promise<string | null> {
    return this.paths.get(imageId) ?? this.#pixel;
  }

  jobReply(job: Job): Reply {
    const step = this.#steps.get(job.id);
    const cancel: Button = { action: `cancel:${job.id}`, label: 'Cancel', style: 'secondary' };
    const shown = job.images.filter((image) => !image.deleted);
    const base: Reply = { ...EMPTY_REPLY, title: job.request.prompt, lines: [job.state] };
    const replies: Record<Job['state'], Reply> = {
      queued: { ...base, buttons: [[cancel]] },
      running: {
        ...base,
        progress: { fraction: step?.fraction ?? 0, label: 'prior' },
        preview: step?.preview ?? null,
        buttons: [[cancel]],
      },
      done: {
        ...base,
        images: shown.map((image) => ({
          id: image.id,
          fileName: `a-red-fox-${image.index}.png`,
          width: image.width,
          height: image.height,
          alt: job.request.prompt,
          spoiler: job.request.spoiler,
        })),
        buttons: [
          [
            { action: `reroll:${job.id}`, label: 'Reroll', style: 'primary' },
            { action: `info:${shown[0]?.id ?? job.id}`, label: 'Info', style: 'secondary' },
            {
              action: `remix:${shown[0]?.id ?? job.id}`,
              label: 'Remix',
              style: 'secondary',
              ask: { title: 'Remix', label: 'Prompt', value: job.request.prompt, maxLength: 4000 },
            },
            { action: `delete:${job.id}`, label: 'Delete', style: 'danger', confirm: 'Delete this picture?' },
          ],
        ],
      },
      failed: { ...base, tone: 'error', lines: [job.error?.message ?? ''] },
      cancelled: base,
    };
    return this.decorate(replies[job.state], job);
  }

  errorReply(error: unknown): Reply {
    const shown = error instanceof UserError ? error : new UserError('internal', 'Something went wrong here.');
    return { ...EMPTY_REPLY, tone: 'error', title: shown.message, lines: [shown.hint ?? ''], ephemeral: true };
  }

  button(action: string): Button | null {
    return this.onButton(action);
  }

  recentPrompts(_caller: Caller, containing: string, limit: number) {
    return this.prompts.filter(({ prompt }) => prompt.includes(containing)).slice(0, limit);
  }

  promptById(id: string): string | null {
    return this.prompts.find((prompt) => prompt.id === id)?.prompt ?? null;
  }

  limits(): typeof DEFAULT_LIMITS {
    return DEFAULT_LIMITS;
  }

  completions(textBeforeCursor: string) {
    return completions(textBeforeCursor, DEFAULT_LIMITS);
  }

  exportText(): Iterable<string> {
    return ['{}'];
  }

  subscribe(listener: (event: JobEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  eventsSince(): readonly JobEvent[] {
    return [];
  }

  saveMessage(jobId: string, message: unknown): void {
    this.messages.set(jobId, JSON.parse(JSON.stringify(message)));
    this.#store();
  }

  message(jobId: string): unknown | null {
    return structuredClone(this.messages.get(jobId) ?? null);
  }

  undelivered(surface: Surface): readonly Job[] {
    return [...this.jobsById.values()].filter(
      (job) => job.caller.surface === surface && TERMINAL_STATES.includes(job.state) && !this.delivered.has(job.id),
    );
  }

  markDelivered(jobId: string, problem?: string): void {
    this.delivered.set(jobId, problem ?? null);
    this.#store();
  }

  #must(id: string): Job {
    const job = this.jobsById.get(id);
    if (!job) throw new Error(`no job ${id}`);
    return job;
  }

  #change(id: string, change: Partial<Job>): Job {
    const job = { ...this.#must(id), ...change };
    this.jobsById.set(id, job);
    this.#store();
    return job;
  }

  #store(): void {
    if (this.#file === undefined) return;
    const stored: Stored = {
      jobs: [...this.jobsById.values()],
      keys: [...this.#keys],
      messages: [...this.messages],
      delivered: [...this.delivered],
    };
    const json = JSON.stringify(stored, (_key, value) => (typeof value === 'bigint' ? `${value}n` : value));
    writeFileSync(`${this.#file}.new`, json);
    renameSync(`${this.#file}.new`, this.#file);
  }

  #load(file: string): void {
    let json: string;
    try {
      json = readFileSync(file, 'utf8');
    } catch {
      return;
    }
    const stored: Stored = JSON.parse(json, (_key, value) =>
      typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
    );
    for (const job of stored.jobs) this.jobsById.set(job.id, job);
    for (const [key, id] of stored.keys) this.#keys.set(key, id);
    for (const [id, message] of stored.messages) this.messages.set(id, message);
    for (const [id, problem] of stored.delivered) this.delivered.set(id, problem);
  }
}
