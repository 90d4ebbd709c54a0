import type { Clock } from '../../../system/clock.ts';
import { BackOff } from '../../delivery/back-off.ts';
import type { Health } from '../../delivery/health.ts';
import { LOST_TOKEN, problemOf, RateLimited, Refused } from '../web-api/errors.ts';
import { type TokenCheck, tokenError } from '../web-api/startup.ts';

/** Nothing else tells that a token was revoked while nobody uses the bot. In ms. */
const CHECK_EVERY = 30_000;
const RETRIES = { first: 1000, longest: 300_000 };
/** The part of Slack's health that the bot token is. */
const PART = 'bot token';

export interface TokenWatchOptions extends TokenCheck {
  readonly clock: Clock;
  readonly health: Health;
  /** Called when the token is accepted again. */
  readonly restored: () => void;
}

/** Asks Slack from time to time whether it accepts the bot token of the one workspace. */
export class TokenWatch {
  readonly #options: TokenWatchOptions;
  readonly #backOff: BackOff;
  #callOff: () => void = () => undefined;
  #isAsking = false;
  #isClosed = false;

  constructor(options: TokenWatchOptions) {
    this.#options = options;
    this.#backOff = new BackOff({ clock: options.clock, ...RETRIES });
  }

  /** @param ms until Slack is asked next */
  start(ms = CHECK_EVERY): void {
    this.#callOff();
    if (!this.#isClosed) this.#callOff = this.#options.clock.after(ms, () => void this.check());
  }

  close(): void {
    this.#isClosed = true;
    this.#callOff();
  }

  async check(): Promise<void> {
    if (this.#isAsking || this.#isClosed) return;
    this.#isAsking = true;
    this.start(await this.#ask());
    this.#isAsking = false;
  }

  /** Resolves with the pause before the next time. */
  async #ask(): Promise<number> {
    const { client, token, apiUrl, health, restored } = this.#options;
    try {
      await client.apiCall('auth.test', { token });
    } catch (error) {
      const problem = problemOf(error);
      if (problem instanceof RateLimited) return Math.max(CHECK_EVERY, problem.retryAfterMs);
      const wait = this.#backOff.failed();
      const isLasting = this.#backOff.failures > 1 && problem instanceof Refused && LOST_TOKEN.has(problem.code);
      if (!this.#isClosed) health.failed(PART, tokenError(problem, 'SLACK_BOT_TOKEN', apiUrl), { isLasting });
      return wait;
    }
    if (this.#backOff.failures > 0) restored();
    this.#backOff.failures = 0;
    health.works(PART);
    return CHECK_EVERY;
  }
}
