import { cacheFolder } from '../../system/cache-folder.ts';
import { expected } from '../../system/errors.ts';
import { Component } from '../checkpoint/checkpoint.ts';
import { requireFolder } from '../checkpoint/config-file.ts';
import type { IdentifyOptions, Identity } from '../checkpoint/fingerprint.ts';
import { requireImageEncoder } from '../checkpoint/image-encoder-folder.ts';
import { modelName, wholeModel } from '../checkpoint/layout.ts';
import { availableStyles, type StageCOptions, stageCFolder } from '../derived-weights/styles.ts';
import { decodedSource, type GreyImage } from '../images/frame-source.ts';
import { cropTo, type RgbImage } from '../images/image-file.ts';
import { checkStrength } from '../math/mixed-generator.ts';
import { concatRows, type Tensor } from '../math/tensor.ts';
import { type ImageEncoder, loadImageEncoder } from '../networks/image-encoder.ts';
import type { Network } from '../networks/network.ts';
import { WuerstchenPrior } from '../networks/wuerstchen-prior.ts';
import { ENCODER } from '../process/weights.ts';
import { LOADING } from '../runtime/memory-estimate.ts';
import { Runtime } from '../runtime/runtime.ts';
import { checkOutputType, type DecoderOutput, type OutputType, WuerstchenDecoderPipeline } from './decoder-pipeline.ts';
import { residencyNeeds } from './picture-needs.ts';
import { type PreparedStart, prepareStart, type StartSources, type StartTarget } from './picture-start.ts';
import {
  describeValue,
  drain,
  isTensor,
  promptList,
  type SamplingOptions,
  type StepEvent,
  type Timings,
} from './pipeline-options.ts';
import { folderOf, type PretrainedOptions } from './pretrained.ts';
import { WuerstchenPriorPipeline } from './prior-pipeline.ts';
import { type Batch, paintRound } from './round.ts';
import { SizeGrid } from './size-grid.ts';

/** The picture size whose working memory decides what stays loaded. */
const USUAL_SIZE = { width: 1024, height: 1024 };

/** Stage C networks that are kept open: there can be any number of mixes. */
const MAX_STYLES = 3;

export interface CombinedOptions
  extends Pick<
    SamplingOptions,
    'prompt' | 'negativePrompt' | 'weighted' | 'numImagesPerPrompt' | 'generator' | 'latents' | 'signal'
  > {
  /** Pixels. @default 512 */
  readonly height?: number | undefined;
  /** Pixels. @default 512 */
  readonly width?: number | undefined;
  /** @default 60 */
  readonly priorNumInferenceSteps?: number | undefined;
  readonly priorTimesteps?: ArrayLike<number> | undefined;
  /** @default 4 */
  readonly priorGuidanceScale?: number | undefined;
  /** Steps of Stage B. @default 12 */
  readonly numInferenceSteps?: number | undefined;
  readonly decoderTimesteps?: ArrayLike<number> | undefined;
  /** @default 0 */
  readonly decoderGuidanceScale?: number | undefined;
  readonly promptEmbeds?: Tensor | undefined;
  readonly negativePromptEmbeds?: Tensor | undefined;
  /** From an earlier run, [N, 16, h, w]: Stage C is skipped. */
  readonly imageEmbeddings?: Tensor | undefined;
  /** A picture to start from, of any size; or up to three, whose embeddings are blended by weight. @default none */
  readonly image?: RgbImage | readonly WeightedImage[] | undefined;
  /** 0 (the picture's embedding) to 1 (the prompt alone, bit by bit). Counts only with `image`. @default 0.6 */
  readonly strength?: number | undefined;
  /** White where `image` is painted anew; elsewhere its own pixels stay, but for a feather. @default all of it */
  readonly mask?: GreyImage | undefined;
  /** @default 'image' */
  readonly outputType?: OutputType | undefined;
  /** Called, and awaited, with each decoded picture of the batch and its share of the time. */
  readonly onImage?: ((image: RgbImage, row: number, timings: Timings) => void | Promise<void>) | undefined;
  /**
   * `grid`: the picture has the grid size that the reference would make. `crop`: it has exactly the size asked for,
   * made at the smallest grid size that covers it. @default 'grid'
   */
  readonly fit?: 'grid' | 'crop' | undefined;
  /** Stage C checkpoint of this call: base, aesthetic, interpolated or a mix such as `0.3`. @default the one the pipeline was opened with */
  readonly style?: string | undefined;
}

