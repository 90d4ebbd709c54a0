import { EventEmitter } from 'node:events';
import PQueue from 'p-queue';
import type { Accepted, History, StoredJob } from '../history/history.ts';
import type { Caller } from '../job.ts';
import { type FairOptions, FairQueue, type Place } from '../queue/fair-queue.ts';

export interface JobQueueOptions {
  readonly history: History;
  /** Of whoever pays, by `surface/payer`. */
  readonly weight: (payer: string) => number;
  readonly onProblem: (error: unknown, what: string) => void;
}

/** Before every job of a person: small numbers of their own, below all arrivals. */
const ERRANDS_FROM = -1e15;

/**
 * One accelerator, and who is next for it: p-queue with the fair queue, whose shares are stored in the same transaction
 * as what changes them. Emits `changed` when the waiting jobs, or their order, may have changed.
 */
export class JobQueue extends EventEmitter<{ changed: [] }> {
  readonly #options: JobQueueOptions;
  /** The one inside `#queue`, which p-queue makes itself. */
  #fair = new FairQueue();
  readonly #queue: PQueue<FairQueue, FairOptions>;
  #run: (turn: FairOptions) => Promise<void> = async () => {};
  #started = false;
  /** Transactions that nothing may start during. */
  #holds = 0;
  #errands = 0;

  constructor(options: JobQueueOptions) {
    super();
    this.#options = options;
    const adopt = (fair: FairQueue) => {
      this.#fair = fair;
    };
    const queueClass = class extends FairQueue {
      constructor() {
        super(options.weight);
        adopt(this);
      }
    };
    this.#queue = new PQueue({ concurrency: 1, autoStart: false, queueClass });
  }

  /** How many wait. */
  get waiting(): number {
    return this.#fair.size;
  }

  /** Takes up what an earlier process left. */
  restore(jobs: readonly StoredJob[]): void {
    this.#fair.restore(this.#options.history.shares.all());
    for (const job of jobs) this.#add(fairOptions(job));
    this.#store(() => undefined);
  }

  /**
   * From now on jobs start.
   * @param run makes a job whose turn has come; its synchronous part runs before any other job can start
   */
  start(run: (turn: FairOptions) => Promise<void>): void {
    this.#run = run;
    this.#started = true;
    this.#release();
    this.emit('changed');
  }

  /** No further job starts. Resolves when what runs has ended. */
  pause(): Promise<void> {
    this.#started = false;
    this.#queue.pause();
    return this.#queue.onPendingZero();
  }

  /**
   * A transaction of the history together with the shares. `told` is called with its result when that is stored, and
   * before anything else can start.
   */
  transact<T>(work: () => T, told?: (result: T) => void): T {
    const result = this.#store(work, told);
    this.emit('changed');
    return result;
  }

  /** Inside `transact`, with what `History.accept` returned. */
  add(accepted: Accepted): void {
    this.#add(fairOptions(accepted));
  }

  /** A job that was running goes on before all others, without being charged again. */
  resume(job: StoredJob): void {
    // The transaction may be a repeated one.
    if (this.#fair.has(job.job.id)) return;
    this.#fair.settle(job.job.id, job.estimate);
    this.#add({ ...fairOptions(job), resumed: true });
  }

  /** A job that could not be started waits again, as if its turn had not come. */
  putBack(job: FairOptions): void {
    this.#fair.settle(job.id, 0);
    this.#add(job);
  }

  /** Takes a waiting job out. */
  remove(jobId: string): void {
    this.#fair.remove(jobId);
  }

  /** A running job took so many accelerator seconds. */
  settle(jobId: string, seconds: number): void {
    this.#fair.settle(jobId, seconds);
  }

  /**
   * Work for somebody that is no job: it waits its fair turn before the jobs of the same person.
   * @param seconds that it should take
   */
  async errand<T>(caller: Caller, seconds: number, work: () => Promise<T>): Promise<T> {
    this.#errands += 1;
    const id = `errand-${this.#errands}`;
    return this.#queue.add(work, { id, ...partyOf(caller), cost: seconds, seq: ERRANDS_FROM + this.#errands });
  }

  /** The weights of those who pay have changed. */
  reweighed(): void {
    this.#fair.reweighed();
    this.emit('changed');
  }

  /** Jobs that start before this one, from 0; `null` for more than `cap`, and for a job that does not wait. */
  position(jobId: string, cap: number): number | null {
    return this.#fair.position(jobId, cap);
  }

  /** About how many accelerator seconds of jobs start before this one; `null` for a job that does not wait. */
  costAhead(jobId: string): number | null {
    return this.#fair.costAhead(jobId);
  }

  /** The first waiting jobs in the order of their start. */
  first(limit: number): readonly Place[] {
    return [...this.#fair.places(limit)];
  }

  #add(options: FairOptions): void {
    const added = this.#queue.add(() => this.#run(options), options);
    added.catch((error) => this.#options.onProblem(error, `job ${options.id}`));
  }

  #store<T>(work: () => T, told: (result: T) => void = () => {}): T {
    const { history } = this.#options;
    this.#holds += 1;
    this.#queue.pause();
    try {
      const result = history.atomically(() => {
        const value = work();
        history.shares.save(this.#fair.changes());
        return value;
      });
      this.#fair.saved();
      told(result);
      return result;
    } finally {
      this.#holds -= 1;
      this.#release();
    }
  }

  #release(): void {
    if (this.#started && this.#holds === 0) this.#queue.start();
  }
}

function partyOf({ surface, payer, user }: Caller) {
  return { payer: `${surface}/${payer}`, user: `${surface}/${user}` };
}

function fairOptions({ job, estimate, arrival, priority, resumed }: StoredJob): FairOptions {
  return { id: job.id, ...partyOf(job.caller), cost: estimate, seq: arrival, priority, resumed };
}
