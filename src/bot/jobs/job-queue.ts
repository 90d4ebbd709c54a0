import { EventEmitter } from 'node:events';
import PQueue from 'p-queue';
import type { Accepted, History, StoredJob } from '../history/history.ts';
import type { Caller } from '../job.ts';
import { type FairOptions, FairQueue, type Place, queueClassOf, type ShareChanges } from '../queue/fair-queue.ts';

export interface JobQueueOptions {
  readonly history: History;
  /** Of whoever pays, by `surface/payer`. */
  readonly weight: (payer: string) => number;
  readonly onProblem: (error: unknown, what: string) => void;
}

/** Before every job of a person: small numbers of their own, below all arrivals. */
const ERRANDS_FROM = -1e15;

/**
 * One accelerator, and who is next for it: the fair queue on p-queue, whose accounts are stored in the same
 * transaction as what changes them. Emits `changed` when the order of the waiting jobs may have.
 */
export class JobQueue extends EventEmitter<{ changed: [] }> {
  readonly #options: JobQueueOptions;
  readonly #fair: FairQueue;
  readonly #queue: PQueue<FairQueue, FairOptions>;
  /** Changes of a transaction that failed; they go with the next one. */
  readonly #unsaved = new Map<string, { readonly share: ShareChanges['kept'][number] | null }>();
  #run: (turn: FairOptions) => Promise<void> = async () => {};
  #started = false;
  #holds = 0;
  #errands = 0;

  constructor(options: JobQueueOptions) {
    super();
    this.#options = options;
    this.#fair = new FairQueue({ weight: options.weight });
    this.#queue = new PQueue({ concurrency: 1, autoStart: false, queueClass: queueClassOf(this.#fair) });
  }

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
   * A transaction of the history together with the accounts. `told` is called with its result when that is stored, and
   * before anything else can start.
   */
  transact<T>(work: () => T, told?: (result: T) => void): T {
    const result = this.#store(work, told);
    this.emit('changed');
    return result;
  }

  #store<T>(work: () => T, told: (result: T) => void = () => {}): T {
    const { history } = this.#options;
    let changes: ShareChanges | null = null;
    this.#holds += 1;
    this.#queue.pause();
    try {
      const result = history.atomically(() => {
        const value = work();
        changes = this.#changes();
        history.shares.save(changes);
        return value;
      });
      this.#unsaved.clear();
      changes = null;
      told(result);
      return result;
    } catch (error) {
      if (changes !== null) this.#keep(changes);
      throw error;
    } finally {
      this.#holds -= 1;
      this.#release();
    }
  }

  /** Inside `transact`, with what `History.accept` returned. */
  add(accepted: Accepted): void {
    this.#add(fairOptions(accepted));
  }

  /** A job that was running goes on before all others, without being charged again. */
  resume(job: StoredJob): void {
    if (this.#fair.has(job.job.id)) return;
    this.#fair.settle(job.job.id, job.estimate);
    this.#add({ ...fairOptions(job), resumed: true });
  }

  /** A job that could not be started waits again, as if its turn had not come. */
  putBack(job: FairOptions): void {
    this.#fair.settle(job.id, 0);
    this.#add(job);
  }

  remove(jobId: string): void {
    this.#fair.remove(jobId);
  }

  settle(jobId: string, seconds: number): void {
    this.#fair.settle(jobId, seconds);
  }

  /**
   * Work for somebody that is no job: it waits its fair turn before the jobs of the same person.
   * @param seconds that it should take
   */
  errand<T>(caller: Caller, seconds: number, work: () => Promise<T>): Promise<T> {
    this.#errands += 1;
    const id = `errand-${this.#errands}`;
    const seq = ERRANDS_FROM + this.#errands;
    const done = this.#queue.add(work, { id, ...partyOf(caller), cost: seconds, seq });
    return done as Promise<T>;
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

  costAhead(jobId: string): number | null {
    return this.#fair.costAhead(jobId);
  }

  first(count: number): readonly Place[] {
    return this.#fair.positions(count);
  }

  #add(options: FairOptions): void {
    const added = this.#queue.add(() => this.#run(options), options);
    added.catch((error) => this.#options.onProblem(error, `job ${options.id}`));
  }

  #release(): void {
    if (this.#started && this.#holds === 0) this.#queue.start();
  }

  #changes(): ShareChanges {
    this.#keep(this.#fair.takeChanges());
    const kept = [];
    const gone = [];
    for (const [key, { share }] of this.#unsaved) {
      const [payer = '', user = ''] = JSON.parse(key) as string[];
      if (share === null) gone.push({ payer, user });
      else kept.push(share);
    }
    return { kept, gone };
  }

  #keep({ kept, gone }: ShareChanges): void {
    for (const share of kept) this.#unsaved.set(JSON.stringify([share.payer, share.user]), { share });
    for (const { payer, user } of gone) this.#unsaved.set(JSON.stringify([payer, user]), { share: null });
  }
}

function partyOf({ surface, payer, user }: Caller) {
  return { payer: `${surface}/${payer}`, user: `${surface}/${user}` };
}

function fairOptions({ job, estimate, arrival, priority, resumed }: StoredJob): FairOptions {
  return { id: job.id, ...partyOf(job.caller), cost: estimate, seq: arrival, priority, resumed };
}
