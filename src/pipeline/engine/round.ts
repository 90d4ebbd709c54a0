import { cropTo, encodeImage, type RgbImage } from '../images/image-file.ts';
import type { Tensor } from '../math/tensor.ts';
import type { WuerstchenCombinedPipeline } from '../pipelines/combined-pipeline.ts';
import type { PreparedStart } from '../pipelines/picture-start.ts';
import { type Batch, type PaintedPicture, paintRound } from '../pipelines/round.ts';
import type { EngineEmbedding, EngineEvent, EngineRequest, EngineStage, ImagePlan } from '../process/protocol.ts';
import { givenEmbeddings, type StageCSpace, stageBGenerator, stageCLatents, stageCRun } from './image-sources.ts';
import type { PictureJudge } from './picture-judge.ts';
import type { Previewer } from './previewer.ts';

/** Keyword of the text of a PNG that holds its image embedding: Stages B and A make the picture from it again. */
const EMBEDDING_TEXT = 'wuerst-embedding';

export type StageTimes = Partial<Record<EngineStage, number>>;

/** What a round works with. */
export interface RoundOptions {
  readonly pipeline: WuerstchenCombinedPipeline;
  readonly previewer: Previewer;
  readonly request: EngineRequest;
  readonly space: StageCSpace;
  /** Pictures to start from, prepared. */
  readonly start: PreparedStart | undefined;
  /** Looks at the finished pictures, where that is wanted. */
  readonly judge: PictureJudge | undefined;
  /** Added to. */
  readonly times: StageTimes;
  readonly signal: AbortSignal;
}

/** Pictures at work together, with the position to name in their steps. */
interface PlannedBatch extends Batch {
  readonly plans: readonly ImagePlan[];
  /** `null` where the steps are those of all pictures of the request. */
  readonly image: number | null;
}

/** Takes groups of images from their sources to their files. Each picture is made a file while the next one is decoded. */
export async function* paintPlans(
  options: RoundOptions,
  groups: readonly (readonly ImagePlan[])[],
): AsyncGenerator<EngineEvent, void> {
  const { pipeline, previewer, request, times, signal } = options;
  const batches = groups.map((plans) => planned(options, plans));
  const round = paintRound(pipeline, batches, signal);
  const encoding: Promise<EngineEvent>[] = [];
  for (;;) {
    const { done, value } = await round.next();
    if (done) {
      for (const { timings } of value) addTimes(times, timings);
      break;
    }
    const { plans, image } = value.batch;
    if (value.type === 'begin') {
      yield { type: 'step', stage: 'text', image, step: 0, total: 1, timestep: null, preview: null };
    } else if (value.type === 'step') {
      const { stage, step, total, timestep } = value.event;
      const preview = await previewer.show(value.event, request);
      const previewOf = plans.map(({ index }) => index);
      yield { type: 'step', stage, image, step, total, timestep, preview, previewOf };
    } else {
      const { picture } = value;
      const file = finish(options, plans[picture.row], picture);
      // If the request ends first, nobody is interested in its failure.
      file.catch(() => {});
      encoding.push(file);
      const previous = encoding.length > 1 ? await encoding.shift() : undefined;
      if (previous) yield previous;
      const step = { type: 'step', stage: 'vqgan', image, timestep: null, preview: null } as const;
      yield { ...step, step: picture.row + 1, total: plans.length };
    }
  }
  for (const file of encoding) yield await file;
}

function planned({ pipeline, request, space, start, signal }: RoundOptions, plans: readonly ImagePlan[]): PlannedBatch {
  const { prompt, negative, weighted } = request;
  const texts = { prompt, negativePrompt: negative || undefined, weighted, signal };
  const { resolutionMultiple } = pipeline.prior.values;
  const [, , h, w] = space.dims;
  const shared = plans.length > 1 && plans.length === request.images.length;
  return {
    plans,
    image: shared ? null : (plans[0]?.index ?? null),
    outputType: 'image',
    imageEmbeddings: givenEmbeddings(plans, space),
    prior: () => {
      const { generators, timesteps, latents } = stageCRun(plans, space);
      return {
        ...texts,
        height: Math.floor(h * resolutionMultiple),
        width: Math.floor(w * resolutionMultiple),
        numImagesPerPrompt: plans.length,
        guidanceScale: request.guidance,
        ...{ generator: generators, timesteps, latents },
        // Larger and Vary strong go on from a parent's embedding: outside a mask that is the original's, since the parent was made
        // so, and what noise changes of it Stage B and the pixels put right. What is inside stays fitted to its surroundings.
        ...(start && latents === undefined
          ? { image: start.image, strength: request.start?.strength, mask: start.region?.mask }
          : {}),
      };
    },
    decoder: (imageEmbeddings) => ({
      ...{ ...texts, imageEmbeddings },
      numInferenceSteps: request.decoderSteps,
      guidanceScale: request.decoderGuidance,
      kept: start?.region?.kept,
      generator: plans.map((plan) => stageBGenerator(plan, space)),
    }),
  };
}

/** Learns from a picture and makes a file of it. */
function finish(
  options: RoundOptions,
  plan: ImagePlan | undefined,
  { image, latents, imageEmbedding }: PaintedPicture,
): Promise<EngineEvent> {
  const { pipeline, previewer } = options;
  if (!plan || !image) throw new Error('Expected a picture for each plan.');
  if (previewer.learns) {
    previewer.learn('prior', stageCLatents(imageEmbedding, pipeline.prior.values), image);
    previewer.learn('decoder', latents, image);
  }
  return encode(image, plan, imageEmbedding, options);
}

async function encode(
  picture: RgbImage,
  { index, metadata }: ImagePlan,
  embedding: Tensor,
  { request: { width, height }, start, judge, times, signal }: RoundOptions,
): Promise<EngineEvent> {
  const began = performance.now();
  const texts = { ...metadata, [EMBEDDING_TEXT]: embeddingText(embedding) };
  const cropped = await cropTo(picture, width, height);
  const finished = start?.region?.paste(cropped) ?? cropped;
  const png = await encodeImage(finished, { format: 'png', metadata: texts });
  const verdict = await judge?.judge(finished, signal);
  addTimes(times, { encode: performance.now() - began });
  return { type: 'image', image: index, png, metadata, embedding, ...(verdict === undefined ? {} : { verdict }) };
}

/** As JSON: dims, and the values as little-endian 32-bit floats in base64. */
function embeddingText({ dims, data }: EngineEmbedding): string {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return JSON.stringify({ dims, data: bytes.toString('base64') });
}

function addTimes(times: StageTimes, { text, prior, decoder, vqgan, encode }: StageTimes): void {
  for (const [stage, ms] of Object.entries({ text, prior, decoder, vqgan, encode }) as [EngineStage, number?][]) {
    if (ms !== undefined) times[stage] = (times[stage] ?? 0) + ms;
  }
}
