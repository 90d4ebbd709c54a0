/** Anything that can wait in a heap; the heap writes `heapIndex`, so an item is in at most one heap at a time. */
export interface HeapItem {
  /** Where the heap keeps it; -1 outside. */
  heapIndex: number;
}

/** A binary heap whose items know their place: any of them is removed or moved in O(log n). */
export class IndexedHeap<Item extends HeapItem> {
  readonly #items: Item[] = [];
  readonly #compare: (a: Item, b: Item) => number;

  /** @param compare a total order: never 0 for two different items that wait at the same time. */
  constructor(compare: (a: Item, b: Item) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  has(item: Item): boolean {
    return this.#items[item.heapIndex] === item;
  }

  peek(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  pop(): Item | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(first);
    return first;
  }

  remove(item: Item): void {
    const index = item.heapIndex;
    if (this.#items[index] !== item) return;
    item.heapIndex = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#settle(last, index);
  }

  /** To be called after whatever `compare` looks at has changed. */
  moved(item: Item): void {
    this.#settle(item, item.heapIndex);
  }

  /** In no order. */
  [Symbol.iterator](): IterableIterator<Item> {
    return this.#items.values();
  }

  /** From first to last, O(log k) for the k-th, without copying: it walks only the part of the tree that it yields. */
  *ascending(): Generator<Item, void> {
    const frontier = new IndexedHeap<{ heapIndex: number; readonly index: number; readonly item: Item }>((a, b) =>
      this.#compare(a.item, b.item),
    );
    const reach = (index: number) => {
      const item = this.#items[index];
      if (item !== undefined) frontier.push({ heapIndex: -1, index, item });
    };
    reach(0);
    for (let next = frontier.pop(); next !== undefined; next = frontier.pop()) {
      yield next.item;
      reach(2 * next.index + 1);
      reach(2 * next.index + 2);
    }
  }

  #settle(item: Item, index: number): void {
    this.#rise(item, index);
    this.#sink(item, item.heapIndex);
  }

  #rise(item: Item, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#items[parentIndex];
      if (parent === undefined || this.#compare(parent, item) <= 0) break;
      this.#put(parent, index);
      index = parentIndex;
    }
    this.#put(item, index);
  }

  #sink(item: Item, from: number): void {
    let index = from;
    for (;;) {
      const left = this.#items[2 * index + 1];
      const right = this.#items[2 * index + 2];
      const child = right !== undefined && left !== undefined && this.#compare(right, left) < 0 ? right : left;
      if (child === undefined || this.#compare(item, child) <= 0) break;
      const childIndex = child.heapIndex;
      this.#put(child, index);
      index = childIndex;
    }
    this.#put(item, index);
  }

  #put(item: Item, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }
}
