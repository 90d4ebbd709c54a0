import { OperatorError, UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { SIZE_LIMITS } from '../images/size-limits.ts';
import { describeValue } from './pipeline-options.ts';

export interface SizeGridConfig {
  /** Pixels per cell of Stage C's latent. */
  readonly resolutionMultiple: number;
  /** Latents of Stage B per cell of Stage C's. */
  readonly latentDimScale: number;
  /** What a side of Stage B's latent divides by. */
  readonly sideDivisor: number;
  /** Pixels per latent of Stage A. */
  readonly factor: number;
}

/** In pixels. */
const LARGEST_CELL = 4096;
/** A picture is made so much larger or smaller than asked for, at most, before it is cropped. */
const LARGEST_RATIO = 16;

/** The sizes that the loaded checkpoints can make, computed from their configs. */
export class SizeGrid {
  readonly config: SizeGridConfig;
  readonly limits = SIZE_LIMITS;

  /** @throws OperatorError `config_invalid` for numbers that no picture could be made with */
  constructor(config: SizeGridConfig) {
    this.config = config;
    const { resolutionMultiple, latentDimScale, factor } = config;
    requireWithin('resolution_multiple', resolutionMultiple, 1, LARGEST_CELL);
    requireWithin('latent_dim_scale', latentDimScale, 1 / factor, LARGEST_CELL / factor);
    const ratio = (latentDimScale * factor) / resolutionMultiple;
    requireWithin(`latent_dim_scale × ${factor} / resolution_multiple`, ratio, 1 / LARGEST_RATIO, LARGEST_RATIO);
  }

  /** Pixels that a Stage C latent side of `cells` becomes. */
  pixels(cells: number): number {
    return this.#latents(cells) * this.config.factor;
  }

  /** Height and width of Stage B's latents for a picture that covers a size. */
  coveringLatents(height: number, width: number): [number, number] {
    return [this.#latents(this.coveringCells(height)), this.#latents(this.coveringCells(width))];
  }

  isLegal(cells: number): boolean {
    const latents = this.#latents(cells);
    return latents > 0 && latents % this.config.sideDivisor === 0;
  }

  /** Stage C cells for a side: the reference's `ceil(side / resolution_multiple)`, raised to the next legal one. */
  cells(side: number): number {
    let cells = Math.ceil(side / this.config.resolutionMultiple);
    while (!this.isLegal(cells)) cells += 1;
    return cells;
  }

  /** The smallest legal number of cells that covers a side. */
  coveringCells(side: number): number {
    let cells = this.cells(side);
    while (!this.isLegal(cells) || this.pixels(cells) < side) cells += 1;
    return cells;
  }

  /** Distance between neighbouring sides of the grid, in pixels. */
  get step(): number {
    const first = this.coveringCells(1);
    return this.pixels(this.coveringCells(this.pixels(first) + 1)) - this.pixels(first);
  }

  /** @throws UserError naming the limits of the loaded checkpoint and a size that fits */
  check(width: unknown, height: unknown): asserts width is number {
    const { minSide, maxSide, maxPixels } = this.limits;
    for (const [name, side] of [
      ['width', width],
      ['height', height],
    ] as const) {
      if (typeof side !== 'number' || !Number.isInteger(side) || side < minSide || side > maxSide) {
        const wanted = { minSide, maxSide, side: describeValue(side) };
        const message =
          name === 'width'
            ? t('Expected width to be a whole number from {minSide} to {maxSide} pixels, got {side}.', wanted)
            : t('Expected height to be a whole number from {minSide} to {maxSide} pixels, got {side}.', wanted);
        throw new UserError('size_invalid', message, {
          hint: t('This checkpoint makes any such size; steps of {step} need no cropping, for example {example}.', {
            step: this.step,
            example: 'width 1024 height 1536',
          }),
        });
      }
    }
    if (Number(width) * Number(height) > maxPixels) {
      throw new UserError(
        'size_too_large',
        t('Expected at most {maxPixels} pixels, got {width}×{height}.', {
          maxPixels,
          width: String(width),
          height: String(height),
        }),
        { hint: t('For example {example}.', { example: 'width 2048 height 2048' }) },
      );
    }
  }

  #latents(cells: number): number {
    return Math.trunc(cells * this.config.latentDimScale);
  }
}

function requireWithin(key: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw new OperatorError(
    'config_invalid',
    () =>
      t('Expected {key} of model_index.json from {least} to {most}, got {value}.', {
        ...{ key, least, most },
        value: String(value),
      }),
    {
      hint: () => t('The published checkpoints have resolution_multiple 42.67 and latent_dim_scale 10.67.'),
    },
  );
}
