import type { QueueAddOptions } from 'p-queue';
import { MIN_COST } from './fair-level.ts';
import type { Source } from './flow.ts';
import { SortedList } from './sorted-list.ts';

/** What p-queue puts into its queue: runs a job, and resolves when it has ended. */
export type Run = () => Promise<unknown>;

/** What `PQueue.add(run, …)` needs to know of a job, and all that has to be stored of a waiting one. */
export interface FairOptions extends QueueAddOptions {
  id: string;
  /** Whose share is used. Not empty. */
  readonly payer: string;
  readonly user: string;
  /**
   * The same for all payers: the share of the user's own that is charged too, so that nobody gets more turns by asking
   * through many payers. @default no share across payers
   */
  readonly person?: string;
  /** Estimated accelerator seconds, 0 or more. */
  readonly cost: number;
  /** Order of arrival; unique. A user's jobs start in this order. */
  readonly seq: number;
  /** Among one user's own jobs the greater starts first; it never passes anybody else's. @default 0 */
  readonly priority?: number;
  /** It was running when the bot stopped: it is charged already and starts before all others. @default false */
  readonly resumed?: boolean;
}

/** A job as the fair queue knows it. */
export interface FairJob extends Readonly<Pick<FairOptions, 'id' | 'payer' | 'user' | 'cost' | 'seq'>> {
  readonly person: string | undefined;
  priority: number;
  readonly run: Run;
}

/** The waiting jobs of one user of one payer. */
export class UserJobs extends SortedList<FairJob> implements Source<FairJob> {
  cost = 0;

  override add(job: FairJob): void {
    super.add(job);
    this.cost += job.cost;
  }

  override delete(job: FairJob): boolean {
    if (!super.delete(job)) return false;
    // As in `FairLevel`: what is empty is exactly empty.
    this.cost = this.size === 0 ? 0 : this.cost - job.cost;
    return true;
  }

  next(mayStart: (job: FairJob) => boolean): FairJob | undefined {
    return this.first !== undefined && mayStart(this.first) ? this.first : undefined;
  }

  take(job: FairJob): void {
    this.delete(job);
  }

  forecast(): Iterator<FairJob, void> {
    return this[Symbol.iterator]();
  }

  costAhead(job: FairJob): number {
    let ahead = 0;
    for (const other of this) {
      if (other === job) break;
      ahead += other.cost;
    }
    return ahead;
  }
}

/** The order of one user's own jobs. */
export function byPriority(a: FairJob, b: FairJob): number {
  return b.priority - a.priority || a.seq - b.seq;
}

/** @throws TypeError unless `options` are complete */
export function newJob(run: Run, options: Partial<FairOptions>): FairJob {
  const { id, payer, user, person, cost = Number.NaN, seq = Number.NaN, priority = 0 } = options;
  if (!id || !payer || !user) {
    throw new TypeError(`Expected \`id\`, \`payer\` and \`user\`, got \`${id}\`, \`${payer}\` and \`${user}\`.`);
  }
  if (!Number.isFinite(cost) || cost < 0) {
    throw new TypeError(`Expected \`cost\` to be finite accelerator seconds >= 0, got \`${cost}\`.`);
  }
  if (!Number.isFinite(seq)) throw new TypeError(`Expected \`seq\` to be a number, got \`${seq}\`.`);
  return { id, payer, user, person, cost: Math.max(MIN_COST, cost), seq, priority, run };
}
