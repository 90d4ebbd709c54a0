import { type ChildProcess, fork } from 'node:child_process';
import { childEnvironment } from '../../system/child-environment.ts';
import { afterRunning, type Clock } from '../../system/clock.ts';
import { printable } from '../../system/printable.ts';
import { AsyncQueue } from './async-queue.ts';
import { type Ending, PipelineCrashed, PipelineStopped } from './pipeline-errors.ts';
import {
  type EngineEvent,
  type EngineInfo,
  type EngineRequest,
  errorFrom,
  type FromProcess,
  type LoadOptions,
  type ToProcess,
} from './protocol.ts';

export interface ChildOptions {
  /** URL of the module that exports `createEngine`. */
  readonly engine: string;
  readonly load: LoadOptions;
  readonly lockPath: string;
  readonly clock: Clock;
  /** Node's own options for the process. @default those of this one */
  readonly execArgv?: readonly string[];
  /** What the process writes to its outputs, in pieces. */
  readonly onOutput: (text: string) => void;
  /** What is loaded; called in the order of the process's messages, so that what is known better is told last. */
  readonly onLoaded: (info: EngineInfo) => void;
  /** What is loaded is known better than when it was. */
  readonly onChanged: (info: EngineInfo) => void;
  /** The announced call, or its end. */
  readonly onCall: (call: Call | null) => void;
}

/** A blocking call that was announced. */
export interface Call {
  readonly name: string;
  readonly expectedMs: number;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** A call is hung when it is overdue by the greater of these. */
const MIN_PATIENCE_MS = 60_000;
const PATIENCE_FACTOR = 10;
/** After that, time to read what may lie unread because this process itself was asleep. */
const GRACE_MS = 1000;
const OUTPUT_TAIL = 2000;
/**
 * For glibc: weights and activations go back to the system when they are freed. Left to itself it raises the size from
 * which it does that to 32 MB, and a process that has released a 4 GB network keeps 2.6 GB of it.
 */
const MALLOC = { MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '1048576' };

// Beside this file, in the sources as in the built package.
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './process.ts' : './process.js', import.meta.url);

