import { isOver, type Job, type JobEvent, type Surface } from '../../bot/job.ts';
import { isProgram } from '../../bot/keys/api-key.ts';
import type { Clock } from '../../system/clock.ts';
import type { Logger } from '../../system/logging.ts';
import type { Core } from '../adapter.ts';
import type { Delivery, DeliveryOptions, JobMessage } from './job-message.ts';
import { OnePerTick } from './one-per-tick.ts';
import { Refusals } from './refusals.ts';

/** How long a new job may have no message before the bot posts one of its own, in ms. */
const CLAIM_WITHIN = 5000;

/** The messages that show a platform's jobs: made, kept up to date, and taken up again after a restart. */
export abstract class JobMessages<Ref, Message extends JobMessage<Ref>> implements Delivery {
  readonly core: Core;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly turns = new OnePerTick();
  protected abstract readonly surface: Surface;
  protected readonly messages = new Map<string, Message>();
  draining = false;
  stopped = false;
  /** New jobs without a message, whose command is about to be answered, and how to cancel the wait for that. */
  readonly #unclaimed = new Map<string, () => void>();
  readonly #refusals: Refusals;
  #unsubscribe: () => void = () => undefined;
  #whenIdle: (() => void) | null = null;

  constructor({ core, clock, logger }: DeliveryOptions) {
    this.core = core;
    this.clock = clock;
    this.logger = logger;
    this.#refusals = new Refusals(clock);
  }

  /** A stored handle, or `null` where there is none. */
  protected abstract readonly parseRef: (stored: unknown) => Ref | null;

  /** A handle for a message still to be posted in the job's room. */
  protected abstract newRef(job: Job): Ref;

  /** `settled`: the job's end was shown before, and something about it changed. */
  protected abstract newMessage(job: Job, ref: Ref, settled: boolean): Message;

  /** Takes up the jobs whose end was not shown before the restart. */
  resume(): void {
    for (const job of this.core.undelivered(this.surface)) {
      if (isProgram(job.caller)) this.core.markDelivered(job.id);
      else this.takeUp(job);
    }
    this.#unsubscribe();
    this.#unsubscribe = this.core.postings?.subscribe(this.surface, () => this.#dropErased()) ?? this.#unsubscribe;
    for (const job of this.core.postings?.outdated(this.surface) ?? []) this.#refresh(job);
  }

  onEvent({ job, type }: JobEvent): void {
    // The messages of erased jobs go as postings do.
    if (this.stopped || job.caller.surface !== this.surface || type === 'erased') return;
    // A program has its answer by the API.
    if (isProgram(job.caller)) {
      if (isOver(job)) this.core.markDelivered(job.id);
      return;
    }
    const message = this.messages.get(job.id);
    if (message) {
      message.touch(job);
      return;
    }
    if (this.draining || this.#unclaimed.has(job.id)) return;
    if (type === 'changed' && this.#refresh(job)) return;
    const ref = this.storedRef(job.id);
    if (ref) this.add(job, ref).touch();
    else if (type !== 'changed') this.#awaitClaim(job.id);
  }

  refused(reason: string): void {
    const counts = this.#refusals.add(reason);
    if (counts === null) return;
    this.logger.warn({ counts }, `${this.surface}: messages have been refused or not answered for some minutes`);
  }

  /** Resolves once nothing is being sent and nothing finished waits, or after `ms`; then nothing more is sent. */
  async drain(ms: number): Promise<void> {
    this.draining = true;
    for (const cancel of this.#unclaimed.values()) cancel();
    if (this.#isBusy()) {
      await new Promise<void>((resolve) => {
        const cancel = this.clock.after(ms, resolve);
        this.#whenIdle = () => {
          cancel();
          resolve();
        };
      });
    }
    this.stopped = true;
    this.#unsubscribe();
    for (const message of [...this.messages.values()]) message.drop();
  }

  updated(message: JobMessage): void {
    if (message.dropped && this.messages.get(message.jobId) === message) this.messages.delete(message.jobId);
    if (this.#whenIdle !== null && !this.#isBusy()) this.#whenIdle();
  }

  erased({ jobId, ref }: JobMessage): void {
    this.core.postings?.discard({ surface: this.surface, job: jobId }, ref);
  }

  #dropErased(): void {
    for (const message of [...this.messages.values()]) if (this.core.job(message.jobId) === null) message.drop();
  }

  #isBusy(): boolean {
    return [...this.messages.values()].some(({ busy }) => busy);
  }

  protected storedRef(jobId: string): Ref | null {
    return this.parseRef(this.core.message(jobId));
  }

  /** From now on this message shows the job. */
  protected add(job: Job, ref: Ref, settled = false): Message {
    this.messages.get(job.id)?.drop();
    this.#unclaimed.get(job.id)?.();
    this.#unclaimed.delete(job.id);
    const message = this.newMessage(job, ref, settled);
    this.messages.set(job.id, message);
    return message;
  }

  protected takeUp(job: Job): void {
    if (this.messages.has(job.id)) return;
    const ref = this.storedRef(job.id);
    if (ref === null) {
      this.#adopt(job);
      return;
    }
    const message = this.add(job, ref);
    // A waiting job's message is brought up to date with the next event.
    if (isOver(job)) message.touch();
  }

  /** Takes deleted pictures off a message that shows the job's end. `false` if there is no message. */
  #refresh(job: Job): boolean {
    const ref = this.messages.has(job.id) ? null : this.storedRef(job.id);
    if (ref !== null) this.add(job, ref, true).touch();
    return ref !== null;
  }

  /** A job without a message: one of several made by one command, or stored just before a crash. */
  #adopt(job: Job): void {
    const ref = this.newRef(job);
    this.core.saveMessage(job.id, ref);
    this.add(job, ref).touch();
  }

  /** Posts a message for the job if nothing else shows it in time. */
  #awaitClaim(jobId: string): void {
    const cancel = this.clock.after(CLAIM_WITHIN, () => {
      this.#unclaimed.delete(jobId);
      const job = this.core.job(jobId);
      if (job !== null && this.core.message(jobId) === null) this.#adopt(job);
    });
    this.#unclaimed.set(jobId, cancel);
  }
}
