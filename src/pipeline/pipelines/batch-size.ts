import { size } from '../math/tensor.ts';
import type { Provider } from '../runtime/providers.ts';
import type { WuerstchenCombinedPipeline } from './combined-pipeline.ts';
import { type Asked, pictureNeeds, sizeOf } from './picture-needs.ts';

/**
 * Pictures of one request go through Stages C and B together up to this many Stage B latents.
 *
 * - `cpu`: 4 of 1024×1024 with cocktail, one with the large checkpoints, whose arithmetic outweighs the cost of a call.
 *   On two cores, alone and in batches of 4, cocktail takes 758 and 562 ms a picture at 1024×1024, 469 and 195 at
 *   512×512, 293 and 131 at 256×256; the first picture comes later, the last one sooner.
 * - Accelerators work on many positions at once: as many pictures as one of 1024×1024 of the large checkpoints has
 *   latents, so that no batch needs more memory than that one picture.
 */
const LATENTS: Readonly<Record<Provider, number>> = { cpu: 16_384, webgpu: 65_536, cuda: 65_536 };

/** @param latents Stage B's, of one picture */
export function picturesTogether(provider: Provider, latents: number, most = LATENTS[provider]): number {
  return Math.max(1, Math.floor(most / latents));
}

/**
 * How many of `n` waiting pictures go through the stages together: where networks come and go, as many as memory admits,
 * since all networks are loaded for each batch.
 */
export function picturesAtOnce(pipeline: WuerstchenCombinedPipeline, asked: Asked, n: number): number {
  const { runtime, grid } = pipeline;
  if (runtime.memory.lean) return 1;
  if (runtime.residency === 'resident') {
    const latents = [asked.height, asked.width].map(
      (side) => grid.pixels(grid.coveringCells(side)) / grid.config.factor,
    );
    return Math.min(n, picturesTogether(runtime.provider, size(latents)));
  }
  const fits = (count: number) => runtime.memory.admits(pictureNeeds(pipeline, sizeOf(asked, count), 'tiles').stage);
  let count = 1;
  while (count < n && fits(count + 1)) count += 1;
  return count;
}
