import { EventEmitter, on } from 'node:events';
import type { NativeOptions } from '../../../bot/command/format.ts';
import type { GivenPictures } from '../../../bot/core.ts';
import { type Caller, isOver, type Job, type JobEvent, type Lack, type Repeatable } from '../../../bot/job.ts';
import { UserError } from '../../../system/errors.ts';
import type { Core, Outcome } from '../../adapter.ts';

/** What a program asks for. */
export interface Wish extends Repeatable {
  /** As the grammar reads it: `literalPrompt` and `weightedPrompt` make it of a program's text. */
  readonly prompt: string;
  readonly options: NativeOptions;
  readonly pictures?: GivenPictures | undefined;
}

/** How far a request is. */
export type Step = Extract<JobEvent, { type: 'step' }>;

/** What a program can be told while its request is not done: how far it is, or why it cannot start. */
export type Progress = Step | { readonly type: 'queued'; readonly lack?: Lack | undefined };

/** A request that has ended without its pictures. */
export class PaintingFailed extends UserError {
  readonly job: Job;

  constructor(job: Job) {
    const { code, message, hint } = job.error ?? {
      code: 'internal',
      message: 'Something went wrong.',
      hint: undefined,
    };
    super(job.state === 'cancelled' ? 'job_cancelled' : code, message, hint === undefined ? {} : { hint });
    this.job = job;
  }
}

/** Requests of programs that wait for their pictures, and how far they are. */
export class Paintings {
  readonly #core: Core;
  /** By user, oldest first. */
  readonly #running = new Map<string, Map<string, Step | null>>();
  #isClosed = false;

  constructor(core: Core) {
    this.#core = core;
  }

  /** From now on connections end because the bot stops: their requests go on at its next start. */
  close(): void {
    this.#isClosed = true;
  }

  /** The requests that a program waits for, oldest first, each with its latest step. */
  of({ user }: Caller): readonly { readonly job: Job; readonly step: Step | null }[] {
    return [...(this.#running.get(user) ?? [])].flatMap(([id, step]) => {
      const job = this.#core.job(id);
      return job === null ? [] : [{ job, step }];
    });
  }

  /**
   * Submits a request and follows it to its end. When the program hangs up, the request is cancelled: nobody would have its
   * pictures. One with a key for repeating it goes on, since the program may ask again.
   */
  async *paint(wish: Wish, caller: Caller, signal: AbortSignal): AsyncGenerator<Progress, Job> {
    const { prompt, ...options } = wish;
    const outcome = await this.#core.command(prompt, caller, options);
    return yield* this.#followed(outcome, caller, signal, options.idempotencyKey === undefined);
  }

  /** As `paint`, for what a button would make of a picture: `verb:id`, and the new words of a remix. */
  async *derive(
    { action, text }: { readonly action: string; readonly text?: string | undefined },
    caller: Caller,
    signal: AbortSignal,
  ): AsyncGenerator<Progress, Job> {
    const outcome = await this.#core.act(action, caller, text === undefined ? {} : { text });
    return yield* this.#followed(outcome, caller, signal);
  }

  async *#followed(
    outcome: Outcome,
    caller: Caller,
    signal: AbortSignal,
    endsWithCaller = true,
  ): AsyncGenerator<Progress, Job> {
    if (outcome.kind === 'reply') throw new UserError('prompt_unclear', `${outcome.reply.title}.`);
    const job = yield* this.#follow(outcome.job.id, caller, signal, endsWithCaller);
    if (job.state === 'done') return job;
    throw new PaintingFailed(job);
  }

  async *#follow(
    id: string,
    caller: Caller,
    signal: AbortSignal,
    endsWithCaller: boolean,
  ): AsyncGenerator<Progress, Job> {
    const events = new EventEmitter();
    const own = this.#running.get(caller.user) ?? new Map<string, Step | null>();
    this.#running.set(caller.user, own.set(id, null));
    const stop = this.#core.subscribe((event) => {
      if (event.job.id === id) events.emit('event', event);
    });
    try {
      const found = this.#core.job(id);
      if (found !== null && isOver(found)) return found;
      if (found?.state === 'queued') yield { type: 'queued', ...this.#core.queuePosition(id) };
      for await (const [event] of on(events, 'event', { signal }) as AsyncIterable<[JobEvent]>) {
        if (isOver(event.job) || event.type === 'erased') return event.job;
        if (event.type === 'step') own.set(id, event);
        if (event.type === 'step' || event.type === 'queued') yield event;
      }
      throw new Error('the events of a request ended before it did');
    } finally {
      stop();
      own.delete(id);
      if (own.size === 0) this.#running.delete(caller.user);
      if (signal.aborted && endsWithCaller && !this.#isClosed) await this.cancel(id, caller);
    }
  }

  /** Whatever is left of it is not made. */
  async cancel(id: string, caller: Caller): Promise<void> {
    await this.#core.act(`cancel:${id}`, caller).catch((error: unknown) => {
      // It has just ended.
      if (!(error instanceof UserError)) throw error;
    });
  }
}
