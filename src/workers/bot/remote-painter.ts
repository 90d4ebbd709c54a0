import type { Queue } from 'bullmq';
import type { Painter, PainterStatus } from '../../bot/jobs/painter.ts';
import { PipelineCrashed, PipelineStopped } from '../../pipeline/process/client.ts';
import { type EngineEvent, type EngineInfo, type EngineRequest, errorFrom } from '../../pipeline/process/protocol.ts';
import { type HandOver, identityOf, type Registration } from '../roll.ts';
import { toldInEnglish } from '../said.ts';
import { type Attempt, AttemptFailed, AttemptLost, type Attempts } from './attempts.ts';

export interface RemotePainterOptions {
  readonly registration: Registration;
  readonly attempts: Attempts;
  /** The worker's own queue in Redis: who paints what is decided before. */
  readonly queue: Pick<Queue<HandOver>, 'add' | 'remove'>;
  /** Names of the bot's LoRAs that the worker has, too. */
  readonly loras: (registration: Registration) => readonly string[];
  /** A job was done. */
  readonly onPainted: () => void;
  /** A job was handed over and will not be done here. */
  readonly onLost: (why: string) => void;
  /** Redis did not take a job. */
  readonly onProblem: (error: unknown) => void;
  /** The painter begins to work on something, or is free again. */
  readonly onBusy: () => void;
}

/** A worker on another machine, as the core sees it. */
export class RemotePainter implements Painter {
  readonly id: string;
  readonly name: string;
  readonly hardware: string;
  readonly #options: RemotePainterOptions;
  #registration: Registration;
  #info: EngineInfo;
  #usable = false;
  #isLeaving = false;
  readonly #attempts = new Set<Attempt>();
  /** Attempts during which Redis was away. */
  readonly #excused = new WeakSet<Attempt>();

  constructor(options: RemotePainterOptions) {
    this.#options = options;
    const { registration } = options;
    this.#registration = registration;
    this.#info = infoOf(registration);
    ({ id: this.id, name: this.name, hardware: this.hardware } = registration);
  }

  get status(): PainterStatus {
    const loras = this.#options.loras(this.#registration);
    return { info: this.#info, ready: this.#usable, loras };
  }

  get registration(): Registration {
    return this.#registration;
  }

  get isBusy(): boolean {
    return this.#attempts.size > 0;
  }

  /** Whether it works on this attempt for this bot. */
  has(id: string): boolean {
    return [...this.#attempts].some((attempt) => attempt.id === id);
  }

  get isUsable(): boolean {
    return this.#usable;
  }

  /** What the worker says of itself now, and whether a job can be handed over. */
  update(registration: Registration, usable: boolean): void {
    if (JSON.stringify(infoOf(registration)) !== JSON.stringify(this.#info)) this.#info = infoOf(registration);
    this.#registration = registration;
    this.#usable = usable && !this.#isLeaving;
  }

  /** Nothing can be handed over to it until it is heard of again. */
  unusable(): void {
    this.#usable = false;
  }

  /** Redis is away. A job that does not survive that is not to blame. */
  lostSight(): void {
    this.unusable();
    for (const attempt of this.#attempts) this.#excused.add(attempt);
  }

  /** Another painter takes what it works on. */
  giveUp(): void {
    this.#usable = false;
    for (const attempt of [...this.#attempts]) attempt.close();
  }

  async *generate(
    request: EngineRequest,
    { signal = new AbortController().signal }: Parameters<Painter['generate']>[1] = {},
  ): AsyncGenerator<EngineEvent, void> {
    const { attempts, onBusy, onPainted } = this.#options;
    signal.throwIfAborted();
    if (!this.#usable) throw new PipelineStopped({ counts: false });
    const attempt = attempts.open(request);
    this.#attempts.add(attempt);
    const cancel = () => attempt.cancel(signal.reason);
    signal.addEventListener('abort', cancel, { once: true });
    onBusy();
    try {
      await this.#handOver(attempt);
      yield* attempt.events();
      onPainted();
    } catch (error) {
      throw this.#explained(error, attempt);
    } finally {
      signal.removeEventListener('abort', cancel);
      attempts.close(attempt);
      this.#attempts.delete(attempt);
      this.#forget(attempt);
      onBusy();
    }
  }

  async #handOver(attempt: Attempt): Promise<void> {
    const order = { path: attempt.path, ...identityOf(this.#info) };
    try {
      await this.#options.queue.add('paint', order, {
        ...{ jobId: attempt.id, attempts: 1 },
        ...{ removeOnComplete: true, removeOnFail: true, keepLogs: 0, stackTraceLimit: 0 },
      });
    } catch (error) {
      this.#usable = false;
      this.#options.onProblem(error);
      throw new PipelineStopped({ counts: false });
    }
  }

  /** A job that nobody has taken should not be found by the worker later. */
  #forget(attempt: Attempt): void {
    // The worker removes what it has ended, and learns of everything else by the next answer.
    if (!attempt.started) this.#options.queue.remove(attempt.id).catch(() => {});
  }

  #explained(error: unknown, attempt: Attempt): unknown {
    const { onLost } = this.#options;
    const excused = this.#excused.has(attempt);
    if (error instanceof AttemptLost) {
      // Until it is heard of again.
      this.#usable = false;
      onLost(error.message);
      return new PipelineStopped({ counts: error.counts && !excused });
    }
    if (!(error instanceof AttemptFailed)) return error;
    const { end } = error;
    // Not at once again: it may be busy with starting anew.
    if (end.kind !== 'failed') this.#usable = false;
    if (end.kind === 'crashed') return new PipelineCrashed(end.ending);
    if (end.kind === 'failed') return errorFrom(end.error);
    this.#isLeaving ||= end.leaving;
    onLost(toldInEnglish(end.reason));
    return new PipelineStopped({ counts: !end.leaving && !excused });
  }
}

function infoOf(registration: Registration): EngineInfo {
  const { model, provider, styles, mixesStyles } = registration;
  const { device, sizes, startsFromPictures, classifier, together } = registration;
  return {
    ...identityOf(registration),
    ...{ model, provider, styles, mixesStyles, startsFromPictures, together },
    ...(device === undefined ? {} : { device }),
    ...(sizes === undefined ? {} : { sizes }),
    ...(classifier === undefined ? {} : { classifier }),
  };
}
