import type { EngineInfo } from '../../pipeline/process/protocol.ts';
import type { HandOver } from '../roll.ts';
import type { WireRequest } from '../wire.ts';

/** Why a worker must not paint a request, as a sentence; `undefined` if it can. */
export function objectionTo(
  { width, height, style, loras = [], start }: WireRequest,
  { checkpoint }: HandOver,
  info: EngineInfo | null,
  ownLoras: readonly string[],
): string | undefined {
  if (info === null) return 'No model is loaded here.';
  if (![info.checkpoint, ...(info.formerCheckpoints ?? [])].includes(checkpoint)) {
    return `This worker has the checkpoint ${info.checkpoint.slice(0, 12)}, and the job needs ${checkpoint.slice(0, 12)}.`;
  }
  const { sizes, styles, mixesStyles } = info;
  const hasStyle = styles.includes(style) || (mixesStyles && Number.isFinite(Number(style)));
  if (!hasStyle) return `This worker does not have the style ${style}.`;
  if (sizes && (Math.max(width, height) > sizes.maxSide || Math.min(width, height) < sizes.minSide)) {
    return `The size ${width}x${height} does not fit this worker's checkpoint.`;
  }
  if (sizes && width * height > sizes.maxPixels)
    return `The size ${width}x${height} has too many pixels for this worker.`;
  if (start !== undefined && info.startsFromPictures !== true) return 'This worker cannot start from pictures.';
  const missing = loras.find(({ hash }) => !ownLoras.includes(hash));
  return missing && `This worker does not have the LoRA ${missing.name}.`;
}