export interface WeightedImage {
  readonly image: RgbImage;
  /** Above 0. @default 1 */
  readonly weight?: number | undefined;
}

export interface CombinedOutput extends Omit<DecoderOutput, 'timings'> {
  readonly imageEmbeddings: Tensor;
  readonly timings: Timings;
}

/** diffusers' WuerstchenCombinedPipeline over a model folder, of any layout that people have on disk: text to pictures. */
export class WuerstchenCombinedPipeline {
  readonly dir: string;
  readonly prior: WuerstchenPriorPipeline;
  readonly decoder: WuerstchenDecoderPipeline;
  /** Sizes that these checkpoints make. */
  readonly grid: SizeGrid;
  readonly #style: string;
  readonly #cacheDir: string;
  /** The Stage C networks in use, by folder; the least recently used first. */
  readonly #priors = new Map<string, WuerstchenPrior>();
  #encoder: Promise<ImageEncoder> | undefined;
  /** Resolves when the last call of `generate` is done. */
  #turn: Promise<void> = Promise.resolve();

  private constructor(
    dir: string,
    { style, cacheDir = cacheFolder() }: { readonly style: string; readonly cacheDir?: string | undefined },
    prior: WuerstchenPriorPipeline,
    decoder: WuerstchenDecoderPipeline,
  ) {
    this.dir = dir;
    this.prior = prior;
    this.decoder = decoder;
    this.#style = style;
    this.#cacheDir = cacheDir;
    this.#priors.set(prior.prior.component.dir, prior.prior);
    this.grid = new SizeGrid({
      resolutionMultiple: prior.values.resolutionMultiple,
      latentDimScale: decoder.values.latentDimScale,
      sideDivisor: decoder.decoder.sideDivisor,
      factor: decoder.vqgan.factor,
    });
  }

  /**
   * @param from a model folder, or a repository of the hub such as `warp-ai/wuerstchen`: where there is no such folder, it is
   *   fetched with the prior that its model card names and the style's Stage C
   * @param options.style of the Stage C that is opened. @default 'interpolated', or the first one that is there
   * @throws OperatorError naming what is missing or broken in the model folder, or what the hub refuses; UserError `style_missing`
   */
  static async fromPretrained(
    from: string,
    options: PretrainedOptions & { readonly style?: string } = {},
  ): Promise<WuerstchenCombinedPipeline> {
    const dir = await folderOf(from, { half: 'both', style: options.style }, options);
    await requireFolder(dir);
    const style = options.style ?? availableStyles(dir).styles[0] ?? 'interpolated';
    const cacheDir = options.cacheDir ?? cacheFolder();
    const priorDir = await stageCFolder(dir, style, { cacheDir });
    const places = wholeModel(dir);
    const load = {
      runtime: options.runtime ?? (await Runtime.create(options)),
      check: options.check,
      pipelineValues: options.pipelineValues,
    };
    const prior = await WuerstchenPriorPipeline.fromPretrained(places.prior.dir, { ...load, priorDir });
    const decoder = await WuerstchenDecoderPipeline.fromPretrained(places.decoder.dir, {
      ...load,
      like: prior.text,
    });
    const pipeline = new WuerstchenCombinedPipeline(dir, { style, cacheDir: options.cacheDir }, prior, decoder);
    pipeline.runtime.memory.decide(residencyNeeds(pipeline, USUAL_SIZE));
    return pipeline;
  }

  get runtime(): Runtime {
    return this.prior.runtime;
  }

