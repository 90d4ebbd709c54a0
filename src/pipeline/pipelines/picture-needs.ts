import { decodeContext } from '../graph/vqgan.ts';
import { SMALLEST_TILE } from '../networks/tiles.ts';
import type { FreeMemory } from '../runtime/host-memory.ts';
import { leastOf, type Needs, needs } from '../runtime/memory-estimate.ts';
import type { WuerstchenDecoderPipeline } from './decoder-pipeline.ts';
import type { WuerstchenPriorPipeline } from './prior-pipeline.ts';
import type { SizeGrid } from './size-grid.ts';

/** What is known of a model that is open, as far as memory is concerned. */
export interface OpenModel {
  readonly prior: WuerstchenPriorPipeline;
  readonly decoder: WuerstchenDecoderPipeline;
  readonly grid: SizeGrid;
}

/** A picture, as far as memory is concerned. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
  /** Rows of Stage C's and Stage B's batch: pictures at work together, twice with guidance. */
  readonly priorRows?: number;
  readonly decoderRows?: number;
}

/** What is asked for, as far as memory is concerned. */
export interface Asked {
  readonly width: number;
  readonly height: number;
  readonly guidance: number;
  readonly decoderGuidance: number;
}

/** Of so many pictures at work together. */
export function sizeOf({ width, height, guidance, decoderGuidance }: Asked, count = 1): PictureSize {
  return {
    width,
    height,
    priorRows: guidance > 1 ? 2 * count : count,
    decoderRows: decoderGuidance > 1 ? 2 * count : count,
  };
}

/** What a picture needs of memory with the loaded checkpoints, decoded whole or in the smallest tiles. */
export function pictureNeeds(pipeline: OpenModel, size: PictureSize, decode: 'whole' | 'tiles'): Needs {
  const { prior, decoder, grid } = pipeline;
  const { width, height, priorRows = 2, decoderRows = 1 } = size;
  const cells = [grid.coveringCells(height), grid.coveringCells(width)] as const;
  const latents = grid.coveringLatents(height, width);
  const tile = SMALLEST_TILE + 2 * decodeContext(decoder.vqgan.config);
  const decoded = latents.map((side) => (decode === 'tiles' ? Math.min(side, tile) : side)) as [number, number];
  return needs(
    {
      priorText: prior.text.model.weightBytes,
      prior: prior.prior.weightBytes,
      decoderText: decoder.text.model.weightBytes,
      decoder: decoder.decoder.weightBytes,
      vqgan: decoder.vqgan.weightBytes,
    },
    {
      prior: prior.prior.working(cells, priorRows),
      decoder: decoder.decoder.working(latents, decoderRows),
      vqgan: decoder.vqgan.working(decoded),
    },
  );
}

/** What decides what stays loaded: unless everything does, large pictures are decoded in tiles. */
export function residencyNeeds(pipeline: OpenModel, size: PictureSize): Needs {
  const { resident } = pictureNeeds(pipeline, size, 'whole');
  return { ...pictureNeeds(pipeline, size, 'tiles'), resident };
}

const SMALLER = [0.875, 0.75, 0.625, 0.5, 0.375, 0.25];

/** The largest of some smaller pictures of about the same shape that should fit, or `null`. */
export function smallerThatFits(
  pipeline: OpenModel,
  { width, height, ...rest }: PictureSize,
  free: FreeMemory,
): { readonly width: number; readonly height: number } | null {
  const { step, limits } = pipeline.grid;
  for (const factor of SMALLER) {
    const [w, h] = [width, height].map((side) => Math.round((side * factor) / step) * step) as [number, number];
    if (Math.min(w, h) < limits.minSide) return null;
    if (
      w * h < width * height &&
      leastOf(pictureNeeds(pipeline, { width: w, height: h, ...rest }, 'tiles')) <= free.bytes
    )
      return { width: w, height: h };
  }
  return null;
}
