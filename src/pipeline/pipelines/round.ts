import { sliceRows, type Tensor } from '../math/tensor.ts';
import { hostMemory } from '../runtime/host-memory.ts';
import { LOADING } from '../runtime/memory-estimate.ts';
import type { Decoded, DecoderOptions, OutputType } from './decoder-pipeline.ts';
import type { OpenModel } from './picture-needs.ts';
import type { StepEvent, Timings } from './pipeline-options.ts';
import type { PriorOptions } from './prior-pipeline.ts';

/** Of the free memory, what may be filled with files that are needed next. */
const READ_AHEAD_SHARE = 0.5;

/** Pictures that go through the stages together. */
export interface Batch {
  /** From an earlier run, [N, 16, h, w]: Stage C is skipped. */
  readonly imageEmbeddings?: Tensor | undefined;
  readonly prior: () => PriorOptions;
  readonly decoder: (imageEmbeddings: Tensor) => DecoderOptions;
  readonly outputType: OutputType;
}

/** What became of a batch. */
export interface Painted {
  readonly imageEmbeddings: Tensor;
  /** Stage B's. */
  readonly latents: Tensor;
  readonly warnings: readonly string[];
  readonly timings: Timings;
}

/** One picture of a batch, with its share of the batch's time. */
export interface PaintedPicture extends Decoded {
  /** [1, 16, h, w] */
  readonly imageEmbedding: Tensor;
  readonly timings: Timings;
}

export type RoundEvent<B extends Batch> =
  | { readonly type: 'begin'; readonly batch: B }
  | { readonly type: 'step'; readonly batch: B; readonly event: StepEvent }
  | { readonly type: 'picture'; readonly batch: B; readonly picture: PaintedPicture };

/**
 * Takes batches from words to pictures: all of them through one stage, then through the next, so that each network is
 * loaded once.
 */
export async function* paintRound<B extends Batch>(
  model: OpenModel,
  batches: readonly B[],
  signal: AbortSignal | undefined,
): AsyncGenerator<RoundEvent<B>, Painted[]> {
  const embedded: Embedded<B>[] = [];
  const needsStageC = batches.some(({ imageEmbeddings }) => imageEmbeddings === undefined);
  const endReading = needsStageC ? await readStageB(model) : () => {};
  try {
    for (const batch of batches) embedded.push(yield* stageC(model, batch));
  } finally {
    endReading();
  }
  const denoised: Denoised<B>[] = [];
  for (const one of embedded) denoised.push(yield* stageB(model, one));
  const painted: Painted[] = [];
  for (const one of denoised) painted.push(yield* stageA(model, one, signal));
  return painted;
}

type Times = { -readonly [Part in keyof Timings]: number };

interface Embedded<B extends Batch> {
  readonly batch: B;
  readonly imageEmbeddings: Tensor;
  readonly warnings: readonly string[];
  readonly times: Times;
}

interface Denoised<B extends Batch> extends Embedded<B> {
  readonly latents: Tensor;
}

async function* stageC<B extends Batch>(model: OpenModel, batch: B): AsyncGenerator<RoundEvent<B>, Embedded<B>> {
  yield { type: 'begin', batch };
  const times = { text: 0, prior: 0, decoder: 0, vqgan: 0, total: 0, onnx: 0 };
  if (batch.imageEmbeddings) return { batch, imageEmbeddings: batch.imageEmbeddings, warnings: [], times };
  const { imageEmbeddings, warnings } = yield* steps(model, batch, times, model.prior.stream(batch.prior()));
  return { batch, imageEmbeddings, warnings, times };
}

async function* stageB<B extends Batch>(
  model: OpenModel,
  { batch, imageEmbeddings, warnings, times }: Embedded<B>,
): AsyncGenerator<RoundEvent<B>, Denoised<B>> {
  const stream = model.decoder.stream({ ...batch.decoder(imageEmbeddings), outputType: 'latent' });
  const output = yield* steps(model, batch, times, stream);
  const all = [...new Set([...warnings, ...output.warnings])];
  return { batch, imageEmbeddings, warnings: all, times, latents: output.latents };
}

/** The steps of one stage, whose time is added to that of the batch. */
async function* steps<B extends Batch, T extends { readonly timings: Partial<Timings> }>(
  { decoder: { runtime } }: OpenModel,
  batch: B,
  times: Times,
  stream: AsyncGenerator<StepEvent, T>,
): AsyncGenerator<RoundEvent<B>, T> {
  const before = runtime.onnxMs;
  for (;;) {
    const { done, value } = await stream.next();
    if (done) {
      const { text = 0, prior = 0, decoder = 0 } = value.timings;
      times.text += text;
      times.prior += prior;
      times.decoder += decoder;
      times.total += text + prior + decoder;
      times.onnx += runtime.onnxMs - before;
      return value;
    }
    yield { type: 'step', batch, event: value };
  }
}

async function* stageA<B extends Batch>(
  { decoder }: OpenModel,
  { batch, imageEmbeddings, latents, warnings, times }: Denoised<B>,
  signal: AbortSignal | undefined,
): AsyncGenerator<RoundEvent<B>, Painted> {
  const { runtime } = decoder;
  const count = latents.dims[0] ?? 1;
  const [text, prior, denoising] = [times.text / count, times.prior / count, times.decoder / count];
  const [stages, inOnnx] = [times.total / count, times.onnx / count];
  let before = runtime.onnxMs;
  for await (const decoded of decoder.decode(latents, batch.outputType, signal)) {
    const { row, vqgan } = decoded;
    const onnx = runtime.onnxMs - before;
    times.vqgan += vqgan;
    times.total += vqgan;
    times.onnx += onnx;
    const timings = { text, prior, decoder: denoising, vqgan, total: stages + vqgan, onnx: inOnnx + onnx };
    const imageEmbedding = sliceRows(imageEmbeddings, row, row + 1);
    yield { type: 'picture', batch, picture: { ...decoded, imageEmbedding, timings } };
    before = runtime.onnxMs;
  }
  return { imageEmbeddings, latents, warnings, timings: times };
}

/**
 * Where networks come and go, reads Stage B's files while Stage C computes, if there is memory to keep them in.
 *
 * @returns the way to end it early
 */
async function readStageB({ prior, decoder }: OpenModel): Promise<() => void> {
  const { residency, memory } = prior.runtime;
  // With one block at a time, Stage C's own files are read again at every step.
  if (residency !== 'stage' || memory.lean) return () => {};
  const next = [decoder.text.model, decoder.decoder];
  const bytes = next.reduce((sum, network) => sum + network.weightBytes, 0);
  // Files are read into the host's memory, whatever computes. What Stage C takes comes first.
  const free = hostMemory().bytes - (prior.prior.isLoaded ? 0 : prior.prior.weightBytes * LOADING);
  if (bytes > free * READ_AHEAD_SHARE) return () => {};
  const { readAhead } = await import('../checkpoint/read-ahead.ts');
  return readAhead(next.flatMap((network) => network.component.filesInUse));
}
