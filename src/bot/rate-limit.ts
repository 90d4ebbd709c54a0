import { UserError } from '../system/errors.ts';
import { RecentMap } from '../system/memo.ts';
import { t } from '../texts/translate.ts';

export interface Rate {
  readonly atOnce: number;
  /** How many more each second brings, up to `atOnce`. */
  readonly perSecond: number;
}

/** Something that was asked for too often. */
export class TooOften extends UserError {
  constructor(code: string, message: string, retryAfter: number) {
    const wait = Math.ceil(retryAfter);
    super(code, message, {
      retryAfter: wait,
      hint:
        wait < 100
          ? t('Try again in {seconds} s.', { seconds: wait })
          : t('Try again in {minutes} min.', { minutes: Math.ceil(wait / 60) }),
    });
  }
}

/** Who were counted last; whoever is forgotten begins anew, which takes at least as many names or addresses. */
const MOST_KEYS = 10_000;

/** How often each of many may do something: a bucket for each, which fills as time goes by. */
export class RateLimit {
  readonly #rate: Rate;
  readonly #monotonic: () => number;
  readonly #buckets = new RecentMap<string, { readonly left: number; readonly at: number }>(MOST_KEYS);

  /** @param monotonic milliseconds that only go on. @default the process's */
  constructor(rate: Rate, monotonic: () => number = () => performance.now()) {
    this.#rate = rate;
    this.#monotonic = monotonic;
  }

  /** Takes one, or as many as something costs. Returns 0, or where too few are left the seconds until there are enough. */
  take(key: string, count = 1): number {
    const { atOnce, perSecond } = this.#rate;
    const now = this.#monotonic();
    const { left, at } = this.#buckets.get(key) ?? { left: atOnce, at: now };
    const filled = Math.min(atOnce, left + ((now - at) / 1000) * perSecond);
    if (filled < count) return (count - filled) / perSecond;
    this.#buckets.set(key, { left: filled - count, at: now });
    return 0;
  }

  /** As `take`. @throws TooOften with this code and message */
  require(key: string, code: string, message: string): void {
    const wait = this.take(key);
    if (wait > 0) throw new TooOften(code, message, wait);
  }
}
