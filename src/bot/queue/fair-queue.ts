import type { Queue } from 'p-queue';
import { atLeastMinimum, byPriority, type FairJob, type FairOptions, Line, newJob, type Run } from './fair-job.ts';
import { FairLevel, type Flow } from './fair-level.ts';
import { IndexedHeap } from './indexed-heap.ts';

export type { FairOptions } from './fair-job.ts';

/**
 * One row of the state that decides the order, to be stored under (`payer`, `user`). `user: ''` is the payer's own
 * account, `payer: ''` holds the clock of the whole queue.
 */
export interface Share {
  readonly payer: string;
  readonly user: string;
  /** Virtual start of the next job; accelerator seconds per weight. */
  readonly tag: number;
  /** Order among equal tags; `null` while nothing waits. */
  readonly ticket: number | null;
  /** Virtual time among the payers (`payer: ''`) or among the payer's users (`user: ''`). */
  readonly clock: number;
}

export interface ShareChanges {
  readonly kept: readonly Share[];
  readonly gone: readonly { readonly payer: string; readonly user: string }[];
}

export interface FairQueueOptions {
  /** A payer's weight, 0.01 to 100; `reweighed` is to be called when one has changed. @default 1 for everybody */
  readonly weight?: (payer: string) => number;
}

export interface Place {
  readonly id: string;
  /** Accelerator seconds of the waiting jobs before it. */
  readonly costAhead: number;
}

interface Charge {
  readonly job: FairJob;
  /** What the payer's tag grew by, per second. */
  readonly rate: number;
}

type PayerLevel = FairLevel<FairJob, Line>;

/** The longest position that is kept current; beyond it people read "more than 25". */
export const POSITION_CAP = 25;

/**
 * Weighted fair order for p-queue: between payers by weight, then between the users of a payer, then first come,
 * first served; measured in accelerator seconds. `FairLevel` has the algorithm and the proof of its bound: a
 * newcomer's first job starts after at most one running job and one job of each other active payer.
 *
 * Every change is O(log n). A job is charged its estimate when it starts; `settle` corrects that when its true cost
 * is known. A job that is removed before it started was never charged.
 *
 * To store: the options of each waiting job, and what `takeChanges` reports, in one transaction with whatever caused
 * it. To go on after a restart, with p-queue paused: `restore` the shares, `add` the waiting jobs and, `resumed`,
 * those that were running; then start. The waiting jobs start in the order in which they would have started.
 *
 * @example
 * const fair = new FairQueue({ weight: (payer) => settings.weight(payer) });
 * const queue = new PQueue({ concurrency: 1, queueClass: queueClassOf(fair) });
 * queue.add(run, { id: 'k3v9', payer: 'guild 7', user: 'ann', cost: 12.5, seq: 41 });
 */
export class FairQueue implements Queue<Run, FairOptions> {
  readonly #payers: FairLevel<FairJob, PayerLevel>;
  readonly #jobs = new Map<string, FairJob>();
  readonly #running = new Map<string, Charge>();
  readonly #resumed = new IndexedHeap<FairJob>(byPriority);
  readonly #tickets = { next: 1 };
  #changes = new Map<string, { readonly payer: string; readonly user: string }>();
  /** The first places, kept until something changes: every message of a waiting job asks for them. */
  #near: readonly Place[] | null = null;

