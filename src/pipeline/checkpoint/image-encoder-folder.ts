import { join } from 'node:path';
import { OperatorError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { isFolder, layoutOf } from './layout.ts';

/** The hub's name of the published encoder's repository, and the folders that others have. */
const NAMES = ['image-encoder', 'EfficientNetEncoder', 'image_encoder'];

/** Where a model keeps the network that turns pictures into image embeddings; `undefined` if it has none. */
export function imageEncoderFolder(model: string): string | undefined {
  const { beside } = layoutOf(model);
  return [...NAMES.flatMap((name) => [...beside(name), join(model, name)])].find(isFolder);
}

/** @throws OperatorError `image_encoder_missing` */
export function requireImageEncoder(model: string): string {
  const found = imageEncoderFolder(model);
  if (found !== undefined) return found;
  throw new OperatorError(
    'image_encoder_missing',
    () => t('The model {model} has no image encoder: it cannot start from pictures.', { model }),
    {
      hint: () =>
        t('Put the repository warp-ai/EfficientNetEncoder beside it, or run "{command}".', {
          command: 'wuerst models pull --pictures',
        }),
    },
  );
}
