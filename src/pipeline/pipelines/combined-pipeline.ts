import { basename, join, resolve } from 'node:path';
import { UserError } from '../../system/errors.ts';
import { requireFolder } from '../checkpoint/checkpoint.ts';
import { fingerprint } from '../checkpoint/fingerprint.ts';
import { readAhead } from '../checkpoint/read-ahead.ts';
import { availableStyles, type StageCOptions, stageCFolder } from '../derived-weights/styles.ts';
import { cropTo, type RgbImage } from '../images/image-file.ts';
import type { Tensor } from '../math/tensor.ts';
import type { Network } from '../networks/network.ts';
import { WuerstchenPrior } from '../networks/wuerstchen-prior.ts';
import { hostMemory } from '../runtime/host-memory.ts';
import { LOADING } from '../runtime/memory-estimate.ts';
import { type LoadOptions, Runtime } from '../runtime/runtime.ts';
import { checkOutputType, type DecoderOutput, type OutputType, WuerstchenDecoderPipeline } from './decoder-pipeline.ts';
import { pictureNeeds } from './picture-needs.ts';
import {
  describe,
  drain,
  isTensor,
  promptList,
  type SamplingOptions,
  type StepEvent,
  type Timings,
} from './pipeline-options.ts';
import { type PriorOutput, WuerstchenPriorPipeline } from './prior-pipeline.ts';
import { SizeGrid } from './size-grid.ts';

/** The size whose working memory counts when it is settled what stays loaded. */
const USUAL_SIZE = { width: 1024, height: 1024 };

/** Of the free memory, what may be filled with files that are needed next. */
const READ_AHEAD_SHARE = 0.5;

/** Stage C networks that are kept: mixes of styles are many. */
const MAX_STYLES = 3;

export interface CombinedOptions
  extends Pick<
    SamplingOptions,
    'prompt' | 'negativePrompt' | 'numImagesPerPrompt' | 'generator' | 'latents' | 'signal'
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
  /** @default 'image' */
  readonly outputType?: OutputType | undefined;
  /** Told of each picture of the batch when it is decoded, with its share of the time, and waited for. */
  readonly onImage?: ((image: RgbImage, row: number, timings: Timings) => void | Promise<void>) | undefined;
  /**
   * `grid`: the picture has the grid size that the reference would make. `crop`: it has exactly the size asked for,
   * made at the smallest grid size that covers it. @default 'grid'
   */
  readonly fit?: 'grid' | 'crop' | undefined;
  /** Stage C checkpoint of this call: base, aesthetic, interpolated or a mix such as `0.3`. @default the one the pipeline was opened with */
  readonly style?: string | undefined;
}

export interface CombinedOutput extends Omit<DecoderOutput, 'timings'> {
  readonly imageEmbeddings: Tensor;
  readonly timings: Timings;
}

/** diffusers' WuerstchenCombinedPipeline over a model folder: text to pictures. */
export class WuerstchenCombinedPipeline {
  readonly dir: string;
  readonly prior: WuerstchenPriorPipeline;
  readonly decoder: WuerstchenDecoderPipeline;
  /** Sizes that these checkpoints make. */
  readonly grid: SizeGrid;
  readonly #style: string;
  /** The Stage C networks in use, by folder; the least recently used first. */
  readonly #priors = new Map<string, WuerstchenPrior>();
  /** Fulfilled when the last call of `generate` is done. */
  #turn: Promise<void> = Promise.resolve();

  private constructor(dir: string, style: string, prior: WuerstchenPriorPipeline, decoder: WuerstchenDecoderPipeline) {
    this.dir = dir;
    this.prior = prior;
    this.decoder = decoder;
    this.#style = style;
    this.#priors.set(prior.prior.component.dir, prior.prior);
    this.grid = new SizeGrid({
      resolutionMultiple: prior.values.resolutionMultiple,
      latentDimScale: decoder.values.latentDimScale,
      sideDivisor: decoder.decoder.sideDivisor,
      factor: decoder.vqgan.factor,
    });
  }

