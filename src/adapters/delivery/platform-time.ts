import type { Clock } from '../../system/clock.ts';

/**
 * The time of day for a platform, learned from what it stamps: its clock may differ from this machine's by minutes, and
 * this machine's may be set. Before anything was seen, this machine's has to do.
 */
export class PlatformTime implements Clock {
  readonly #clock: Clock;
  /** From the monotonic time to the platform's. */
  #offset: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The platform has stamped something with this time, just now or, where it was held up, earlier. */
  saw(ms: number): void {
    const offset = ms - this.#clock.monotonic();
    if (Number.isNaN(offset)) return;
    if (this.#offset === null || offset > this.#offset) this.#offset = offset;
  }

  now(): number {
    return this.#offset === null ? this.#clock.now() : this.#clock.monotonic() + this.#offset;
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  after(ms: number, run: () => void): () => void {
    return this.#clock.after(ms, run);
  }

  /** By how many ms it is ahead of this machine's. */
  get ahead(): number {
    return this.now() - this.#clock.now();
  }
}
