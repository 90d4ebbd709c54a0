import type { PictureReader } from '../images/picture-reader.ts';
import { startGone } from '../images/start-request.ts';
import type { WuerstchenCombinedPipeline } from '../pipelines/combined-pipeline.ts';
import type { PreparedStart } from '../pipelines/picture-start.ts';
import type { EngineRequest } from '../process/protocol.ts';

/** Of a request, what its start needs. */
type GivenStart = Pick<EngineRequest, 'files' | 'width' | 'height'> & {
  readonly start?: EngineRequest['start'] | undefined;
};

/**
 * Reads and prepares the pictures that a request starts from; `undefined` where it starts from none.
 *
 * @throws UserError `start_gone`, and what is wrong with a picture; OperatorError `image_encoder_missing`
 */
export async function givenStart(
  pipeline: WuerstchenCombinedPipeline,
  { start, files = {}, width, height }: GivenStart,
  cells: readonly [number, number],
  reader: PictureReader,
): Promise<PreparedStart | undefined> {
  if (start === undefined) return undefined;
  const sourceOf = (hash: string) => {
    const file = files[hash];
    if (file === undefined) throw startGone();
    return { frames: (frames: Parameters<PictureReader['frames']>[1]) => reader.frames(file, frames) };
  };
  const pictures = start.pictures.map(({ hash, weight }) => ({ source: sourceOf(hash), weight }));
  const isOwn = start.pictures.some(({ hash }) => hash === start.mask);
  const of = isOwn ? ('alpha' as const) : ('brightness' as const);
  const mask = start.mask === undefined ? undefined : { source: sourceOf(start.mask), of };
  return pipeline.prepareStart({ pictures, mask }, { width, height, cells });
}
