import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { GivenPictures } from '../bot/core.ts';
import type { ImagineRequest } from '../bot/job.ts';
import { givenStart } from '../pipeline/engine/given-start.ts';
import { PictureReader } from '../pipeline/images/picture-reader.ts';
import type { WuerstchenCombinedPipeline } from '../pipeline/pipelines/combined-pipeline.ts';
import type { PreparedStart } from '../pipeline/pipelines/picture-start.ts';
import { UserError } from '../system/errors.ts';
import { t } from '../texts/translate.ts';

/** Pictures to start from that lie on this disk. */
export class GivenFiles {
  readonly pictures: GivenPictures;
  readonly #files: Readonly<Record<string, string>>;
  readonly #reader = new PictureReader();

  private constructor(pictures: GivenPictures, files: Readonly<Record<string, string>>) {
    this.pictures = pictures;
    this.#files = files;
  }

  /** @throws UserError `picture_unreadable` */
  static async open(images: readonly string[], mask: string | undefined): Promise<GivenFiles> {
    const files: Record<string, string> = {};
    const hashOf = async (path: string) => {
      const hash = createHash('sha256')
        .update(await content(path))
        .digest('hex');
      files[hash] = path;
      return hash;
    };
    const pictures = await Promise.all(images.map(hashOf));
    return new GivenFiles({ pictures, mask: mask && (await hashOf(mask)) }, files);
  }

  /** @throws UserError for what is wrong with a picture */
  async prepare(
    pipeline: WuerstchenCombinedPipeline,
    { start, width, height }: ImagineRequest,
  ): Promise<PreparedStart | undefined> {
    const cells = [pipeline.grid.coveringCells(height), pipeline.grid.coveringCells(width)] as const;
    return givenStart(pipeline, { start, files: this.#files, width, height }, cells, this.#reader);
  }
}

async function content(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const message =
      cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
        ? t('Cannot start from {path}: there is no such file.', { path })
        : t('Cannot start from {path}: it cannot be read.', { path });
    const command = 'wuerst imagine "a panda" --image photo.jpg --strength 0.5';
    throw new UserError('picture_unreadable', message, { hint: t('For example: {command}', { command }), cause });
  }
}