/** One pipeline process from its start to its end. */
export class PipelineChild {
  /** Rejects with what the engine says against loading, or with `PipelineCrashed`. */
  readonly loaded: Promise<EngineInfo>;
  readonly ended: Promise<Ending>;
  /** Requests that were answered, well or not. */
  answered = 0;
  /** It has ended. */
  over = false;
  readonly #process: ChildProcess;
  readonly #options: ChildOptions;
  readonly #queues = new Map<number, AsyncQueue<EngineEvent>>();
  readonly #load = new AsyncQueue<EngineInfo>();
  #lastId = 0;
  #call: Call | null = null;
  #loading = true;
  /** What it works on, by id. */
  readonly #requests = new Map<number, EngineRequest>();
  /** Why it ends, where that is known before. Libraries that abort while it exits change nothing about it. */
  #expected: 'hung' | 'stopped' | null = null;
  #output = '';
  #stopWatching: () => void = () => {};

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#process = fork(ENTRY, [options.engine, options.lockPath, String(process.pid)], {
      serialization: 'advanced',
      env: { ...MALLOC, ...childEnvironment(process.env) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      ...(options.execArgv === undefined ? {} : { execArgv: [...options.execArgv] }),
    });
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => this.#heard(text));
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => this.#heard(text));
    this.#process.on('message', (message: FromProcess) => this.#receive(message));
    this.ended = this.#ending();
    this.loaded = this.#firstInfo();
    // Whoever waits for neither has asked for a request, and hears of it there.
    this.loaded.catch(() => {});
    this.#watch();
  }

  /** Of the smallest picture that it works on; 0 while it loads, infinitely many while it does nothing. */
  get pixels(): number {
    const idle = this.#loading ? 0 : Number.POSITIVE_INFINITY;
    return this.#requests.size === 0
      ? idle
      : Math.min(...[...this.#requests.values()].map(({ width, height }) => width * height));
  }

  get pid(): number | null {
    return this.#process.pid ?? null;
  }

  /**
   * The events of one request. Ends when the process says so, also after a cancellation or when the reader leaves
   * early: until then the process is not free.
   *
   * @throws PipelineCrashed, PipelineStopped, the signal's reason, or the engine's UserError or OperatorError.
   */
  async *generate(request: EngineRequest, signal: AbortSignal): AsyncGenerator<EngineEvent, void> {
    this.#lastId += 1;
    const id = this.#lastId;
    const queue = new AsyncQueue<EngineEvent>();
    this.#queues.set(id, queue);
    const cancel = () => this.#send({ type: 'cancel', id });
    signal.addEventListener('abort', cancel, { once: true });
    this.#requests.set(id, request);
    this.#send({ type: 'generate', id, request });
    if (signal.aborted) cancel();
    this.#watch();
    let finished = false;
    try {
      yield* queue;
      finished = true;
    } catch (error) {
      finished = true;
      throw error instanceof Cancelled ? signal.reason : error;
    } finally {
      signal.removeEventListener('abort', cancel);
      if (!finished) await this.#abandon(cancel, queue);
    }
  }

  /** Asks the idle process to end. */
  exit(): void {
    this.#expected ??= 'stopped';
    this.#send({ type: 'exit' });
  }

  kill(reason: 'hung' | 'stopped'): void {
    this.#expected ??= reason;
    this.#process.kill('SIGKILL');
  }

  async #abandon(cancel: () => void, queue: AsyncQueue<EngineEvent>): Promise<void> {
    cancel();
    try {
      for await (const _ of queue);
    } catch {
      // However it ended, nobody is interested any more.
    }
  }

  #send(message: ToProcess): void {
    // A process that is gone is reported once, by `ended`.
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  #receive(message: FromProcess): void {
    if (message.type === 'changed') {
      this.#options.onChanged(message.info);
      return;
    }
    this.#setCall(null);
    if (message.type === 'up') this.#send({ type: 'load', options: this.#options.load });
    else if (message.type === 'loaded') this.#hasLoaded(message.info);
    else if (message.type === 'load-failed') this.#hasFailedToLoad(errorFrom(message.error));
    else if (message.type === 'announce') {
      this.#setCall({ name: message.call, expectedMs: message.expectedMs, since: this.#options.clock.now() });
    } else if (message.type === 'event') this.#queues.get(message.id)?.push(message.event);
    else {
      const { id, error } = message;
      this.answered += 1;
      this.#requests.delete(id);
      const queue = this.#queues.get(id);
      this.#queues.delete(id);
      if (error?.kind === 'cancelled') queue?.close(new Cancelled());
      else queue?.close(error === null ? null : errorFrom(error));
    }
    this.#watch();
  }

  #hasLoaded(info: EngineInfo): void {
    this.#loading = false;
    this.#options.onLoaded(info);
    this.#load.push(info);
  }

  #hasFailedToLoad(error: Error): void {
    // Its last answer: it exits after that.
    this.#expected ??= 'stopped';
    this.#load.close(error);
  }

  #setCall(call: Call | null): void {
    if (this.#call === call) return;
    this.#call = call;
    this.#options.onCall(call);
  }

  /** Starts the time anew within which the process must say something, if it has anything to do. */
  #watch(): void {
    this.#stopWatching();
    if (!this.#loading && this.#queues.size === 0) return;
    const { clock } = this.#options;
    const expected = this.#call?.expectedMs ?? 0;
    const patience = expected + Math.max(MIN_PATIENCE_MS, PATIENCE_FACTOR * expected);
    this.#stopWatching = afterRunning(clock, patience, () => {
      this.#stopWatching = clock.after(GRACE_MS, () => this.kill('hung'));
    });
  }

  #heard(raw: string): void {
    const text = printable(raw);
    this.#output = (this.#output + text).slice(-OUTPUT_TAIL);
    this.#options.onOutput(text);
  }

  async #firstInfo(): Promise<EngineInfo> {
    for await (const info of this.#load) return info;
    throw new PipelineStopped();
  }

  #ending(): Promise<Ending> {
    return new Promise((resolve) => {
      const end = (reason: Ending['reason'], code: number | null, signal: string | null) => {
        const ending = {
          reason: this.#expected ?? reason,
          code,
          signal,
          call: this.#call?.name ?? null,
          output: this.#output,
        };
        this.#stopWatching();
        this.over = true;
        this.#setCall(null);
        const error = ending.reason === 'stopped' ? new PipelineStopped() : new PipelineCrashed(ending);
        this.#load.close(error);
        for (const queue of this.#queues.values()) queue.close(error);
        this.#queues.clear();
        resolve(ending);
      };
      // Not `exit`: what it had sent and written before is read first.
      this.#process.once('close', (code, signal) => end(signal === null ? 'exit' : 'signal', code, signal));
      this.#process.once('error', (error) => {
        if (this.#process.pid !== undefined) return;
        this.#heard(`${error.message}\n`);
        end('not-started', null, null);
      });
    });
  }
}

/** The process confirms that it has dropped a request. The signal's reason itself stays on this side. */
class Cancelled extends Error {}
