import { expected } from '../../system/errors.ts';
import type { TorchGenerator } from '../math/generator.ts';
import { isSameTensor, pickTensorRows, size, type Tensor } from '../math/tensor.ts';

/** What both samplers take. */
export interface SamplingOptions {
  readonly prompt?: string | readonly string[] | undefined;
  /** Ignored without guidance. One for each prompt. */
  readonly negativePrompt?: string | readonly string[] | undefined;
  /**
   * Brackets in both prompts are weights, as `weightedPromptEmbeds` reads them; else they are text, as in diffusers.
   * @default false
   */
  readonly weighted?: boolean | undefined;
  /** Equal steps, 0 to 1000. */
  readonly numInferenceSteps?: number | undefined;
  /** Instead of `numInferenceSteps`: descending values from 1 to 0, the last one is where the loop ends. */
  readonly timesteps?: ArrayLike<number> | undefined;
  /** Guidance is on above 1; 1 and below, negative numbers included, switch it off. */
  readonly guidanceScale?: number | undefined;
  readonly numImagesPerPrompt?: number | undefined;
  /** One for all pictures, or one for each. A random seed when absent. */
  readonly generator?: TorchGenerator | readonly TorchGenerator[] | undefined;
  /** Initial noise; drawn from the generators when absent. */
  readonly latents?: Tensor | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds by stage; `onnx` is the part of `total` spent inside onnxruntime. */
export interface Timings {
  readonly text: number;
  readonly prior: number;
  readonly decoder: number;
  readonly vqgan: number;
  readonly total: number;
  readonly onnx: number;
}

/** The tensors after a step; what is written into them is what the next step uses. */
export interface StepEvent {
  readonly stage: 'prior' | 'decoder';
  /** Steps done, 1 to `total`. */
  readonly step: number;
  readonly total: number;
  /** 1 (noise) to 0. */
  readonly timestep: number;
  /** [N, C, H, W] */
  readonly latents: Tensor;
  /** [rows of the network, T, C]: one row for each picture, then one for each guided picture's negative prompt. */
  readonly textEncoderHiddenStates: Tensor;
  /** Stage B only: [rows of the network, 16, h, w]. */
  readonly imageEmbeddings: Tensor | null;
  /** The clean latents that this step points at, for previews. */
  predictedClean(): Tensor;
}

const MAX_STEPS = 1000;
const MAX_IMAGES = 64;

export function promptList(name: string, prompt: unknown): string[] {
  const list = typeof prompt === 'string' ? [prompt] : prompt;
  if (Array.isArray(list) && list.length > 0 && list.every((item) => typeof item === 'string')) return list;
  throw expected(
    'invalid_type',
    `${name} to be a string or a list of strings`,
    describeValue(prompt),
    `For example ${name}: "a red fox in the snow".`,
  );
}

/** The negative prompts, one for each prompt, or `undefined`. */
export function negativeList(
  negative: SamplingOptions['negativePrompt'],
  prompts: readonly string[],
): string[] | undefined {
  if (negative === undefined || negative === null) return undefined;
  const list = promptList('negativePrompt', negative);
  if (list.length === prompts.length) return list;
  throw expected(
    'batch_mismatch',
    `as many negative prompts as prompts (${prompts.length})`,
    list.length,
    'Give one negative prompt for each prompt, or none.',
  );
}

export function checkSampling(options: SamplingOptions, defaults: { steps: number; guidance: number }) {
  const steps = options.numInferenceSteps ?? defaults.steps;
  if (typeof steps !== 'number' || !Number.isInteger(steps)) {
    throw expected(
      'invalid_type',
      'numInferenceSteps to be a whole number',
      describeValue(steps),
      'Explicit timesteps go into the option timesteps.',
    );
  }
  if (steps < 0 || steps > MAX_STEPS) {
    throw expected('steps_invalid', `numInferenceSteps from 0 to ${MAX_STEPS}`, steps);
  }
  const guidanceScale = options.guidanceScale ?? defaults.guidance;
  if (typeof guidanceScale !== 'number' || !Number.isFinite(guidanceScale)) {
    throw expected(
      'guidance_invalid',
      'guidanceScale to be a number',
      describeValue(guidanceScale),
      'For example 4; 1 and below switch guidance off.',
    );
  }
  const images = options.numImagesPerPrompt ?? 1;
  if (!Number.isInteger(images) || images < 1 || images > MAX_IMAGES) {
    throw expected('images_invalid', `numImagesPerPrompt from 1 to ${MAX_IMAGES}`, describeValue(images));
  }
  return { steps, guidanceScale, images };
}

/** A copy of given latents, checked. */
export function checkedLatents(latents: Tensor, dims: readonly number[]): Tensor {
  if (!isTensor(latents)) {
    throw expected('latents_invalid', `latents as a tensor of shape [${dims}]`, describeValue(latents));
  }
  if (String(latents.dims) !== String(dims)) {
    throw expected('latents_invalid', `latents of shape [${dims}]`, `[${latents.dims}]`);
  }
  const odd = latents.data.find((value) => !Number.isFinite(value));
  if (odd !== undefined) throw expected('latents_invalid', 'latents of finite numbers', odd);
  return { data: latents.data.slice(), dims: [...dims] };
}

export function isTensor(value: unknown): value is Tensor {
  const { data, dims } = (value ?? {}) as Partial<Tensor>;
  return data instanceof Float32Array && Array.isArray(dims) && data.length === size(dims);
}

/** Each row `times` times in a row: prompt 0 image 0, prompt 0 image 1, prompt 1 image 0, … */
export function repeatRows(source: Tensor, times: number): Tensor {
  const rows = (source.dims[0] ?? 0) * times;
  return pickTensorRows(
    source,
    Array.from({ length: rows }, (_, row) => Math.floor(row / times)),
  );
}

/** Makes a value from tensors, and again when somebody wrote into them. */
export function remade<T>(sources: readonly Tensor[], make: () => Promise<T>): () => Promise<T> {
  let known: { readonly value: T; readonly copies: readonly Tensor[] } | undefined;
  return async () => {
    const isCurrent = known?.copies.every((copy, i) => isSameTensor(copy, sources[i]));
    if (known && isCurrent) return known.value;
    const copies = sources.map(({ data, dims }) => ({ data: data.slice(), dims }));
    known = { value: await make(), copies };
    return known.value;
  };
}

export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/** Runs a generator to its end and gives what it returns. */
export async function drain<T>(stream: AsyncGenerator<unknown, T>): Promise<T> {
  for (;;) {
    const { done, value } = await stream.next();
    if (done) return value as T;
  }
}
