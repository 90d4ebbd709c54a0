import type { JobEvent } from '../job.ts';

export type JobListener = (event: JobEvent) => void;

/** Hands every event to every listener, in the order of `emit`; also events that a listener causes meanwhile. */
export class EventBus {
  readonly #listeners = new Set<JobListener>();
  readonly #onProblem: (error: unknown, event: JobEvent) => void;
  readonly #pending: JobEvent[] = [];
  #emitting = false;

  constructor(onProblem: (error: unknown, event: JobEvent) => void) {
    this.#onProblem = onProblem;
  }

  subscribe(listener: JobListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Durable events come here after their transaction: whoever hears of one can read it. `null` is nothing to tell. */
  emit(event: JobEvent | null): void {
    if (event === null) return;
    this.#pending.push(event);
    if (this.#emitting) return;
    this.#emitting = true;
    try {
      for (let next = this.#pending.shift(); next !== undefined; next = this.#pending.shift()) this.#hand(next);
    } finally {
      this.#emitting = false;
    }
  }

  #hand(event: JobEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.#onProblem(error, event);
      }
    }
  }
}
