import { DEFAULT_STRENGTH, MAX_START_PICTURES } from '../../pipeline/images/start-limits.ts';
import type { StartRequest } from '../../pipeline/images/start-request.ts';
import { t, translatable } from '../../texts/translate.ts';
import type { GivenPictures } from '../core.ts';
import type { RequestSettings } from './keys.ts';

/** Settings that say how to start from a picture, in their order of importance. */
export type StartSettings = { readonly [K in 'strength' | 'weights' | 'transparent']: RequestSettings[K] | undefined };

type StartKey = 'strength' | 'picture-weights' | 'transparent';

const ALLOWED: Readonly<Record<StartKey, string>> = {
  strength: translatable('It is a number from 0 to 1.'),
  'picture-weights': translatable('Up to three pictures are blended, for example with picture-weights:2,1.'),
  transparent: translatable(
    'Only one picture can be painted anew in part, where a mask is white or it is transparent itself.',
  ),
};

/** What is wrong with them, if something is: the setting, what was expected, and what is allowed. */
export interface StartMisfit {
  readonly code: string;
  readonly key: StartKey;
  readonly message: string;
  readonly allowed: string;
}

/**
 * Puts pictures and settings together; `undefined` where a request starts from none.
 *
 * @param older what an older request started from, for what is not given
 */
export function startOf(
  { strength, weights, transparent }: StartSettings,
  pictures: GivenPictures | undefined,
  older?: StartRequest | undefined,
): StartRequest | StartMisfit | undefined {
  const given = pictures ?? (older && { pictures: older.pictures.map(({ hash }) => hash), mask: older.mask });
  const count = given?.pictures.length ?? 0;
  const typed = { strength, 'picture-weights': weights, transparent };
  const [key] = (['strength', 'picture-weights', 'transparent'] as const).filter((name) => typed[name] !== undefined);
  if (given === undefined || count === 0) return key && noPicture(key);
  if (count > MAX_START_PICTURES)
    return misfit(
      'picture-weights',
      t('Expected at most {most} pictures, got {got}.', { most: MAX_START_PICTURES, got: count }),
    );
  if (weights !== undefined && weights.length !== count) {
    return misfit(
      'picture-weights',
      t('Expected a weight for each of the pictures, which are {pictures}, got {got}.', {
        pictures: count,
        got: weights.length,
      }),
    );
  }
  if (transparent && pictures?.mask !== undefined)
    return misfit('transparent', t('Expected either a mask or {key}, got both.', { key: 'transparent' }));
  const mask = transparent ? given.pictures[0] : given.mask;
  if (mask !== undefined && count > 1) {
    return misfit(key ?? 'transparent', t('Expected one picture beside a mask, got {got}.', { got: count }));
  }
  return {
    pictures: given.pictures.map((hash, i) => ({ hash, weight: weights?.[i] ?? older?.pictures[i]?.weight ?? 1 })),
    strength: strength ?? older?.strength ?? DEFAULT_STRENGTH,
    ...(mask === undefined ? {} : { mask }),
  };
}

export function isMisfit(start: StartRequest | StartMisfit | undefined): start is StartMisfit {
  return start !== undefined && 'code' in start;
}

function noPicture(key: StartKey): StartMisfit {
  const allowed = t('The setting {key} goes with a picture to start from: attach one.', { key });
  return { code: 'picture_missing', key, message: t('Expected a picture beside {key}, got none.', { key }), allowed };
}

function misfit(key: StartKey, message: string): StartMisfit {
  return { code: 'pictures_misfit', key, message, allowed: t(ALLOWED[key]) };
}
