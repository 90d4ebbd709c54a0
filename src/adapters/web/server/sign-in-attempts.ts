import { UserError } from '../../../system/errors.ts';
import { RecentMap } from '../../../system/memo.ts';

const MAX_FAILURES = 10;
const WINDOW_MS = 60_000;
const MAX_ADDRESSES = 1000;

/** Slows down the guessing of tokens: an address may be wrong ten times a minute. */
export class SignInAttempts {
  readonly #failures = new RecentMap<string, { readonly count: number; readonly until: number }>(MAX_ADDRESSES);

  /** Runs `signIn` and counts it if it throws. Throws `UserError` `too_many_attempts` without running it. */
  attempt<T>(address: string, signIn: () => T): T {
    const now = performance.now();
    const known = this.#failures.get(address);
    const { count, until } = known && known.until > now ? known : { count: 0, until: now + WINDOW_MS };
    if (count >= MAX_FAILURES) {
      throw new UserError('too_many_attempts', `${MAX_FAILURES} wrong tokens came from your address within a minute.`, {
        hint: `Try again in ${Math.ceil((until - now) / 1000)} s.`,
      });
    }
    try {
      return signIn();
    } catch (error) {
      this.#failures.set(address, { count: count + 1, until });
      throw error;
    }
  }
}
