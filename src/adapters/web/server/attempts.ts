import { UserError } from '../../../system/errors.ts';

const MAX_FAILURES = 10;
const WINDOW_MS = 60_000;
const MAX_ADDRESSES = 1000;

/** Slows down the guessing of tokens: ten wrong ones per address and minute. */
export class SignInAttempts {
  readonly #failures = new Map<string, { count: number; until: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Throws `UserError` `too_many_attempts`. */
  check(address: string): void {
    const entry = this.#failures.get(address);
    if (entry && entry.until > this.#now() && entry.count >= MAX_FAILURES) {
      const seconds = Math.ceil((entry.until - this.#now()) / 1000);
      throw new UserError('too_many_attempts', `${MAX_FAILURES} wrong tokens came from here within a minute.`, {
        hint: `Try again in ${seconds} s.`,
      });
    }
  }

  failed(address: string): void {
    const now = this.#now();
    const entry = this.#failures.get(address);
    if (entry && entry.until > now) {
      entry.count += 1;
      return;
    }
    this.#failures.delete(address);
    const oldest = this.#failures.keys().next();
    if (this.#failures.size >= MAX_ADDRESSES && !oldest.done) this.#failures.delete(oldest.value);
    this.#failures.set(address, { count: 1, until: now + WINDOW_MS });
  }
}
