import { workOf } from './estimator.ts';
import type { JobServices } from './job-services.ts';
import type { Recipes } from './recipes.ts';

export interface LostImagesOptions extends JobServices {
  readonly recipes: Recipes;
}

/** Finds the files of pictures. A lost one is made again at its owner's fair turn, once for all who ask. */
export class LostImages {
  readonly #options: LostImagesOptions;
  readonly #making = new Map<string, Promise<string | null>>();
  readonly #stopping = new AbortController();

  constructor(options: LostImagesOptions) {
    this.#options = options;
  }

  /** Absolute path of a picture's file; `null` if it is deleted, unknown, or cannot be made again now. */
  async path(imageId: string): Promise<string | null> {
    const file = this.#options.history.images.file(imageId);
    if (file === null || file.state === 'deleted') return null;
    if (file.state === 'present') return file.path;
    if (this.#stopping.signal.aborted) return null;
    const making = this.#making.get(imageId) ?? this.#make(imageId).finally(() => this.#making.delete(imageId));
    this.#making.set(imageId, making);
    return making;
  }

  /** Makes nothing more: whoever waits for a picture gets `null`. */
  stop(): void {
    this.#stopping.abort();
  }

  async #make(imageId: string): Promise<string | null> {
    const { history, recipes, estimator, queue, onProblem } = this.#options;
    const { signal } = this.#stopping;
    const details = history.images.get(imageId);
    const job = details === null ? null : history.jobs.get(details.jobId);
    if (job === null) return null;
    const seconds = estimator.seconds(workOf(job.request, 'vary-subtle', 1));
    try {
      return await queue.errand(job.caller, { seconds, signal }, async () =>
        history.images.restore(imageId, await recipes.remake(imageId, signal)),
      );
    } catch (error) {
      if (!signal.aborted) onProblem(error, `image ${imageId} cannot be made again`);
      return null;
    }
  }
}
