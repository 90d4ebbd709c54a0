import { cropTo, encodeImage, type RgbImage } from '../images/image-file.ts';
import { sliceRows, type Tensor } from '../math/tensor.ts';
import type { WuerstchenCombinedPipeline } from '../pipelines/combined-pipeline.ts';
import type { StepEvent } from '../pipelines/pipeline-options.ts';
import type { EngineEvent, EngineRequest, EngineStage, ImagePlan } from '../process/protocol.ts';
import { EMBEDDING_TEXT, embeddingText } from './embedding-text.ts';
import { givenEmbeddings, type StageCSpace, stageBGenerator, stageCLatents, stageCRun } from './image-sources.ts';
import type { Previewer } from './previewer.ts';

export type StageTimes = Partial<Record<EngineStage, number>>;

/** What a round works with. */
export interface RoundOptions {
  readonly pipeline: WuerstchenCombinedPipeline;
  readonly previewer: Previewer;
  readonly request: EngineRequest;
  readonly space: StageCSpace;
  /** Added to. */
  readonly times: StageTimes;
  readonly signal: AbortSignal;
}

/** Pictures at work together, with the position to name in their steps. */
interface Batch {
  readonly plans: readonly ImagePlan[];
  /** `null` where the steps are those of all pictures of the request. */
  readonly image: number | null;
}

/** Takes batches from their sources to their files: all of them through one stage, then through the next. */
export async function* paintRound(
  options: RoundOptions,
  plans: readonly (readonly ImagePlan[])[],
): AsyncGenerator<EngineEvent, void> {
  const all = options.request.images.length;
  const batches = plans.map((batch): Batch => {
    const shared = batch.length > 1 && batch.length === all;
    return { plans: batch, image: shared ? null : (batch[0]?.index ?? null) };
  });
  const embedded: { readonly batch: Batch; readonly embeddings: Tensor }[] = [];
  const endReading = options.pipeline.readAhead();
  try {
    for (const batch of batches) embedded.push({ batch, embeddings: yield* stageC(options, batch) });
  } finally {
    endReading();
  }
  const decoded: { readonly batch: Batch; readonly embeddings: Tensor; readonly latents: Tensor }[] = [];
  for (const one of embedded) {
    decoded.push({ ...one, latents: yield* stageB(options, one.batch, one.embeddings) });
  }
  for (const { batch, embeddings, latents } of decoded) yield* stageA(options, batch, embeddings, latents);
}

async function* stageC(options: RoundOptions, { plans, image }: Batch): AsyncGenerator<EngineEvent, Tensor> {
  const { pipeline, request, space, times, signal } = options;
  yield { type: 'step', stage: 'text', image, step: 0, total: 1, timestep: null, preview: null };
  const given = givenEmbeddings(plans, space);
  if (given) return given;
  const { generators, timesteps, latents } = stageCRun(plans, space);
  const { resolutionMultiple } = pipeline.prior.values;
  const [, , h, w] = space.dims;
  const { imageEmbeddings, timings } = yield* steps(
    options,
    pipeline.prior.stream({
      prompt: request.prompt,
      negativePrompt: request.negative || undefined,
      height: Math.floor(h * resolutionMultiple),
      width: Math.floor(w * resolutionMultiple),
      numImagesPerPrompt: plans.length,
      guidanceScale: request.guidance,
      ...{ generator: generators, timesteps, latents, signal },
    }),
    image,
  );
  addTimes(times, timings);
  return imageEmbeddings;
}

async function* stageB(
  options: RoundOptions,
  { plans, image }: Batch,
  imageEmbeddings: Tensor,
): AsyncGenerator<EngineEvent, Tensor> {
  const { pipeline, request, space, times, signal } = options;
  const { latents, timings } = yield* steps(
    options,
    pipeline.decoder.stream({
      prompt: request.prompt,
      negativePrompt: request.negative || undefined,
      imageEmbeddings,
      numInferenceSteps: request.decoderSteps,
      guidanceScale: request.decoderGuidance,
      generator: plans.map((plan) => stageBGenerator(plan, space)),
      outputType: 'latent',
      signal,
    }),
    image,
  );
  addTimes(times, timings);
  return latents;
}

async function* steps<T>(
  { previewer, request }: RoundOptions,
  stream: AsyncGenerator<StepEvent, T>,
  image: number | null,
): AsyncGenerator<EngineEvent, T> {
  for (;;) {
    const { done, value } = await stream.next();
    if (done) return value;
    const { stage, step, total, timestep } = value;
    yield { type: 'step', stage, image, step, total, timestep, preview: await previewer.show(value, request) };
  }
}

/** One picture at a time: each is made a file while the next one is decoded. */
async function* stageA(
  { pipeline, previewer, request, times }: RoundOptions,
  { plans, image }: Batch,
  embeddings: Tensor,
  latents: Tensor,
): AsyncGenerator<EngineEvent, void> {
  const encoding: Promise<EngineEvent>[] = [];
  for (const [row, plan] of plans.entries()) {
    const start = performance.now();
    const clean = sliceRows(latents, row, row + 1);
    const embedding = sliceRows(embeddings, row, row + 1);
    const { data, dims } = await pipeline.decoder.vqgan.decodePixels(clean);
    const picture: RgbImage = { width: dims[2] ?? 0, height: dims[1] ?? 0, data };
    addTimes(times, { vqgan: performance.now() - start });
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
    yield { ...step, step: row + 1, total: plans.length };
  }
  for (const file of encoding) yield await file;
}

async function encode(
  picture: RgbImage,
  { width, height }: EngineRequest,
  { index, metadata }: ImagePlan,
  embedding: Tensor,
  times: StageTimes,
): Promise<EngineEvent> {
  const start = performance.now();
  const texts = { ...metadata, [EMBEDDING_TEXT]: embeddingText(embedding) };
  const png = await encodeImage(await cropTo(picture, width, height), { format: 'png', metadata: texts });
  addTimes(times, { encode: performance.now() - start });
  return { type: 'image', image: index, png, metadata, embedding };
}

function addTimes(times: StageTimes, more: StageTimes): void {
  for (const [stage, ms] of Object.entries(more) as [EngineStage, number][]) times[stage] = (times[stage] ?? 0) + ms;
}
