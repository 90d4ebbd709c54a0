import { type EngineInfo, hasStyle } from '../../pipeline/process/protocol.ts';
import { differenceOf } from '../../pipeline/process/weights.ts';
import { translatable } from '../../texts/translate.ts';
import type { HandOver } from '../roll.ts';
import { type Said, saying } from '../said.ts';
import type { WireRequest } from '../wire.ts';

/** Why a worker must not paint a request; `undefined` if it can. */
export function objectionTo(
  { width, height, style, loras = [], start }: WireRequest,
  order: HandOver,
  info: EngineInfo | null,
  ownLoras: readonly string[],
): Said | undefined {
  if (info === null) return saying(translatable('No model is loaded here.'));
  const difference = differenceOf(info, order);
  if (difference) {
    return saying(translatable('This worker has the checkpoint {own}, and the job needs {needed}.'), {
      own: difference.own.slice(0, 12),
      needed: difference.other.slice(0, 12),
    });
  }
  const { sizes } = info;
  if (!hasStyle(info, style)) return saying(translatable('This worker does not have the style {style}.'), { style });
  const size = `${width}×${height}`;
  if (sizes && (Math.max(width, height) > sizes.maxSide || Math.min(width, height) < sizes.minSide)) {
    return saying(translatable('The size {size} does not fit the checkpoint of this worker.'), { size });
  }
  if (sizes && width * height > sizes.maxPixels) {
    return saying(translatable('The size {size} has too many pixels for this worker.'), { size });
  }
  if (start !== undefined && info.startsFromPictures !== true) {
    return saying(translatable('This worker cannot start from pictures.'));
  }
  const missing = loras.find(({ hash }) => !ownLoras.includes(hash));
  return missing && saying(translatable('This worker does not have the LoRA {name}.'), { name: missing.name });
}
