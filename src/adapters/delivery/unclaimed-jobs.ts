import type { Core } from '../../bot/core.ts';
import type { Job } from '../../bot/job.ts';
import type { Clock } from '../../system/clock.ts';

/** A job that nobody claims within this time is shown by a message all the same, in ms. */
const CLAIM_WITHIN = 5000;

/** Jobs that no message shows yet, because whoever filed them is about to answer. */
export class UnclaimedJobs {
  readonly #core: Pick<Core, 'job' | 'message'>;
  readonly #clock: Clock;
  readonly #adopt: (job: Job) => void;
  readonly #timers = new Map<string, () => void>();

  /** @param adopt called for a job that still has no message when the time is over */
  constructor(core: Pick<Core, 'job' | 'message'>, clock: Clock, adopt: (job: Job) => void) {
    this.#core = core;
    this.#clock = clock;
    this.#adopt = adopt;
  }

  has(jobId: string): boolean {
    return this.#timers.has(jobId);
  }

  wait(jobId: string): void {
    const cancel = this.#clock.after(CLAIM_WITHIN, () => {
      this.#timers.delete(jobId);
      const job = this.#core.job(jobId);
      if (job !== null && this.#core.message(jobId) === null) this.#adopt(job);
    });
    this.#timers.set(jobId, cancel);
  }

  /** The job has a message now. */
  claim(jobId: string): void {
    this.#timers.get(jobId)?.();
    this.#timers.delete(jobId);
  }

  stop(): void {
    for (const cancel of this.#timers.values()) cancel();
  }
}
