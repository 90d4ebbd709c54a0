import { expected } from '../../system/errors.ts';
import type { PipelineValues } from '../checkpoint/model-index.ts';
import { TorchGenerator } from '../math/generator.ts';
import { checkStrength, MixedGenerator } from '../math/mixed-generator.ts';
import { resizeBicubic } from '../math/resize.ts';
import type { DDPMWuerstchenScheduler } from '../math/scheduler.ts';
import { concatRows, size, type Tensor } from '../math/tensor.ts';
import type { EngineEmbedding, ImagePlan, ImageSource } from '../process/protocol.ts';

/** What Stage C works on in one request. */
export interface StageCSpace {
  /** Of one picture: [1, C, h, w]. */
  readonly dims: readonly [1, number, number, number];
  readonly values: PipelineValues;
  /** With the timesteps of a picture from words. */
  readonly scheduler: DDPMWuerstchenScheduler;
}

/** How Stage C is to be run for some images. */
export interface StageCRun {
  readonly generators: readonly TorchGenerator[];
  readonly timesteps: ArrayLike<number>;
  /** Absent: noise, drawn from the generators. */
  readonly latents?: Tensor;
}

/**
 * Consecutive images that go through the same steps, at most `most` of them together. (Words and mixes do; pictures to
 * enlarge if they start at the same timestep; embeddings take no steps in Stage C.)
 */
export function batches(images: readonly ImagePlan[], most: number): ImagePlan[][] {
  const all: ImagePlan[][] = [];
  let last = '';
  for (const image of images) {
    const key = stepsOf(image.source);
    const current = all.at(-1);
    if (current && key === last && current.length < most) current.push(image);
    else all.push([image]);
    last = key;
  }
  return all;
}

function stepsOf(source: ImageSource): string {
  if (source.kind === 'enlarge') return `enlarge ${source.strength}`;
  return source.kind === 'embedding' ? 'embedding' : 'words';
}

/** The embeddings of a batch that needs no Stage C, [N, C, h, w]; `undefined` if it needs it. */
export function givenEmbeddings(batch: readonly ImagePlan[], { dims }: StageCSpace): Tensor | undefined {
  const given = batch.flatMap(({ source }) => (source.kind === 'embedding' ? [checked(source.embedding, dims)] : []));
  const misfit = given.find((embedding) => String(embedding.dims) !== String(dims));
  if (misfit) {
    throw expected(
      'embedding_misfit',
      `an image embedding of shape [${dims}]`,
      `[${misfit.dims}]`,
      'It was made at another size or by another model: paint the picture anew, with the same words and seed.',
    );
  }
  return given.length === batch.length ? concatRows(given) : undefined;
}

/** @param batch as `batches` gave it, without embeddings */
export function stageCRun(batch: readonly ImagePlan[], space: StageCSpace): StageCRun {
  const { scheduler } = space;
  const generators = batch.map(({ source }) => stageCGenerator(source));
  const [source] = batch.map((image) => image.source);
  if (source?.kind !== 'enlarge') return { generators, timesteps: scheduler.timesteps };
  const start = Math.fround(checkStrength(source.strength));
  const latents = batch.map((image, row) => enlarged(image.source, generators[row], start, space));
  const rest = [...scheduler.timesteps].filter((timestep) => timestep < start);
  return { generators, timesteps: [start, ...rest], latents: concatRows(latents) };
}

function stageCGenerator(source: ImageSource): TorchGenerator {
  if (source.kind === 'embedding') throw new RangeError('Expected an image that needs Stage C, got an embedding.');
  return source.kind === 'mix' ? new MixedGenerator(source) : new TorchGenerator(source.seed);
}

/** An embedding as latents of the space, resized, and with noise as at timestep `start`. */
function enlarged(
  source: ImageSource,
  generator: TorchGenerator | undefined,
  start: number,
  { dims, values, scheduler }: StageCSpace,
): Tensor {
  if (source.kind !== 'enlarge' || !generator) throw new RangeError('Expected an image to enlarge.');
  const [, channels, h, w] = dims;
  const { data, dims: from } = stageCLatents(checked(source.embedding, dims), values);
  const resized = resizeBicubic(data, [1, channels, from[2] ?? 0, from[3] ?? 0], [h, w], { alignCorners: false });
  // ᾱ is a little less than 1 even at 0, where nothing would take the noise away again.
  if (start === 0) return { data: resized, dims: [...dims] };
  return { data: scheduler.addNoise(resized, generator.randn(dims), start), dims: [...dims] };
}

/** Image embeddings as the latents that Stage C ended with. */
export function stageCLatents({ data, dims }: Tensor, { latentMean, latentStd }: PipelineValues): Tensor {
  return { data: data.map((value) => (value + latentStd) / latentMean), dims };
}

/**
 * Stage B's generator for an image: seeded, and advanced by as many draws as Stage C makes for a picture from words. With
 * one seed for both stages this is the reference's single generator, so the picture is the same whether or not Stage C
 * was run again.
 */
export function stageBGenerator({ stageBSeed }: ImagePlan, { dims, scheduler }: StageCSpace): TorchGenerator {
  const generator = new TorchGenerator(stageBSeed);
  // Initial noise, and one draw a step; there is one timestep more than there are steps.
  for (let draw = 0; draw < scheduler.timesteps.length; draw++) generator.randn(dims);
  return generator;
}

/** An embedding with the number of channels of `wanted`, as [1, C, h, w]. */
function checked({ data, dims }: EngineEmbedding, wanted: readonly number[]): Tensor {
  const four = dims.length === 3 ? [1, ...dims] : [...dims];
  if (four.length === 4 && four[0] === 1 && four[1] === wanted[1] && size(four) === data.length && data.length > 0) {
    return { data, dims: four };
  }
  throw expected(
    'embedding_misfit',
    `an image embedding [1, ${wanted[1]}, h, w]`,
    `[${dims}]`,
    'It was made by another model: paint the picture anew, with the same words and seed.',
  );
}
