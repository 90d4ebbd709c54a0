import { type Clock, pause, systemClock } from '../../system/clock.ts';
import { acquireLock } from '../../system/file-lock.ts';
import { t } from '../../texts/translate.ts';
import { removeOrphanNote } from './orphan-note.ts';
import { type Call, PipelineChild } from './pipeline-child.ts';
import { type Ending, PipelineCrashed, PipelineStopped, ranOutOfMemory } from './pipeline-errors.ts';
import type { EngineEvent, EngineInfo, EngineRequest, LoadOptions } from './protocol.ts';

export { type Ending, PipelineCrashed, PipelineStopped } from './pipeline-errors.ts';

export interface PipelineClientOptions {
  /** URL of the module that exports `createEngine`. */
  readonly engine: string;
  readonly load: LoadOptions;
  /** File of the lock that the pipeline process holds as long as it lives; in the data folder. */
  readonly lockPath: string;
  /** How long to wait for the pipeline process of an earlier bot to end, in milliseconds. @default 60000 */
  readonly lockWaitMs?: number;
  /** Pause before a crashed process is replaced, doubled with each crash in a row. @default 250 to 30000 */
  readonly backoff?: { readonly firstMs: number; readonly maxMs: number };
  /** Node's own options for the process. @default those of this one */
  readonly execArgv?: readonly string[] | undefined;
  readonly clock?: Clock;
  /** What the process writes to its outputs, in pieces. @default dropped */
  readonly onOutput?: (text: string) => void;
  /** Called whenever `status` changes. */
  readonly onStatus?: (status: PipelineStatus) => void;
  /** A process ended that should not have; also those that no request hears of. */
  readonly onCrash?: (ending: Ending) => void;
  /** A new process cannot be had: another bot has the lock, or the model does not load any more. It is tried again. */
  readonly onFailure?: (error: unknown) => void;
}

export interface PipelineStatus {
  /** `starting` covers waiting for the lock, loading and the pause after a crash. */
  readonly state: 'new' | 'starting' | 'ready' | 'busy' | 'stopped';
  readonly pid: number | null;
  /** What was loaded last. */
  readonly info: EngineInfo | null;
  readonly call: Call | null;
  /** Processes started so far. */
  readonly starts: number;
  /** Processes that ended by themselves or were ended as hung. */
  readonly crashes: number;
  /** Of these, the hung ones. */
  readonly hangs: number;
}

/** Crashes in a row, before anything was loaded once, after which `start` gives up. */
const START_ATTEMPTS = 3;
/** An idle process ends at once when asked to; one that does not is killed. */
const EXIT_MS = 2000;

/**
 * The bot's handle on the pipeline process: keeps one running, replaces it when it dies or hangs, and passes requests
 * to it, one at a time. This side never blocks.
 *
 * @example
 * const client = new PipelineClient({ engine: engineUrl, load: { model }, lockPath: join(data, 'pipeline.lock') });
 * await client.start();
 * for await (const event of client.generate(request, { signal })) show(event);
 * await client.stop({ deadlineMs: 20_000 });
 */
export class PipelineClient {
  readonly #options: PipelineClientOptions;
  readonly #clock: Clock;
  readonly #stopping = new AbortController();
  #status: PipelineStatus = { state: 'new', pid: null, info: null, call: null, starts: 0, crashes: 0, hangs: 0 };
  /** Ends when this client has stopped. */
  #work: Promise<void> = Promise.resolve();
  #child: PipelineChild | null = null;
  /** Pixels of the smallest picture that a process had not enough memory for; 0 when that was loading. */
  #leanFrom = Number.POSITIVE_INFINITY;
  #next = new Deferred<PipelineChild>();
  /** Ends with the requests that were accepted. */
  #lastTurn: Promise<unknown> = Promise.resolve();
  /** Each ends with a request that the process works on. */
  readonly #active = new Set<Promise<void>>();

