import { join } from 'node:path';
import { OperatorError } from '../errors.ts';
import { CallTimes } from './call-times.ts';
import { availableStyles, type Style, WuerstchenCombinedPipeline } from './combined-pipeline.ts';
import type { RgbImage } from './decoder-pipeline.ts';
import { asEngineFailure } from './engine-failure.ts';
import { cropTo, encodeImage } from './image-file.ts';
import {
  batches,
  givenEmbeddings,
  type StageCSpace,
  stageBGenerator,
  stageCLatents,
  stageCRun,
  stageCScheduler,
} from './image-sources.ts';
import type { StepEvent } from './pipeline-options.ts';
import { schedulerConfig } from './pipeline-values.ts';
import { PRECISIONS, type Precision } from './precision/recipe.ts';
import {
  newPreviewMaps,
  Previewer,
  type PreviewMaps,
  previewMapsJson,
  readPreviewMaps,
  shippedPreviewMaps,
} from './previewer.ts';
import type {
  Engine,
  EngineContext,
  EngineEvent,
  EngineInfo,
  EngineRequest,
  EngineStage,
  GenerateContext,
  ImagePlan,
  LoadOptions,
} from './protocol.ts';
import { PROVIDERS, type Provider, Runtime } from './runtime.ts';
import type { SchedulerConfig } from './scheduler.ts';
import { sliceRows, type Tensor } from './tensor.ts';

export interface EngineOptions {
  /** Least time between two previews, in milliseconds. @default 500 */
  readonly previewEveryMs?: number;
  /** Stage B latents (height × width × pictures) that are worked on together. @default 16384 */
  readonly batchLatents?: number;
}

/**
 * Pictures of one request go through Stages C and B together up to this many Stage B latents: 4 of 1024×1024 with
 * cocktail, one with the large checkpoints, whose arithmetic outweighs the cost of a call. On two cores, alone and in
 * batches of 4, cocktail takes 758 and 562 ms a picture at 1024×1024, 469 and 195 at 512×512, 293 and 131 at 256×256;
 * the first picture comes later, the last one sooner.
 */
const BATCH_LATENTS = 16_384;
/** Finished pictures that preview maps learn from; later ones hardly change them. */
const LEARN_PICTURES = 48;

export const createEngine = (options: EngineOptions = {}): Engine => new PipelineEngine(options);

/** What a loaded model consists of. */
interface Loaded {
  readonly pipeline: WuerstchenCombinedPipeline;
  readonly scheduler: SchedulerConfig;
  readonly checkpoint: string;
  readonly maps: PreviewMaps;
  readonly previewer: Previewer;
}

type StageTimes = Partial<Record<EngineStage, number>>;

