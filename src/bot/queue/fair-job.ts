import type { QueueAddOptions } from 'p-queue';
import { MIN_COST, type Source, type Waiting } from './fair-level.ts';
import { type HeapItem, IndexedHeap } from './indexed-heap.ts';

/** What p-queue hands to its queue: starts a job, ends with it. */
export type Run = () => Promise<unknown>;

/** What `PQueue.add(run, …)` needs to know of a job; a waiting job is stored as exactly this. */
export interface FairOptions extends QueueAddOptions {
  id: string;
  /** Whose share is used. Not empty. */
  readonly payer: string;
  readonly user: string;
  /** Estimated accelerator seconds, 0 or more. */
  readonly cost: number;
  /** Order of arrival; unique. A user's jobs start in this order. */
  readonly seq: number;
  /** Among one user's own jobs the greater starts first; it never passes anybody else's. @default 0 */
  readonly priority?: number;
  /** It had started before the bot was stopped: it is charged already and starts before anything else. @default false */
  readonly resumed?: boolean;
}

export interface FairJob extends Waiting, HeapItem {
  readonly id: string;
  readonly run: Run;
  readonly seq: number;
  readonly payer: string;
  readonly user: string;
  priority: number;
}

/** The waiting jobs of one user of one payer. */
export class Line implements Source<FairJob> {
  cost = 0;
  readonly #jobs = new IndexedHeap<FairJob>(byPriority);

  get size(): number {
    return this.#jobs.size;
  }

  push(job: FairJob): void {
    this.#jobs.push(job);
    this.cost += job.cost;
  }

  moved(job: FairJob): void {
    this.#jobs.moved(job);
  }

  remove(job: FairJob): void {
    this.#jobs.remove(job);
    this.cost = this.size === 0 ? 0 : this.cost - job.cost;
  }

  take(): FairJob {
    const job = this.#jobs.peek();
    if (job === undefined) throw new RangeError('Expected a waiting job, got an empty line');
    this.remove(job);
    return job;
  }

  forecast(): Iterator<FairJob, void> {
    return this.#jobs.ascending();
  }

  costAhead(job: FairJob): number {
    let ahead = 0;
    for (const other of this.#jobs) if (byPriority(other, job) < 0) ahead += other.cost;
    return ahead;
  }
}

export function byPriority(a: FairJob, b: FairJob): number {
  return b.priority - a.priority || a.seq - b.seq;
}

export function atLeastMinimum(cost: number): number {
  return Math.max(MIN_COST, cost);
}

export function newJob(run: Run, options: Partial<FairOptions> = {}): FairJob {
  const { id, payer, user, cost, seq, priority = 0 } = options;
  if (!id) throw new TypeError(`Expected \`id\` to be a text, got \`${id}\``);
  if (!payer || !user)
    throw new TypeError(`Expected \`payer\` and \`user\` to be texts, got \`${payer}\` and \`${user}\``);
  if (cost === undefined || !Number.isFinite(cost) || cost < 0) {
    throw new TypeError(`Expected \`cost\` to be finite accelerator seconds >= 0, got \`${cost}\``);
  }
  if (seq === undefined || !Number.isFinite(seq))
    throw new TypeError(`Expected \`seq\` to be a number, got \`${seq}\``);
  return { id, payer, user, cost: atLeastMinimum(cost), seq, priority, run, heapIndex: -1 };
}
