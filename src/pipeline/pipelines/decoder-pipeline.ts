import { expected } from '../../system/errors.ts';
import { partOf } from '../checkpoint/layout.ts';
import type { RgbImage } from '../images/image-file.ts';
import { concatRows, sliceRows, type Tensor } from '../math/tensor.ts';
import { PaellaVQModel } from '../networks/paella-vq-model.ts';
import { WuerstchenDiffNeXt } from '../networks/wuerstchen-diffnext.ts';
import type { PromptEncoder } from '../text/prompt-encoder.ts';
import { isGuided } from './denoise.ts';
import {
  checkedLatents,
  checkSampling,
  describeValue,
  isTensor,
  negativeList,
  promptList,
  remade,
  repeatRows,
  type StepEvent,
} from './pipeline-options.ts';
import type { PretrainedOptions } from './pretrained.ts';
import { checkPrompts, embedsMismatch, type PromptOptions } from './prompt-options.ts';
import { openParts, type RepositoryParts, SamplingPipeline } from './sampling-pipeline.ts';
import { checkRows, type Kept } from './start.ts';

/** `image`: bytes; `float`: numbers from 0 to 1; `latent`: Stage B's latents, Stage A is not run. */
export type OutputType = 'image' | 'float' | 'latent';
const OUTPUT_TYPES: readonly OutputType[] = ['image', 'float', 'latent'];

/** `prompt` or `promptEmbeds` is needed. */
export interface DecoderOptions extends PromptOptions {
  /** From the prior: [N, 16, h, w], or several to be joined. */
  readonly imageEmbeddings: Tensor | readonly Tensor[];
  /** What stays outside a mask: latents as those of the output. @default nothing */
  readonly kept?: Kept | undefined;
  /** @default 'image' */
  readonly outputType?: OutputType | undefined;
  /** Called, and awaited, with each decoded picture of the batch and its share of the time. */
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

/** What Stage A made of one row of latents: bytes, or numbers from 0 to 1 [1, 3, H, W]. */
export interface Decoded {
  readonly row: number;
  /** [1, 4, H, W] */
  readonly latents: Tensor;
  readonly image: RgbImage | null;
  readonly pixels: Tensor | null;
  /** Milliseconds. */
  readonly vqgan: number;
}

/** diffusers' WuerstchenDecoderPipeline: image embeddings to pictures. */
export class WuerstchenDecoderPipeline extends SamplingPipeline<DecoderOptions, DecoderOutput> {
  readonly decoder: WuerstchenDiffNeXt;
  readonly vqgan: PaellaVQModel;

  private constructor(parts: RepositoryParts, decoder: WuerstchenDiffNeXt, vqgan: PaellaVQModel) {
    super(parts);
    this.decoder = decoder;
    this.vqgan = vqgan;
  }

  /** @param dir a folder, or a repository of the hub, which is fetched if there is no such folder */
  static async fromPretrained(
    dir: string,
    options: PretrainedOptions & { readonly like?: PromptEncoder } = {},
  ): Promise<WuerstchenDecoderPipeline> {
    const parts = await openParts(dir, 'decoder', options);
    const { check } = options;
    const decoder = await WuerstchenDiffNeXt.load(partOf(parts.place, 'decoder'), parts.runtime, { check });
    const vqgan = await PaellaVQModel.load(partOf(parts.place, 'vqgan'), parts.runtime, { check });
    return new WuerstchenDecoderPipeline(parts, decoder, vqgan);
  }

  get networks() {
    return [this.text.model, this.decoder, this.vqgan] as const;
  }

