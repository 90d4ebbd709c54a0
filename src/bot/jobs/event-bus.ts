import type { JobEvent } from '../job.ts';

/** Hands every event to every listener, in the order of `emit`, also when a listener emits one. */
export class EventBus {
  readonly #listeners = new Set<(event: JobEvent) => void>();
  readonly #onProblem: (error: unknown, event: JobEvent) => void;
  /** The event that is being handed out, and those emitted meanwhile. */
  readonly #pending: JobEvent[] = [];

  constructor(onProblem: (error: unknown, event: JobEvent) => void) {
    this.#onProblem = onProblem;
  }

  subscribe(listener: (event: JobEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Call it after the transaction, so that listeners can read what the event tells. `null` tells nothing. */
  emit(event: JobEvent | null): void {
    if (event === null || this.#pending.push(event) > 1) return;
    for (const next of this.#pending) {
      for (const listener of [...this.#listeners]) {
        try {
          listener(next);
        } catch (error) {
          this.#onProblem(error, next);
        }
      }
    }
    this.#pending.length = 0;
  }
}
