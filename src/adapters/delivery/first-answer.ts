import { type Clock, pause } from '../../system/clock.ts';
import { UserError } from '../../system/errors.ts';
import { RecentMap } from '../../system/memo.ts';
import type { Core, Outcome } from '../adapter.ts';

/** How many interactions are remembered, to recognise repeated deliveries. */
const REMEMBERED = 5000;

export interface Decision<Acknowledged> {
  readonly outcome: Outcome;
  /** The result of acknowledging, if the outcome took too long; `null` if the outcome itself can be the answer. */
  readonly acknowledged: Acknowledged | null;
}

/** The first answer to each interaction: given once, and in time. */
export class FirstAnswers {
  readonly #core: Core;
  readonly #clock: Clock;
  readonly #report: (error: unknown) => void;
  readonly #decideMs: number;
  readonly #seen = new RecentMap<string, true>(REMEMBERED);

  /**
   * @param report called with errors that are not the fault of the person who asked
   * @param decideMs how long the core may take before the interaction is acknowledged without knowing the outcome
   */
  constructor(core: Core, clock: Clock, report: (error: unknown) => void, decideMs = 120) {
    this.#core = core;
    this.#clock = clock;
    this.#report = report;
    this.#decideMs = decideMs;
  }

  /** `false` for a repeated delivery. */
  isNew(key: string): boolean {
    if (this.#seen.has(key)) return false;
    this.#seen.set(key, true);
    return true;
  }

  /** The next delivery with this key counts as new. */
  forget(key: string): void {
    this.#seen.delete(key);
  }

  /** Runs the work. Errors become replies, in the language in which this is called. */
  async outcomeOf(work: () => Promise<Outcome>): Promise<Outcome> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof UserError)) this.#report(error);
      return { kind: 'reply', reply: this.#core.errorReply(error) };
    }
  }

  /** As `outcomeOf`, and acknowledges if it takes longer than a moment. Errors become replies. */
  async decide<Acknowledged>(
    work: () => Promise<Outcome>,
    acknowledge: () => Promise<Acknowledged>,
  ): Promise<Decision<Acknowledged>> {
    const outcome = this.outcomeOf(work);
    const early = await Promise.race([outcome, pause(this.#clock, this.#decideMs).then(() => null)]);
    if (early) return { outcome: early, acknowledged: null };
    const acknowledged = await acknowledge();
    return { outcome: await outcome, acknowledged };
  }
}
