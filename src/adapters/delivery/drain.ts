import type { Clock } from '../../system/clock.ts';

/** Waits until nothing is at work. */
export interface Idle {
  /** To be called when something has ended. */
  check(): void;
  /** Resolves when nothing is at work, at the latest after so many milliseconds. */
  within(ms: number): Promise<void>;
}

export function createIdle(clock: Clock, busy: () => boolean): Idle {
  let end: (() => void) | null = null;
  return {
    check() {
      // Asking is not cheap while a thousand jobs wait.
      if (end !== null && !busy()) end();
    },
    async within(ms) {
      if (!busy()) return;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(ms, resolve);
        end = () => {
          cancel();
          resolve();
        };
      });
    },
  };
}
