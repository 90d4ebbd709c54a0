import type { Clock } from '../../system/clock.ts';

/** A connection that lasted so long has held, in ms. */
const HELD = 30_000;
/** So many connections in a row may break before they are missed. */
const FREE = 5;

export interface BackOffOptions {
  readonly clock: Clock;
  /** Pause after the first failure; it doubles up to the longest. In ms. */
  readonly first: number;
  readonly longest: number;
}

/** The pauses between attempts to connect. They start anew when a connection has held, not when it is made. */
export class BackOff {
  /** In a row, since a connection held last. */
  failures = 0;
  readonly #options: BackOffOptions;
  #connectedAt: number | null = null;

  constructor(options: BackOffOptions) {
    this.#options = options;
  }

  connected(): void {
    this.#connectedAt = this.#options.clock.monotonic();
  }

  /** The connection has broken, which happens now and then. Returns the pause before the next attempt, in ms. */
  broken(): number {
    return this.#next(FREE);
  }

  /** An attempt has failed, or a connection was ended for a reason. Returns the pause before the next attempt, in ms. */
  failed(): number {
    return this.#next(0);
  }

  #next(free: number): number {
    const { clock, first, longest } = this.#options;
    if (this.#connectedAt !== null && clock.monotonic() - this.#connectedAt >= HELD) this.failures = 0;
    this.#connectedAt = null;
    this.failures += 1;
    return this.failures <= free ? 0 : Math.min(longest, first * 2 ** (this.failures - free - 1));
  }
}