  /**
   * @param options.style of the Stage C that is opened. @default 'interpolated', or the first one that is there
   * @throws OperatorError naming what is missing or broken in the model folder; UserError `style_missing`
   */
  static async fromPretrained(
    dir: string,
    options: LoadOptions & { readonly style?: string } = {},
  ): Promise<WuerstchenCombinedPipeline> {
    await requireFolder(dir);
    const style = options.style ?? availableStyles(dir).styles[0] ?? 'interpolated';
    const priorDir = await stageCFolder(dir, style);
    const load = {
      runtime: options.runtime ?? (await Runtime.create(options)),
      check: options.check,
      pipelineValues: options.pipelineValues,
    };
    const prior = await WuerstchenPriorPipeline.fromPretrained(join(dir, 'wuerstchen-prior'), { ...load, priorDir });
    const decoder = await WuerstchenDecoderPipeline.fromPretrained(join(dir, 'wuerstchen'), {
      ...load,
      like: prior.text,
    });
    const pipeline = new WuerstchenCombinedPipeline(dir, style, prior, decoder);
    pipeline.runtime.memory.decide(pictureNeeds(pipeline, USUAL_SIZE, 'whole'));
    return pipeline;
  }

  get runtime(): Runtime {
    return this.prior.runtime;
  }

  /** Stages in the order of use, but for Stage C of other styles. */
  get networks(): readonly Network[] {
    return [this.prior.text.model, this.prior.prior, ...this.decoder.networks];
  }

  /** Holds all weights against config.json. @throws OperatorError that names the file, the tensor, wanted and found */
  check(): void {
    for (const network of this.networks) network.check();
  }

  /** Of the model: its folder's. */
  get name(): string {
    return basename(resolve(this.dir));
  }

  /** Provider and precision of the denoising networks, e.g. `cpu-fp32`: what changes the last digits of a picture. */
  get computedBy(): string {
    return `${this.runtime.provider}-${this.decoder.decoder.component.precision}`;
  }

  /**
   * Loads every network that is to stay loaded now, so that the first picture does not wait for it. The largest goes
   * first: the memory that its loading leaves behind serves the others, and the process stays a sixth smaller than in
   * the order of use.
   */
  async preload(): Promise<void> {
    if (this.runtime.residency === 'stage') return;
    const networks = this.networks.toSorted((a, b) => b.component.parameters - a.component.parameters);
    for (const network of networks) await network.preload();
  }

  /**
   * Where networks come and go, reads Stage B's files while Stage C computes, if there is memory to keep them in.
   *
   * @returns the way to end it early
   */
  readAhead(): () => void {
    const { residency, memory } = this.runtime;
    const { text, decoder } = this.decoder;
    const next = [text.model, decoder];
    const bytes = next.reduce((sum, network) => sum + network.weightBytes, 0);
    // Files are read into the host's memory, whatever computes. What Stage C takes comes first.
    const free = hostMemory().bytes - (this.prior.prior.isLoaded ? 0 : this.prior.prior.weightBytes * LOADING);
    if (residency === 'resident' || memory.lean || bytes > free * READ_AHEAD_SHARE) return () => {};
    return readAhead(next.flatMap((network) => network.component.filesInUse));
  }

  /** Tells this checkpoint, with its Stage C of the given style, from all others. */
  async fingerprint(style: string = this.#style): Promise<string> {
    // Somebody may be painting in another style.
    const dir = await stageCFolder(this.dir, style);
    const prior = this.#priors.get(dir) ?? (await WuerstchenPrior.load(dir, this.runtime));
    const networks = [prior, this.prior.text.model, ...this.decoder.networks];
    return fingerprint(networks.flatMap((network) => network.component.files));
  }

