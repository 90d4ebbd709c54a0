import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { Caller, Job } from '../../../bot/job.ts';
import { UNMARKED } from '../../../marking/marker.ts';
import { UserError } from '../../../system/errors.ts';
import type { Core } from '../../adapter.ts';

export const PICTURE_FORMATS = ['png', 'jpeg', 'webp'] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

/** Pixels of the longer side: some 60 kB, which a model of language can look at. */
const SMALL_SIDE = 640;

export interface EncodeAs {
  readonly format: PictureFormat;
  /** 0 to 100, of a format with loss. @default 92 */
  readonly quality?: number | undefined;
}

/** A picture's file, a PNG or in another format, as it leaves the bot. @throws UserError `image_gone` */
export async function pictureFile(
  core: Core,
  imageId: string,
  asker: Caller | undefined,
  { format, quality = 92 }: EncodeAs,
): Promise<Buffer> {
  const path = await core.imagePath(imageId, asker);
  if (path === null) throw imageGone();
  const picture = (core.marker ?? UNMARKED).open(await readFile(path));
  return picture.file(format === 'png' ? undefined : { format, quality });
}

/** A small JPEG to look at. @throws UserError `image_gone` */
export async function smallPicture(core: Core, imageId: string, asker: Caller): Promise<Buffer> {
  const path = await core.imagePath(imageId, asker);
  if (path === null) throw imageGone();
  const within = { width: SMALL_SIDE, height: SMALL_SIDE };
  return (core.marker ?? UNMARKED).open(await readFile(path)).file({ format: 'jpeg', quality: 80, within });
}

/** An unfinished picture, small as it is. */
export function previewFile(preview: Uint8Array, { format, quality = 92 }: EncodeAs): Promise<Buffer> {
  return sharp(preview).toFormat(format, { quality }).toBuffer();
}

function imageGone(): UserError {
  return new UserError('image_gone', 'There is no picture with this id, or it was deleted.');
}

/** Pictures of a job that are there, in order. */
export function keptImages(job: Job) {
  return job.images.filter(({ deleted }) => !deleted).toSorted((a, b) => a.index - b.index);
}
