import { UserError } from '../../system/errors.ts';
import { randnTensor, TorchGenerator } from '../math/generator.ts';
import type { DDPMWuerstchenScheduler } from '../math/scheduler.ts';
import { pickTensorRows, rowSize, type Tensor } from '../math/tensor.ts';
import { type Conditioning, pickRows } from '../networks/conditioning.ts';
import type { Denoiser } from '../networks/denoiser.ts';
import type { SharingLoop } from '../networks/shared-steps.ts';
import { type Kept, keepRow } from './start.ts';

/** One picture in the loop, with its own generator, timesteps and guidance. */
export interface Row {
  readonly generator: TorchGenerator;
  /** Holds the timesteps of this row. Rows may share one. */
  readonly scheduler: DDPMWuerstchenScheduler;
  /** Guidance is on above 1. */
  readonly guidanceScale: number;
}

export function isGuided({ guidanceScale }: Pick<Row, 'guidanceScale'>): boolean {
  return guidanceScale > 1;
}

/** One generator per row from what a caller gave: one for all, a list, or nothing (a random seed). */
export function rowGenerators(
  given: TorchGenerator | readonly TorchGenerator[] | undefined,
  rows: number,
): TorchGenerator[] {
  if (given === undefined || given instanceof TorchGenerator) {
    const one = given ?? new TorchGenerator(Math.floor(Math.random() * 2 ** 32));
    return Array.from({ length: rows }, () => one);
  }
  if (!Array.isArray(given) || !given.every((one) => one instanceof TorchGenerator)) {
    throw new UserError('invalid_type', 'Expected generator to be a TorchGenerator or a list of them.', {
      hint: 'For example generator: new TorchGenerator(7).',
    });
  }
  const [only] = given;
  if (given.length === 1 && only) return Array.from({ length: rows }, () => only);
  // Checks the number of generators as the reference's randn_tensor does.
  randnTensor([rows, 0], given);
  return given.slice(0, rows);
}

/** Standard normal values for the given rows; neighbours that share a generator are drawn in one call, as torch does. */
export function drawNoise(generators: readonly TorchGenerator[], dims: readonly number[]): Float32Array {
  const size = rowSize(dims);
  const noise = new Float32Array(generators.length * size);
  for (let from = 0; from < generators.length; ) {
    const generator = generators[from];
    if (!generator) break;
    let to = from + 1;
    while (generators[to] === generator) to += 1;
    noise.set(generator.randn([to - from, ...dims.slice(1)]), from * size);
    from = to;
  }
  return noise;
}

export interface DenoiseStep {
  /** Steps done, 1 to `total`. */
  readonly step: number;
  readonly total: number;
  /** The network's timestep, 1 (noise) to 0, of the first row that is still active. */
  readonly timestep: number;
  /** The live latents [N, C, H, W] after this step. What is written into them is what the next step uses. */
  readonly latents: Tensor;
  /** The clean latents [N, C, H, W] that this step's prediction points at: (x − √(1−ᾱ)·ε) / √ᾱ. */
  predictedClean(): Tensor;
}

