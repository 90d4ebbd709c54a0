/** The values that were used last, at most `size` of them. */
export class Recent<T, K = string> {
  readonly #size: number;
  readonly #isSame: (a: K, b: K) => boolean;
  /** The one used last is at the end. */
  readonly #entries: { readonly key: K; readonly value: T }[] = [];

  constructor(size: number, isSame: (a: K, b: K) => boolean = (a, b) => a === b) {
    this.#size = size;
    this.#isSame = isSame;
  }

  has(key: K): boolean {
    return this.#entries.some((entry) => this.#isSame(entry.key, key));
  }

  /** The value of a key, which is made if it is missing. A failure is not kept. */
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

/** A map of at most `size` entries: the one that was set longest ago is forgotten first. */
export class RecentMap<K, V> extends Map<K, V> {
  readonly #limit: number;

  constructor(size: number) {
    super();
    this.#limit = size;
  }

  override set(key: K, value: V): this {
    this.delete(key);
    super.set(key, value);
    for (const oldest of this.keys()) {
      if (this.size <= this.#limit) break;
      this.delete(oldest);
    }
    return this;
  }
}

/** What `make` gives, made at the first call. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
