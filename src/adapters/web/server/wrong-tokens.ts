import { PERSON_BOUNDS } from '../../../bot/person-bounds.ts';
import { TooOften } from '../../../bot/rate-limit.ts';
import { UserError } from '../../../system/errors.ts';
import { RecentMap } from '../../../system/memo.ts';
import { t } from '../../../texts/translate.ts';

const MOST_KEYS = 10_000;

interface Failures {
  /** Since the last wait. */
  readonly count: number;
  /** How many waits there were. */
  readonly waits: number;
  readonly waitsUntil: number;
  readonly at: number;
}

const NONE: Failures = { count: 0, waits: 0, waitsUntil: 0, at: 0 };

/**
 * Slows down the guessing of tokens, by address and by the name or token that is guessed at. After a few wrong ones the
 * others are refused, each time for twice as long. A right one is never refused: otherwise anybody could lock out the
 * owner of a name, or everybody behind one proxy.
 */
export class WrongTokens {
  readonly #failures = new RecentMap<string, Failures>(MOST_KEYS);
  readonly #onWait: (key: string) => void;
  readonly #monotonic: () => number;

  /** @param onWait told once for each wait that begins */
  constructor(onWait: (key: string) => void = () => {}, monotonic: () => number = () => performance.now()) {
    this.#onWait = onWait;
    this.#monotonic = monotonic;
  }

  /** Runs `attempt`, and counts it if it throws `token_wrong`. @throws TooOften `too_many_attempts` in place of that */
  attempt<T>(keys: readonly string[], attempt: () => T): T {
    try {
      return attempt();
    } catch (error) {
      if (!(error instanceof UserError && error.code === 'token_wrong')) throw error;
      const wait = Math.max(...keys.map((key) => this.#fail(key)));
      if (wait <= 0) throw error;
      throw new TooOften(
        'too_many_attempts',
        t('Too many wrong tokens came from your address, or for this name.'),
        wait,
      );
    }
  }

  /** Returns the seconds to wait that hold already. */
  #fail(key: string): number {
    const { free, firstWaitMs, longestWaitMs, forgottenAfterMs } = PERSON_BOUNDS.wrongTokens;
    const now = this.#monotonic();
    const known = this.#failures.get(key) ?? NONE;
    const { count, waits, waitsUntil } = now - Math.max(known.at, known.waitsUntil) > forgottenAfterMs ? NONE : known;
    if (waitsUntil > now) {
      this.#failures.set(key, { count, waits, waitsUntil, at: now });
      return (waitsUntil - now) / 1000;
    }
    if (count + 1 < free) {
      this.#failures.set(key, { count: count + 1, waits, waitsUntil, at: now });
      return 0;
    }
    const wait = Math.min(longestWaitMs, firstWaitMs * 2 ** waits);
    this.#failures.set(key, { count: 0, waits: waits + 1, waitsUntil: now + wait, at: now });
    this.#onWait(key);
    return 0;
  }
}
