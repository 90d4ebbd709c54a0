import { join } from 'node:path';
import { UserError } from '../../system/errors.ts';
import { openRepository } from '../checkpoint/checkpoint.ts';
import { type PipelineValues, pipelineValues, schedulerConfig } from '../checkpoint/model-index.ts';
import type { RgbImage } from '../images/image-file.ts';
import { concatRows, sliceRows, type Tensor } from '../math/tensor.ts';
import { PaellaVQModel } from '../networks/paella-vq-model.ts';
import { WuerstchenDiffNeXt } from '../networks/wuerstchen-diffnext.ts';
import { type LoadOptions, Runtime } from '../runtime/runtime.ts';
import { PromptEncoder } from '../text/prompt-encoder.ts';
import { denoise, drawNoise, isGuided, rowGenerators } from './denoise.ts';
import {
  checkedLatents,
  checkSampling,
  describe,
  drain,
  isTensor,
  negativeList,
  newScheduler,
  promptList,
  remade,
  repeatRows,
  type SamplingOptions,
  type StepEvent,
} from './pipeline-options.ts';

/** `image`: bytes; `float`: numbers from 0 to 1; `latent`: Stage B's latents, Stage A is not run. */
export type OutputType = 'image' | 'float' | 'latent';
const OUTPUT_TYPES: readonly OutputType[] = ['image', 'float', 'latent'];

export interface DecoderOptions extends Omit<SamplingOptions, 'prompt'> {
  readonly prompt: string | readonly string[];
  /** From the prior: [N, 16, h, w], or several to be joined. */
  readonly imageEmbeddings: Tensor | readonly Tensor[];
  /** @default 'image' */
  readonly outputType?: OutputType | undefined;
  /** Told of each picture of the batch when it is decoded, with its share of the time, and waited for. */
  readonly onImage?:
    | ((image: RgbImage, row: number, timings: DecoderOutput['timings']) => void | Promise<void>)
    | undefined;
}

export interface DecoderOutput {
  /** Empty unless the output type is `image`. */
  readonly images: readonly RgbImage[];
  /** [N, 3, H, W] from 0 to 1 when the output type is `float`, else `null`. */
  readonly pixels: Tensor | null;
  /** [N, 4, H, W], before Stage A's scale factor. */
  readonly latents: Tensor;
  readonly warnings: readonly string[];
  /** Milliseconds. */
  readonly timings: { readonly text: number; readonly decoder: number; readonly vqgan: number };
}

/** diffusers' WuerstchenDecoderPipeline: image embeddings to pictures. */
export class WuerstchenDecoderPipeline {
  readonly runtime: Runtime;
  readonly text: PromptEncoder;
  readonly decoder: WuerstchenDiffNeXt;
  readonly vqgan: PaellaVQModel;
  readonly values: PipelineValues;
  readonly #scheduler: { scaler?: number; s?: number };

  private constructor(
    parts: Pick<WuerstchenDecoderPipeline, 'runtime' | 'text' | 'decoder' | 'vqgan' | 'values'>,
    scheduler: { scaler?: number; s?: number },
  ) {
    this.runtime = parts.runtime;
    this.text = parts.text;
    this.decoder = parts.decoder;
    this.vqgan = parts.vqgan;
    this.values = parts.values;
    this.#scheduler = scheduler;
  }

  static async fromPretrained(
    dir: string,
    options: LoadOptions & { readonly like?: PromptEncoder } = {},
  ): Promise<WuerstchenDecoderPipeline> {
    const { index } = await openRepository(dir, 'WuerstchenDecoderPipeline');
    const runtime = options.runtime ?? (await Runtime.create(options));
    const { check, like } = options;
    const text = await PromptEncoder.load(dir, runtime, { check, like });
    const decoder = await WuerstchenDiffNeXt.load(join(dir, 'decoder'), runtime, { check });
    const vqgan = await PaellaVQModel.load(join(dir, 'vqgan'), runtime, { check });
    const values = pipelineValues(dir, index, options.pipelineValues);
    return new WuerstchenDecoderPipeline({ runtime, text, decoder, vqgan, values }, await schedulerConfig(dir));
  }

  get networks() {
    return [this.text.model, this.decoder, this.vqgan] as const;
  }

  async release(): Promise<void> {
    await Promise.all(this.networks.map((network) => network.release()));
  }

  generate(options: DecoderOptions): Promise<DecoderOutput> {
    return drain(this.stream(options));
  }

