import { t } from '../../texts/translate.ts';
import type { Lack } from '../job.ts';

/** Why a request waits although it may be its turn, and what happens next; for whoever asked for it. */
export function lackText(lack: Lack): string {
  switch (lack.what) {
    case 'painter':
      return t('Nobody can paint right now. The request is kept and starts by itself as soon as somebody can.');
    case 'lora':
      return t(
        'No painter that is there has the LoRA {name}. The request is kept and starts by itself as soon as one has.',
        {
          name: lack.name,
        },
      );
    case 'style':
      return t(
        'No painter that is there has the style {name}. The request is kept and starts by itself as soon as one has.',
        { name: lack.name },
      );
    case 'size':
      return t(
        'No painter that is there can make {size}. The request is kept and starts by itself as soon as one can.',
        {
          size: lack.name,
        },
      );
    case 'start':
      return t(
        'No painter that is there can start from pictures. The request is kept and starts by itself as soon as one can.',
      );
  }
}

/** What nobody who paints means for everybody. */
export function nobodyPaints(): string {
  return t('Nobody is ready to paint: requests wait until a painter is.');
}
