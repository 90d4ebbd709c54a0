import { EventEmitter } from 'node:events';
import PQueue from 'p-queue';
import type { Accepted, History, Party, StoredJob } from '../history/history.ts';
import { type Caller, type Lack, personalPayer, ruledBy } from '../job.ts';
import type { FairOptions } from '../queue/fair-job.ts';
import { FairQueue } from '../queue/fair-queue.ts';
import type { Estimator } from './estimator.ts';
import { type Painter, speedOf } from './painter.ts';
import type { Company, Needs, Painters } from './painters.ts';
import { type Work, workLeft } from './work.ts';

export interface JobQueueOptions {
  readonly history: History;
  readonly painters: Painters;
  readonly estimator: Pick<Estimator, 'seconds'>;
  /** The weight of a payer, who is named `surface/payer`; people pay for themselves where a guild does not. */
  readonly weight: (payer: string) => number;
  readonly onProblem: (error: unknown, what: string) => void;
}

export interface ErrandOptions {
  /** Estimate of the accelerator time. */
  readonly seconds: number;
  /** Takes the work out of the queue; it rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** What the work is. */
  readonly wanted: Wanted;
}

/** What a painter is chosen by. */
export interface Wanted {
  readonly needs: Needs;
  readonly work: Work;
  /** Pictures that may be painted at the same time as other work. @default none */
  readonly pictures?: number;
}

/** The painters of one job or errand. */
export interface Hands {
  readonly painter: Painter;
  /** It paints something else at the same time. */
  readonly alongside: boolean;
  /** Others that could help now. While anything waits there are none. */
  helpers(): readonly Painter[];
  /** Takes one of these. */
  take(helper: Painter): void;
  /** Its part is done, before the whole is. */
  release(painter: Painter): void;
}

/** Something that waits, and a painter that can take it beside what it paints. */
interface Joining {
  readonly id: string;
  readonly painter: Painter;
}

/** Makes the job whose turn it is. */
type Start = (turn: FairOptions, hands: Hands) => Promise<void>;

/** Arrivals of errands start here, below those of all jobs, so that an errand comes before the person's own jobs. */
const ERRANDS_FROM = -1e15;

/**
 * The jobs that wait for a painter: p-queue with the fair order, whose shares are stored in the same transaction
 * as what changes them. As many run as there are painters for. Emits `changed` when the waiting jobs, or their order, may have changed.
 */
export class JobQueue extends EventEmitter<{ changed: [] }> {
  readonly #options: JobQueueOptions;
  /** The one inside `#queue`, which p-queue makes itself. */
  #fair = new FairQueue();
  readonly #queue: PQueue<FairQueue, FairOptions>;
  #run: Start = async () => {};
  #started = false;
  /** Open transactions; no job starts during one. */
  #holds = 0;
  /** Ids of the jobs and errands that run. */
  readonly #running = new Set<string>();
  /** By the id of what waits or runs. */
  readonly #wanted = new Map<string, Wanted>();
  /** As it was when somebody last asked: what starts now may be this. */
  #joined: Joining | undefined;
  #errands = 0;
  /** Who waits for an errand, once for each. */
  readonly #errandsFor = new Set<{ readonly caller: Caller; readonly seconds: number }>();

