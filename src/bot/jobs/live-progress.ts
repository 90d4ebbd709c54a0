import type { Eta, Stage } from '../job.ts';

/** How far a job is, as long as it is being made. */
export interface LiveStep {
  readonly stage: Stage;
  readonly step: number;
  readonly total: number;
  readonly fraction: number;
  readonly eta: Eta | null;
  readonly preview: Uint8Array | null;
}

/** Where a job waits. */
export interface QueuePosition {
  /** From 1; `null` for more than is kept current. */
  readonly position: number | null;
  readonly eta: Eta | null;
}

/** The state of jobs that lives in memory only. */
export class LiveState {
  readonly #steps = new Map<string, LiveStep>();

  step(jobId: string): LiveStep | null {
    return this.#steps.get(jobId) ?? null;
  }

  /** A step without a preview keeps the one before it. */
  setStep(jobId: string, step: LiveStep): LiveStep {
    const preview = step.preview ?? this.#steps.get(jobId)?.preview ?? null;
    const next = { ...step, preview };
    this.#steps.set(jobId, next);
    return next;
  }

  end(jobId: string): void {
    this.#steps.delete(jobId);
  }
}
