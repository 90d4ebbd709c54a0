import type { Core } from '../bot/core.ts';
import type { Surface } from '../bot/job.ts';

export type { CommandOptions, Core, Outcome } from '../bot/core.ts';

/** A chat platform. It translates and nothing else: what would be the same for two platforms belongs in the core. */
export interface Adapter {
  readonly surface: Surface;
  /** Connects and takes up undelivered jobs. Rejects with an OperatorError that says in a sentence what to mend. */
  start(core: Core): Promise<void>;
  /** Takes no new commands, delivers what is being delivered, disconnects. Resolves within `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>;
}
