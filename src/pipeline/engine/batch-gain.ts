import { TorchGenerator } from '../math/generator.ts';
import type { WuerstchenCombinedPipeline } from '../pipelines/combined-pipeline.ts';
import { pictureNeeds } from '../pipelines/picture-needs.ts';
import { isShortage } from '../pipelines/shortage.ts';
import type { Batch } from '../process/protocol.ts';

/** What is measured: a guided picture of the usual size, two steps of each stage. */
const PICTURE = { width: 1024, height: 1024, guidance: 4 };
const STEPS = 2;
/** Batches twice as large are worth while if they take less than this many times as long. */
export const WORTH = 1.7;
const LARGEST = 8;

/**
 * Milliseconds of a few steps of so many pictures at once, after a first run that compiles kernels and reserves memory.
 * @param steps of each stage
 */
export async function batchTime(
  pipeline: WuerstchenCombinedPipeline,
  pictures: number,
  { width, height, guidance } = PICTURE,
  steps = STEPS,
): Promise<number> {
  const run = () =>
    pipeline.generate({
      ...{ prompt: 'a panda', width, height, numImagesPerPrompt: pictures, generator: new TorchGenerator(0) },
      ...{
        priorNumInferenceSteps: steps,
        priorGuidanceScale: guidance,
        numInferenceSteps: steps,
        outputType: 'latent',
      },
    });
  await run();
  const { timings } = await run();
  return timings.prior + timings.decoder;
}

/**
 * How many pictures of several requests are painted at the same time.
 *
 * @param asked `auto` measures on GPUs, and is 1 on processors, which have no arithmetic to spare
 */
export async function batchSize(pipeline: WuerstchenCombinedPipeline, asked: Batch): Promise<number> {
  if (asked === 'off') return 1;
  if (asked !== 'auto') return asked;
  if (pipeline.runtime.provider === 'cpu') return 1;
  let pictures = 1;
  try {
    let time = await batchTime(pipeline, 1);
    while (pictures < LARGEST && hasRoom(pipeline, 2 * pictures)) {
      const twice = await batchTime(pipeline, 2 * pictures);
      if (twice >= WORTH * time) break;
      pictures *= 2;
      time = twice;
    }
  } catch (error) {
    if (!isShortage(error)) throw error;
  }
  return pictures;
}

/** Whether what so many pictures need beside the weights is known to be free. */
function hasRoom(pipeline: WuerstchenCombinedPipeline, pictures: number): boolean {
  const { resident } = pictureNeeds(pipeline, { ...PICTURE, priorRows: 2 * pictures, decoderRows: pictures }, 'tiles');
  const weights = pipeline.networks.reduce((sum, network) => sum + network.weightBytes, 0);
  return pipeline.runtime.memory.admits(resident - weights);
}