/** The pipelines over a model folder, as the pipeline process drives them. */
class PipelineEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #times = new CallTimes();
  #context: EngineContext = { announce: async () => {} };
  #loaded: Loaded | undefined;
  readonly #styles = new Set<string>();

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  async load(options: LoadOptions, context: EngineContext): Promise<EngineInfo> {
    const { model, provider = 'auto', precision = 'auto', previewMaps } = options;
    this.#context = context;
    const runtime = await Runtime.create({
      provider: checkProvider(provider),
      precision: checkPrecision(precision),
      onPreparing: reportPreparing,
      onBlocking: (call) => this.#context.announce(`${call.graph}.${call.kind}`, this.#times.expected(call)),
      onReturned: (call, ms) => this.#times.measured(call, ms),
    });
    const styles = availableStyles(model);
    const style = styles[0] ?? 'interpolated';
    const pipeline = await WuerstchenCombinedPipeline.fromPretrained(model, { runtime, style });
    await pipeline.preload();
    // The first preview and the first file should not wait for it.
    await import('sharp');
    this.#styles.add(style);
    const checkpoint = await pipeline.fingerprint(style);
    const shipped = readPreviewMaps(await shippedPreviewMaps(model), pipeline, checkpoint);
    const maps = shipped ?? readPreviewMaps(previewMaps, pipeline, checkpoint) ?? newPreviewMaps(pipeline);
    const previewer = new Previewer({
      maps,
      learnUntil: shipped ? 0 : LEARN_PICTURES,
      everyMs: this.#options.previewEveryMs ?? 500,
      now: () => performance.now(),
    });
    const scheduler = await schedulerConfig(join(model, 'wuerstchen-prior'));
    this.#loaded = { pipeline, scheduler, checkpoint, maps, previewer };
    return { checkpoint, provider: pipeline.computedBy, styles };
  }

  async *generate(request: EngineRequest, context: GenerateContext): AsyncGenerator<EngineEvent, void> {
    if (!this.#loaded) throw new Error('expected load() before generate()');
    this.#context = context;
    try {
      yield* this.#generate(this.#loaded, request, context.signal);
    } catch (error) {
      throw context.signal.aborted ? error : asEngineFailure(error, this.#loaded.pipeline.runtime.provider);
    }
  }

  async *#generate(loaded: Loaded, request: EngineRequest, signal: AbortSignal): AsyncGenerator<EngineEvent, void> {
    const { pipeline, previewer, maps, checkpoint } = loaded;
    const { grid, prior, decoder } = pipeline;
    loaded.pipeline.grid.check(request.width, request.height);
    yield* this.#useStyle(pipeline, request.style);
    const [h, w] = [grid.coveringCells(request.height), grid.coveringCells(request.width)];
    const scheduler = stageCScheduler(loaded.scheduler, request);
    const space: StageCSpace = { dims: [1, prior.prior.config.c_in, h, w], values: prior.values, scheduler };
    const latents = h * w * decoder.values.latentDimScale ** 2;
    const most = Math.max(1, Math.floor((this.#options.batchLatents ?? BATCH_LATENTS) / latents));
    const times: StageTimes = {};
    const learns = previewer.learns;
    for (const batch of batches(request.images, most)) {
      yield* this.#paint(loaded, request, batch, space, times, signal);
    }
    yield {
      type: 'done',
      timings: times,
      truncated: prior.text.tokenizer.encode(request.prompt).truncated,
      ...(learns ? { previewMaps: previewMapsJson(maps, checkpoint) } : {}),
    };
  }

  async *#useStyle(pipeline: WuerstchenCombinedPipeline, style: string): AsyncGenerator<EngineEvent, void> {
    await pipeline.use(style as Style);
    if (this.#styles.has(style)) return;
    const step = { type: 'step', stage: 'load', image: null, total: 1, timestep: null, preview: null } as const;
    yield { ...step, step: 0 };
    await pipeline.prior.prior.preload();
    this.#styles.add(style);
    yield { ...step, step: 1 };
  }

  /** A batch from its sources to its files. */
  async *#paint(
    loaded: Loaded,
    request: EngineRequest,
    batch: readonly ImagePlan[],
    space: StageCSpace,
    times: StageTimes,
    signal: AbortSignal,
  ): AsyncGenerator<EngineEvent, void> {
    const { prior, decoder } = loaded.pipeline;
    const image = batch.length > 1 && batch.length === request.images.length ? null : (batch[0]?.index ?? null);
    const negativePrompt = request.negative || undefined;
    yield { type: 'step', stage: 'text', image, step: 0, total: 1, timestep: null, preview: null };
    let embeddings = givenEmbeddings(batch, space);
    if (!embeddings) {
      const { generators, timesteps, latents } = stageCRun(batch, space);
      const { resolutionMultiple } = prior.values;
      const [, , h, w] = space.dims;
      const output = yield* this.#steps(
        prior.stream({
          prompt: request.prompt,
          negativePrompt,
          height: Math.floor(h * resolutionMultiple),
          width: Math.floor(w * resolutionMultiple),
          numImagesPerPrompt: batch.length,
          guidanceScale: request.guidance,
          ...{ generator: generators, timesteps, latents, signal },
        }),
        loaded.previewer,
        request,
        image,
      );
      embeddings = output.imageEmbeddings;
      add(times, output.timings);
    }
    const output = yield* this.#steps(
      decoder.stream({
        prompt: request.prompt,
        negativePrompt,
        imageEmbeddings: embeddings,
        numInferenceSteps: request.decoderSteps,
        guidanceScale: request.decoderGuidance,
        generator: batch.map((plan) => stageBGenerator(plan, space)),
        outputType: 'latent',
        signal,
      }),
      loaded.previewer,
      request,
      image,
    );
    add(times, output.timings);
    yield* this.#finish(loaded, request, batch, { embeddings, latents: output.latents }, image, times);
  }

  async *#steps<T>(
    stream: AsyncGenerator<StepEvent, T>,
    previewer: Previewer,
    request: EngineRequest,
    image: number | null,
  ): AsyncGenerator<EngineEvent, T> {
    for (;;) {
      const { done, value } = await stream.next();
      if (done) return value;
      const { stage, step, total, timestep } = value;
      yield { type: 'step', stage, image, step, total, timestep, preview: await previewer.show(value, request) };
    }
  }

  /** Stage A, one picture at a time: each is made a file while the next one is decoded. */
  async *#finish(
    { pipeline, previewer }: Loaded,
    request: EngineRequest,
    batch: readonly ImagePlan[],
    { embeddings, latents }: { readonly embeddings: Tensor; readonly latents: Tensor },
    image: number | null,
    times: StageTimes,
  ): AsyncGenerator<EngineEvent, void> {
    const encoding: Promise<EngineEvent>[] = [];
    for (const [row, plan] of batch.entries()) {
      const start = performance.now();
      const clean = sliceRows(latents, row, row + 1);
      const embedding = sliceRows(embeddings, row, row + 1);
      const { data, dims } = await pipeline.decoder.vqgan.decodePixels(clean);
      const picture: RgbImage = { width: dims[2] ?? 0, height: dims[1] ?? 0, data };
      add(times, { vqgan: performance.now() - start });
      if (previewer.learns) {
        previewer.learn('prior', stageCLatents(embedding, pipeline.prior.values), picture);
        previewer.learn('decoder', clean, picture);
      }
      const file = encode(picture, request, plan, embedding, times);
      // Where the request ends before it is looked at, its failure concerns nobody.
      file.catch(() => {});
      encoding.push(file);
      const done = encoding.length > 1 ? await encoding.shift() : undefined;
      if (done) yield done;
      const step = { type: 'step', stage: 'vqgan', image, timestep: null, preview: null } as const;
      yield { ...step, step: row + 1, total: batch.length };
    }
    for (const file of encoding) yield await file;
  }
}

