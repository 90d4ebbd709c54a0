import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';

/** Of tar. */
const BLOCK = 512;
/** Type of an ordinary file; the zero byte is that of older archives. */
const FILE = ['0', '\0'];

/**
 * Reads files of a .tgz as npm packs them, whose names are shorter than 256 bytes.
 *
 * @param wanted paths in it; reading ends when all were found
 * @throws what zlib throws for a damaged file
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html (ustar Interchange Format)
 */
export async function filesInTarball(path: string, wanted: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const packed = createReadStream(path);
  const unpacked = createGunzip();
  packed.on('error', (error) => unpacked.destroy(error)).pipe(unpacked);
  const bytes = new Taker(unpacked);
  try {
    while (found.size < wanted.length) {
      const header = await bytes.take(BLOCK);
      // Two blocks of zeros end the archive.
      if (header === undefined || header[0] === 0) break;
      const name = [text(header, 345, 155), text(header, 0, 100)].filter(Boolean).join('/');
      const size = Number.parseInt(text(header, 124, 12), 8);
      const padded = Math.ceil(size / BLOCK) * BLOCK;
      const isWanted = FILE.includes(String.fromCharCode(header[156] ?? 0)) && wanted.includes(name);
      const content = await bytes.take(padded, isWanted);
      if (content === undefined) break;
      if (isWanted) found.set(name, content.subarray(0, size));
    }
  } finally {
    packed.destroy();
    unpacked.destroy();
  }
  return found;
}

function text(header: Buffer, at: number, length: number): string {
  return header.toString('latin1', at, at + length).replace(/\0.*$/s, '');
}

/** Takes a stream apart. */
class Taker {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** The next bytes, or none of them if they are not kept; `undefined` where there are fewer. */
  async take(count: number, isKept = true): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for (let left = count; left > 0; ) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#chunks.next();
        if (done) return undefined;
        this.#rest = value;
      }
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      if (isKept) parts.push(part);
    }
    return Buffer.concat(parts);
  }
}
