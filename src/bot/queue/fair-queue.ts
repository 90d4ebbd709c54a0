import type { Queue } from 'p-queue';
import { byPriority, type FairJob, type FairOptions, newJob, type Run, UserJobs } from './fair-job.ts';
import { CLOCK, FairLevel, MIN_COST } from './fair-level.ts';
import { SortedList } from './sorted-list.ts';

/** One row of the state that decides the order, to be stored under (`level`, `key`). */
export interface Share {
  /** A payer, for a row about its users; empty for a row about the payers. */
  readonly level: string;
  /** A payer or a user; empty for the clock of the level. */
  readonly key: string;
  /** Virtual start of the next job, or the virtual time of the level; accelerator seconds per weight. */
  readonly tag: number;
  /** Order among equal tags; `null` while nothing waits. */
  readonly ticket: number | null;
}

export interface ShareChange extends Pick<Share, 'level' | 'key'> {
  /** `undefined` if the row is to be deleted. */
  readonly share: Pick<Share, 'tag' | 'ticket'> | undefined;
}

export interface Place {
  readonly id: string;
  /** Accelerator seconds of the waiting jobs before it. */
  readonly costAhead: number;
}

/** Name of the payers' level. The level of a payer's users has the name of the payer. */
const PAYERS = '';

/** The longest position that is kept current; beyond it people read "more than 25". */
export const POSITION_CAP = 25;

/**
 * Weighted fair order as the `queueClass` of p-queue: between payers by weight, then between the users of a payer,
 * then first come, first served; measured in accelerator seconds. `FairLevel` has the algorithm and the proof of its
 * bound: a newcomer's first job starts after at most the running jobs and one job of each other active payer. A newcomer has
 * nothing else that waits or runs: a person's jobs are charged to a share of their own, too, whoever pays, and who has work
 * elsewhere waits in that share (`payerFor`).
 *
 * Every change takes O(log n) comparisons. A job is charged its estimate when it starts; `settle` corrects that when its true cost
 * is known. A job that is removed before it started was never charged.
 *
 * To store: the options of each waiting job, and `changes`, in one transaction with whatever caused them. To go on
 * after a restart, with p-queue paused: `restore` the shares, `add` the waiting jobs and, `resumed`, those that were
 * running; then start. The waiting jobs start in the order in which they would have started.
 *
 * @example
 * const queue = new PQueue({ concurrency: 1, queueClass: FairQueue });
 * queue.add(run, { id: 'k3v9', payer: 'guild 7', user: 'ann', cost: 12.5, seq: 41 });
 */
export class FairQueue implements Queue<Run, FairOptions> {
  readonly #mayStart: (id: string) => boolean;
  readonly #payers: FairLevel<FairJob, FairLevel<FairJob, UserJobs>>;
  readonly #jobs = new Map<string, FairJob>();
  readonly #resumed = new SortedList<FairJob>(byPriority);
  readonly #running = new Map<string, FairJob>();
  /** Unfinished jobs by person. */
  readonly #ofPerson = new Map<string, Set<FairJob>>();
  readonly #tickets = { next: 1 };
  readonly #changed = new Map<string, Pick<Share, 'level' | 'key'>>();
  /** The places that were read since the last change: every message of a waiting job asks for the first ones. */
  #places: Place[] = [];
  /** Those that were not read yet. */
  #furtherPlaces: Iterator<Place, void> | undefined;

