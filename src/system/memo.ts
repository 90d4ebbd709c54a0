/** The values that were used last, at most `size` of them. */
export class Recent<T, K = string> {
  readonly #size: number;
  readonly #isSame: (a: K, b: K) => boolean;
  /** The one used last at the end. */
  readonly #entries: { readonly key: K; readonly value: T }[] = [];

  constructor(size: number, isSame: (a: K, b: K) => boolean = (a, b) => a === b) {
    this.#size = size;
    this.#isSame = isSame;
  }

  /** The value of a key; made, and kept, when it is not there. One that fails is not kept. */
  async get(key: K, make: () => Promise<T>): Promise<T> {
    const find = () => this.#entries.findIndex((entry) => this.#isSame(entry.key, key));
    const entry = this.#entries[find()] ?? { key, value: await make() };
    // Another call may have made or used it meanwhile.
    const at = find();
    if (at >= 0) this.#entries.splice(at, 1);
    this.#entries.push(entry);
    if (this.#entries.length > this.#size) this.#entries.shift();
    return entry.value;
  }
}