  constructor(options: FairQueueOptions = {}) {
    this.#payers = new FairLevel<FairJob, PayerLevel>({
      ...(options.weight === undefined ? {} : { weight: options.weight }),
      tickets: this.#tickets,
      source: (payer) => this.#payerLevel(payer),
      changed: (flow) => this.#changed(flow?.key ?? '', ''),
    });
  }

  /** Waiting jobs. */
  get size(): number {
    return this.#jobs.size;
  }

  has(id: string): boolean {
    return this.#jobs.has(id);
  }

  enqueue(run: Run, options?: Partial<FairOptions>): void {
    const job = newJob(run, options);
    this.#near = null;
    if (this.#jobs.has(job.id) || this.#running.has(job.id)) {
      throw new RangeError(`Expected a new job id, got \`${job.id}\`, which waits or runs already`);
    }
    this.#jobs.set(job.id, job);
    const payer = this.#payers.flow(job.payer);
    const user = payer.source.flow(job.user);
    if (options?.resumed) {
      this.#resumed.push(job);
      payer.source.start(user);
      this.#payers.start(payer);
      return;
    }
    user.source.push(job);
    payer.source.added(user, job.cost);
    this.#payers.added(payer, job.cost);
  }

  /**
   * The job that is next, charged with its estimate. If nobody settles it, it is settled at that when `run` ends.
   */
  dequeue(): Run | undefined {
    const job = this.#next();
    if (job === undefined) return undefined;
    this.#near = null;
    this.#jobs.delete(job.id);
    this.#running.set(job.id, { job, rate: 1 / this.#payers.weight(job.payer) });
    return async () => {
      try {
        return await job.run();
      } finally {
        this.settle(job.id, job.cost);
      }
    };
  }

  /** Ends the charging of a running job with the accelerator seconds it took; without effect if that was done before. */
  settle(id: string, actualCost: number): void {
    const charge = this.#running.get(id);
    if (charge === undefined) return;
    this.#running.delete(id);
    this.#credit(charge, atLeastMinimum(actualCost) - charge.job.cost);
  }

  /** Takes a waiting job out. Nothing was charged for it, or, if it was resumed, all of that is given back. */
  remove(id: string): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    this.#near = null;
    this.#jobs.delete(id);
    if (this.#resumed.has(job)) {
      this.#resumed.remove(job);
      this.#credit({ job, rate: 1 / this.#payers.weight(job.payer) }, -job.cost);
      return;
    }
    const payer = this.#payers.flow(job.payer);
    const user = payer.source.flow(job.user);
    user.source.remove(job);
    payer.source.withdrawn(user, job.cost);
    this.#payers.withdrawn(payer, job.cost);
  }

  /** @throws ReferenceError if no such job waits. */
  setPriority(id: string, priority: number): void {
    const job = this.#jobs.get(id);
    if (job === undefined) throw new ReferenceError(`Expected the id of a waiting job, got \`${id}\``);
    this.#near = null;
    job.priority = priority;
    if (this.#resumed.has(job)) this.#resumed.moved(job);
    else this.#payers.find(job.payer)?.source.find(job.user)?.source.moved(job);
  }

  filter(options: Readonly<Partial<FairOptions>>): Run[] {
    const { payer, user, priority } = options;
    const fits = (job: FairJob) =>
      (payer === undefined || job.payer === payer) &&
      (user === undefined || job.user === user) &&
      (priority === undefined || job.priority === priority);
    return [...this.#jobs.values()].filter(fits).map((job) => job.run);
  }

  /** Takes every waiting job out. */
  clear(): void {
    for (const id of [...this.#jobs.keys()]) this.remove(id);
  }

  /** Ids of the waiting jobs in the order in which they would start if nobody else came; O(log n) for each one read. */
  *order(): Generator<string, void> {
    for (const job of this.#forecast()) yield job.id;
  }

  /** How many jobs would start before this one if nobody else came; `null` if more than `cap`, or if it is not waiting. */
  position(id: string, cap = POSITION_CAP): number | null {
    if (!this.#jobs.has(id)) return null;
    const near = this.#places().findIndex((place) => place.id === id);
    if (near >= 0) return near <= cap ? near : null;
    if (cap <= POSITION_CAP) return null;
    let position = 0;
    for (const next of this.order()) {
      if (next === id) return position;
      position += 1;
      if (position > cap) return null;
    }
    return null;
  }

  /** The first `limit` jobs in the order of their start. */
  positions(limit = POSITION_CAP): readonly Place[] {
    return (limit <= POSITION_CAP ? this.#places() : this.#forecastPlaces(limit)).slice(0, limit);
  }

  /** The weights that `weight` answers with have changed. */
  reweighed(): void {
    this.#near = null;
  }

  /**
   * About how many accelerator seconds of waiting jobs start before this one: exact for the first 25, else an estimate
   * that is off by a few jobs where weights are alike, and by more for a job of small weight among great ones. O(active payers + users of this payer + jobs of this user). `null` if it is not
   * waiting.
   */
  costAhead(id: string): number | null {
    const job = this.#jobs.get(id);
    if (job === undefined) return null;
    const near = this.#places().find((place) => place.id === id);
    if (near !== undefined) return near.costAhead;
    let ahead = 0;
    for (const resumed of this.#resumed)
      if (!this.#resumed.has(job) || byPriority(resumed, job) < 0) ahead += resumed.cost;
    const payer = this.#payers.find(job.payer);
    const user = payer?.source.find(job.user);
    if (payer === undefined || user === undefined || this.#resumed.has(job)) return ahead;
    const inPayer = payer.source.costAhead(user, user.source.costAhead(job));
    return ahead + this.#payers.costAhead(payer, inPayer);
  }

  /** What has changed since the last call, of the state that has to be stored. */
  takeChanges(): ShareChanges {
    const kept: Share[] = [];
    const gone: { readonly payer: string; readonly user: string }[] = [];
    for (const key of this.#changes.values()) {
      const share = this.#share(key.payer, key.user);
      if (share === undefined) gone.push(key);
      else kept.push(share);
    }
    this.#changes = new Map();
    return { kept, gone };
  }

  /** Takes up the state that was stored, before any job is added. Payers whose jobs are gone do no harm. */
  restore(shares: Iterable<Share>): void {
    if (this.#jobs.size + this.#running.size > 0) throw new RangeError('Expected an empty queue to restore into');
    this.#near = null;
    for (const { payer: key, user, tag, ticket, clock } of shares) {
      this.#tickets.next = Math.max(this.#tickets.next, (ticket ?? 0) + 1);
      if (key === '') {
        this.#payers.clock = clock;
        continue;
      }
      if (user !== '') {
        this.#payers.flow(key).source.restore(user, tag, ticket);
        continue;
      }
      this.#payers.restore(key, tag, ticket).source.clock = clock;
    }
  }

  #next(): FairJob | undefined {
    const resumed = this.#resumed.pop();
    if (resumed !== undefined) return resumed;
    return this.#payers.size > 0 ? this.#payers.take() : undefined;
  }

  /** With `POSITION_CAP` jobs before it, a job still has a position that people read. */
  #places(): readonly Place[] {
    this.#near ??= this.#forecastPlaces(POSITION_CAP + 1);
    return this.#near;
  }

  #forecastPlaces(limit: number): readonly Place[] {
    const places: Place[] = [];
    let costAhead = 0;
    for (const job of this.#forecast()) {
      if (places.length >= limit) break;
      places.push({ id: job.id, costAhead });
      costAhead += job.cost;
    }
    return places;
  }

  *#forecast(): Generator<FairJob, void> {
    yield* this.#resumed.ascending();
    yield* this.#payers.forecast();
  }

  #credit({ job, rate }: Charge, difference: number): void {
    this.#near = null;
    const payer = this.#payers.flow(job.payer);
    payer.source.settle(payer.source.flow(job.user), difference);
    this.#payers.settle(payer, difference * rate);
  }

  #payerLevel(payer: string): PayerLevel {
    return new FairLevel<FairJob, Line>({
      tickets: this.#tickets,
      source: () => new Line(),
      changed: (flow) => this.#changed(payer, flow?.key ?? ''),
    });
  }

  #changed(payer: string, user: string): void {
    this.#changes.set(JSON.stringify([payer, user]), { payer, user });
  }

  #share(payer: string, user: string): Share | undefined {
    if (payer === '') return { payer, user, tag: 0, ticket: null, clock: this.#payers.clock };
    const payerFlow = this.#payers.find(payer);
    const flow: Flow<unknown> | undefined = user === '' ? payerFlow : payerFlow?.source.find(user);
    if (payerFlow === undefined || flow === undefined) return undefined;
    return { payer, user, tag: flow.tag, ticket: flow.ticket, clock: user === '' ? payerFlow.source.clock : 0 };
  }
}

/** p-queue makes its queue itself; this is a class for it whose only instance is `queue`. */
export function queueClassOf(queue: FairQueue): new () => FairQueue {
  return class extends FairQueue {
    constructor() {
      super();
      // p-queue empties itself by making another queue.
      queue.clear();
      // biome-ignore lint/correctness/noConstructorReturn: the one way to hand p-queue an instance
      return queue;
    }
  };
}