  /**
   * @param weight a payer's, 0.01 to 100; call `reweighed` when one has changed
   * @param mayStart whether there is who can make a job now; one that may not keeps its place, and the next one starts
   */
  constructor(weight: (payer: string) => number = () => 1, mayStart: (id: string) => boolean = () => true) {
    this.#mayStart = mayStart;
    const tickets = this.#tickets;
    const mark = (level: string, key: string) => this.#changed.set(JSON.stringify([level, key]), { level, key });
    this.#payers = new FairLevel({
      ...{ weight, tickets },
      keyOf: (job: FairJob) => job.payer,
      alsoCharged: ({ payer, person }) => (person === payer ? undefined : person),
      source: (payer) =>
        new FairLevel({
          tickets,
          keyOf: (job: FairJob) => job.user,
          source: () => new UserJobs(byPriority),
          changed: (user) => mark(payer, user),
        }),
      changed: (payer) => {
        mark(PAYERS, payer);
        // With a payer, the clock of its users goes too.
        if (this.#payers.source(payer) === undefined) mark(payer, CLOCK);
      },
    });
  }

  /** Waiting jobs. */
  get size(): number {
    return this.#jobs.size;
  }

  has(id: string): boolean {
    return this.#jobs.has(id);
  }

  /**
   * @throws TypeError unless `options` are complete
   * @throws RangeError if a job with this id waits or runs already
   */
  enqueue(run: Run, options: Partial<FairOptions> = {}): void {
    const job = newJob(run, options);
    if (this.#jobs.has(job.id) || this.#running.has(job.id)) {
      throw new RangeError(`Expected a new job id, got \`${job.id}\`, which waits or runs already.`);
    }
    this.#forgetPlaces();
    this.#jobs.set(job.id, job);
    if (job.person !== undefined) {
      this.#ofPerson.set(job.person, (this.#ofPerson.get(job.person) ?? new Set()).add(job));
    }
    if (!options.resumed) this.#payers.add(job);
    else {
      this.#resumed.add(job);
      this.#payers.start(job);
    }
  }

  /** Whether a waiting job may start. */
  get mayStart(): boolean {
    return this.#next() !== undefined;
  }

  /** The first that fits, in the order of their turns, whether or not it may start. */
  find(fits: (id: string) => boolean): string | undefined {
    return this.#first(fits)?.id;
  }

  /** The job that is next, charged with its estimate; `undefined` if none may start. If nobody settles it, it is settled at that when `run` ends. */
  dequeue(): Run | undefined {
    const job = this.#next();
    if (job === undefined) return undefined;
    if (!this.#resumed.delete(job)) this.#payers.take(job);
    this.#forgetPlaces();
    this.#jobs.delete(job.id);
    this.#running.set(job.id, job);
    return async () => {
      try {
        return await job.run();
      } finally {
        // It may have been started again by now.
        if (this.#running.get(job.id) === job) this.settle(job.id, job.cost);
      }
    };
  }

  /** Corrects the charge of a running job to the accelerator seconds that it took. Only the first call counts. */
  settle(id: string, seconds: number): void {
    const job = this.#running.get(id);
    if (job === undefined) return;
    this.#forgetPlaces();
    this.#running.delete(id);
    this.#forget(job);
    this.#payers.settle(job, Math.max(MIN_COST, seconds) - job.cost);
  }

  /**
   * Whose share a new job should use. The payer's, while whoever asks waits there already, or has nothing unfinished
   * elsewhere and no account open that is ahead of the payer's; else the person's own. So one person waits in two lines
   * at most, and what they had in one of them counts in their own.
   */
  payerFor({ payer, person }: Pick<FairOptions, 'payer' | 'person'>): string {
    if (person === undefined || person === payer) return payer;
    const unfinished = [...(this.#ofPerson.get(person) ?? [])];
    if (unfinished.some((job) => job.payer === payer && this.#jobs.has(job.id))) return payer;
    const isElsewhere = unfinished.some((job) => job.payer !== payer);
    return isElsewhere || this.#payers.startOf(person) > this.#payers.startOf(payer) ? person : payer;
  }

  /** Takes a waiting job out. If it was resumed, its charge is given back; otherwise there was none. */
  remove(id: string): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    this.#forgetPlaces();
    this.#jobs.delete(id);
    this.#forget(job);
    if (this.#resumed.delete(job)) this.#payers.settle(job, -job.cost);
    else this.#payers.delete(job);
  }

  /** @throws ReferenceError if no such job waits */
  setPriority(id: string, priority: number): void {
    const job = this.#jobs.get(id);
    if (job === undefined) throw new ReferenceError(`Expected the id of a waiting job, got \`${id}\`.`);
    this.#forgetPlaces();
    for (const list of [this.#resumed, this.#payers.source(job.payer)?.source(job.user)]) {
      if (!list?.delete(job)) continue;
      job.priority = priority;
      list.add(job);
    }
  }

  filter({ payer, user, priority }: Readonly<Partial<FairOptions>>): Run[] {
    const fits = (job: FairJob) =>
      (payer === undefined || job.payer === payer) &&
      (user === undefined || job.user === user) &&
      (priority === undefined || job.priority === priority);
    return [...this.#jobs.values()].filter(fits).map((job) => job.run);
  }

  /** The first `limit` waiting jobs in the order in which they would start if nobody else came. */
  *places(limit = Number.POSITIVE_INFINITY): Generator<Place, void> {
    for (let index = 0; index < limit; index += 1) {
      if (index === this.#places.length) {
        this.#furtherPlaces ??= this.#forecast();
        const { value: next } = this.#furtherPlaces.next();
        if (next !== undefined) this.#places.push(next);
      }
      const place = this.#places[index];
      if (place === undefined) return;
      yield place;
    }
  }

  /** How many jobs would start before this one if nobody else came; `null` if more than `cap`, or if it is not waiting. */
  position(id: string, cap = POSITION_CAP): number | null {
    if (!this.#jobs.has(id)) return null;
    let position = 0;
    for (const place of this.places(cap + 1)) {
      if (place.id === id) return position;
      position += 1;
    }
    return null;
  }

  /**
   * About how many accelerator seconds of waiting jobs start before this one; `null` if it is not waiting. Exact for
   * the first 25; else an estimate that is off by a few jobs where weights are alike, and by more for a job of small
   * weight among great ones. O(active payers + users of this payer + jobs of this user).
   */
  costAhead(id: string): number | null {
    const job = this.#jobs.get(id);
    if (job === undefined) return null;
    const near = this.position(id);
    if (near !== null) return this.#places[near]?.costAhead ?? null;
    let resumed = 0;
    for (const other of this.#resumed) {
      if (other === job) return resumed;
      resumed += other.cost;
    }
    return resumed + this.#payers.costAhead(job);
  }

  /** The weights that `weight` answers with have changed. */
  reweighed(): void {
    this.#forgetPlaces();
  }

  /** The rows that changed since `saved` was last called. */
  changes(): readonly ShareChange[] {
    return [...this.#changed.values()].map(({ level, key }) => {
      const flows = level === PAYERS ? this.#payers : this.#payers.source(level);
      return { level, key, share: flows?.stored(key) };
    });
  }

  /** The `changes` are stored. */
  saved(): void {
    this.#changed.clear();
  }

  /** Takes over what was stored, before any job is added. Shares of payers without jobs do no harm. */
  restore(shares: readonly Share[]): void {
    if (this.#jobs.size + this.#running.size > 0) throw new RangeError('Expected an empty queue to restore into.');
    const ofPayers = shares.filter(({ level }) => level === PAYERS);
    for (const { key, tag, ticket } of ofPayers) this.#payers.restore(key, tag, ticket);
    for (const { level, key, tag, ticket } of shares) {
      this.#payers.source(level)?.restore(key, tag, ticket);
      this.#tickets.next = Math.max(this.#tickets.next, (ticket ?? 0) + 1);
    }
  }

  #next(): FairJob | undefined {
    return this.#first((id) => this.#mayStart(id));
  }

  #first(fits: (id: string) => boolean): FairJob | undefined {
    for (const job of this.#resumed) if (fits(job.id)) return job;
    return this.#payers.next(({ id }) => fits(id));
  }

  *#forecast(): Generator<Place, void> {
    let costAhead = 0;
    for (const jobs of [this.#resumed, this.#payers.forecast()]) {
      for (const { id, cost } of jobs) {
        yield { id, costAhead };
        costAhead += cost;
      }
    }
  }

  /** A job is over. */
  #forget(job: FairJob): void {
    const unfinished = this.#ofPerson.get(job.person ?? '');
    unfinished?.delete(job);
    if (unfinished?.size === 0) this.#ofPerson.delete(job.person ?? '');
  }

  #forgetPlaces(): void {
    this.#places = [];
    this.#furtherPlaces = undefined;
  }
}