  override async *stream(options: DecoderOptions): AsyncGenerator<StepEvent, DecoderOutput> {
    const { steps, guidanceScale, images: perPrompt } = checkSampling(options, { steps: 12, guidance: 0 });
    const guided = isGuided({ guidanceScale });
    const outputType = checkOutputType(options.outputType ?? 'image');
    if (options.promptEmbeds) checkPrompts(options, guided);
    const prompts = options.promptEmbeds ? [] : promptList('prompt', options.prompt);
    if (guided && !options.promptEmbeds) negativeList(options.negativePrompt, prompts);
    const promptCount = options.promptEmbeds?.dims[0] ?? prompts.length;
    const embeddings = repeatRows(joined(options.imageEmbeddings, this.decoder.config.effnet_embd), perPrompt);
    const count = embeddings.dims[0] ?? 0;
    if (promptCount > 1 && promptCount * perPrompt !== count) {
      throw expected(
        'batch_mismatch',
        `one prompt, or as many as image embeddings (${count / perPrompt})`,
        promptCount,
      );
    }
    const sides = this.#sides(embeddings);
    const scheduler = this.newScheduler(steps, options.timesteps);
    const dims = [count, this.decoder.config.c_in, ...sides];
    const given = options.latents && checkedLatents(options.latents, dims);

    if (options.kept) {
      checkRows('kept.latents', options.kept.latents, dims);
      checkRows('kept.mask', options.kept.mask, [1, 1, ...sides]);
    }
    const start = performance.now();
    const states = concatRows(
      (await this.#encode(options, prompts, guided)).map((states) => repeatRows(states, count / promptCount)),
    );
    const encoded = performance.now();

    const zeros = { data: new Float32Array(embeddings.data.length), dims: embeddings.dims };
    const effnet = guided ? concatRows([embeddings, zeros]) : embeddings;
    const latents = yield* this.sample(
      {
        ...{ stage: 'decoder', network: this.decoder, scheduler, guidanceScale, dims, latents: given, states },
        start: options.kept && { ...options.kept, begins: false },
        imageEmbeddings: effnet,
        conditioning: remade([states, effnet], () => this.decoder.condition(states, effnet, sides)),
      },
      options,
    );
    const decoded = performance.now();
    const shares = { text: (encoded - start) / count, decoder: (decoded - encoded) / count };
    const images: RgbImage[] = [];
    const pixels: Tensor[] = [];
    for await (const picture of this.decode(latents, outputType, options.signal)) {
      const { image, row, vqgan } = picture;
      if (picture.pixels) pixels.push(picture.pixels);
      if (!image) continue;
      images.push(image);
      await options.onImage?.(image, row, { ...shares, vqgan });
    }
    const timings = { text: encoded - start, decoder: decoded - encoded, vqgan: performance.now() - decoded };
    const warnings = this.text.warnings(prompts, { weighted: options.weighted });
    return { images, pixels: pixels.length > 0 ? concatRows(pixels) : null, latents, warnings, timings };
  }

  /** Hidden states of the prompts, then, with guidance, of their negatives: one tensor each. */
  async #encode(options: DecoderOptions, prompts: readonly string[], guided: boolean): Promise<readonly Tensor[]> {
    const { promptEmbeds, negativePrompt, negativePromptEmbeds, weighted } = options;
    const empty = Array.from({ length: promptEmbeds?.dims[0] ?? prompts.length }, () => '');
    const given = guided && !promptEmbeds ? negativeList(negativePrompt, prompts) : undefined;
    const negatives = guided && !negativePromptEmbeds ? (given ?? empty) : [];
    const [encoded, encodedNegatives] = await this.text.encodeBoth(prompts, negatives, { weighted });
    const positive = promptEmbeds ?? encoded;
    if (!positive) throw new Error('Stage B has prompts, or what was made of them.');
    const negative = guided ? (negativePromptEmbeds ?? encodedNegatives) : null;
    if (!negative) return [positive];
    if (String(negative.dims) !== String(positive.dims)) throw embedsMismatch(positive, negative);
    return [positive, negative];
  }

  /** Stage A, one picture at a time: its activations are by far the largest. Output type `latent` has none. */
  async *decode(latents: Tensor, outputType: OutputType, signal?: AbortSignal): AsyncGenerator<Decoded, void> {
    const rows = outputType === 'latent' ? 0 : (latents.dims[0] ?? 0);
    for (let row = 0; row < rows; row += 1) {
      signal?.throwIfAborted();
      const start = performance.now();
      const one = sliceRows(latents, row, row + 1);
      const image = outputType === 'image' ? await this.#image(one) : null;
      const pixels = outputType === 'float' ? await this.#pixels(one) : null;
      yield { row, latents: one, image, pixels, vqgan: performance.now() - start };
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #image(latents: Tensor): Promise<RgbImage> {
    const { data, dims } = await this.vqgan.decodePixels(latents);
    return { width: dims[2] ?? 0, height: dims[1] ?? 0, data };
  }

  async #pixels({ data, dims }: Tensor): Promise<Tensor> {
    const scale = Math.fround(this.vqgan.config.scale_factor);
    const picture = await this.vqgan.decode({ data: data.map((value) => value * scale), dims });
    return { data: picture.data.map((value) => Math.min(Math.max(value, 0), 1)), dims: picture.dims };
  }

  /** Height and width of Stage B's latents. */
  #sides({ dims }: Tensor): [number, number] {
    const sides = dims.slice(2).map((side) => Math.trunc(side * this.values.latentDimScale)) as [number, number];
    const { sideDivisor } = this.decoder;
    if (sides.every((side) => side > 0 && side % sideDivisor === 0)) return sides;
    throw expected(
      'image_embeddings_invalid',
      `image embeddings whose sides times ${this.values.latentDimScale} divide by ${sideDivisor}`,
      `${dims[2]}×${dims[3]}`,
    );
  }
}

export function checkOutputType(type: OutputType): OutputType {
  if (OUTPUT_TYPES.includes(type)) return type;
  throw expected('output_type_invalid', `outputType to be one of ${OUTPUT_TYPES.join(', ')}`, describeValue(type));
}

function joined(given: unknown, channels: number): Tensor {
  const list: unknown[] = Array.isArray(given) ? given : [given];
  if (list.length === 0 || !list.every(isTensor)) {
    throw expected('invalid_type', 'imageEmbeddings to be a tensor or a list of them', describeValue(given));
  }
  for (const { dims } of list) {
    if (dims.length !== 4 || dims[1] !== channels || String(dims.slice(1)) !== String(list[0]?.dims.slice(1))) {
      throw expected('image_embeddings_invalid', `image embeddings [N, ${channels}, h, w] of one size`, `[${dims}]`);
    }
  }
  return list.length === 1 && list[0] ? list[0] : concatRows(list);
}
