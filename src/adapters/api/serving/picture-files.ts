import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { Caller, Job, JobImage } from '../../../bot/job.ts';
import { pictureWithheld } from '../../../bot/replies/covered-pictures.ts';
import type { Cover } from '../../../bot/reply.ts';
import { UNMARKED } from '../../../marking/marker.ts';
import { UserError } from '../../../system/errors.ts';
import { t } from '../../../texts/translate.ts';
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

/** A picture's file, a PNG or in another format, as it leaves the bot. @throws UserError `image_gone`, `nsfw_picture` */
export async function pictureFile(
  core: Core,
  imageId: string,
  asker: Caller | undefined,
  { format, quality = 92 }: EncodeAs,
): Promise<Buffer> {
  const path = await pathOf(core, imageId, asker);
  const picture = (core.marker ?? UNMARKED).open(await readFile(path));
  return picture.file(format === 'png' ? undefined : { format, quality });
}

/** A small JPEG to look at. @throws UserError `image_gone`, `nsfw_picture` */
export async function smallPicture(core: Core, imageId: string, asker: Caller): Promise<Buffer> {
  const path = await pathOf(core, imageId, asker);
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

/** What a place covers in any way, programs do not get: none of them has a cover. */
async function pathOf(core: Core, imageId: string, asker: Caller | undefined): Promise<string> {
  const cover = core.cover?.(imageId, asker) ?? 'none';
  if (cover !== 'none') throw pictureWithheld(cover);
  const path = await core.imagePath(imageId, asker);
  if (path === null) throw imageGone();
  return path;
}

interface ShownPictures {
  /** In order. */
  readonly images: readonly JobImage[];
  /** How the place covers those that are left out; `none` where there are none. */
  readonly withheld: Cover;
  readonly notes: readonly string[];
}

/** Pictures of a job that are there and that its place, or that of who asks, shows as they are. */
export function shownPictures(core: Core, job: Job, asker?: Caller): ShownPictures {
  const kept = job.images.filter(({ deleted }) => !deleted).toSorted((a, b) => a.index - b.index);
  const covers = kept.map(({ id }) => core.cover?.(id, asker) ?? 'none');
  const images = kept.filter((_, place) => covers[place] === 'none');
  const withheld = covers.find((cover) => cover !== 'none') ?? 'none';
  return { images, withheld, notes: leftOut(kept.length - images.length) };
}

function leftOut(count: number): readonly string[] {
  if (count === 0) return [];
  return [
    t(
      '{count} picture looks not safe for work and is left out. | {count} pictures look not safe for work and are left out.',
      { count },
    ),
  ];
}

/** As `shownPictures`. @throws UserError `nsfw_picture` where that leaves none */
export function picturesToAnswer(core: Core, job: Job, asker: Caller): ShownPictures {
  const shown = shownPictures(core, job, asker);
  if (shown.images.length === 0 && shown.withheld !== 'none') throw pictureWithheld(shown.withheld);
  return shown;
}