  constructor(options: JobQueueOptions) {
    super();
    this.#options = options;
    const adopt = (fair: FairQueue) => {
      this.#fair = fair;
    };
    // One that is to be started again waits until its former start has given its painters back.
    const mayStart = (id: string) =>
      !this.#running.has(id) &&
      (options.painters.free(this.#wanted.get(id)?.needs).length > 0 || this.#joining()?.id === id);
    const queueClass = class extends FairQueue {
      constructor() {
        super(options.weight, mayStart);
        adopt(this);
      }
    };
    this.#queue = new PQueue({ concurrency: 1, autoStart: false, queueClass });
    options.painters.on('changed', () => {
      this.#release();
      this.emit('changed');
    });
  }

  /** What waits, in its order. */
  get waiting(): Pick<FairQueue, 'size' | 'places' | 'position' | 'costAhead'> {
    return this.#fair;
  }

  /** Jobs start. */
  get isStarted(): boolean {
    return this.#started;
  }

  /** What keeps a waiting job from starting whoever's turn it is. */
  lack(jobId: string): Lack | undefined {
    return this.#options.painters.lack(this.#wanted.get(jobId)?.needs);
  }

  /** Takes up the jobs that an earlier process left waiting. */
  restore(jobs: readonly StoredJob[]): void {
    this.#fair.restore(this.#options.history.shares.all());
    for (const job of jobs) this.#addJob(job, fairOptions(job));
    this.#store(() => undefined);
  }

  /**
   * From now on jobs start.
   * @param run makes the job whose turn it is; its synchronous part runs before another job can start
   */
  start(run: Start): void {
    this.#run = run;
    this.#started = true;
    this.#release();
    this.emit('changed');
  }

  /** From now on no job starts. Resolves when the running ones have ended. */
  pause(): Promise<void> {
    this.#started = false;
    this.#queue.pause();
    return this.#queue.onPendingZero();
  }

  /**
   * Stores what `work` does in one transaction with the shares. Then, before another job can start, calls `told` with
   * the result.
   */
  transact<T>(work: () => T, told?: (result: T) => void): T {
    const result = this.#store(work, told);
    this.emit('changed');
    return result;
  }

  /** Call it inside `transact`, with what accepting the job returned. */
  add(accepted: Accepted): void {
    const options = fairOptions(accepted);
    const payer = this.#fair.payerFor(options);
    if (payer !== options.payer) this.#options.history.jobs.setQueuePayer(accepted.job.id, payer);
    this.#addJob(accepted, { ...options, payer });
  }

  /** A job that was running starts again before all others, and is not charged again. */
  resume(job: StoredJob): void {
    // The transaction may be a repeated one.
    if (this.#fair.has(job.job.id)) return;
    this.#fair.settle(job.job.id, job.estimate);
    this.#addJob(job, { ...fairOptions(job), resumed: true });
  }

  /** A job that could not be started waits again, as if it had not been its turn. */
  putBack(job: FairOptions): void {
    this.#fair.settle(job.id, 0);
    this.#add(job);
  }

  /** Takes a waiting job out. */
  remove(jobId: string): void {
    this.#fair.remove(jobId);
    this.#wanted.delete(jobId);
  }

  /** Charges a running job for the accelerator seconds that it took. */
  settle(jobId: string, seconds: number): void {
    this.#fair.settle(jobId, seconds);
  }

  /** Runs work that is not a job, at its fair turn, before the waiting jobs of the same person. */
  async errand<T>(caller: Caller, options: ErrandOptions, work: (painter: Painter) => Promise<T>): Promise<T> {
    const { seconds: cost, signal, wanted } = options;
    this.#errands += 1;
    const id = `errand-${this.#errands}`;
    const party = partyOf(caller);
    const payer = this.#fair.payerFor(party);
    const errand = { caller, seconds: cost };
    this.#errandsFor.add(errand);
    try {
      const turn = { id, ...party, payer, cost, seq: ERRANDS_FROM + this.#errands, signal };
      this.#wanted.set(id, wanted);
      const added = this.#queue.add(() => this.#withPainter(id, ({ painter }) => work(painter)), turn);
      this.#release();
      return await added;
    } finally {
      this.#wanted.delete(id);
      this.#errandsFor.delete(errand);
    }
  }

  /** The errands of a person or a guild that are not over, and the estimate of their time. */
  errandsOf(party: Party): { readonly jobs: number; readonly seconds: number } {
    const isTheirs = (caller: Caller) =>
      caller.surface === party.surface &&
      ('user' in party ? caller.user === party.user : ruledBy(caller) === party.guild);
    const theirs = [...this.#errandsFor].filter(({ caller }) => isTheirs(caller));
    return { jobs: theirs.length, seconds: theirs.reduce((sum, { seconds }) => sum + seconds, 0) };
  }

  /** The payers' weights have changed. */
  reweighed(): void {
    this.#fair.reweighed();
    this.emit('changed');
  }

  #addJob({ job }: Pick<StoredJob, 'job'>, options: FairOptions): void {
    const pictures = job.request.n - job.images.length;
    // A process may have died of one that was running: nobody else should die of it.
    const company = options.resumed ? {} : { pictures };
    this.#wanted.set(job.id, { needs: job.request, work: workLeft(job), ...company });
    this.#add(options);
  }

  #add(options: FairOptions): void {
    const added = this.#queue.add(() => this.#withPainter(options.id, (hands) => this.#run(options, hands)), options);
    added.catch((error) => this.#options.onProblem(error, `job ${options.id}`));
  }

  async #withPainter<T>(id: string, work: (hands: Hands) => Promise<T>): Promise<T> {
    const hands = this.#hands(id);
    this.#running.add(id);
    this.#release();
    try {
      return await work(hands);
    } finally {
      this.#running.delete(id);
      hands.end();
      if (!this.#fair.has(id)) this.#wanted.delete(id);
      this.#release();
    }
  }

  #hands(id: string): Hands & { end(): void } {
    const { painters, estimator } = this.#options;
    const wanted = this.#wanted.get(id);
    const needs = wanted?.needs;
    const free = painters.best(needs, (one) => (wanted ? estimator.seconds(wanted.work, speedOf(one)) : 0));
    const painter = free ?? (this.#joined?.id === id ? this.#joined.painter : undefined);
    if (painter === undefined) throw new RangeError(`Expected a painter for ${id}, since it was started.`);
    const held = new Map([[painter, painters.take(painter, needs, companyOf(wanted))]]);
    return {
      ...{ painter, alongside: free === undefined },
      take: (one) => void held.set(one, painters.take(one, needs)),
      helpers: () => (this.#started && this.#fair.size === 0 ? painters.free(needs) : []),
      release: (one) => {
        held.get(one)?.();
        if (held.delete(one)) this.#release();
      },
      end() {
        for (const release of held.values()) release();
      },
    };
  }

  /**
   * The next that a painter can take beside what it paints: nothing waits before it that this painter could make, since that
   * waits for the batch to end.
   */
  #joining(): Joining | undefined {
    const { painters } = this.#options;
    this.#joined = undefined;
    let { open } = painters;
    if (open.length === 0) return undefined;
    let painter: Painter | undefined;
    const id = this.#fair.find((one) => {
      const wanted = this.#wanted.get(one);
      const company = companyOf(wanted);
      painter = company && painters.companion(company, open);
      open = wanted ? open.filter((each) => !painters.mayGet(each, wanted.needs)) : [];
      return painter !== undefined || open.length === 0;
    });
    if (id !== undefined && painter !== undefined) this.#joined = { id, painter };
    return this.#joined;
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

  /** Lets the next one start if there is a painter for it; when that has started, the one after it. */
  #release(): void {
    const hasPainter = this.#options.painters.free().length > 0 || this.#joining() !== undefined;
    const places = this.#running.size + (hasPainter && this.#fair.mayStart ? 1 : 0);
    // p-queue counts one that has just ended until the next turn of the event loop, and knows no places for nobody.
    if (places > 0) this.#queue.concurrency = places;
    if (places === 0) this.#queue.pause();
    else if (this.#started && this.#holds === 0) this.#queue.start();
  }
}

function companyOf({ needs, pictures }: Partial<Wanted> = {}): Company | undefined {
  return needs === undefined || pictures === undefined ? undefined : { needs, pictures };
}

function partyOf({ surface, payer, user }: Caller) {
  const person = `${surface}/${personalPayer(surface, user)}`;
  return { payer: `${surface}/${payer}`, user: `${surface}/${user}`, person };
}

function fairOptions({ job, estimate, arrival, priority, resumed, queuePayer }: StoredJob): FairOptions {
  const party = partyOf(job.caller);
  const payer = queuePayer ?? party.payer;
  return { id: job.id, ...party, payer, cost: estimate, seq: arrival, priority, resumed };
}
