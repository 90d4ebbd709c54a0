import { UserError } from '../../system/errors.ts';
import type { Party } from '../history/history.ts';
import { dayOf } from '../history/usage.ts';
import { type Caller, ruledBy } from '../job.ts';
import type { GuildRules } from '../rules/guild-rules.ts';
import { refuseBlocked } from '../rules/moderation.ts';
import { checkQuotas } from '../rules/quotas.ts';
import { detailsOf, goneImage, lostBefore, secondsToRepaint } from './ancestry.ts';
import type { Wanted } from './job-queue.ts';
import type { JobServices } from './job-services.ts';
import type { Recipes } from './recipes.ts';
import { Repainting } from './repainting.ts';
import { workOf } from './work.ts';

export interface LostImagesOptions extends JobServices {
  readonly recipes: Recipes;
  readonly rules: GuildRules;
}

/**
 * Finds the files of pictures. A lost one is made again once for all who ask, on the account of who asked first: at their
 * fair turn, within their quotas, where it counts as an unfinished request.
 */
export class LostImages {
  readonly #options: LostImagesOptions;
  readonly #making = new Map<string, Promise<string | null>>();
  readonly #stopping = new AbortController();

  constructor(options: LostImagesOptions) {
    this.#options = options;
  }

  /**
   * Absolute path of a picture's file; `null` if it is deleted, unknown, or cannot be made again now.
   * @throws UserError `blocked_user` and what `checkQuotas` throws, if the asker may not have it made again
   */
  async path(imageId: string, asker: Caller): Promise<string | null> {
    const file = this.#options.history.images.file(imageId);
    if (file === null || file.state === 'deleted') return null;
    if (file.state === 'present') return file.path;
    if (this.#stopping.signal.aborted) return null;
    return this.#making.get(imageId) ?? this.#begin(imageId, asker);
  }

  /**
   * Begins to make those of the pictures again whose files are lost: whoever asks for their paths later waits for them.
   * @throws UserError as `path` does
   */
  restore(imageIds: readonly string[], asker: Caller): void {
    const { images } = this.#options.history;
    const isLost = (id: string) => images.file(id)?.state === 'lost' && !this.#making.has(id);
    for (const id of imageIds.filter(isLost)) void this.#begin(id, asker);
  }

  /** Makes nothing more: whoever waits for a picture gets `null`. */
  stop(): void {
    this.#stopping.abort();
  }

  #begin(imageId: string, asker: Caller): Promise<string | null> {
    const seconds = this.#estimate(imageId);
    if (seconds === null) return Promise.resolve(null);
    this.#requireQuota(asker, seconds);
    const making = this.#make(imageId, asker, seconds).finally(() => this.#making.delete(imageId));
    this.#making.set(imageId, making);
    return making;
  }

  /** Accelerator seconds; `null` if what it was made from is gone. */
  #estimate(imageId: string): number | null {
    const { history, onProblem } = this.#options;
    try {
      const details = history.images.get(imageId);
      if (details === null) return null;
      const before = details.embedding === null ? lostBefore(history.images, details.recipe) : [];
      return secondsToRepaint(this.#options, [...before, details]);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      onProblem(error, `image ${imageId} cannot be made again`);
      return null;
    }
  }

  #requireQuota(asker: Caller, seconds: number): void {
    const { history, rules, clock, queue } = this.#options;
    const here = rules.at(asker);
    refuseBlocked(asker, here);
    const errands = (party: Party) => queue.errandsOf(party);
    // When there is room again depends on requests alone.
    checkQuotas(asker, { jobs: 1, seconds }, { history, rules: here, errands, etaOf: () => null, now: clock.now() });
  }

  /** While it waits, its estimate counts as used in memory alone: an errand does not outlive the process. */
  async #make(imageId: string, asker: Caller, seconds: number): Promise<string | null> {
    const { history, recipes, queue, clock, onProblem } = this.#options;
    const { signal } = this.#stopping;
    try {
      const wanted = this.#wanted(imageId);
      return await queue.errand(asker, { seconds, signal, wanted }, async (painter) => {
        const repainting = new Repainting(clock, signal);
        try {
          return await history.images.restore(imageId, await recipes.remake(imageId, painter, repainting));
        } finally {
          this.#charge(asker, imageId, Math.max(repainting.seconds, repainting.spent.seconds));
        }
      });
    } catch (error) {
      if (!signal.aborted) onProblem(error, `image ${imageId} cannot be made again`);
      return null;
    }
  }

  /** What a painter needs for it. @throws UserError `image_gone` */
  #wanted(imageId: string): Wanted {
    const { jobs, images } = this.#options.history;
    const { jobId, recipe, embedding } = detailsOf(images, imageId);
    const job = jobs.get(jobId);
    if (job === null) throw goneImage(imageId);
    const work = workOf(job.request, embedding === null ? recipe.verb : 'vary-subtle', 1);
    return { needs: { ...job.request, style: recipe.style }, work };
  }

  #charge(asker: Caller, imageId: string, seconds: number): void {
    const { history, clock, onProblem } = this.#options;
    const { surface, user } = asker;
    try {
      history.usage.charge({ surface, user, guild: ruledBy(asker) }, dayOf(clock.now()), Math.round(seconds * 1000));
    } catch (error) {
      onProblem(error, `the time for image ${imageId} could not be charged`);
    }
  }
}