  async release(): Promise<void> {
    await Promise.all([
      this.prior.release(),
      this.decoder.release(),
      ...[...this.#priors.values()].map((prior) => prior.release()),
    ]);
  }

  /** Calls take turns: networks that come and go would be taken away from each other. */
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
   * Yields after every denoising step of both stages. With residency `stage`, one stream has to end before the next begins.
   *
   * @throws UserError for options that do not fit, before any work; the signal's reason within one step of an abort
   */
  async *stream(options: CombinedOptions): AsyncGenerator<StepEvent, CombinedOutput> {
    const start = performance.now();
    const { runtime } = this;
    const onnxBefore = runtime.blocked.create + runtime.blocked.run;
    const onnx = () => runtime.blocked.create + runtime.blocked.run - onnxBefore;
    const { height = 512, width = 512, fit = 'grid', promptEmbeds, negativePromptEmbeds } = options;
    checkOutputType(options.outputType ?? 'image');
    if (fit !== 'grid' && fit !== 'crop')
      throw new UserError('fit_invalid', `expected fit to be grid or crop, got ${String(fit)}`);
    if (options.prompt !== undefined) promptList('prompt', options.prompt);
    if (options.imageEmbeddings !== undefined && !isTensor(options.imageEmbeddings)) {
      throw new UserError(
        'invalid_type',
        `expected imageEmbeddings to be a tensor, got ${describe(options.imageEmbeddings)}`,
      );
    }
    this.grid.check(width, height);
    const prior = await this.use(options.style ?? this.#style, { signal: options.signal });
    const cells = (side: number) => (fit === 'crop' ? this.grid.coveringCells(side) : this.grid.cells(side));
    const asked = (side: number) => cells(side) * this.grid.config.resolutionMultiple;

    let imageEmbeddings = options.imageEmbeddings;
    let priorTimings = { text: 0, prior: 0 };
    const warnings: string[] = [];
    if (!imageEmbeddings) {
      const endReading = this.readAhead();
      const stageC = this.prior.stream({
        prompt: promptEmbeds ? undefined : options.prompt,
        negativePrompt: negativePromptEmbeds ? undefined : options.negativePrompt,
        height: Math.floor(asked(height)),
        width: Math.floor(asked(width)),
        numInferenceSteps: options.priorNumInferenceSteps,
        timesteps: options.priorTimesteps,
        guidanceScale: options.priorGuidanceScale ?? 4,
        numImagesPerPrompt: options.numImagesPerPrompt,
        generator: options.generator,
        latents: options.latents,
        promptEmbeds,
        negativePromptEmbeds,
        prior,
        signal: options.signal,
      });
      let output: PriorOutput;
      try {
        output = yield* stageC;
      } finally {
        endReading();
      }
      imageEmbeddings = output.imageEmbeddings;
      priorTimings = output.timings;
      warnings.push(...output.warnings);
    }
    const images: RgbImage[] = [];
    let sharedOnnx: number | null = null;
    const output = yield* this.decoder.stream({
      imageEmbeddings,
      prompt: this.#decoderPrompts(options, imageEmbeddings),
      negativePrompt: this.#decoderNegatives(options, imageEmbeddings),
      numInferenceSteps: options.numInferenceSteps,
      timesteps: options.decoderTimesteps,
      guidanceScale: options.decoderGuidanceScale,
      generator: options.generator,
      outputType: options.outputType,
      onImage: async (image, row, { text, decoder, vqgan }) => {
        const asked = fit === 'crop' ? await cropTo(image, width, height) : image;
        images.push(asked);
        const count = imageEmbeddings?.dims[0] ?? 1;
        const [ownText, prior] = [text + priorTimings.text / count, priorTimings.prior / count];
        // What follows the last step of Stage B is each picture's own.
        sharedOnnx ??= (onnx() - vqgan) / count;
        await options.onImage?.(asked, row, {
          ...{ text: ownText, prior, decoder, vqgan },
          total: ownText + prior + decoder + vqgan,
          onnx: sharedOnnx + vqgan,
        });
      },
      signal: options.signal,
    });
    warnings.push(...output.warnings.filter((warning) => !warnings.includes(warning)));
    const { text, decoder, vqgan } = output.timings;
    const timings: Timings = {
      text: priorTimings.text + text,
      prior: priorTimings.prior,
      decoder,
      vqgan,
      total: performance.now() - start,
      onnx: onnx(),
    };
    return { ...output, images, imageEmbeddings, warnings, timings };
  }

  /** One prompt serves all pictures; of several, each picture takes its own. */
  #decoderPrompts({ prompt, numImagesPerPrompt = 1 }: CombinedOptions, { dims }: Tensor): string | string[] {
    const prompts = prompt === undefined ? [''] : promptList('prompt', prompt);
    return perPicture(prompts, numImagesPerPrompt, dims[0] ?? 0);
  }

  #decoderNegatives(
    { prompt, negativePrompt, numImagesPerPrompt = 1 }: CombinedOptions,
    { dims }: Tensor,
  ): string[] | undefined {
    if (negativePrompt === undefined || prompt === undefined) return undefined;
    return perPicture(promptList('negativePrompt', negativePrompt), numImagesPerPrompt, dims[0] ?? 0);
  }

  /** Makes `style`'s Stage C the one that `prior` runs; it is mixed where it is not there, and opened when first used. */
  async use(style: string, options: StageCOptions = {}): Promise<WuerstchenPrior> {
    const dir = await stageCFolder(this.dir, style, options);
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

function perPicture(texts: readonly string[], times: number, rows: number): string[] {
  if (texts.length === 1) return [...texts];
  const all = texts.flatMap((text) => Array.from({ length: times }, () => text));
  return all.length === rows ? all : [...texts];
}
