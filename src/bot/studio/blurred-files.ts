import { readFile } from 'node:fs/promises';
import { blurred } from '../../pipeline/images/blurred.ts';
import { RecentMap } from '../../system/memo.ts';
import type { History } from '../history/history.ts';

/** Of a hash each. */
const REMEMBERED = 2000;

/** Blurred copies of pictures. They are not kept for long: whoever needs one later gets it made again. */
export class BlurredFiles {
  readonly #images: Pick<History['images'], 'give' | 'givenPath'>;
  /** Hash of the copy, by the path of the picture, which is named by its content. */
  readonly #made = new RecentMap<string, Promise<string>>(REMEMBERED);

  constructor(images: Pick<History['images'], 'give' | 'givenPath'>) {
    this.#images = images;
  }

  /**
   * @param path of the picture
   * @returns that of its copy
   */
  async path(path: string): Promise<string> {
    const known = await this.#made.get(path);
    const kept = known === undefined ? null : this.#images.givenPath(known);
    if (kept !== null) return kept;
    const making = readFile(path).then(async (png) => this.#images.give(await blurred(png)));
    this.#made.set(path, making);
    making.catch(() => this.#made.delete(path));
    const copy = this.#images.givenPath(await making);
    if (copy === null) throw new Error('A blurred copy was removed while it was made.');
    return copy;
  }
}
