/**
 * Items in order, found by binary search. Adding and deleting take O(log n) comparisons and one move of the pointers
 * behind; the first item and walking through are free.
 */
export class SortedList<Item> {
  readonly #items: Item[] = [];
  readonly #compare: (a: Item, b: Item) => number;

  /** @param compare a total order: never 0 for two different items that are in the list at the same time */
  constructor(compare: (a: Item, b: Item) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): Item | undefined {
    return this.#items[0];
  }

  [Symbol.iterator](): IterableIterator<Item> {
    return this.#items.values();
  }

  add(item: Item): void {
    const index = this.#lowerBound(item);
    if (index === this.#items.length) this.#items.push(item);
    else this.#items.splice(index, 0, item);
  }

  /** To be called before anything that `compare` looks at changes. Returns whether the item was there. */
  delete(item: Item): boolean {
    const index = this.#lowerBound(item);
    if (this.#items[index] !== item) return false;
    if (index === 0) this.#items.shift();
    else this.#items.splice(index, 1);
    return true;
  }

  /** Index of the first item that does not come before this one. */
  #lowerBound(item: Item): number {
    let from = 0;
    let to = this.#items.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      const found = this.#items[middle];
      if (found !== undefined && this.#compare(found, item) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