  /** As {@link WuerstchenPriorPipeline.loadLora}, for every style. */
  loadLora(...given: Parameters<WuerstchenPriorPipeline['loadLora']>): Promise<string> {
    return this.prior.loadLora(...given);
  }

  /** As {@link WuerstchenPriorPipeline.unloadLora}. */
  unloadLora(name: string): void {
    this.prior.unloadLora(name);
  }

  /** As {@link WuerstchenPriorPipeline.setAdapters}. */
  setAdapters(weights: Readonly<Record<string, number>>): void {
    this.prior.setAdapters(weights);
  }

  /** In the order of use, without the Stage C networks of other styles. */
  get networks(): readonly Network[] {
    return [...this.prior.networks, ...this.decoder.networks];
  }

  /** Checks all weights against config.json. @throws OperatorError that names the file, the tensor, wanted and found */
  check(): void {
    for (const network of this.networks) network.check();
  }

  /** Name of the model's folder, or of the repository that the hub's cache keeps in it. */
  get name(): string {
    return modelName(this.dir);
  }

  /** Provider and precision of the denoising networks, e.g. `cpu-fp32`: they change the last digits of a picture. */
  get computedBy(): string {
    return `${this.runtime.provider}-${this.decoder.decoder.component.precision}`;
  }

  /**
   * Loads every network that is to stay loaded, so that the first picture does not wait for them. The largest is loaded
   * first: the others reuse the memory that its loading leaves behind, which keeps the process a sixth smaller than the
   * order of use does.
   */
  async preload(): Promise<void> {
    if (this.runtime.residency !== 'resident') return;
    const networks = this.networks.toSorted((a, b) => b.component.parameters - a.component.parameters);
    for (const network of networks) await network.preload();
  }

