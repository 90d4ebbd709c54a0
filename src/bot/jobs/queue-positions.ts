import type { Eta, Job, Lack, QueuePosition } from '../job.ts';
import { type Place, POSITION_CAP } from '../queue/fair-queue.ts';
import type { Dispatcher } from './dispatcher.ts';
import { workLeft } from './estimator.ts';
import type { JobServices } from './job-services.ts';
import { speedOf } from './painter.ts';
import type { Painters } from './painters.ts';

export interface QueuePositionsOptions extends JobServices {
  readonly painters: Pick<Painters, 'working'>;
  readonly dispatcher: Dispatcher;
  /** Called with what jobs wait for that no painter has. */
  readonly onLacks: (lacks: readonly Lack[]) => void;
}

/** Milliseconds from a change to the announcement. */
const ROUND_MS = 250;

/** The highest position that is looked up for a single job. */
const ASKED_CAP = 1000;
/** An expected end that moved by less than this, in milliseconds, is not announced. */
const ETA_NEWS_MS = 2000;

/** Tells where jobs stand in the queue and when they should be done, and announces it for the first 25 when it changes. */
export class QueuePositions {
  readonly #options: QueuePositionsOptions;
  #told = new Map<string, QueuePosition>();
  #callOff: (() => void) | undefined;
  #closed = false;

  constructor(options: QueuePositionsOptions) {
    this.#options = options;
    options.queue.on('changed', () => this.#changed());
  }

  /** Position from 1, `null` beyond `cap`. */
  of(job: Job, cap = ASKED_CAP): QueuePosition {
    const { clock, dispatcher } = this.#options;
    if (job.state === 'running') return { position: null, eta: dispatcher.eta(job.id) };
    const { before, ahead } = this.#before(job, cap);
    const eta = ahead === null ? null : this.#eta(job, ahead, clock.now());
    return { position: before === null ? null : before + 1, eta, lack: this.#options.queue.lack(job.id) };
  }

  /** When waiting jobs should be started, and when they should be done; in the order of the jobs. */
  expected(jobs: readonly Job[]): readonly Expected[] {
    const { clock, estimator, queue } = this.#options;
    const now = clock.now();
    const slots = this.#slots();
    return jobs.map((job) => {
      const { ahead } = this.#before(job, POSITION_CAP);
      const turn = ahead === null ? null : this.#turn(job, ahead, slots);
      if (turn === null) return { start: null, end: null, lack: queue.lack(job.id) };
      const { startsIn, seconds, speed } = turn;
      const start = estimator.eta(startsIn, now, speed);
      return { start, end: estimator.eta(startsIn + seconds, now, speed), lack: undefined };
    });
  }

  #slots(): readonly Slot[] {
    const { painters, dispatcher } = this.#options;
    return painters.working.map((painter) => ({
      speed: speedOf(painter),
      freeIn: dispatcher.secondsUntilFree(painter),
    }));
  }

  #before(job: Job, cap: number) {
    const { waiting } = this.#options.queue;
    const before = waiting.position(job.id, cap);
    const near = before === null || before >= POSITION_CAP ? null : before;
    return { before, ahead: near === null ? waiting.costAhead(job.id) : [...waiting.places(near + 1)] };
  }

  close(): void {
    this.#closed = true;
    this.#callOff?.();
  }

  /** Announces the first 25 soon, once for many changes. */
  #changed(): void {
    if (this.#closed) return;
    this.#callOff ??= this.#options.clock.after(ROUND_MS, () => {
      this.#callOff = undefined;
      this.#tell();
    });
  }

  #tell(): void {
    const { queue, history, bus, clock, onLacks } = this.#options;
    const now = clock.now();
    const told = new Map<string, QueuePosition>();
    const places = [...queue.waiting.places(POSITION_CAP)];
    const slots = this.#slots();
    for (const [index, { id }] of places.entries()) {
      const job = history.jobs.get(id);
      if (job?.state !== 'queued') continue;
      const eta = this.#eta(job, places.slice(0, index + 1), now, slots);
      const place = { position: index + 1, eta, lack: queue.lack(id) };
      const before = this.#told.get(id);
      const isKnown = before !== undefined && !isNews(before, place);
      told.set(id, isKnown ? before : place);
      if (!isKnown) bus.emit({ seq: null, type: 'queued', job, ...place });
    }
    this.#told = told;
    if (queue.isStarted) onLacks([...told.values()].flatMap(({ lack }) => lack ?? []));
  }

  #eta(job: Job, ahead: readonly Place[] | number, now: number, slots = this.#slots()): Eta | null {
    const turn = this.#turn(job, ahead, slots);
    return turn && this.#options.estimator.eta(turn.startsIn + turn.seconds, now, turn.speed);
  }

  /**
   * In how many seconds it starts, how many it takes, and at whose speed; `null` while nobody can paint it.
   *
   * @param ahead the places up to its own or, far from the front, about how many accelerator seconds are before it
   * @param now the painters as they are now
   */
  #turn(job: Job, ahead: readonly Place[] | number, now: readonly Slot[]): Turn | null {
    const { estimator, queue } = this.#options;
    if (queue.lack(job.id) !== undefined) return null;
    const slots = now.map((slot) => ({ ...slot }));
    const work = workLeft(job);
    const mean = estimator.seconds(work);
    if (typeof ahead === 'number') {
      const all = slots.reduce((sum, { freeIn }) => sum + freeIn, ahead);
      return { startsIn: all / slots.length, seconds: mean, speed: undefined };
    }
    // Each job before it goes to the painter that is free first.
    for (const [index, { id, costAhead }] of ahead.slice(0, -1).entries()) {
      if (queue.lack(id) !== undefined) continue;
      const first = firstFree(slots);
      const cost = (ahead[index + 1]?.costAhead ?? costAhead) - costAhead;
      first.freeIn += (cost * estimator.seconds(work, first.speed)) / mean;
    }
    const own = firstFree(slots);
    return { startsIn: own.freeIn, seconds: estimator.seconds(work, own.speed), speed: own.speed };
  }
}

interface Turn {
  readonly startsIn: number;
  readonly seconds: number;
  /** `undefined` for whichever painter will do the work. */
  readonly speed: string | null | undefined;
}

interface Expected {
  readonly start: Eta | null;
  readonly end: Eta | null;
  readonly lack: Lack | undefined;
}

interface Slot {
  readonly speed: string | null;
  freeIn: number;
}

function firstFree(slots: readonly Slot[]): Slot {
  return slots.reduce((first, slot) => (slot.freeIn < first.freeIn ? slot : first));
}

function isNews(before: QueuePosition, now: QueuePosition): boolean {
  if (before.position !== now.position || !isSameLack(before.lack, now.lack)) return true;
  if (before.eta === null || now.eta === null) return before.eta !== now.eta;
  return Math.abs(before.eta.to - now.eta.to) > ETA_NEWS_MS;
}

function isSameLack(before: Lack | undefined, now: Lack | undefined): boolean {
  return JSON.stringify(before) === JSON.stringify(now);
}
