import { randomBytes } from 'node:crypto';

interface Share {
  readonly id: string;
  readonly pictures: readonly Uint8Array[];
  readonly bytes: number;
  readonly expiry: NodeJS.Timeout;
}

/** The page fetches them at once; signing in first may take a while. */
const KEPT_MS = 600_000;

/** By what the first bytes say. Others are not named pictures here: what is wrong with them is said when they are sent. */
const KINDS: readonly (readonly [type: string, begins: RegExp])[] = [
  ['image/png', /^\x89PNG/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/webp', /^RIFF....WEBP/s],
  ['image/gif', /^GIF8/],
  ['image/avif', /^....ftypavi[fs]/s],
];

/** Pictures that an app of a phone has shared with the page, until the page fetches them. The newest of each person are kept. */
export class SharedPictures {
  /** By person, those that were shared last at the end. */
  readonly #shares = new Map<string, Share>();
  readonly #mostBytes: number;

  /** @param mostBytes of all people together */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** @returns the id to fetch them by */
  put(person: string, pictures: readonly Uint8Array[], id = randomBytes(16).toString('hex')): string {
    this.#forget(person);
    const bytes = pictures.reduce((sum, { byteLength }) => sum + byteLength, 0);
    const expiry = setTimeout(() => this.#forget(person), KEPT_MS).unref();
    this.#shares.set(person, { id, pictures, bytes, expiry });
    let all = [...this.#shares.values()].reduce((sum, share) => sum + share.bytes, 0);
    for (const [other, share] of this.#shares) {
      if (all <= this.#mostBytes || other === person) break;
      all -= share.bytes;
      this.#forget(other);
    }
    return id;
  }

  /** Nothing for what another person was given. */
  get(person: string, id: string): readonly Uint8Array[] {
    const share = this.#shares.get(person);
    return share?.id === id ? share.pictures : [];
  }

  /** For whoever knows the id, once. */
  take(id: string): readonly Uint8Array[] {
    for (const [person, share] of this.#shares) {
      if (share.id !== id) continue;
      this.#forget(person);
      return share.pictures;
    }
    return [];
  }

  close(): void {
    for (const person of [...this.#shares.keys()]) this.#forget(person);
  }

  #forget(person: string): void {
    clearTimeout(this.#shares.get(person)?.expiry);
    this.#shares.delete(person);
  }
}

/** `application/octet-stream` where it is none that browsers show. */
export function typeOf(picture: Uint8Array): string {
  const begin = Buffer.from(picture.buffer, picture.byteOffset, Math.min(16, picture.byteLength)).toString('latin1');
  return KINDS.find(([, begins]) => begins.test(begin))?.[0] ?? 'application/octet-stream';
}
