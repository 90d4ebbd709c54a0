import { type ImagineRequest, seedOf } from '../bot/job.ts';
import { cropTo } from '../pipeline/images/image-file.ts';
import { stepCount, timestepsOf } from '../pipeline/images/stage-c-steps.ts';
import { TorchGenerator } from '../pipeline/math/generator.ts';
import { inBatches, picturesTogether, roundsOf } from '../pipeline/pipelines/batch-size.ts';
import type { WuerstchenCombinedPipeline } from '../pipeline/pipelines/combined-pipeline.ts';
import type { PreparedStart } from '../pipeline/pipelines/picture-start.ts';
import { paintRound } from '../pipeline/pipelines/round.ts';
import { sparingMemory } from '../pipeline/pipelines/shortage.ts';
import { measureSlowness } from '../pipeline/pipelines/slowness.ts';
import type { FinishedPicture, PictureWriter } from './picture-writer.ts';
import type { StageBars } from './progress-bars.ts';

interface PaintOptions {
  readonly pipeline: WuerstchenCombinedPipeline;
  readonly request: ImagineRequest;
  readonly start: PreparedStart | undefined;
  readonly files: PictureWriter;
  readonly bars: StageBars | null;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Every picture of a request; where memory runs out, the rest is painted with as little of it as possible. */
export async function paintRequest(options: PaintOptions): Promise<void> {
  const { pipeline, request, files, say, signal } = options;
  const seeds = Array.from({ length: request.n }, (_, k) => seedOf(request, k));
  const warnings = new Set<string>();
  const slowness = measureSlowness(pipeline.runtime);
  let made = 0;
  // Behind the first step, which would have to wait for it.
  const afterStep = () => {
    pipeline.check();
    void files.identify(request.style);
    files.prepare();
  };
  const paintRest = async function* (): AsyncGenerator<FinishedPicture, void> {
    const batches = inBatches(seeds.slice(made), picturesTogether(pipeline, request));
    for (const round of roundsOf(pipeline, batches)) {
      for (const warning of yield* paint(options, round, afterStep)) warnings.add(warning);
    }
  };
  for await (const picture of sparingMemory(pipeline, request, signal, paintRest)) {
    await files.add(request, picture);
    made += 1;
  }
  for (const warning of [...warnings, ...slowness()]) say(warning);
}

/** @returns warnings */
async function* paint(
  { pipeline, request, start, bars, signal }: PaintOptions,
  round: readonly (readonly bigint[])[],
  afterStep: () => void,
): AsyncGenerator<FinishedPicture, readonly string[]> {
  const { width, height, steps } = request;
  const batch = async (seeds: readonly bigint[]) => ({
    seeds,
    ...(await pipeline.batch(
      {
        ...{ width, height, fit: 'crop', signal },
        prompt: request.prompt,
        negativePrompt: request.negative || undefined,
        weighted: request.weighted,
        style: request.style,
        ...{ priorNumInferenceSteps: stepCount(steps), priorTimesteps: timestepsOf(steps) },
        priorGuidanceScale: request.guidance,
        numInferenceSteps: request.decoderSteps,
        decoderGuidanceScale: request.decoderGuidance,
        numImagesPerPrompt: seeds.length,
        generator: seeds.map((seed) => new TorchGenerator(seed)),
        strength: request.start?.strength,
      },
      start,
    )),
  });
  const batches = [];
  for (const seeds of round) batches.push(await batch(seeds));
  const painting = paintRound(pipeline, batches, signal);
  // Large networks take a while to load.
  bars?.show({ stage: 'prior', step: 0, total: stepCount(steps) });
  for (;;) {
    const { done, value } = await painting.next();
    if (done) return value.flatMap(({ warnings }) => warnings);
    const { seeds } = value.batch;
    const total = seeds.length;
    if (value.type === 'step') {
      const { stage, step } = value.event;
      bars?.show(value.event);
      afterStep();
      if (stage === 'decoder' && step === value.event.total) bars?.show({ stage: 'vqgan', step: 0, total });
    } else if (value.type === 'picture') {
      const { row, image, timings } = value.picture;
      bars?.show({ stage: 'vqgan', step: row + 1, total });
      if (!image) continue;
      const cropped = await cropTo(image, width, height);
      yield { seed: seeds[row] ?? 0n, image: start?.region?.paste(cropped) ?? cropped, timings };
    }
  }
}
