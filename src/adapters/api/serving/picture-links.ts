import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { WebRequest } from '../../web/server/web-context.ts';
import type { PictureFormat } from './picture-files.ts';

const VALID_MS = 3_600_000;

/** Links to pictures that open for an hour without a key, as programs pass them on to people. */
export class PictureLinks {
  readonly #key: Buffer;
  readonly #now: () => number;

  /** @param secret what signs them; a random one ends with the process */
  constructor(secret: Uint8Array = randomBytes(32), now: () => number = Date.now) {
    this.#key = createHmac('sha256', secret).update('links to pictures').digest();
    this.#now = now;
  }

  /** Below the address that the request came to. */
  link(c: WebRequest, imageId: string, format: PictureFormat): string {
    const base = new URL(c.req.url);
    // This server speaks plain HTTP; a proxy in front of it says what the program sees.
    if (c.req.header('x-forwarded-proto')?.split(',')[0]?.trim() === 'https') base.protocol = 'https:';
    return this.below(base.href, imageId, format);
  }

  below(base: string, imageId: string, format: PictureFormat): string {
    const file = `${imageId}.${format}`;
    const expires = this.#now() + VALID_MS;
    const url = new URL(`/v1/images/files/${file}`, base);
    url.search = new URLSearchParams({ expires: String(expires), signature: this.#sign(file, expires) }).toString();
    return url.href;
  }

  isValid(file: string, expires: string, signature: string): boolean {
    const expected = Buffer.from(this.#sign(file, Number(expires)));
    const given = Buffer.from(signature);
    return Number(expires) > this.#now() && given.length === expected.length && timingSafeEqual(given, expected);
  }

  #sign(file: string, expires: number): string {
    return createHmac('sha256', this.#key).update(`${file} ${expires}`).digest('base64url');
  }
}
