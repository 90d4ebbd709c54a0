import type { Clock } from '../../system/clock.ts';
import type { History } from '../history/history.ts';
import type { Eta, Job } from '../job.ts';
import { POSITION_CAP } from '../queue/fair-queue.ts';
import type { Dispatcher } from './dispatcher.ts';
import { type Estimator, workLeft } from './estimator.ts';
import type { EventBus } from './event-bus.ts';
import type { JobQueue } from './job-queue.ts';

/** Where a job waits. */
export interface QueuePosition {
  /** From 1; `null` for more than is kept current. */
  readonly position: number | null;
  readonly eta: Eta | null;
}

export interface QueuePositionsOptions {
  readonly history: History;
  readonly queue: JobQueue;
  readonly dispatcher: Dispatcher;
  readonly estimator: Estimator;
  readonly bus: EventBus;
  readonly clock: Clock;
  /** Milliseconds between two rounds of position updates. @default 250 */
  readonly intervalMs?: number;
}

/** How far the exact position is looked up for one job that someone asks for. */
const ASKED_CAP = 1000;
/** An expected end that moved by less than this, in milliseconds, is no news. */
const ETA_NEWS_MS = 2000;

/** Where waiting jobs stand and when they should be done; the first 25 are told when that changes. */
export class QueuePositions {
  readonly #options: QueuePositionsOptions;
  #told = new Map<string, QueuePosition>();
  #callOff: (() => void) | null = null;
  #closed = false;

  constructor(options: QueuePositionsOptions) {
    this.#options = options;
    options.queue.on('changed', () => this.#changed());
  }

  /** Position from 1, `null` beyond `cap`. */
  of(job: Job, cap = ASKED_CAP): QueuePosition {
    const { queue, estimator, clock, dispatcher } = this.#options;
    const now = clock.now();
    if (job.state === 'running') {
      const eta = dispatcher.step(job.id)?.eta ?? estimator.eta(dispatcher.secondsLeft, now);
      return { position: null, eta };
    }
    const before = job.state === 'queued' ? queue.position(job.id, cap) : null;
    const ahead = job.state === 'queued' ? queue.costAhead(job.id) : null;
    const eta = ahead === null ? null : this.#eta(job, ahead, now);
    return { position: before === null ? null : before + 1, eta };
  }

  /** Soon tells the first 25 where they stand, once for many changes. */
  #changed(): void {
    if (this.#callOff !== null || this.#closed) return;
    this.#callOff = this.#options.clock.after(this.#options.intervalMs ?? 250, () => {
      this.#callOff = null;
      if (!this.#closed) this.#tell();
    });
  }

  close(): void {
    this.#closed = true;
    this.#callOff?.();
    this.#callOff = null;
  }

  #tell(): void {
    const { queue, history, bus, clock } = this.#options;
    const now = clock.now();
    const told = new Map<string, QueuePosition>();
    for (const [index, { id, costAhead }] of queue.first(POSITION_CAP).entries()) {
      const job = history.jobs.get(id);
      if (job === null || job.state !== 'queued') continue;
      const place = { position: index + 1, eta: this.#eta(job, costAhead, now) };
      const before = this.#told.get(id);
      if (before !== undefined && !isNews(before, place)) {
        told.set(id, before);
        continue;
      }
      told.set(id, place);
      bus.emit({ seq: null, type: 'queued', job, ...place });
    }
    this.#told = told;
  }

  #eta(job: Job, ahead: number, now: number): Eta | null {
    const { estimator, dispatcher } = this.#options;
    const own = estimator.seconds(workLeft(job));
    return estimator.eta(dispatcher.secondsLeft + ahead + own, now);
  }
}

function isNews(before: QueuePosition, now: QueuePosition): boolean {
  if (before.position !== now.position) return true;
  if (before.eta === null || now.eta === null) return before.eta !== now.eta;
  return Math.abs(before.eta.to - now.eta.to) > ETA_NEWS_MS;
}