  constructor(options: PipelineClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get status(): PipelineStatus {
    return this.#status;
  }

  /**
   * Waits for the pipeline process of an earlier bot to end, starts one and resolves when it has loaded the model.
   *
   * @throws OperatorError `lock_held`, or what the engine says against loading; PipelineCrashed after three crashes.
   */
  start(): Promise<EngineInfo> {
    if (this.#status.state !== 'new')
      throw new RangeError(`Expected a new client, got one that is ${this.#status.state}.`);
    this.#update({ state: 'starting' });
    const started = this.#startFirst();
    this.#work = started.then(
      ({ child }) => this.#supervise(child),
      () => {
        this.#stopping.abort(new PipelineStopped());
        this.#update({ state: 'stopped', pid: null });
      },
    );
    return started.then(({ info }) => info);
  }

  /**
   * The events of one request. Requests are worked on one after another; each waits for its turn and, after a crash,
   * for the next process. A cancellation takes effect after the blocking call that runs.
   *
   * @param options.alongside does not wait for the requests before it: the engine paints it with them as far as it can
   * @throws PipelineCrashed if the process died while it worked on this request: the caller counts the attempts.
   * @throws PipelineStopped, the signal's reason, or the engine's UserError or OperatorError.
   */
  async *generate(
    request: EngineRequest,
    options: { readonly signal?: AbortSignal; readonly alongside?: boolean } = {},
  ): AsyncGenerator<EngineEvent, void> {
    const signal = options.signal ?? new AbortController().signal;
    const turn = new Deferred<void>();
    const before = this.#lastTurn;
    this.#lastTurn = Promise.all([before, turn.promise]);
    try {
      if (!options.alongside) await this.#unlessStopped(before, signal);
      let child = await this.#unlessStopped(this.#next.promise, signal);
      // It may have died since it was handed out, before anybody was told.
      while (child.over) child = await this.#unlessStopped(this.#next.promise, signal);
      this.#active.add(turn.promise);
      this.#update({ state: 'busy' });
      yield* child.generate(request, signal);
    } finally {
      turn.resolve();
      this.#active.delete(turn.promise);
      if (this.#status.state === 'busy' && this.#active.size === 0)
        this.#update({ state: this.#child?.over === false ? 'ready' : 'starting' });
    }
  }

  /**
   * Takes no new requests and refuses the waiting ones, gives the running one until the deadline, then ends the
   * process. Requests that were not done throw PipelineStopped.
   */
  async stop({ deadlineMs }: { readonly deadlineMs: number }): Promise<void> {
    this.#stopping.abort(new PipelineStopped());
    this.#next.reject(new PipelineStopped());
    const inTime = await this.#within(Promise.all(this.#active), deadlineMs);
    const child = this.#child;
    if (child !== null) {
      if (inTime) child.exit();
      else child.kill('stopped');
      if (!(await this.#within(child.ended, EXIT_MS))) child.kill('stopped');
    }
    await this.#work;
    this.#update({ state: 'stopped' });
  }

  async #startFirst(): Promise<{ readonly child: PipelineChild; readonly info: EngineInfo }> {
    for (let attempt = 1; ; attempt++) {
      const child = await this.#spawn();
      try {
        const info = await child.loaded;
        this.#handOut(child);
        return { child, info };
      } catch (error) {
        this.#ended(child, await child.ended);
        if (!(error instanceof PipelineCrashed) || attempt === START_ATTEMPTS) throw error;
        await this.#backOff(attempt);
      }
    }
  }

  /** Replaces the process as often as it dies. */
  async #supervise(first: PipelineChild): Promise<void> {
    let child: PipelineChild | null = first;
    for (let failures = 0; ; ) {
      if (child !== null) {
        this.#ended(child, await child.ended);
        // Who waits while one dies that has not loaded yet waits for the one after it.
        if (this.#next.isSettled) this.#next = new Deferred();
      }
      if (this.#stopping.signal.aborted) return;
      failures = child !== null && child.answered > 0 ? 1 : failures + 1;
      await this.#backOff(failures);
      child = await this.#respawn();
    }
  }

  async #respawn(): Promise<PipelineChild | null> {
    let child: PipelineChild | null = null;
    try {
      child = await this.#spawn();
      await child.loaded;
      this.#handOut(child);
    } catch (error) {
      // Without a lock or with a model that does not load nobody can work: who waits should know why. The next attempt
      // may find it mended. A crash while loading is not theirs: they wait on.
      if (!(error instanceof PipelineCrashed || error instanceof PipelineStopped)) {
        this.#options.onFailure?.(error);
      }
      if (!(error instanceof PipelineCrashed)) {
        this.#next.reject(error);
        this.#next = new Deferred();
      }
    }
    return child;
  }

  #handOut(child: PipelineChild): void {
    this.#update({ state: 'ready' });
    this.#next.resolve(child);
  }

  async #spawn(): Promise<PipelineChild> {
    const { engine, load, lockPath, execArgv, lockWaitMs = 60_000, onOutput = () => {} } = this.#options;
    const { signal } = this.#stopping;
    const inUse = () => t('A pipeline process of another bot uses the accelerator.');
    // Taken and let go: the process itself has to hold it, so that it lasts exactly as long as that.
    if (signal.aborted) throw new PipelineStopped();
    const lock = await acquireLock(lockPath, { waitMs: lockWaitMs, inUse, signal, clock: this.#clock });
    removeOrphanNote(lockPath);
    lock.release();
    if (signal.aborted) throw new PipelineStopped();
    const child = new PipelineChild({
      ...{ engine, lockPath, clock: this.#clock, onOutput },
      load: Number.isFinite(this.#leanFrom) ? { ...load, leanFrom: this.#leanFrom } : load,
      ...(execArgv === undefined ? {} : { execArgv }),
      onCall: (call) => this.#update({ call }),
      onLoaded: (info) => this.#update({ info }),
      onChanged: (info) => this.#update({ info }),
    });
    this.#child = child;
    this.#update({ pid: child.pid, starts: this.#status.starts + 1 });
    return child;
  }

  #ended(child: PipelineChild, ending: Ending): void {
    this.#child = null;
    if (ranOutOfMemory(ending)) this.#leanFrom = Math.min(this.#leanFrom, child.pixels);
    const { crashes, hangs } = this.#status;
    const state = this.#stopping.signal.aborted ? this.#status.state : 'starting';
    if (ending.reason === 'stopped') {
      this.#update({ pid: null, state });
      return;
    }
    this.#update({ pid: null, state, crashes: crashes + 1, hangs: hangs + (ending.reason === 'hung' ? 1 : 0) });
    this.#options.onCrash?.(ending);
  }

  async #backOff(failures: number): Promise<void> {
    const { firstMs, maxMs } = this.#options.backoff ?? { firstMs: 250, maxMs: 30_000 };
    await pause(this.#clock, Math.min(maxMs, firstMs * 2 ** (failures - 1)), this.#stopping.signal);
  }

  async #unlessStopped<T>(value: Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const stop = this.#stopping.signal;
    if (stop.aborted) throw new PipelineStopped();
    const given = new Deferred<T>();
    const abort = () => given.reject(signal.reason);
    const stopped = () => given.reject(new PipelineStopped());
    signal.addEventListener('abort', abort, { once: true });
    stop.addEventListener('abort', stopped, { once: true });
    value.then(given.resolve, given.reject);
    try {
      return await given.promise;
    } finally {
      signal.removeEventListener('abort', abort);
      stop.removeEventListener('abort', stopped);
    }
  }

  async #within(work: Promise<unknown>, ms: number): Promise<boolean> {
    const done = new AbortController();
    const finished = work.then(() => true);
    const late = pause(this.#clock, ms, done.signal).then(() => false);
    try {
      return await Promise.race([finished, late]);
    } finally {
      done.abort();
    }
  }

  #update(change: Partial<PipelineStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.#options.onStatus?.(this.#status);
  }
}

/** A promise to be settled from outside; one that nobody waits for may be rejected. */
class Deferred<T> {
  readonly promise: Promise<T>;
  isSettled = false;
  resolve: (value: T) => void = () => {};
  reject: (error: unknown) => void = () => {};

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = (value) => {
        this.isSettled = true;
        resolve(value);
      };
      this.reject = (error) => {
        this.isSettled = true;
        reject(error);
      };
    });
    this.promise.catch(() => {});
  }
}
