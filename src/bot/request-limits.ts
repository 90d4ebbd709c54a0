import { MAX_GUIDANCE, MAX_STEPS, REFERENCE, type Recommended } from '../pipeline/images/generation-config.ts';
import type { LoraUse } from '../pipeline/images/imagine-request.ts';
import { SIZE_LIMITS, type SizeLimits } from '../pipeline/images/size-limits.ts';
import type { ImagineRequest } from './job.ts';

export type { Recommended };

/** What the loaded checkpoint and the guild allow. Sides in pixels. */
export interface RequestLimits extends SizeLimits {
  /** The checkpoint works in steps of this side; `ar` picks multiples of it, other sizes are made larger and cropped. */
  readonly gridStep: number;
  /** The size of a request that names none, and the number of pixels that `ar` aims at. */
  readonly defaultWidth: number;
  readonly defaultHeight: number;
  /** Pictures in one request. */
  readonly maxImages: number;
  /** Names of the styles there are; the first is the default. Never empty. */
  readonly styles: readonly string[];
  /** A decimal from 0 (base) to 1 (aesthetic) is a style too. */
  readonly mixesStyles: boolean;
  /** Requests may start from pictures. @default false */
  readonly startsFromPictures?: boolean;
  /** Steps of one stage, from 1. */
  readonly maxSteps: number;
  /** Either guidance scale, from 0. */
  readonly maxGuidance: number;
  /** Code points of a prompt, and of a negative prompt. */
  readonly maxPromptLength: number;
  /** Tokens of a prompt that the model reads, where that is known. */
  readonly promptTokens?: number;
  /** Requests that braces may make of one command. */
  readonly maxPermutations: number;
  /** LoRAs that can be named here. @default none */
  readonly loras?: readonly KnownLora[];
  /** Names of saved styles, for completion. @default none */
  readonly presets?: readonly string[];
  /** Name of the model's folder. */
  readonly model: string;
  /** What it paints best, and so what is chosen where nothing is given. */
  readonly recommended: Recommended;
}

/** A LoRA's name, and the SHA-256 of its file in hex. */
export type KnownLora = Pick<LoraUse, 'name' | 'hash'>;

/** For the published checkpoints, which were trained around 1024×1024. */
export const DEFAULT_LIMITS: RequestLimits = {
  ...SIZE_LIMITS,
  gridStep: 128,
  defaultWidth: 1024,
  defaultHeight: 1024,
  maxImages: 10,
  styles: ['interpolated', 'base', 'aesthetic'],
  mixesStyles: true,
  maxSteps: MAX_STEPS,
  maxGuidance: MAX_GUIDANCE,
  maxPromptLength: 2000,
  maxPermutations: 40,
  model: 'wuerstchen',
  recommended: REFERENCE,
};

type ModelLimits = Pick<RequestLimits, 'model' | 'recommended' | 'defaultWidth' | 'defaultHeight' | 'promptTokens'>;

/** What the model in use says about requests, for `RequestLimits`. */
export function modelLimits(model: string, recommended: Recommended, promptTokens?: number): ModelLimits {
  const { defaultWidth: width, defaultHeight: height } = DEFAULT_LIMITS;
  const [[defaultWidth, defaultHeight] = [width, height]] = recommended.nativeSizes;
  return { model, recommended, defaultWidth, defaultHeight, ...(promptTokens === undefined ? {} : { promptTokens }) };
}

/** What is chosen where nothing is given. */
export function requestDefaults(limits: RequestLimits): Omit<ImagineRequest, 'prompt' | 'seed'> {
  const { steps, decoderSteps, guidance, decoderGuidance } = limits.recommended;
  const [style = 'interpolated'] = limits.styles;
  return {
    ...{ negative: '', n: 1, spoiler: false, style, ...defaultSize(limits) },
    ...{ steps, decoderSteps, guidance, decoderGuidance },
  };
}

