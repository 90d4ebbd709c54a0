import { AsyncLocalStorage } from 'node:async_hooks';
import { OperatorError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { imageEncoderFolder } from '../checkpoint/image-encoder-folder.ts';
import { PRECISIONS, type Precision } from '../checkpoint/weight-recipe.ts';
import { availableStyles } from '../derived-weights/styles.ts';
import { PictureReader } from '../images/picture-reader.ts';
import { stepCount, timestepsOf } from '../images/stage-c-steps.ts';
import { LoraFolder } from '../lora/lora-folder.ts';
import { picturesTogether, roundsOf } from '../pipelines/batch-size.ts';
import { WuerstchenCombinedPipeline } from '../pipelines/combined-pipeline.ts';
import { isShortage, sparingMemory } from '../pipelines/shortage.ts';
import { measureSlowness } from '../pipelines/slowness.ts';
import type {
  Batch,
  Engine,
  EngineContext,
  EngineEvent,
  EngineInfo,
  EngineRequest,
  GenerateContext,
  LoadContext,
  LoadOptions,
  WarmUp,
} from '../process/protocol.ts';
import { ENCODER } from '../process/weights.ts';
import { CallTimes } from '../runtime/call-times.ts';
import { deviceKind } from '../runtime/device-kind.ts';
import type { MeasureMemory } from '../runtime/memory-plan.ts';
import { PROVIDERS } from '../runtime/providers.ts';
import { type BlockingCall, Runtime } from '../runtime/runtime.ts';
import { batchSize } from './batch-gain.ts';
import { asEngineFailure } from './engine-failure.ts';
import { givenStart } from './given-start.ts';
import { identifyAll } from './identify-all.ts';
import { batches, type StageCSpace } from './image-sources.ts';
import { PictureJudge } from './picture-judge.ts';
import {
  newPreviewMaps,
  Previewer,
  type PreviewMaps,
  previewMapsJson,
  readPreviewMaps,
  shippedPreviewMaps,
} from './previewer.ts';
import { useLoras } from './request-loras.ts';
import { paintPlans, type StageTimes } from './round.ts';
import { Turns } from './turns.ts';
import { warmUp } from './warm-up.ts';

export interface EngineOptions {
  /** Least time between two previews, in milliseconds. @default 500 */
  readonly previewEveryMs?: number;
  /** Stage B latents (height × width × pictures) that are worked on together. @default by provider */
  readonly batchLatents?: number;
  /** Measures the free memory. @default the system */
  readonly measureMemory?: MeasureMemory;
  /** Called before each call into onnxruntime; what it throws counts as that call's failure. */
  readonly beforeCall?: (call: BlockingCall) => void;
}

/** Bytes of a mixed checkpoint, which are read twice and written once, on a slow disk. */
const MIXED_PER_MS = 100e3;
/** Finished pictures that preview maps learn from; later ones hardly change them. */
const LEARN_PICTURES = 48;

export const createEngine = (options: EngineOptions = {}): Engine => new PipelineEngine(options);

/** What a loaded model consists of. */
interface Loaded {
  readonly loras: LoraFolder;
  readonly pipeline: WuerstchenCombinedPipeline;
  readonly checkpoint: string;
  readonly maps: PreviewMaps;
  readonly previewer: Previewer;
  /** Absent where no picture classifier is installed. */
  readonly judge: PictureJudge | undefined;
}

/** The pipelines over a model folder, as the pipeline process drives them. */
class PipelineEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #times = new CallTimes();
  readonly #reader = new PictureReader();
  /** Of the request that something is done for. */
  readonly #requests = new AsyncLocalStorage<GenerateContext>();
  readonly #turns = new Turns(() => this.#together);
  #together = 1;
  /** For what is done for no request, or for several. */
  #context: EngineContext = { announce: async () => {} };
  #loaded: Loaded | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  async load(options: LoadOptions, context: LoadContext): Promise<EngineInfo> {
    const { model, previewMaps, cacheDir } = options;
    this.#context = context;
    const runtime = await this.#runtime(options);
    if (options.leanFrom !== undefined) {
      runtime.memory.ended(options.leanFrom);
      await runtime.memory.beginPicture(0);
    }
    const { styles, mixesStyles } = availableStyles(model);
    const style = styles[0] ?? 'interpolated';
    const pipeline = await WuerstchenCombinedPipeline.fromPretrained(model, { runtime, style, cacheDir });
    for (const note of runtime.notes) process.stdout.write(`${note}\n`);
    const startsFromPictures = imageEncoderFolder(model) !== undefined;
    const identifying = identifyAll(pipeline, [...styles.slice(1), ...(startsFromPictures ? [ENCODER] : [])]);
    // What it throws is seen below.
    identifying.catch(() => {});
    await this.#preload(pipeline);
    // The first preview and the first file should not wait for it.
    await import('sharp');
    const weights = await identifying;
    const { checkpoint, formerCheckpoints: former = [] } = weights.known;
    const shipped = readPreviewMaps(await shippedPreviewMaps(model), pipeline, checkpoint, ...former);
    const maps = shipped ?? readPreviewMaps(previewMaps, pipeline, checkpoint, ...former) ?? newPreviewMaps(pipeline);
    const previewer = new Previewer({
      maps,
      learnUntil: shipped ? 0 : LEARN_PICTURES,
      everyMs: this.#options.previewEveryMs ?? 500,
      now: () => performance.now(),
    });
    const loras = new LoraFolder(options.loras ?? '');
    const judge = await this.#openJudge(options);
    this.#loaded = { pipeline, checkpoint, maps, previewer, loras, judge };
    const warmed = await this.#warmUp(pipeline, options.warmUp);
    this.#together = await this.#batch(pipeline, options.batch);
    const memory = `${runtime.residency}: ${runtime.memory.reason}`;
    const sizes = { ...pipeline.grid.limits, gridStep: pipeline.grid.step };
    const device = deviceKind(runtime.provider, options.device);
    const computed = { provider: pipeline.computedBy, device };
    const made = { model: pipeline.name, ...weights.known, ...computed };
    const info = {
      ...{ ...made, styles, mixesStyles, sizes, startsFromPictures, memory, warmed, together: this.#together },
      ...(judge === undefined ? {} : { classifier: judge.classifier }),
    };
    weights.onKnown((known) => {
      // Pictures from now on carry the hash of all weights.
      if (this.#loaded) this.#loaded = { ...this.#loaded, checkpoint: known.checkpoint };
      context.changed?.({ ...info, ...known });
    });
    return info;
  }

  #openJudge({ classifier, threads }: LoadOptions): Promise<PictureJudge | undefined> {
    return PictureJudge.open(classifier, { threads, ...this.#watched() });
  }

  #runtime(options: LoadOptions): Promise<Runtime> {
    const { provider = 'auto', device, threads, memoryBudget, precision = 'auto', residency = 'auto' } = options;
    const { measureMemory } = this.#options;
    return Runtime.create({
      provider: checkName('provider', PROVIDERS, provider, 'WUERST_PROVIDER=cpu', (values) =>
        t('Expected provider auto, {names}, got {name}.', values),
      ),
      precision: checkName('precision', PRECISIONS, precision, 'WUERST_PRECISION=int8', (values) =>
        t('Expected precision auto, {names}, got {name}.', values),
      ),
      ...{ device, threads, memoryBudget, residency, measureMemory },
      onPreparing: reportPreparing,
      ...this.#watched(),
    });
  }

  /** Every call into onnxruntime is announced and timed. */
  #watched() {
    return {
      onBlocking: async (call: BlockingCall) => {
        await this.#announce(`${call.graph}.${call.kind}`, this.#times.expected(call));
        this.#options.beforeCall?.(call);
      },
      onReturned: (call: BlockingCall, ms: number) => this.#times.measured(call, ms),
    };
  }

  /** If not even the weights fit into memory together, networks are loaded one at a time from then on. */
  async #preload(pipeline: WuerstchenCombinedPipeline): Promise<void> {
    try {
      await pipeline.preload();
    } catch (error) {
      if (!isShortage(error)) throw error;
      await this.#spare(pipeline.runtime, 0);
    }
  }

  /** Memory ran out over a picture of so many pixels, or, with 0, while the model was loaded. */
  async #spare({ memory }: Runtime, pixels: number): Promise<void> {
    memory.ranOut(pixels);
    await memory.beginPicture(0);
  }

  async #warmUp(pipeline: WuerstchenCombinedPipeline, sizes: WarmUp | undefined): Promise<string> {
    try {
      return await warmUp(pipeline, sizes);
    } catch (error) {
      if (!isShortage(error)) throw error;
      await pipeline.runtime.memory.releaseAll();
      return 'not all: memory ran out';
    }
  }

  /** How many pictures of several requests are painted at the same time. */
  async #batch(pipeline: WuerstchenCombinedPipeline, asked: Batch = 'auto'): Promise<number> {
    // Networks that come and go would do so once for each request.
    if (pipeline.runtime.residency !== 'resident') return 1;
    return batchSize(pipeline, asked);
  }

  #announce(call: string, expectedMs: number): Promise<void> {
    return (this.#requests.getStore() ?? this.#context).announce(call, expectedMs);
  }

  async *generate(request: EngineRequest, context: GenerateContext): AsyncGenerator<EngineEvent, void> {
    const events = this.#turnOf(request, context.signal);
    try {
      for (;;) {
        const { done, value } = await this.#requests.run(context, () => events.next());
        if (done) return;
        yield value;
      }
    } finally {
      await events.return();
    }
  }

  async *#turnOf(request: EngineRequest, signal: AbortSignal): AsyncGenerator<EngineEvent, void> {
    const loaded = this.#loaded;
    if (!loaded) throw new Error('Expected load() before generate().');
    const { pipeline } = loaded;
    const rows = Math.min(request.images.length, picturesTogether(pipeline, request, this.#options.batchLatents));
    const isLean = pipeline.runtime.memory.isLeanFrom(request.width * request.height);
    const turn = await this.#turns.begin({
      ...{ alike: alike(request), signal },
      rows: isLean ? 'alone' : Math.max(1, rows),
    });
    try {
      for await (const event of this.#paint(loaded, request, signal, () => turn.alone())) {
        if (event.type === 'done') yield shared(event, turn.share);
        else yield event.type === 'step' ? { ...event, share: turn.share } : event;
      }
    } finally {
      turn.end();
    }
  }

  async *#paint(
    loaded: Loaded,
    request: EngineRequest,
    signal: AbortSignal,
    alone: () => Promise<void>,
  ): AsyncGenerator<EngineEvent, void> {
    const { pipeline } = loaded;
    const given = new Set<number>();
    try {
      const left = () => request.images.filter(({ index }) => !given.has(index));
      const paint = () => this.#attempt(loaded, { ...request, images: left() }, signal);
      for await (const event of sparingMemory(pipeline, request, signal, paint, alone)) {
        if (event.type === 'image') given.add(event.image);
        yield event;
      }
    } catch (error) {
      throw signal.aborted ? error : asEngineFailure(error, pipeline.runtime.provider);
    }
  }

  async *#attempt(loaded: Loaded, request: EngineRequest, signal: AbortSignal): AsyncGenerator<EngineEvent, void> {
    const { pipeline, previewer, maps, checkpoint } = loaded;
    const judge = request.judge === true ? loaded.judge : undefined;
    const { grid, prior, runtime } = pipeline;
    const slowness = measureSlowness(runtime);
    loaded.pipeline.grid.check(request.width, request.height);
    await useLoras(pipeline, request.loras ?? [], loaded.loras, signal);
    yield* this.#useStyle(pipeline, request.style, signal);
    if (this.#together > 1) this.#requests.exit(() => shareSteps(pipeline));
    const [h, w] = [grid.coveringCells(request.height), grid.coveringCells(request.width)];
    const { steps } = request;
    const scheduler = prior.newScheduler(stepCount(steps), timestepsOf(steps));
    const space: StageCSpace = { dims: [1, prior.prior.config.c_in, h, w], values: prior.values, scheduler };
    const times: StageTimes = {};
    const learns = previewer.learns;
    const all = batches(request.images, picturesTogether(pipeline, request, this.#options.batchLatents));
    const start = await givenStart(pipeline, request, [h, w], this.#reader);
    for (const round of roundsOf(pipeline, all)) {
      yield* paintPlans({ pipeline, previewer, request, space, start, judge, times, signal }, round);
    }
    if (runtime.residency !== 'resident') await runtime.memory.releaseAll();
    yield {
      type: 'done',
      timings: times,
      warnings: [...prior.text.warnings([request.prompt], request), ...slowness()],
      ...(learns ? { previewMaps: previewMapsJson(maps, checkpoint) } : {}),
    };
  }

  async *#useStyle(
    pipeline: WuerstchenCombinedPipeline,
    style: string,
    signal: AbortSignal,
  ): AsyncGenerator<EngineEvent, void> {
    const step = { type: 'step', stage: 'load', image: null, total: 1, timestep: null, preview: null } as const;
    const mixing = (done: number, total: number) => {
      // The mix is also read once more for its hash, and notices an abort by itself.
      const expectedMs = (2 * total - done) / MIXED_PER_MS;
      this.#announce(`style-${style}.mix`, expectedMs).catch(() => {});
    };
    await pipeline.use(style, { signal, onStart: (total) => mixing(0, total), onProgress: mixing });
    const { prior } = pipeline.prior;
    if (prior.isLoaded || pipeline.runtime.residency !== 'resident') return;
    yield { ...step, step: 0 };
    await prior.preload();
    yield { ...step, step: 1 };
  }
}

function shareSteps({ prior, decoder }: WuerstchenCombinedPipeline): void {
  prior.prior.share();
  decoder.decoder.share();
}

/** Equal for requests that can share the steps of the networks. */
function alike({ width, height, style, loras = [] }: EngineRequest): string {
  return JSON.stringify([width, height, style, loras.map(({ hash, weight }) => [hash, weight])]);
}

/** Of what was spent on several requests, the share of one. */
function shared<E extends { readonly timings: StageTimes }>(done: E, share: number): E & { readonly share: number } {
  const timings = Object.fromEntries(Object.entries(done.timings).map(([stage, ms]) => [stage, ms * share]));
  return { ...done, timings, share };
}

/** One of the names, or `auto`. */
function checkName<T extends string>(
  what: string,
  names: readonly T[],
  name: string,
  example: string,
  expected: (values: { readonly names: string; readonly name: string }) => string,
): T | 'auto' {
  const known = [...names, 'auto' as const].find((one) => one === name);
  if (known) return known;
  throw new OperatorError(`${what}_unknown`, () => expected({ names: names.join(', '), name }), {
    hint: () => t('For example {example}.', { example }),
  });
}

/** Shown by whoever started this process: the first start with a large model takes a while. */
function reportPreparing(dir: string, precision: Precision, done: number, total: number): void {
  const quarter = (count: number) => Math.floor((4 * count) / total);
  if (quarter(done) > quarter(done - 1)) {
    process.stdout.write(`preparing ${precision} weights in ${dir}: ${25 * quarter(done)} %\n`);
  }
}
