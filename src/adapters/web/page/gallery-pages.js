const SIZE = 100;
/** Pages on their way at once. */
const MOST_LOADING = 2;

/**
 * A long list that is read in pages, where it is looked at. What the server withholds leaves no gap: what comes after it moves up
 * as soon as its page is known.
 */
export class GalleryPages {
  #read;
  #onChange;
  #pages = new Map();
  #loading = new Set();
  #wanted = [];
  #total = null;
  /** Pages of which something is withheld, in order, and how much in all: asked for with every picture of every frame. */
  #gaps = [];
  #withheld = 0;
  /** Counts lists: answers about an earlier one are late. */
  #list = 0;

  /** `read(offset, limit)` → `{ total, withheld, pictures }`; `onChange(error)` is called after each answer. */
  constructor(read, onChange) {
    this.#read = read;
    this.#onChange = onChange;
  }

  /** `null` until the first page is there. */
  get count() {
    return this.#total === null ? null : this.#total - this.#withheld;
  }

  /** `undefined` for one that has not been read yet. */
  at(index) {
    const place = this.#placeOf(index);
    return this.#pages.get(Math.floor(place / SIZE))?.pictures[place % SIZE];
  }

  /** Reads what is missing from `first` to `last`. What was wanted before and is no longer looked at is left out. */
  want(first, last) {
    const from = Math.floor(this.#placeOf(Math.max(0, first)) / SIZE);
    const to = Math.floor(this.#placeOf(Math.max(0, last)) / SIZE);
    this.#wanted = [];
    for (let page = from; page <= to; page += 1) if (!this.#pages.has(page)) this.#wanted.push(page);
    this.#load();
  }

  /** Begins another list, or the same one anew: what is shown stays until its first page comes. */
  restart() {
    this.#list += 1;
    this.#loading.clear();
    this.#wanted = [0];
    this.#load({ fresh: true });
  }

  /** Something is different in a picture that has been read. */
  change(id, difference) {
    for (const { pictures } of this.#pages.values()) {
      const picture = pictures.find((one) => one.id === id);
      if (picture) Object.assign(picture, difference);
    }
  }

  indexOf(id) {
    for (let index = 0; index < (this.count ?? 0); index += 1) if (this.at(index)?.id === id) return index;
    return -1;
  }

  #load({ fresh = false } = {}) {
    for (const page of this.#wanted) {
      if (this.#loading.size >= MOST_LOADING) return;
      if (!this.#loading.has(page)) this.#loadPage(page, fresh);
    }
  }

  async #loadPage(page, fresh) {
    const list = this.#list;
    this.#loading.add(page);
    let failure;
    try {
      const answer = await this.#read(page * SIZE, SIZE);
      if (list !== this.#list) return;
      if (fresh) this.#pages.clear();
      // A picture that came or went meanwhile has moved all others.
      if (!fresh && answer.total !== this.#total) return this.restart();
      this.#total = answer.total;
      this.#pages.set(page, { pictures: answer.pictures, withheld: answer.withheld });
      this.#findGaps();
    } catch (error) {
      failure = error;
    }
    if (list !== this.#list) return;
    this.#loading.delete(page);
    this.#wanted = this.#wanted.filter((one) => one !== page);
    this.#onChange(failure);
    if (failure === undefined) this.#load();
  }

  #findGaps() {
    const gaps = [...this.#pages].flatMap(([page, { withheld }]) => (withheld > 0 ? [[page, withheld]] : []));
    this.#gaps = gaps.sort(([a], [b]) => a - b);
    this.#withheld = gaps.reduce((sum, [, withheld]) => sum + withheld, 0);
  }

  /** Where in the server's list, in which each page has its full length, the picture at an index is. */
  #placeOf(index) {
    let place = index;
    for (const [page, withheld] of this.#gaps) if (place >= (page + 1) * SIZE - withheld) place += withheld;
    return place;
  }
}
