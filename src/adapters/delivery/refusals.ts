import type { Clock } from '../../system/clock.ts';

/** How long refusals go on before the operator is warned, in ms. */
const WARN_AFTER = 3 * 60_000;
/** After so long without one, the next refusal begins a new time of them, in ms. */
const QUIET = 60 * 60_000;

/** Counts what a platform refuses, and says once when it has gone on for some minutes. */
export class Refusals {
  readonly #clock: Clock;
  readonly #counts = new Map<string, number>();
  #first = Number.NEGATIVE_INFINITY;
  #latest = Number.NEGATIVE_INFINITY;
  #warned = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns how often each reason was given, if this refusal is the one to warn of; else `null` */
  add(reason: string): Readonly<Record<string, number>> | null {
    const now = this.#clock.monotonic();
    if (now - this.#latest > QUIET) {
      this.#counts.clear();
      this.#first = now;
      this.#warned = false;
    }
    this.#latest = now;
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    if (this.#warned || now - this.#first < WARN_AFTER) return null;
    this.#warned = true;
    return Object.fromEntries(this.#counts);
  }
}