  /**
   * Identifies the weights with the Stage C of the given style, by all their bytes: the same weights elsewhere, behind links, under
   * other names or in shards have the same fingerprint. Where it is not known yet, all weights are read.
   */
  async fingerprint(style: string = this.#style): Promise<string> {
    const { fingerprint } = await import('../checkpoint/fingerprint.ts');
    return fingerprint(await this.#components(style), this.#hashFolders);
  }

  /**
   * As {@link fingerprint}, without waiting for large weights to be read.
   *
   * @param part a style, or {@link ENCODER} for the network that {@link imageEncoder} opens
   * @param options of the function of this name in `checkpoint/fingerprint.ts`
   */
  async identify(part: string = this.#style, options: IdentifyOptions = {}): Promise<Identity> {
    const { identify } = await import('../checkpoint/fingerprint.ts');
    const components =
      part === ENCODER ? [await Component.open(requireImageEncoder(this.dir))] : await this.#components(part);
    return identify(components, this.#hashFolders, options);
  }

  async #components(style: string): Promise<Component[]> {
    // Somebody may be painting in another style; and whatever opens a network prepares its weights.
    const dir = await stageCFolder(this.dir, style, { cacheDir: this.#cacheDir });
    const stageC = this.#priors.get(dir)?.component ?? (await Component.open(dir));
    return [stageC, ...[this.prior.text.model, ...this.decoder.networks].map((network) => network.component)];
  }

  get #hashFolders(): string[] {
    return [this.dir, this.#cacheDir];
  }

  /** For `promptEmbeds` and `negativePromptEmbeds`: Stage C's; Stage B reads no text beside them, as in diffusers. */
  weightedPromptEmbeds(prompt: string | readonly string[]): Promise<Tensor> {
    return this.prior.weightedPromptEmbeds(prompt);
  }

  async release(): Promise<void> {
    await Promise.all([
      this.prior.release(),
      this.decoder.release(),
      ...[...this.#priors.values()].map((prior) => prior.release()),
      this.#encoder?.then((encoder) => encoder.release()),
    ]);
  }

  /** The network that turns pictures into image embeddings, opened when first used. @throws OperatorError `image_encoder_missing` */
  imageEncoder(): Promise<ImageEncoder> {
    this.#encoder ??= this.#openEncoder();
    return this.#encoder;
  }

  async #openEncoder(): Promise<ImageEncoder> {
    try {
      return await loadImageEncoder(requireImageEncoder(this.dir), this.runtime);
    } catch (error) {
      // It may be there the next time.
      this.#encoder = undefined;
      throw error;
    }
  }

  /** Prepares pictures to start from. @throws UserError as `prepareStart`; OperatorError `image_encoder_missing` */
  async prepareStart(sources: StartSources, target: StartTarget): Promise<PreparedStart> {
    const networks = { encoder: await this.imageEncoder(), vqgan: this.decoder.vqgan, grid: this.grid };
    return prepareStart(networks, sources, target);
  }

  /** Calls take turns: with one network loaded at a time they would release each other's networks. */
  async generate(options: CombinedOptions): Promise<CombinedOutput> {
    const before = this.#turn;
    let end = () => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#turn = before.then(() => over);
    try {
      await orAborted(before, options.signal);
      return await drain(this.stream(options));
    } finally {
      end();
    }
  }

  /**
   * Yields after every denoising step of both stages. Unless the residency is `resident`, one stream has to end before the next begins.
   *
   * @throws UserError for options that do not fit, before any work; the signal's reason within one step of an abort
   */
  async *stream(options: CombinedOptions): AsyncGenerator<StepEvent, CombinedOutput> {
    const began = performance.now();
    const { height = 512, width = 512, fit = 'grid' } = options;
    const start = await this.#start(options);
    const batch = await this.batch(options, start);
    const images: RgbImage[] = [];
    const pixels: Tensor[] = [];
    const round = paintRound(this, [batch], options.signal);
    for (;;) {
      const { done, value } = await round.next();
      if (done) {
        const [painted] = value;
        if (!painted) throw new Error('Expected one batch of pictures.');
        const timings = { ...painted.timings, total: performance.now() - began };
        return { ...painted, images, pixels: pixels.length > 0 ? concatRows(pixels) : null, timings };
      }
      if (value.type === 'step') yield value.event;
      if (value.type !== 'picture') continue;
      const { picture } = value;
      if (picture.pixels) pixels.push(picture.pixels);
      if (!picture.image) continue;
      const painted = fit === 'crop' ? await cropTo(picture.image, width, height) : picture.image;
      const image = start?.region?.paste(painted) ?? painted;
      images.push(image);
      await options.onImage?.(image, picture.row, picture.timings);
    }
  }

  /**
   * The pictures of one call as a batch of a round; the style's Stage C is opened.
   *
   * @param start the options' pictures, prepared
   *
   * @throws UserError for options that do not fit
   */
  async batch(options: CombinedOptions, start?: PreparedStart): Promise<Batch> {
    const { promptEmbeds, negativePromptEmbeds, generator, signal } = options;
    const outputType = checkOutputType(options.outputType ?? 'image');
    if (options.prompt !== undefined) promptList('prompt', options.prompt);
    if (options.imageEmbeddings !== undefined && !isTensor(options.imageEmbeddings)) {
      throw expected('invalid_type', 'imageEmbeddings to be a tensor', describeValue(options.imageEmbeddings));
    }
    const [h, w] = this.#cells(options);
    const prior = await this.use(options.style ?? this.#style, { signal });
    const asked = (cells: number) => Math.floor(cells * this.grid.config.resolutionMultiple);
    return {
      outputType,
      imageEmbeddings: options.imageEmbeddings,
      prior: () => ({
        prompt: promptEmbeds ? undefined : options.prompt,
        negativePrompt: negativePromptEmbeds ? undefined : options.negativePrompt,
        weighted: options.weighted,
        height: asked(h),
        width: asked(w),
        numInferenceSteps: options.priorNumInferenceSteps,
        timesteps: options.priorTimesteps,
        guidanceScale: options.priorGuidanceScale ?? 4,
        numImagesPerPrompt: options.numImagesPerPrompt,
        latents: options.latents,
        ...{ image: start?.image, strength: options.strength, mask: start?.region?.mask },
        ...{ generator, promptEmbeds, negativePromptEmbeds, prior, signal },
      }),
      decoder: (imageEmbeddings) => ({
        imageEmbeddings,
        ...decoderPrompts(options, imageEmbeddings),
        weighted: options.weighted,
        numInferenceSteps: options.numInferenceSteps,
        timesteps: options.decoderTimesteps,
        guidanceScale: options.decoderGuidanceScale,
        kept: start?.region?.kept,
        ...{ generator, signal },
      }),
    };
  }

  /** Rows and columns of Stage C's latents. */
  #cells({ height = 512, width = 512, fit = 'grid' }: CombinedOptions): [number, number] {
    if (fit !== 'grid' && fit !== 'crop') throw expected('fit_invalid', 'fit to be grid or crop', String(fit));
    this.grid.check(width, height);
    return fit === 'crop'
      ? [this.grid.coveringCells(height), this.grid.coveringCells(width)]
      : [this.grid.cells(height), this.grid.cells(width)];
  }

  async #start(options: CombinedOptions): Promise<PreparedStart | undefined> {
    const { image, mask, strength, height = 512, width = 512, fit } = options;
    if (strength !== undefined) checkStrength(strength);
    if (image === undefined || options.imageEmbeddings !== undefined) return undefined;
    const cells = this.#cells(options);
    const [gridHeight, gridWidth] = cells.map((count) => this.grid.pixels(count)) as [number, number];
    const size = fit === 'crop' ? { width, height } : { width: gridWidth, height: gridHeight };
    const images: readonly WeightedImage[] = 'data' in image ? [{ image }] : image;
    const pictures = images.map((one) => ({ source: decodedSource(one.image), weight: one.weight ?? 1 }));
    const region = mask && ({ source: decodedSource(mask), of: 'brightness' } as const);
    return this.prepareStart({ pictures, mask: region }, { ...size, cells });
  }

  /** Makes `prior` use the Stage C of `style`, which is mixed if it is missing, and opened when first used. */
  async use(style: string, options: StageCOptions = {}): Promise<WuerstchenPrior> {
    const dir = await stageCFolder(this.dir, style, { cacheDir: this.#cacheDir, ...options });
    const prior = this.#priors.get(dir) ?? (await WuerstchenPrior.load(dir, this.runtime));
    this.#priors.delete(dir);
    this.#priors.set(dir, prior);
    this.prior.prior = prior;
    const more = prior.isLoaded ? 0 : prior.weightBytes * LOADING;
    for (const [oldest, network] of this.#priors) {
      if (network === prior || (this.#priors.size <= MAX_STYLES && this.runtime.memory.hasRoomFor(more))) break;
      this.#priors.delete(oldest);
      await network.release();
    }
    return prior;
  }
}

/** @throws the signal's reason, also while waiting */
async function orAborted(wait: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal?.addEventListener('abort', stop);
  await Promise.race([wait, aborted]);
  signal?.removeEventListener('abort', stop);
  signal?.throwIfAborted();
}

/** One prompt is used for all pictures; with several prompts, each picture has its own. */
function decoderPrompts({ prompt, negativePrompt, numImagesPerPrompt = 1 }: CombinedOptions, { dims }: Tensor) {
  const perPicture = (texts: readonly string[]): string[] => {
    if (texts.length === 1) return [...texts];
    const all = texts.flatMap((text) => Array.from({ length: numImagesPerPrompt }, () => text));
    return all.length === dims[0] ? all : [...texts];
  };
  const negatives = prompt === undefined ? undefined : negativePrompt;
  return {
    prompt: perPicture(prompt === undefined ? [''] : promptList('prompt', prompt)),
    negativePrompt: negatives === undefined ? undefined : perPicture(promptList('negativePrompt', negatives)),
  };
}
