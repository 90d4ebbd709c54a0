import PQueue from 'p-queue';
import sharp from 'sharp';
import { RecentMap } from '../../../system/memo.ts';

/** Pixels. Few, so that they can be kept and nobody can ask for thousands of sizes. */
export const THUMBNAIL_WIDTHS: readonly number[] = [160, 320, 640, 960];

/** Of up to 150 kB each. */
const KEPT = 200;

/** Small WebP copies of pictures, made two at a time. Those used last are kept in memory. */
export class Thumbnails {
  readonly #kept = new RecentMap<string, Promise<Uint8Array>>(KEPT);
  readonly #queue = new PQueue({ concurrency: 2 });

  /** @param width one of `THUMBNAIL_WIDTHS`; a smaller picture keeps its size. */
  get(imageId: string, path: string, width: number): Promise<Uint8Array> {
    const key = `${imageId}@${width}`;
    const thumbnail = this.#kept.get(key) ?? this.#make(key, path, width);
    // Set again, so that the order of the map is the order of use.
    this.#kept.set(key, thumbnail);
    return thumbnail;
  }

  async #make(key: string, path: string, width: number): Promise<Uint8Array> {
    try {
      const shrink = () => sharp(path).resize({ width, withoutEnlargement: true }).webp({ quality: 86 }).toBuffer();
      return await this.#queue.add(shrink);
    } catch (error) {
      this.#kept.delete(key);
      throw error;
    }
  }
}
