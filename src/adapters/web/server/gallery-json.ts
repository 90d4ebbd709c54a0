import type { GalleryPicture } from '../../../bot/core.ts';
import { englishTitleOf, type ImagineRequest, titleOf } from '../../../bot/job.ts';
import { versionOf } from '../../../bot/reply.ts';
import { asciiSlug } from '../../../system/slug.ts';
import { imageUrl, type JsonSeed, seedJson } from './job-json.ts';

/** A picture in a list. Times are in milliseconds since 1970. */
export interface JsonPicture {
  readonly id: string;
  readonly job: string;
  readonly room: string;
  readonly user: string;
  readonly title: string;
  readonly url: string;
  readonly fileName: string;
  readonly width: number;
  readonly height: number;
  readonly seed: JsonSeed;
  readonly spoiler: boolean;
  readonly liked: boolean;
  readonly at: number;
}

export function pictureJson(picture: GalleryPicture): JsonPicture {
  const { job, image, liked, cover = 'none' } = picture;
  const url = imageUrl({ id: image.id, version: versionOf(cover) });
  return {
    ...{ id: image.id, job: job.id, room: job.caller.room, user: job.caller.user },
    ...{ title: titleOf(job.request), url, fileName: fileNameOf(picture) },
    ...{ width: image.width, height: image.height, seed: seedJson(image.seed) },
    ...{ spoiler: job.request.spoiler || cover === 'spoiler', liked, at: job.finishedAt ?? job.createdAt },
  };
}

export function requestJson(request: ImagineRequest) {
  return { ...request, seed: seedJson(request.seed) };
}

/** Without anything that a file system could take for more than a name. */
export function fileNameOf({ job, image }: GalleryPicture): string {
  return `${asciiSlug(englishTitleOf(job.request))}-${image.seed}.png`;
}
