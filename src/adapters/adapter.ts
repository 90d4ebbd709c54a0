import type { Core } from '../bot/core.ts';
import type { Surface } from '../bot/job.ts';
import type { OperatorError } from '../system/errors.ts';

export type { CommandOptions, Core, Outcome } from '../bot/core.ts';

/** Why nobody can be served on a platform at the moment. */
export interface Trouble {
  readonly error: OperatorError;
  /** Trying again has shown that only the operator can help. It is tried again all the same, at long intervals. */
  readonly isLasting: boolean;
}

/** A chat platform. It only translates: what would be the same on two platforms belongs in the core. */
export interface Adapter {
  readonly surface: Surface;
  /** `undefined` while people can be served. */
  readonly trouble?: Trouble | undefined;
  /**
   * Connects and delivers the jobs that are still undelivered. Rejects with an `OperatorError`. From then on
   * `onTrouble` is called whenever `trouble` has changed.
   */
  start(core: Core, onTrouble?: () => void): Promise<void>;
  /** Takes no new commands, finishes deliveries and disconnects. Resolves within `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>;
}
