import { readFile } from 'node:fs/promises';
import PQueue from 'p-queue';
import sharp from 'sharp';
import { type Marker, UNMARKED } from '../../../marking/marker.ts';
import { RecentMap } from '../../../system/memo.ts';

/** Pixels. Few, so that they can be kept and nobody can ask for thousands of sizes. */
export const THUMBNAIL_WIDTHS: readonly number[] = [160, 320, 640, 960];

/** Of a few MB each. */
const WHOLE_KEPT = 8;
/** Of up to 150 kB each. */
const KEPT = 200;
/** Of up to this width, and 15 kB: a gallery that is scrolled needs many. */
const SMALL = 320;
const SMALL_KEPT = 3000;

type Kept = RecentMap<string, Promise<Uint8Array>>;

/** Pictures as the browser gets them, made two at a time. Those used last are kept in memory. */
export class ServedPictures {
  readonly #marker: Marker;
  readonly #whole: Kept = new RecentMap(WHOLE_KEPT);
  readonly #large: Kept = new RecentMap(KEPT);
  readonly #small: Kept = new RecentMap(SMALL_KEPT);
  readonly #queue = new PQueue({ concurrency: 2 });

  constructor(marker: Marker = UNMARKED) {
    this.#marker = marker;
  }

  /** @param path of the picture, which is named by its content */
  whole(path: string): Promise<Uint8Array> {
    return this.#get(this.#whole, path, async () => this.#marker.open(await readFile(path)).file());
  }

  /**
   * A small WebP. Those of a gallery are not signed, and have no watermark: there are many at once, of a few kB each.
   *
   * @param path of the picture, which is named by its content
   * @param width one of `THUMBNAIL_WIDTHS`; a smaller picture keeps its size
   */
  thumbnail(path: string, width: number): Promise<Uint8Array> {
    if (width <= SMALL) {
      return this.#get(this.#small, `${path}@${width}`, () => {
        const small = sharp(path).resize({ width, withoutEnlargement: true }).webp({ quality: 86 });
        return (this.#marker.xmp === undefined ? small : small.withXmp(this.#marker.xmp)).toBuffer();
      });
    }
    return this.#get(this.#large, `${path}@${width}`, async () =>
      this.#marker.open(await readFile(path)).file({ format: 'webp', quality: 86, within: { width } }),
    );
  }

  #get(kept: Kept, key: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const picture = kept.get(key) ?? this.#make(kept, key, make);
    // Set again, so that the order of the map is the order of use.
    kept.set(key, picture);
    return picture;
  }

  async #make(kept: Kept, key: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    try {
      return await this.#queue.add(make);
    } catch (error) {
      kept.delete(key);
      throw error;
    }
  }
}
