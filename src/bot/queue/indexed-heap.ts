/** Anything that can wait in a heap; in at most one at a time, since the heap keeps its place in it. */
export interface HeapItem {
  /** Written by the heap. */
  heapIndex?: number;
}

/** A binary heap whose items know their place: any of them is removed or moved in O(log n). */
export class IndexedHeap<Item extends HeapItem> {
  readonly #items: Item[] = [];
  readonly #compare: (a: Item, b: Item) => number;

  /** @param compare a total order: never 0 for two different items that are in the heap at the same time */
  constructor(compare: (a: Item, b: Item) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  has(item: Item): boolean {
    return this.#items[item.heapIndex ?? -1] === item;
  }

  peek(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    this.#rise(item, this.#items.length);
  }

  pop(): Item | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  remove(item: Item): void {
    if (!this.has(item)) return;
    const { heapIndex = -1 } = item;
    item.heapIndex = -1;
    const last = this.#items.pop();
    if (last !== undefined && last !== item) this.#settle(last, heapIndex);
  }

  /** To be called after whatever `compare` looks at has changed. */
  moved(item: Item): void {
    if (this.has(item)) this.#settle(item, item.heapIndex ?? -1);
  }

  /** In no order. */
  [Symbol.iterator](): IterableIterator<Item> {
    return this.#items.values();
  }

  /** From first to last, O(log k) for the k-th: it visits only the part of the tree that it yields. */
  *ascending(): Generator<Item, void> {
    type Reached = HeapItem & { readonly item: Item; readonly index: number };
    const frontier = new IndexedHeap<Reached>((a, b) => this.#compare(a.item, b.item));
    const reach = (index: number) => {
      const item = this.#items[index];
      if (item !== undefined) frontier.push({ item, index, heapIndex: -1 });
    };
    reach(0);
    for (let next = frontier.pop(); next !== undefined; next = frontier.pop()) {
      yield next.item;
      reach(2 * next.index + 1);
      reach(2 * next.index + 2);
    }
  }

  #settle(item: Item, index: number): void {
    this.#sink(item, this.#rise(item, index));
  }

  #rise(item: Item, from: number): number {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#items[parentIndex];
      if (parent === undefined || this.#compare(parent, item) <= 0) break;
      this.#put(parent, index);
      index = parentIndex;
    }
    return this.#put(item, index);
  }

  #sink(item: Item, from: number): void {
    let index = from;
    for (;;) {
      const leftIndex = 2 * index + 1;
      const left = this.#items[leftIndex];
      const right = this.#items[leftIndex + 1];
      const goesRight = left !== undefined && right !== undefined && this.#compare(right, left) < 0;
      const child = goesRight ? right : left;
      if (child === undefined || this.#compare(item, child) <= 0) break;
      this.#put(child, index);
      index = goesRight ? leftIndex + 1 : leftIndex;
    }
    this.#put(item, index);
  }

  #put(item: Item, index: number): number {
    this.#items[index] = item;
    item.heapIndex = index;
    return index;
  }
}
