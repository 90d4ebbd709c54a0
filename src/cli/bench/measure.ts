import { createHash } from 'node:crypto';
import { PRECISIONS, type Precision } from '../../pipeline/checkpoint/weight-recipe.ts';
import {
  DEFAULT_STAGE_C_TIMESTEPS,
  type Provider,
  type RgbImage,
  Runtime,
  TorchGenerator,
  WuerstchenCombinedPipeline,
} from '../../pipeline/index.ts';
import { t } from '../../texts/translate.ts';
import { memoryMeter } from './memory-meter.ts';

export interface BenchOptions {
  /** Model folder. */
  readonly model: string;
  readonly provider: Provider;
  readonly device?: number | undefined;
  readonly threads?: number | undefined;
  readonly precisions: readonly Precision[];
  /** Pixels, width and height. */
  readonly sizes: readonly (readonly [number, number])[];
  /** Pictures at once. */
  readonly batches: readonly number[];
  /** Of each denoising stage; `null`: what pictures usually take. */
  readonly steps: number | null;
  /** Called with what is being done: large models take a while. */
  readonly say?: (line: string) => void;
}

/** Times are in milliseconds, of the second of two pictures: the first one warms up. */
export interface BenchRow {
  readonly precision: Precision;
  readonly width: number;
  readonly height: number;
  readonly batch: number;
  /** Opening the model and creating its sessions; the same for all rows of a precision. */
  readonly loadMs: number;
  /** One run of a text encoder. */
  readonly textMs: number;
  /** One step of Stage C with guidance, for the whole batch. */
  readonly stageCStepMs: number;
  /** One step of Stage B, for the whole batch. */
  readonly stageBStepMs: number;
  /** Stage A, for one picture. */
  readonly stageAMs: number;
  /** From words to pictures, divided by the batch. */
  readonly pictureMs: number;
  /** The most bytes that this precision has taken so far: of the process, and of the GPU where that is known. */
  readonly hostBytes: number;
  readonly gpuBytes: number | null;
  /** Decibels against the same pictures in fp32, which is always measured first; `null` for fp32 itself. */
  readonly psnr: number | null;
  /** sha256 of the pixels: equal on machines that compute the same. */
  readonly pixels: string;
}

/** The precisions in which a provider can compute here; fp32 comes first. */
export async function availablePrecisions(provider: Provider, device?: number | undefined): Promise<Precision[]> {
  const available: Precision[] = [];
  for (const precision of PRECISIONS) {
    // Weights in 16 bits save no time on processors.
    if (precision === 'fp16' && provider === 'cpu') continue;
    const runtime = await Runtime.create({ provider, device, precision }).catch(() => null);
    if (runtime) available.push(precision);
  }
  return available;
}

/** Paints the same pictures in every precision, size and batch. Yields a row for each. */
export async function* measure(options: BenchOptions): AsyncGenerator<BenchRow> {
  const { say = () => {} } = options;
  const inFp32 = new Map<string, Uint8Array>();
  for (const precision of options.precisions) {
    const meter = memoryMeter(options.provider, options.device);
    const calls = new Map<string, number[]>();
    say(t('loading in {precision}', { precision }));
    const start = performance.now();
    const pipeline = await WuerstchenCombinedPipeline.fromPretrained(options.model, {
      provider: options.provider,
      device: options.device,
      threads: options.threads,
      precision,
      onPreparing: (_, __, done, total) => {
        if (done === total || done % 50 === 0) say(t('preparing weights: {done} of {total}', { done, total }));
      },
      onReturned: ({ kind, graph }, ms) => {
        if (kind === 'run') calls.set(graph, [...(calls.get(graph) ?? []), ms]);
        meter.look();
      },
    });
    await pipeline.preload();
    const loadMs = performance.now() - start;
    for (const [width, height] of options.sizes) {
      for (const batch of options.batches) {
        const key = `${width}×${height} ×${batch}`;
        say(t('{precision}, {size}: warming up, then measuring', { precision, size: key }));
        // The text encoders are skipped for a prompt that was seen before.
        await paint(pipeline, `a blue boat ${key}`, [width, height], batch, 1);
        calls.clear();
        const painting = performance.now();
        const images = await paint(pipeline, `a red fox ${key}`, [width, height], batch, options.steps);
        const pictureMs = (performance.now() - painting) / batch;
        const pixels = Buffer.concat(images.map(({ data }) => data));
        if (precision === 'fp32') inFp32.set(key, pixels);
        const exact = precision === 'fp32' ? undefined : inFp32.get(key);
        const of = (graph: string) => middle(calls.get(graph) ?? []);
        yield {
          ...{ precision, width, height, batch, loadMs, pictureMs },
          textMs: of('clip-text'),
          stageCStepMs: of('prior'),
          stageBStepMs: of('decoder'),
          stageAMs: of('vqgan-decode-pixels'),
          ...meter.most(),
          psnr: exact ? psnr(exact, pixels) : null,
          pixels: createHash('sha256').update(pixels).digest('hex'),
        };
      }
    }
    await pipeline.release();
  }
}

async function paint(
  pipeline: WuerstchenCombinedPipeline,
  prompt: string,
  [width, height]: readonly [number, number],
  batch: number,
  steps: number | null,
): Promise<readonly RgbImage[]> {
  const { images } = await pipeline.generate({
    prompt,
    width,
    height,
    numImagesPerPrompt: batch,
    generator: Array.from({ length: batch }, (_, i) => new TorchGenerator(7 + i)),
    priorGuidanceScale: 4,
    ...(steps === null
      ? { priorTimesteps: DEFAULT_STAGE_C_TIMESTEPS }
      : { priorNumInferenceSteps: steps, numInferenceSteps: steps }),
  });
  return images;
}

function middle(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

/** Peak signal-to-noise ratio of bytes, in decibels; infinite where nothing differs. */
export function psnr(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length || a.length === 0)
    throw new RangeError(`Expected as many bytes, got ${a.length} and ${b.length}`);
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return 10 * Math.log10(255 ** 2 / (sum / a.length));
}