async function encode(
  picture: RgbImage,
  { width, height }: EngineRequest,
  { index, metadata }: ImagePlan,
  embedding: Tensor,
  times: StageTimes,
): Promise<EngineEvent> {
  const start = performance.now();
  const png = await encodeImage(await cropTo(picture, width, height), { format: 'png', metadata });
  add(times, { encode: performance.now() - start });
  return { type: 'image', image: index, png, metadata, embedding };
}

function add(times: StageTimes, more: StageTimes): void {
  for (const [stage, ms] of Object.entries(more) as [EngineStage, number][]) times[stage] = (times[stage] ?? 0) + ms;
}

function checkPrecision(precision: string): Precision | 'auto' {
  const known = ([...PRECISIONS, 'auto'] as const).find((name) => name === precision);
  if (known) return known;
  throw new OperatorError('precision_unknown', `expected precision auto, ${PRECISIONS.join(', ')}, got ${precision}`, {
    hint: 'For example WUERST_PRECISION=int8.',
  });
}

/** Shown by whoever started this process: the first start with a large model takes a while. */
function reportPreparing(dir: string, precision: Precision, done: number, total: number): void {
  const quarter = (count: number) => Math.floor((4 * count) / total);
  if (quarter(done) > quarter(done - 1)) {
    process.stdout.write(`preparing ${precision} weights in ${dir}: ${25 * quarter(done)} %\n`);
  }
}

function checkProvider(provider: string): Provider | 'auto' {
  const known = ([...PROVIDERS, 'auto'] as const).find((name) => name === provider);
  if (known) return known;
  throw new OperatorError('provider_unknown', `expected provider auto, ${PROVIDERS.join(', ')}, got ${provider}`, {
    hint: 'For example WUERST_PROVIDER=cpu.',
  });
}
