import type { OperatorError } from '../../system/errors.ts';
import type { Logger } from '../../system/logging.ts';
import type { Trouble } from '../adapter.ts';

/** Whether people can be served on a platform: each part that they depend on says when it fails and when it works again. */
export class Health {
  /** Called when `trouble` has changed. */
  changed: () => void = () => undefined;
  readonly #platform: string;
  readonly #logger: Logger;
  readonly #troubles = new Map<string, Trouble>();

  constructor(platform: string, logger: Logger) {
    this.#platform = platform;
    this.#logger = logger;
  }

  /** One that lasts goes before others. */
  get trouble(): Trouble | undefined {
    const troubles = [...this.#troubles.values()];
    return troubles.find(({ isLasting }) => isLasting) ?? troubles[0];
  }

  failed(part: string, error: OperatorError, { isLasting = false } = {}): void {
    const before = this.#troubles.get(part);
    this.#troubles.set(part, { error, isLasting });
    if (before?.error.code === error.code && before.isLasting === isLasting) return;
    const log = { code: error.code, reason: error.message, hint: error.hint, lasting: isLasting };
    this.#logger[isLasting ? 'error' : 'warn'](log, `${this.#platform}: not ready`);
    this.changed();
  }

  works(part: string): void {
    if (!this.#troubles.delete(part)) return;
    if (this.#troubles.size === 0) this.#logger.info({}, `${this.#platform}: connected again`);
    this.changed();
  }
}
