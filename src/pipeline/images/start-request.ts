import * as z from 'zod';
import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { MAX_START_PICTURES, MAX_START_WEIGHT } from './start-limits.ts';

/** SHA-256 of a given picture's file, in lower-case hex. */
const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** Pictures that a request starts from, by the hashes of their files. */
export const startRequest = z.object({
  /** Blended by their weights. */
  pictures: z
    .array(z.object({ hash, weight: z.number().positive().max(MAX_START_WEIGHT) }))
    .min(1)
    .max(MAX_START_PICTURES),
  /** 0 (the picture's embedding) to 1 (the prompt alone, bit by bit). */
  strength: z.number().min(0).max(1),
  /** What is white in it is painted anew, the rest stays; the picture's own hash: what is transparent in that. */
  mask: hash.exactOptional(),
});

export type StartRequest = Readonly<z.output<typeof startRequest>>;

/** Hashes of all files that a start needs. */
export function hashesOfStart({ pictures, mask }: StartRequest): readonly string[] {
  return [...new Set([...pictures.map((picture) => picture.hash), ...(mask === undefined ? [] : [mask])])];
}

/** A file that is needed to make a picture is not kept any more. */
export function startGone(): UserError {
  return new UserError('start_gone', t('The picture that this starts from is not kept any more.'), {
    hint: t('Give the picture again, with the same words and seed.'),
  });
}