  /**
   * Yields after every denoising step.
   *
   * @throws UserError for options that do not fit, before any work; the signal's reason within one step of an abort
   */
  async *stream(options: DecoderOptions): AsyncGenerator<StepEvent, DecoderOutput> {
    const { steps, guidanceScale, images } = checkSampling(options, { steps: 12, guidance: 0 });
    const guided = isGuided({ guidanceScale });
    const outputType = checkOutputType(options.outputType ?? 'image');
    const prompts = promptList('prompt', options.prompt);
    const negatives = guided ? (negativeList(options.negativePrompt, prompts) ?? prompts.map(() => '')) : null;
    const embeddings = repeatRows(joined(options.imageEmbeddings, this.decoder.config.effnet_embd), images);
    const count = embeddings.dims[0] ?? 0;
    const times = count / prompts.length;
    if (prompts.length > 1 && prompts.length * images !== count) {
      throw new UserError(
        'batch_mismatch',
        `expected one prompt, or as many as image embeddings (${count / images}), got ${prompts.length}`,
      );
    }
    const sides = this.#sides(embeddings);
    const scheduler = newScheduler(this.#scheduler, steps, options.timesteps);
    const dims = [count, this.decoder.config.c_in, ...sides];
    const given = options.latents && checkedLatents(options.latents, dims);

    const start = performance.now();
    const positive = repeatRows(await this.text.encode(prompts), times);
    const states = negatives ? concatRows([positive, repeatRows(await this.text.encode(negatives), times)]) : positive;
    const encoded = performance.now();

    const generators = rowGenerators(options.generator, count);
    const latents: Tensor = given ?? { data: drawNoise(generators, dims), dims };
    const zeros = { data: new Float32Array(embeddings.data.length), dims: embeddings.dims };
    const effnet = guided ? concatRows([embeddings, zeros]) : embeddings;
    const loop = denoise({
      network: this.decoder,
      rows: generators.map((generator) => ({ generator, scheduler, guidanceScale })),
      latents,
      conditioning: remade([states, effnet], () => this.decoder.condition(states, effnet, sides)),
      signal: options.signal,
    });
    for await (const step of loop)
      yield { ...step, stage: 'decoder', textEncoderHiddenStates: states, imageEmbeddings: effnet };
    const decoded = performance.now();
    const shares = { text: (encoded - start) / count, decoder: (decoded - encoded) / count };
    const output = await this.#decode(latents, outputType, options.signal, (image, row, vqgan) =>
      options.onImage?.(image, row, { ...shares, vqgan }),
    );
    const timings = { text: encoded - start, decoder: decoded - encoded, vqgan: performance.now() - decoded };
    return { ...output, latents, warnings: this.text.warnings(prompts), timings };
  }

  /** Height and width of Stage B's latents. */
  #sides({ dims }: Tensor): [number, number] {
    const sides = dims.slice(2).map((side) => Math.trunc(side * this.values.latentDimScale)) as [number, number];
    const { sideDivisor } = this.decoder;
    if (sides.every((side) => side > 0 && side % sideDivisor === 0)) return sides;
    throw new UserError(
      'image_embeddings_invalid',
      `expected image embeddings whose sides times ${this.values.latentDimScale} divide by ${sideDivisor}, got ${dims[2]}×${dims[3]}`,
    );
  }

  /** Stage A, one picture at a time: its activations are by far the largest. */
  async #decode(
    latents: Tensor,
    outputType: OutputType,
    signal: AbortSignal | undefined,
    onImage: (image: RgbImage, row: number, ms: number) => void | Promise<void>,
  ) {
    const images: RgbImage[] = [];
    const tensors: Tensor[] = [];
    const rows = outputType === 'latent' ? 0 : (latents.dims[0] ?? 0);
    for (let row = 0; row < rows; row += 1) {
      signal?.throwIfAborted();
      const start = performance.now();
      const one = sliceRows(latents, row, row + 1);
      if (outputType === 'image') {
        const { data, dims } = await this.vqgan.decodePixels(one);
        const image = { width: dims[2] ?? 0, height: dims[1] ?? 0, data };
        images.push(image);
        await onImage(image, row, performance.now() - start);
      } else {
        const scale = Math.fround(this.vqgan.config.scale_factor);
        const picture = await this.vqgan.decode({ data: one.data.map((value) => value * scale), dims: one.dims });
        tensors.push({ data: picture.data.map((value) => Math.min(Math.max(value, 0), 1)), dims: picture.dims });
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { images, pixels: tensors.length > 0 ? concatRows(tensors) : null };
  }
}

export function checkOutputType(type: OutputType): OutputType {
  if (OUTPUT_TYPES.includes(type)) return type;
  throw new UserError(
    'output_type_invalid',
    `expected outputType to be one of ${OUTPUT_TYPES.join(', ')}, got ${describe(type)}`,
  );
}

function joined(given: unknown, channels: number): Tensor {
  const list: unknown[] = Array.isArray(given) ? given : [given];
  if (list.length === 0 || !list.every(isTensor)) {
    throw new UserError(
      'invalid_type',
      `expected imageEmbeddings to be a tensor or a list of them, got ${describe(given)}`,
    );
  }
  for (const { dims } of list) {
    if (dims.length !== 4 || dims[1] !== channels || String(dims.slice(1)) !== String(list[0]?.dims.slice(1))) {
      throw new UserError(
        'image_embeddings_invalid',
        `expected image embeddings [N, ${channels}, h, w] of one size, got [${dims}]`,
      );
    }
  }
  return list.length === 1 && list[0] ? list[0] : concatRows(list);
}
