/** A queue with one reader, who gets everything that was pushed before the end, even if the end is an error. */
export class AsyncQueue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #end: { readonly error: unknown } | null = null;
  #wake: () => void = () => {};

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  /** @param error thrown to the reader after the last item; `null` ends the reading. Only the first call counts. */
  close(error: unknown): void {
    this.#end ??= { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.#end === null) await this.#arrival();
      else if (this.#end.error === null) return;
      else throw this.#end.error;
    }
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