export interface DenoiseOptions {
  readonly network: Denoiser;
  readonly rows: readonly Row[];
  /** [N, C, H, W]; changed in place from step to step. */
  readonly latents: Tensor;
  /** Rows 0…N−1 belong to the prompts, then one for the negative prompt of each guided row, in order. */
  readonly conditioning: () => Promise<Conditioning>;
  /** What stays outside a mask after every step, and the noise [N, C, H, W] that it is given. */
  readonly kept?: (Kept & { readonly noise: Tensor }) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The denoising loop. Each row walks its own timesteps; rows that are done wait for the others. Yields after
 * every step, and gives the event loop a turn before the next one.
 */
export async function* denoise(options: DenoiseOptions): AsyncGenerator<DenoiseStep, void> {
  const { network } = options;
  const loop = network.shared?.enter();
  try {
    yield* stepsOf(options, loop ?? network);
  } finally {
    loop?.leave();
  }
}

async function* stepsOf(
  { rows, latents, conditioning, kept, signal }: DenoiseOptions,
  network: Pick<SharingLoop, 'step'>,
): AsyncGenerator<DenoiseStep, void> {
  const total = Math.max(0, ...rows.map((row) => row.scheduler.timesteps.length - 1));
  for (let i = 0; i < total; i += 1) {
    signal?.throwIfAborted();
    const active = rows.flatMap((row, index) => (i < row.scheduler.timesteps.length - 1 ? [index] : []));
    const given = await conditioning();
    const size = rowSize(latents.dims);
    const timesteps = active.map((index) => rows[index]?.scheduler.timesteps[i] ?? 0);
    const guided = guidedOf(rows, active);
    const known = active.length === rows.length ? given : pickRows(given, networkRows(rows, active));
    const x = pickTensorRows(latents, [...active, ...guided]);
    const r = Float32Array.from([...active, ...guided], (index) => timesteps[active.indexOf(index)] ?? 0);
    const output = await network.step(x, r, known, signal);
    const epsilon = guide(output, rows, active, guided, size);
    const noise = drawNoise(
      active.flatMap((index) => rows[index]?.generator ?? []),
      latents.dims,
    );
    const before = latents.data.slice();
    active.forEach((index, k) => {
      const { scheduler } = rows[index] as Row;
      const part = (data: Float32Array, at: number) => data.subarray(at * size, (at + 1) * size);
      const t = timesteps[k] ?? 0;
      latents.data.set(scheduler.step(part(epsilon, k), t, part(before, index), part(noise, k)), index * size);
      const next = scheduler.timesteps[i + 1] ?? 0;
      if (kept) keepRow(part(latents.data, index), index, kept, part(kept.noise.data, index), next, scheduler);
    });
    yield {
      step: i + 1,
      total,
      timestep: timesteps[0] ?? 0,
      latents,
      predictedClean: () => {
        const clean = latents.data.slice();
        active.forEach((index, k) => {
          const { scheduler } = rows[index] as Row;
          const eps = epsilon.subarray(k * size, (k + 1) * size);
          const sample = before.subarray(index * size, (index + 1) * size);
          clean.set(scheduler.predictClean(eps, timesteps[k] ?? 0, sample), index * size);
        });
        return { data: clean, dims: latents.dims };
      },
    };
    // A run blocks the thread: messages and cancellations are received between runs.
    await new Promise((resolve) => setImmediate(resolve));
  }
  signal?.throwIfAborted();
}

function guidedOf(rows: readonly Row[], active: readonly number[]): number[] {
  return active.filter((index) => isGuided(rows[index] ?? { guidanceScale: 0 }));
}

/** Indices into the conditioning of the network's batch: active rows, then the negative rows of the guided ones. */
function networkRows(rows: readonly Row[], active: readonly number[]): number[] {
  const allGuided = guidedOf(
    rows,
    rows.map((_, index) => index),
  );
  return [...active, ...guidedOf(rows, active).map((index) => rows.length + allGuided.indexOf(index))];
}

/** `lerp(unconditional, text, scale)` in torch's order of operations. */
function guide(
  output: Tensor,
  rows: readonly Row[],
  active: readonly number[],
  guided: readonly number[],
  size: number,
): Float32Array {
  const { fround } = Math;
  const result = output.data.slice(0, active.length * size);
  guided.forEach((index, g) => {
    const scale = fround(rows[index]?.guidanceScale ?? 1);
    const rest = fround(1 - scale);
    const from = active.indexOf(index) * size;
    const negative = (active.length + g) * size;
    for (let i = 0; i < size; i += 1) {
      const text = output.data[from + i] ?? 0;
      const difference = fround(text - (output.data[negative + i] ?? 0));
      result[from + i] = text - fround(difference * rest);
    }
  });
  return result;
}
