import { AsyncResource } from 'node:async_hooks';
import type { Clock } from '../../../system/clock.ts';
import { RecentMap } from '../../../system/memo.ts';
import { RateLimited } from './errors.ts';

export type Urgency = 'final' | 'progress';

interface Pending {
  urgency: Urgency;
  run: () => Promise<void>;
}

/** Keys whose last turn is remembered. */
const REMEMBERED = 5000;

interface BudgetOptions {
  readonly clock: Clock;
  /** Calls in any minute never exceed this. */
  readonly perMinute: number;
  /** Calls that may go out at once after a quiet time; part of `perMinute`. */
  readonly burst: number;
}

/**
 * One budget of calls, shared by all jobs of a workspace. Each job has at most one waiting call, the newest. Final calls
 * go first, in order; then comes progress of the job that was served longest ago. One call is kept in reserve for final ones.
 */
export class CallBudget {
  readonly #clock: Clock;
  readonly #perMs: number;
  readonly #burst: number;
  readonly #pending = new Map<string, Pending>();
  readonly #running = new Set<string>();
  /** When each key was served last; those served longest ago are forgotten, and count as never served. */
  readonly #served = new RecentMap<string, number>(REMEMBERED);
  #tokens: number;
  #filledAt: number;
  #pausedUntil = 0;
  #wake: (() => void) | null = null;

  constructor({ clock, perMinute, burst }: BudgetOptions) {
    this.#clock = clock;
    this.#burst = burst;
    this.#perMs = (perMinute - burst) / 60_000;
    this.#tokens = burst;
    this.#filledAt = clock.monotonic();
  }

  /** Keys waiting or running. */
  get size(): number {
    return new Set([...this.#pending.keys(), ...this.#running]).size;
  }

  /** `run` rejects with `RateLimited` to be run again, and with nothing else. */
  submit(key: string, urgency: Urgency, run: () => Promise<void>): void {
    const waiting = this.#pending.get(key);
    if (waiting) {
      if (waiting.urgency === 'final' && urgency === 'progress') return;
      if (urgency === 'final' && waiting.urgency === 'progress') this.#pending.delete(key);
    }
    // It runs on another call's turn, and still for whoever asked for it.
    this.#pending.set(key, { urgency, run: AsyncResource.bind(run) });
    this.#pump();
  }

  /** No call before `ms` have passed: what Slack's Retry-After asks for. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#clock.monotonic() + ms);
    this.#tokens = 0;
    this.#filledAt = this.#pausedUntil;
    this.#pump();
  }

  /** Forgets progress that waits: at the end only final states matter. */
  dropProgress(): void {
    for (const [key, { urgency }] of this.#pending) if (urgency === 'progress') this.#pending.delete(key);
  }

  clear(): void {
    this.#pending.clear();
    this.#wake?.();
    this.#wake = null;
  }

  #pump(): void {
    this.#wake?.();
    this.#wake = null;
    for (;;) {
      const next = this.#next();
      if (next === null) return;
      const [key, { urgency, run }] = next;
      const wait = this.#waitFor(urgency === 'final' ? 1 : 2);
      if (wait > 0) {
        this.#wake = this.#clock.after(wait, () => this.#pump());
        return;
      }
      this.#tokens -= 1;
      this.#pending.delete(key);
      this.#running.add(key);
      this.#served.set(key, this.#clock.monotonic());
      void this.#run(key, urgency, run);
    }
  }

  async #run(key: string, urgency: Urgency, run: () => Promise<void>): Promise<void> {
    try {
      await run();
      if (urgency === 'final') this.#served.delete(key);
    } catch (error) {
      if (!(error instanceof RateLimited)) throw error;
      const newer = this.#pending.get(key);
      if (newer === undefined || (urgency === 'final' && newer.urgency === 'progress')) {
        this.#pending.set(key, { urgency, run });
      }
      this.#running.delete(key);
      this.pause(error.retryAfterMs);
    } finally {
      this.#running.delete(key);
      this.#pump();
    }
  }

  #next(): [string, Pending] | null {
    let best: [string, Pending] | null = null;
    for (const entry of this.#pending) {
      if (this.#running.has(entry[0])) continue;
      if (entry[1].urgency === 'final') return entry;
      if (best === null || (this.#served.get(entry[0]) ?? -1) < (this.#served.get(best[0]) ?? -1)) best = entry;
    }
    return best;
  }

  /** Milliseconds until so many tokens are available. */
  #waitFor(tokens: number): number {
    const now = this.#clock.monotonic();
    if (now < this.#pausedUntil) return this.#pausedUntil - now;
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, now - this.#filledAt) * this.#perMs);
    this.#filledAt = now;
    // A ten-thousandth of a call is rounding, not a missing call.
    const missing = Math.min(tokens, this.#burst) - this.#tokens;
    return missing <= 1e-4 ? 0 : Math.ceil(missing / this.#perMs);
  }
}
