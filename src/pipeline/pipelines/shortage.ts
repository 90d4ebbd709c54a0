import { byteSize } from '../../system/byte-size.ts';
import { OperatorError } from '../../system/errors.ts';
import type { WuerstchenCombinedPipeline } from './combined-pipeline.ts';
import { type PictureSize, pictureNeeds, smallerThatFits } from './picture-needs.ts';

/** How onnxruntime, its providers, Node and the system word it. */
const WORDS =
  /out of memory|not enough memory|failed to allocate|cannot allocate memory|bad_alloc|bad allocation|smaller than requested bytes|array buffer allocation failed|CUBLAS_STATUS_ALLOC_FAILED/i;

/** Whether an error, or what caused it, says that memory did not suffice. */
export function isShortage(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (WORDS.test(at.message)) return true;
  }
  return false;
}

/** A picture that did not fit, also with one network at a time in the smallest steps: what it needs, and what would fit. */
export function shortageOf(pipeline: WuerstchenCombinedPipeline, size: PictureSize, cause: unknown): OperatorError {
  const { width, height } = size;
  const { memory } = pipeline.runtime;
  const free = memory.free();
  const need = byteSize(pictureNeeds(pipeline, size, 'tiles').stage);
  const fits = free && smallerThatFits(pipeline, size, free);
  const has = free ? `; ${byteSize(free.bytes)} of ${free.of} are free` : '';
  return new OperatorError('memory_short', `A picture of ${width}×${height} needs about ${need} of memory${has}.`, {
    hint: fits
      ? `width:${fits.width} height:${fits.height} should fit.`
      : 'Ask for a smaller size, or close what else uses the memory.',
    cause,
  });
}

/**
 * Does work on a picture; where memory runs out, once more with as little of it as possible.
 *
 * @throws OperatorError `memory_short`
 */
export async function sparingMemory<T>(
  pipeline: WuerstchenCombinedPipeline,
  size: PictureSize,
  work: () => Promise<T>,
): Promise<T> {
  const { memory } = pipeline.runtime;
  try {
    return await work();
  } catch (error) {
    if (!isShortage(error)) throw error;
    if (memory.lean) throw shortageOf(pipeline, size, error);
  }
  await memory.releaseAll();
  memory.lean = true;
  return sparingMemory(pipeline, size, work);
}
