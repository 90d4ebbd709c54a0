import PQueue from 'p-queue';
import sharp from 'sharp';

/** Pixels. Few, so that a cache can hold them and nobody can ask for thousands of sizes. */
export const THUMBNAIL_WIDTHS: readonly number[] = [160, 320, 640, 960];

const CACHE_BYTES = 24 * 1024 * 1024;

/** Small WebP copies of pictures, made two at a time, the most recent ones kept in memory. */
export class Thumbnails {
  readonly #cache = new Map<string, Promise<Uint8Array>>();
  readonly #sizes = new Map<string, number>();
  readonly #queue = new PQueue({ concurrency: 2 });
  #bytes = 0;

  /** @param width one of `THUMBNAIL_WIDTHS`; a smaller picture keeps its size. */
  async get(imageId: string, path: string, width: number): Promise<Uint8Array> {
    const key = `${imageId}@${width}`;
    const made = this.#cache.get(key) ?? this.#queue.add(() => shrink(path, width));
    // Set again, so that the order of the map is the order of use.
    this.#cache.delete(key);
    this.#cache.set(key, made);
    try {
      const bytes = await made;
      this.#account(key, bytes.byteLength);
      return bytes;
    } catch (error) {
      this.#cache.delete(key);
      throw error;
    }
  }

  #account(key: string, size: number): void {
    if (!this.#sizes.has(key)) {
      this.#sizes.set(key, size);
      this.#bytes += size;
    }
    for (const oldest of this.#cache.keys()) {
      if (this.#bytes <= CACHE_BYTES) return;
      this.#bytes -= this.#sizes.get(oldest) ?? 0;
      this.#sizes.delete(oldest);
      this.#cache.delete(oldest);
    }
  }
}

async function shrink(path: string, width: number): Promise<Uint8Array> {
  return sharp(path).resize({ width, withoutEnlargement: true }).webp({ quality: 86 }).toBuffer();
}
