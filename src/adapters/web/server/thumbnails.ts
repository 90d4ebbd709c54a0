import PQueue from 'p-queue';
import sharp from 'sharp';
import { RecentMap } from '../../../system/memo.ts';

/** Pixels. Few, so that they can be kept and nobody can ask for thousands of sizes. */
export const THUMBNAIL_WIDTHS: readonly number[] = [160, 320, 640, 960];

/** Of up to 150 kB each. */
const KEPT = 200;
/** Of up to this width, and 15 kB: a gallery that is scrolled needs many. */
const SMALL = 320;
const SMALL_KEPT = 3000;

/** Small WebP copies of pictures, made two at a time. Those used last are kept in memory. */
export class Thumbnails {
  readonly #large = new RecentMap<string, Promise<Uint8Array>>(KEPT);
  readonly #small = new RecentMap<string, Promise<Uint8Array>>(SMALL_KEPT);
  readonly #queue = new PQueue({ concurrency: 2 });

  /**
   * @param path of the picture, which is named by its content
   * @param width one of `THUMBNAIL_WIDTHS`; a smaller picture keeps its size
   */
  get(path: string, width: number): Promise<Uint8Array> {
    const kept = width <= SMALL ? this.#small : this.#large;
    const key = `${path}@${width}`;
    const thumbnail = kept.get(key) ?? this.#make(kept, path, width);
    // Set again, so that the order of the map is the order of use.
    kept.set(key, thumbnail);
    return thumbnail;
  }

  async #make(kept: Map<string, unknown>, path: string, width: number): Promise<Uint8Array> {
    try {
      const shrink = () => sharp(path).resize({ width, withoutEnlargement: true }).webp({ quality: 86 }).toBuffer();
      return await this.#queue.add(shrink);
    } catch (error) {
      kept.delete(`${path}@${width}`);
      throw error;
    }
  }
}
