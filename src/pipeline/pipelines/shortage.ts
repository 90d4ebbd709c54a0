import { byteSize } from '../../system/byte-size.ts';
import { OperatorError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { leastOf, savesMuch } from '../runtime/memory-estimate.ts';
import {
  type Asked,
  type OpenModel,
  type PictureSize,
  pictureNeeds,
  sizeOf,
  smallerThatFits,
} from './picture-needs.ts';

/** The wording of onnxruntime, its providers, Node and the system. */
const WORDS =
  /out of memory|not enough memory|failed to allocate|cannot allocate memory|bad_alloc|bad allocation|smaller than requested bytes|array buffer allocation failed|CUBLAS_STATUS_ALLOC_FAILED/i;

/** Whether an error, or what caused it, says that memory did not suffice. */
export function isShortage(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (WORDS.test(at.message)) return true;
  }
  return false;
}

/** A picture that does not even fit with as little as possible: what it needs, and what would fit. */
function shortageOf(model: OpenModel, size: PictureSize, cause: unknown): OperatorError {
  const { width, height } = size;
  const { memory } = model.prior.runtime;
  const free = memory.free();
  const need = byteSize(leastOf(pictureNeeds(model, size, 'tiles')));
  const fits = free && smallerThatFits(model, size, free);
  const about = { width, height, need };
  return new OperatorError(
    'memory_short',
    () =>
      free
        ? t('A picture of {width}×{height} needs about {need} of memory; {free} of {what} are free.', {
            ...about,
            free: byteSize(free.bytes),
            what: t(free.of),
          })
        : t('A picture of {width}×{height} needs about {need} of memory.', about),
    {
      hint: () =>
        fits
          ? t('{size} should fit.', { size: `width:${fits.width} height:${fits.height}` })
          : t('Ask for a smaller size, or close what else uses the memory.'),
      cause,
    },
  );
}

/**
 * Paints with the memory that there is: where it runs out, what is left is made once more with less, one network at a time
 * and then one block at a time, and so are later pictures of that size from the start.
 *
 * @param paint is called again after a shortage, and leaves out what it has yielded already
 * @param alone waits until nothing else is painted: networks come and go, which would release what others use
 * @throws OperatorError `memory_short`
 */
export async function* sparingMemory<T>(
  model: OpenModel,
  asked: Asked,
  signal: AbortSignal,
  paint: () => AsyncGenerator<T, void>,
  alone: () => Promise<void> = async () => {},
): AsyncGenerator<T, void> {
  const { memory } = model.prior.runtime;
  const pixels = asked.width * asked.height;
  if (memory.isLeanFrom(pixels)) await alone();
  await memory.beginPicture(pixels);
  // Another request may have run out of memory when this one does.
  const { lean, residency } = memory;
  try {
    return yield* paint();
  } catch (error) {
    if (signal.aborted || !isShortage(error)) throw error;
    const size = sizeOf(asked);
    const isLeanest = residency === 'sequential' || !savesMuch(pictureNeeds(model, size, 'tiles'));
    if (lean && isLeanest) throw shortageOf(model, size, error);
  }
  memory.ranOut(pixels, lean);
  yield* sparingMemory(model, asked, signal, paint, alone);
}
