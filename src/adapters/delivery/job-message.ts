import { forReader, isOver, type Job, type Reader } from '../../bot/job.ts';
import type { Clock } from '../../system/clock.ts';
import type { Logger } from '../../system/logging.ts';
import type { Core } from '../adapter.ts';
import type { OnePerTick } from './one-per-tick.ts';

/** Pause after the first failed attempt; it doubles up to the longest. In ms. */
const RETRY_FIRST = 1000;
const RETRY_LONGEST = 60_000;
/** The longest pause where the platform answers, with an error each time, in ms. */
const REFUSED_LONGEST = 600_000;
/** How often the same is tried where the platform answers with an error, before something poorer is. */
const TRIES = 3;
/** How often a job's end is tried in all where the platform answers with an error: a day. */
const MOST_TRIES = 153;

export interface DeliveryOptions {
  readonly core: Core;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the messages of a platform share. */
export interface Delivery extends DeliveryOptions {
  /** The bot is about to stop: only final states are still worth showing. */
  readonly draining: boolean;
  /** Nothing is sent any more. */
  readonly stopped: boolean;
  readonly turns: OnePerTick;
  /** Called when the message has been brought up to date, or was dropped. */
  updated(message: JobMessage): void;
  /** Called where the job was erased while something of it was on its way. */
  erased(message: JobMessage): void;
  /** Called for every request that failed, with the platform's code: after some minutes the operator is warned. */
  refused(reason: string): void;
}

/**
 * One job and the message that shows it. Updates of the message never overlap. A platform defines how the message is
 * brought up to date, and what follows from a failure.
 */
export abstract class JobMessage<Ref = unknown> {
  readonly jobId: string;
  /** The platform's handle on the message, stored with the job. */
  readonly ref: Ref;
  protected readonly delivery: Delivery;
  readonly #owner: Reader;
  /** The message was deleted or is out of reach: nothing more is shown until the job ends. */
  protected hidden = false;
  /** Failed attempts since the last success. */
  protected failures = 0;
  /** When the next attempt may be made, in monotonic milliseconds. */
  protected notBefore = 0;
  /** When progress may be shown next, in monotonic milliseconds. */
  protected noProgressBefore = 0;
  #dropped = false;
  #dirty = false;
  #working = false;
  #over: boolean;
  #due: { readonly at: number; readonly cancel: () => void } | null = null;

  constructor(delivery: Delivery, job: Job, ref: Ref) {
    this.delivery = delivery;
    this.jobId = job.id;
    this.ref = ref;
    this.#owner = job.caller;
    this.#over = isOver(job);
  }

  /** Makes the message show the job's current state. Resolves with a sentence about what can't be shown, or `null`. */
  protected abstract bringUpToDate(job: Job): Promise<string | null>;

  /** Decides what follows from a failed attempt: calls `again`, or gives up. */
  protected abstract recover(error: unknown, job: Job): Promise<void>;

  get busy(): boolean {
    return this.#working || (this.#dirty && this.#over);
  }

  /** Another message took over, or the job's end is shown: nothing is stored any more. */
  get dropped(): boolean {
    return this.#dropped;
  }

  /** Something happened that the message should show. */
  touch(job?: Job): void {
    if (job) this.#over = isOver(job);
    this.#dirty = true;
    this.#schedule();
  }

  /** Makes the next attempt now instead of after the pause. */
  retryNow(): void {
    this.failures = 0;
    this.notBefore = 0;
    this.#schedule();
  }

  save(): void {
    if (this.#dropped) return;
    const { core } = this.delivery;
    if (core.job(this.jobId) !== null || core.postings === undefined) core.saveMessage(this.jobId, this.ref);
    // Erased while something of it was on its way.
    else this.delivery.erased(this);
  }

  drop(): void {
    this.#dropped = true;
    this.#due?.cancel();
    this.delivery.updated(this);
  }

  /** Runs what makes texts for the message: in the language of whoever asked for the job, whoever's doing it is. */
  protected forOwner<T>(run: () => T): T {
    return forReader(this.#owner, run);
  }

  /** Tries again after at least `ms`. */
  protected again(ms: number): void {
    this.#dirty = true;
    this.waitFor(ms);
  }

  /** Makes no attempt for the next `ms`. */
  waitFor(ms: number): void {
    this.notBefore = Math.max(this.notBefore, this.delivery.clock.monotonic() + ms);
  }

  /** The pause after the latest failure, in ms. */
  protected backOff(answered = false): number {
    return Math.min(answered ? REFUSED_LONGEST : RETRY_LONGEST, RETRY_FIRST * 2 ** (this.failures - 1));
  }

  /** Whether the same has been tried often enough, and something poorer should be. */
  protected get triedEnough(): boolean {
    return this.failures % TRIES === 0;
  }

  protected get triedForADay(): boolean {
    return this.failures >= MOST_TRIES;
  }

  /** Called when the message shows the job's current state. */
  protected shown(job: Job, problem: string | null): void {
    if (isOver(job)) this.end(job, problem);
  }

  /** Notes that no deleted picture of the job is shown any more. */
  protected refreshed(): void {
    this.delivery.core.postings?.refreshed(this.jobId);
    this.drop();
  }

  /** Notes that the job's end is shown, or why it can't be. */
  protected end(job: Job, problem: string | null): void {
    this.delivery.core.markDelivered(job.id, ...(problem === null ? [] : [problem]));
    if (problem === null) this.delivery.core.postings?.refreshed(job.id);
    this.drop();
  }

  #dueAt(): number {
    return this.#over ? this.notBefore : Math.max(this.notBefore, this.noProgressBefore);
  }

  #schedule(): void {
    const { clock, turns, stopped } = this.delivery;
    if (!this.#dirty || this.#working || this.#dropped || stopped) return;
    const at = Math.max(this.#dueAt(), clock.monotonic());
    if (this.#due !== null && this.#due.at <= at) return;
    this.#due?.cancel();
    const wait = at - clock.monotonic();
    // Answers to what people do go first.
    const takeTurn = () => turns.add(() => this.#run());
    this.#due = { at, cancel: wait > 0 ? clock.after(wait, takeTurn) : () => undefined };
    if (wait <= 0) takeTurn();
  }

  #run(): void {
    if (this.#due === null) return;
    this.#due.cancel();
    this.#due = null;
    if (this.#dueAt() > this.delivery.clock.monotonic()) this.#schedule();
    else void this.forOwner(() => this.#work());
  }

  async #work(): Promise<void> {
    const { core, stopped } = this.delivery;
    if (stopped || this.#dropped) return;
    const job = core.job(this.jobId);
    if (job === null) return this.drop();
    this.#over = isOver(job);
    this.#dirty = false;
    if (this.hidden && !this.#over) return;
    this.#working = true;
    try {
      const problem = await this.bringUpToDate(job);
      this.failures = 0;
      if (!this.#dirty && !this.#dropped) this.shown(job, problem);
    } catch (error) {
      this.failures++;
      if (!this.#dropped) await this.recover(error, job);
    } finally {
      this.#working = false;
      this.#schedule();
      this.delivery.updated(this);
    }
  }
}
