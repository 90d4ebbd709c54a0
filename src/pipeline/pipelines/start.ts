import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { DEFAULT_STRENGTH } from '../images/start-limits.ts';
import { checkStrength } from '../math/mixed-generator.ts';
import type { DDPMWuerstchenScheduler } from '../math/scheduler.ts';
import { rowSize, type Tensor } from '../math/tensor.ts';
import { describeValue, isTensor } from './pipeline-options.ts';

/** What Stage C starts from instead of noise alone. */
export interface StartOptions {
  /** Image embedding of a picture, [1, 16, h, w] for all pictures or one row for each. */
  readonly image?: Tensor | undefined;
  /** 0 (the picture's embedding) to 1 (the prompt alone, bit by bit). Counts only with `image`. @default 0.6 */
  readonly strength?: number | undefined;
  /** Which part is painted: 1; the rest stays the picture's: 0. [1, 1, h, w]. Counts only with `image`. @default all of it */
  readonly mask?: Tensor | undefined;
}

/** What stays outside a mask, at the noise level of every step. */
export interface Kept {
  /** Clean latents, [1, C, H, W] for all pictures or one row for each. */
  readonly latents: Tensor;
  /** 1 where the network paints, 0 where the latents stay, [1, 1, H, W]. */
  readonly mask: Tensor;
}

/** What the loop starts from. */
export interface Start {
  /** [N, C, H, W] */
  readonly latents: Tensor;
  /** Whether the loop begins with the latents, noised; else with noise alone. */
  readonly begins: boolean;
  /** As in `Kept`; absent where nothing stays. */
  readonly mask?: Tensor | undefined;
}

/**
 * Timesteps that are left of a loop that begins with a picture: of n steps the first n − ⌊n · strength⌋ are skipped.
 *
 * @see https://github.com/huggingface/diffusers/blob/main/src/diffusers/pipelines/stable_diffusion/pipeline_stable_diffusion_img2img.py (`get_timesteps`)
 */
export function timestepsFrom(timesteps: Float32Array, strength: number): Float32Array {
  const steps = timesteps.length - 1;
  return timesteps.slice(Math.max(0, steps - Math.floor(steps * strength)));
}

/** @returns `undefined` where the prompt alone counts */
export function checkStart(
  options: StartOptions,
  dims: readonly number[],
): (StartOptions & { image: Tensor; strength: number }) | undefined {
  const { image, mask } = options;
  const strength = checkStrength(options.strength ?? DEFAULT_STRENGTH);
  if (image === undefined) return undefined;
  checkRows('image', image, dims);
  if (mask !== undefined) checkRows('mask', mask, [1, 1, ...dims.slice(2)]);
  return strength === 1 && mask === undefined ? undefined : { image, strength, mask };
}

/** @throws UserError `start_invalid` */
export function checkRows(name: string, value: unknown, dims: readonly number[]): asserts value is Tensor {
  const fits =
    isTensor(value) && [1, dims[0]].includes(value.dims[0]) && String(value.dims.slice(1)) === String(dims.slice(1));
  if (fits && value.data.every(Number.isFinite)) return;
  const found = isTensor(value) ? `[${value.dims}]` : describeValue(value);
  throw new UserError(
    'start_invalid',
    t('Expected {name} as a tensor of finite numbers, [1,{dims}], got {found}.', {
      name,
      dims: dims.slice(1).join(),
      found,
    }),
  );
}

/** Row `row` of a tensor whose only row is that of all. */
export function rowOf({ data, dims }: Tensor, row: number): Float32Array {
  const values = rowSize(dims);
  const at = dims[0] === 1 ? 0 : row;
  return data.subarray(at * values, (at + 1) * values);
}

/** The clean latents at the noise level of a timestep; at 0 they are clean, though the schedule's last ᾱ is a little below 1. */
export function noised(
  clean: Float32Array,
  noise: Float32Array,
  timestep: number,
  scheduler: DDPMWuerstchenScheduler,
): Float32Array {
  return timestep === 0 ? clean : scheduler.addNoise(clean, noise, timestep);
}

/** Latents to begin with: those given, noised, or noise alone. */
export function firstLatents({ latents, begins }: Start, noise: Tensor, scheduler: DDPMWuerstchenScheduler): Tensor {
  const first = noise.data.slice();
  const values = rowSize(noise.dims);
  const [timestep = 0] = scheduler.timesteps;
  for (let row = 0; begins && row < (noise.dims[0] ?? 0); row += 1) {
    const own = noise.data.subarray(row * values, (row + 1) * values);
    first.set(noised(rowOf(latents, row), own, timestep, scheduler), row * values);
  }
  return { data: first, dims: noise.dims };
}

/** Writes what is kept into one row of latents, outside the mask and at the noise level of `timestep`. */
export function keepRow(
  target: Float32Array,
  row: number,
  { latents, mask }: Kept,
  noise: Float32Array,
  timestep: number,
  scheduler: DDPMWuerstchenScheduler,
): void {
  const kept = noised(rowOf(latents, row), noise, timestep, scheduler);
  const painted = rowOf(mask, 0);
  for (let i = 0; i < target.length; i += 1) {
    const share = painted[i % painted.length] ?? 1;
    if (share < 1) target[i] = (target[i] ?? 0) * share + (kept[i] ?? 0) * (1 - share);
  }
}
