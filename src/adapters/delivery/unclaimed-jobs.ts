import type { Core } from '../../bot/core.ts';
import type { Job } from '../../bot/job.ts';
import type { Clock } from '../../system/clock.ts';

/** A job that nobody claims within this time is shown by a message all the same, in ms. */
const CLAIM_WITHIN = 5000;

export interface ClaimsOptions {
  readonly core: Pick<Core, 'job' | 'message'>;
  readonly clock: Clock;
  /** Called for a job that has no message when the time is over. */
  readonly adopt: (job: Job) => void;
}

/** Jobs that no message shows yet, since whoever filed them is about to answer. */
export interface Claims {
  has(jobId: string): boolean;
  wait(jobId: string): void;
  /** It has a message now. */
  end(jobId: string): void;
  stop(): void;
}

export function createClaims({ core, clock, adopt }: ClaimsOptions): Claims {
  const waiting = new Map<string, () => void>();
  return {
    has: (jobId) => waiting.has(jobId),
    wait(jobId) {
      const cancel = clock.after(CLAIM_WITHIN, () => {
        waiting.delete(jobId);
        const job = core.job(jobId);
        if (job !== null && core.message(jobId) === null) adopt(job);
      });
      waiting.set(jobId, cancel);
    },
    end(jobId) {
      waiting.get(jobId)?.();
      waiting.delete(jobId);
    },
    stop() {
      for (const cancel of waiting.values()) cancel();
    },
  };
}
