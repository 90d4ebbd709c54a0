import type { Clock } from '../../system/clock.ts';

/** Waits until nothing is being sent. */
export class Drain {
  readonly #clock: Clock;
  readonly #isBusy: () => boolean;
  #end: (() => void) | null = null;

  constructor(clock: Clock, isBusy: () => boolean) {
    this.#clock = clock;
    this.#isBusy = isBusy;
  }

  /** To be called when something has ended. */
  check(): void {
    if (this.#end !== null && !this.#isBusy()) this.#end();
  }

  /** Resolves when nothing is being sent, at the latest after so many milliseconds. */
  async within(ms: number): Promise<void> {
    if (!this.#isBusy()) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#end = () => {
        cancel();
        resolve();
      };
    });
  }
}
