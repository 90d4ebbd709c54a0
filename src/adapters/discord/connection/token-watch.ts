import { type REST, RESTEvents, Routes } from 'discord.js';
import type { Clock } from '../../../system/clock.ts';
import { BackOff } from '../../delivery/back-off.ts';
import type { Health } from '../../delivery/health.ts';
import { restError } from '../rest/startup.ts';

const RETRIES = { first: 1000, longest: 600_000 };
/** The part of Discord's health that the bot token is. */
const PART = 'bot token';

export interface TokenWatchOptions {
  readonly rest: REST;
  readonly token: string;
  readonly apiBase: string | undefined;
  readonly clock: Clock;
  readonly health: Health;
}

/** After a 401 discord.js forgets the token, and every call fails. This asks from time to time whether it is accepted again. */
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

  start(): void {
    this.#options.rest.on(RESTEvents.Response, (_request, { status }) => {
      if (status === 401 && !this.#isAsking && this.#backOff.failures === 0) void this.#ask();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#callOff();
  }

  async #ask(): Promise<void> {
    const { rest, token, apiBase, clock, health } = this.#options;
    if (this.#isClosed) return;
    this.#isAsking = true;
    try {
      await rest.setToken(token).get(Routes.currentApplication());
      this.#backOff.failures = 0;
      health.works(PART);
    } catch (error) {
      const trouble = restError(error, { apiBase });
      const wait = this.#backOff.failed();
      const isLasting = this.#backOff.failures > 1 && trouble.code === 'discord_bad_token';
      if (!this.#isClosed) {
        health.failed(PART, trouble, { isLasting });
        this.#callOff = clock.after(wait, () => void this.#ask());
      }
    } finally {
      this.#isAsking = false;
    }
  }
}
