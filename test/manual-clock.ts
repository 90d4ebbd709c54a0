import type { Clock } from '../src/system/clock.ts';

interface Timer {
  readonly at: number;
  readonly ms: number;
  readonly run: () => void;
}

/** Time that moves only when told to. */
export class ManualClock implements Clock {
  readonly #timers = new Set<Timer>();
  readonly #hopes = new Set<() => void>();
  #now = 0;
  /** From the monotonic time to the time of day. */
  #offset = Date.UTC(2026, 0, 5);

  now(): number {
    return this.#now + this.#offset;
  }

  monotonic(): number {
    return this.#now;
  }

  /** Somebody sets the machine's clock: forward, or back where `ms` is negative. */
  jump(ms: number): void {
    this.#offset += ms;
  }

  /** The machine sleeps: all time passes, and what fell due meanwhile runs when it wakes up. */
  sleep(ms: number): void {
    this.#now += ms;
    this.advance(0);
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, ms, run };
    this.#timers.add(timer);
    for (const hope of this.#hopes) hope();
    return () => this.#timers.delete(timer);
  }

  /** Moves on by `ms`, running every timer that falls due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.run();
    }
    this.#now = end;
  }

  /** Resolves as soon as somebody waits for exactly `ms`. */
  async awaited(ms: number): Promise<void> {
    while (![...this.#timers].some((timer) => timer.ms === ms)) {
      await new Promise<void>((resolve) => {
        this.#hopes.add(resolve);
      });
    }
  }
}
