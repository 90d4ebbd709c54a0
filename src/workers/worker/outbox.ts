import type { EngineEvent } from '../../pipeline/process/protocol.ts';
import type { BotConnection } from './bot-connection.ts';

type Sent = Exclude<EngineEvent, { type: 'done' }>;

/** Sends the events of an attempt in their order. Where the way is slow, steps that are already out of date are left out. */
export class Outbox {
  readonly #bot: BotConnection;
  readonly #onProblem: (error: unknown) => void;
  readonly #waiting: Sent[] = [];
  #sending: Promise<void> | undefined;
  #problem: { readonly error: unknown } | undefined;

  /** @param onProblem called once, with what keeps everything from being sent */
  constructor(bot: BotConnection, onProblem: (error: unknown) => void) {
    this.#bot = bot;
    this.#onProblem = onProblem;
  }

  put(event: Sent): void {
    const last = this.#waiting.at(-1);
    if (event.type === 'step' && last?.type === 'step') {
      const { preview, previewOf } = event.preview === null ? last : event;
      this.#waiting.pop();
      this.#waiting.push({ ...event, preview, ...(previewOf === undefined ? {} : { previewOf }) });
    } else this.#waiting.push(event);
    this.#sending ??= this.#send();
  }

  /** Resolves when everything has arrived. */
  async emptied(): Promise<void> {
    await this.#sending;
    if (this.#problem) throw this.#problem.error;
  }

  async #send(): Promise<void> {
    try {
      for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) {
        await (event.type === 'step' ? this.#bot.step(event) : this.#bot.image(event));
      }
      this.#sending = undefined;
    } catch (error) {
      this.#problem = { error };
      this.#onProblem(error);
    }
  }
}
