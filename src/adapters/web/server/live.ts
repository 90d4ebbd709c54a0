import { type JobEvent, TERMINAL_STATES } from '../../../bot/job.ts';
import type { Core } from '../../adapter.ts';

export type LiveListener = (event: JobEvent) => void;

/**
 * The web's share of the core's events: hands each to the rooms that listen, and keeps the latest live state
 * (position, step, preview) of every job for whoever connects in between.
 */
export class LiveEvents {
  readonly #core: Core;
  readonly #listeners = new Map<string, Set<LiveListener>>();
  readonly #latest = new Map<string, JobEvent>();
  readonly #unsubscribe: () => void;

  constructor(core: Core) {
    this.#core = core;
    this.#unsubscribe = core.subscribe((event) => {
      if (event.job.caller.surface === 'web') this.#take(event);
    });
  }

  /** Returns the way to stop listening. */
  listen(rooms: readonly string[], listener: LiveListener): () => void {
    for (const room of rooms) {
      const listeners = this.#listeners.get(room) ?? new Set();
      this.#listeners.set(room, listeners.add(listener));
    }
    return () => {
      for (const room of rooms) {
        const listeners = this.#listeners.get(room);
        listeners?.delete(listener);
        if (listeners?.size === 0) this.#listeners.delete(room);
      }
    };
  }

  latest(rooms: readonly string[]): JobEvent[] {
    return [...this.#latest.values()].filter((event) => rooms.includes(event.job.caller.room));
  }

  close(): void {
    this.#unsubscribe();
    this.#listeners.clear();
  }

  #take(event: JobEvent): void {
    const { job } = event;
    if (event.seq === null) this.#latest.set(job.id, event);
    else if (event.type !== 'queued' && event.type !== 'image') this.#latest.delete(job.id);
    for (const listener of this.#listeners.get(job.caller.room) ?? []) listener(event);
    // The page reads finished jobs from the history: once stored, there is nothing left to deliver.
    if (event.seq !== null && TERMINAL_STATES.includes(job.state)) this.#core.markDelivered(job.id);
  }
}
