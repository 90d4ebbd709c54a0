/**
 * Runs work that can wait, in order and one piece per turn of the event loop, so that incoming events never have to wait
 * for all of it.
 */
export class OnePerTick {
  readonly #waiting: (() => void)[] = [];

  add(run: () => void): void {
    this.#waiting.push(run);
    if (this.#waiting.length === 1) setImmediate(() => this.#next());
  }

  #next(): void {
    const run = this.#waiting.shift();
    if (this.#waiting.length > 0) setImmediate(() => this.#next());
    run?.();
  }
}
