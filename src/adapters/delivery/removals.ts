import type { Doomed } from '../../bot/core.ts';
import { forReader, type Surface } from '../../bot/job.ts';
import { inLanguage } from '../../texts/language.ts';
import type { DeliveryOptions } from './job-message.ts';

/** Pause after the first failed attempt; it grows fourfold up to the longest. In ms. */
const RETRY_FIRST = 2000;
const RETRY_LONGEST = 6 * 3600 * 1000;
/** Handles read at once. */
const BATCH = 20;

/** What could not be removed. */
export interface Rest {
  /** The platform's handle on it. */
  readonly handle: unknown;
  /** Why, in a sentence for the person whom it shows, in the language in which it is called. */
  readonly why: () => string;
}

/**
 * Removes from a platform what must go: pictures that were deleted, and all of people who were erased. One after another,
 * and again with growing pauses, also after a restart, until the platform has removed it or says that it is gone.
 */
export abstract class Removals {
  protected readonly options: DeliveryOptions;
  readonly #surface: Surface;
  #running = false;
  #stopped = false;
  #wake: () => void = () => undefined;
  #unsubscribe: () => void = () => undefined;

  constructor(surface: Surface, options: DeliveryOptions) {
    this.#surface = surface;
    this.options = options;
  }

  /**
   * Removes one thing, in a poorer way where the platform refuses. Resolves with what is left, or `null`. Rejects where the
   * platform cannot be asked; `whyOf` says why.
   */
  protected abstract remove(doomed: Doomed): Promise<Rest | null>;

  protected abstract whyOf(error: unknown): string;

  start(): void {
    this.#unsubscribe = this.options.core.postings?.subscribe(this.#surface, () => this.#begin()) ?? this.#unsubscribe;
    // What kept it from being removed may be mended.
    this.options.core.postings?.hasten(this.#surface);
    this.#begin();
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    this.#wake();
  }

  #begin(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    this.#wake();
    void this.#work()
      .catch((err: unknown) =>
        this.options.logger.error({ err }, `${this.#surface}: nothing can be removed at present`),
      )
      .finally(() => {
        this.#running = false;
        this.#sleep();
      });
  }

  async #work(): Promise<void> {
    const { postings } = this.options.core;
    for (;;) {
      const due = this.#stopped ? [] : (postings?.due(this.#surface, BATCH) ?? []);
      if (due.length === 0) return;
      for (const doomed of due) {
        if (this.#stopped) return;
        await this.#attempt(doomed);
      }
    }
  }

  async #attempt(doomed: Doomed): Promise<void> {
    const { core, clock, logger } = this.options;
    const { id, job, handle, tries } = doomed;
    const rest = await forReader(doomed, () =>
      this.remove(doomed).catch((error: unknown): Rest => ({ handle, why: () => this.whyOf(error) })),
    );
    // What was removed while the bot stopped is found to be gone at the next start.
    if (this.#stopped) return;
    if (rest === null) {
      core.postings?.removed(id);
      return;
    }
    const pause = Math.min(RETRY_LONGEST, RETRY_FIRST * 4 ** tries);
    core.postings?.failed(id, {
      problem: forReader(doomed, rest.why),
      handle: rest.handle,
      dueAt: clock.now() + pause,
    });
    const log = { job, tries: tries + 1, problem: inLanguage('en', rest.why), againInSeconds: pause / 1000 };
    logger.warn(log, `${this.#surface}: something could not be removed yet`);
  }

  #sleep(): void {
    const { core, clock } = this.options;
    const next = this.#stopped ? undefined : core.postings?.nextDue(this.#surface);
    if (next === undefined) return;
    // The machine's clock may have been set back.
    const wait = Math.min(RETRY_LONGEST, Math.max(1000, next - clock.now()));
    this.#wake = clock.after(wait, () => this.#begin());
  }
}