/** A prompt that the model paints well. */
export function examplePrompt({ recommended: { ideas } }: RequestLimits): string {
  return ideas[0] ?? 'a lighthouse at dusk';
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export function fits({ width, height }: Size, limits: RequestLimits): boolean {
  return (
    Math.min(width, height) >= limits.minSide &&
    Math.max(width, height) <= limits.maxSide &&
    width * height <= limits.maxPixels
  );
}

/** A size on the grid may have this share of the default's pixels. */
const FEWEST = 0.75;
const MOST = 1.25;
/** How far, as a factor, the picture's ratio may be from the one asked for. */
const RATIO_TOLERANCE = 1.25;

/**
 * The size for an aspect ratio: of all sizes on the grid within the limits that have 75 to 125 % of the default size's
 * pixels, the one whose ratio is nearest (as a factor), and of equals the one nearest in pixels. With the default limits
 * 2:3 is 768×1152, 16:9 is 1408×768. Where a guild allows fewer pixels than the default has, it aims at those. A size
 * of that ratio that the model was trained on comes first.
 *
 * @param ratio width / height, above 0.
 * @returns `null` when no size comes within a factor of 1.25 of the ratio.
 */
export function sizeForRatio(ratio: number, limits: RequestLimits): Size | null {
  const trained = nativeSizes(limits).find((size) => Math.abs(Math.log(size.width / size.height / ratio)) < 1e-9);
  if (trained !== undefined || !(ratio > 0)) return trained ?? null;
  if (ratio >= 1) return sizeOnGrid(ratio, limits);
  const turned = sizeOnGrid(1 / ratio, limits);
  return turned === null ? null : { width: turned.height, height: turned.width };
}

/** @param ratio at least 1 */
function sizeOnGrid(ratio: number, limits: RequestLimits): Size | null {
  const native = Math.min(limits.defaultWidth * limits.defaultHeight, limits.maxPixels);
  let best: Size | null = null;
  let bestCost: readonly [number, number] = [Math.log(RATIO_TOLERANCE) + 1e-9, Number.POSITIVE_INFINITY];
  const step = limits.gridStep;
  const first = Math.ceil(limits.minSide / step) * step;
  for (let width = first; width <= limits.maxSide; width += step) {
    const below = Math.floor(width / ratio / step) * step;
    for (const height of [below, below + step]) {
      const share = (width * height) / native;
      if (share < FEWEST || share > MOST || !fits({ width, height }, limits)) continue;
      const cost = [Math.abs(Math.log(width / height / ratio)), Math.abs(Math.log(share))] as const;
      if (isLess(cost, bestCost)) [best, bestCost] = [{ width, height }, cost];
    }
  }
  return best;
}

function isLess(a: readonly [number, number], b: readonly [number, number]): boolean {
  const gap = a[0] - b[0];
  // Ratios that are equal on paper differ in their last bits.
  return gap < -1e-9 || (gap < 1e-9 && a[1] < b[1]);
}

/** Sizes that the model was trained on, of those that are allowed. */
export function nativeSizes(limits: RequestLimits): readonly Size[] {
  const sizes = limits.recommended.nativeSizes.map(([width, height]) => ({ width, height }));
  return sizes.filter((size) => fits(size, limits));
}

/** The size of a request that names none: the default, or the nearest to it where the guild allows less. */
export function defaultSize(limits: RequestLimits): Size {
  const size = { width: limits.defaultWidth, height: limits.defaultHeight };
  return fits(size, limits) ? size : shrunk(size, limits);
}

/** The largest size of about the same ratio within the limits; sides are clamped and, for the pixels, scaled down. */
export function shrunk(size: Size, limits: RequestLimits): Size {
  let width = clampSide(size.width, limits);
  let height = clampSide(size.height, limits);
  const scale = Math.min(1, Math.sqrt(limits.maxPixels / (width * height)));
  width = clampSide(Math.floor(width * scale), limits);
  height = clampSide(Math.floor(height * scale), limits);
  // A side that could not shrink below the minimum leaves its excess to the other one.
  if (width > height) width = Math.min(width, Math.floor(limits.maxPixels / height));
  else height = Math.min(height, Math.floor(limits.maxPixels / width));
  const onGrid = (side: number) => clampSide(Math.floor(side / limits.gridStep) * limits.gridStep, limits);
  return { width: onGrid(width), height: onGrid(height) };
}

function clampSide(side: number, limits: RequestLimits): number {
  return Math.min(limits.maxSide, Math.max(limits.minSide, side));
}

export const LARGER_FACTORS: Readonly<Record<'larger' | 'larger-2x', number>> = { larger: 1.5, 'larger-2x': 2 };

/** The size that a Larger button makes; `null` where a limit is in the way. */
export function largerSize({ width, height }: Size, factor: number, limits: RequestLimits): Size | null {
  const size = { width: Math.round(width * factor), height: Math.round(height * factor) };
  return fits(size, limits) ? size : null;
}
