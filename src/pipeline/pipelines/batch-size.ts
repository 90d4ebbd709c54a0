import { size } from '../math/tensor.ts';
import type { Provider } from '../runtime/providers.ts';
import type { OpenModel } from './picture-needs.ts';

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

/** How many pictures of a size go through the stages together. */
export function picturesTogether(
  { prior: { runtime }, grid }: OpenModel,
  picture: { readonly width: number; readonly height: number },
  most: number = LATENTS[runtime.provider],
): number {
  if (runtime.memory.lean) return 1;
  return Math.max(1, Math.floor(most / size(grid.coveringLatents(picture.height, picture.width))));
}

/** Neighbours together, at most `most` of them. */
export function inBatches<T>(items: readonly T[], most: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / most) }, (_, i) => items.slice(i * most, (i + 1) * most));
}

/** Where networks come and go, each is loaded once for all pictures; else the first picture is not kept waiting. */
export function roundsOf<B>({ prior: { runtime } }: OpenModel, batches: readonly B[]): (readonly B[])[] {
  return runtime.residency === 'stage' ? [batches] : batches.map((batch) => [batch]);
}
