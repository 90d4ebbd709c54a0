import type { Clock } from '../../system/clock.ts';
import type { Logger } from '../../system/logging.ts';
import type { Lack } from '../job.ts';

export interface ShortagesOptions {
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'info' | 'error'>;
}

/** A process that died is replaced within this time, in milliseconds, where all is well. */
const GRACE_MS = 10_000;

/** Tells the operator once, however many requests wait for it, of what no painter has, and when that is over. */
export class Shortages {
  readonly #options: ShortagesOptions;
  /** By what is lacking. */
  readonly #open = new Map<string, { readonly callOff: () => void; isTold: boolean }>();

  constructor(options: ShortagesOptions) {
    this.#options = options;
  }

  /** @param lacks what requests wait for now */
  saw(lacks: readonly Lack[]): void {
    const { clock, logger } = this.#options;
    const now = new Set(lacks.map(nameOf));
    for (const [name, { callOff, isTold }] of this.#open) {
      if (now.has(name)) continue;
      callOff();
      this.#open.delete(name);
      if (isTold) logger.info({ lack: name }, 'no request waits for that any more');
    }
    for (const name of now) {
      if (this.#open.has(name)) continue;
      const callOff = clock.after(GRACE_MS, () => {
        shortage.isTold = true;
        logger.error(
          { lack: name },
          `Requests wait for ${name}: none is there. They start by themselves when one comes.`,
        );
      });
      const shortage = { callOff, isTold: false };
      this.#open.set(name, shortage);
    }
  }

  close(): void {
    for (const { callOff } of this.#open.values()) callOff();
    this.#open.clear();
  }
}

function nameOf(lack: Lack): string {
  switch (lack.what) {
    case 'painter':
      return 'a painter';
    case 'start':
      return 'a painter that can start from pictures';
    case 'size':
      return `a painter that can make ${lack.name}`;
    case 'lora':
      return `a painter with the LoRA ${lack.name}`;
    case 'style':
      return `a painter with the style ${lack.name}`;
  }
}
