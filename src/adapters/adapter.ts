import type { Core } from '../bot/core.ts';
import type { Surface } from '../bot/job.ts';

export type { CommandOptions, Core, Outcome } from '../bot/core.ts';

/** A chat platform. It only translates: what would be the same on two platforms belongs in the core. */
export interface Adapter {
  readonly surface: Surface;
  /** Connects and delivers the jobs that are still undelivered. Rejects with an `OperatorError`. */
  start(core: Core): Promise<void>;
  /** Takes no new commands, finishes deliveries and disconnects. Resolves within `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>;
}
