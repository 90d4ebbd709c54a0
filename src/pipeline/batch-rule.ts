import type { Provider } from './providers.ts';

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
