import { isOver, type JobEvent } from '../../../bot/job.ts';
import type { Core } from '../../adapter.ts';

type LiveListener = (event: JobEvent) => void;

/** Steps change nothing about who waits. */
const CHANGE_QUEUE: ReadonlySet<JobEvent['type']> = new Set([
  ...(['queued', 'started', 'done', 'failed', 'cancelled', 'erased'] as const),
]);

/** The latest live event (position, step, preview) of each job, by its id. */
export class LatestLive extends Map<string, JobEvent> {
  /** Keeps a live event, or forgets the job's when a durable event makes it obsolete. */
  take(event: JobEvent): void {
    if (event.seq === null) this.set(event.job.id, event);
    else if (event.type !== 'queued' && event.type !== 'image') this.delete(event.job.id);
  }
}

/** The core's events of the web: hands each to the listeners of its room, and keeps the latest live ones for later listeners. */
export class LiveEvents {
  readonly #core: Core;
  readonly #listeners = new Map<string, Set<LiveListener>>();
  readonly #latest = new LatestLive();
  readonly #queueListeners = new Set<() => void>();
  readonly #unsubscribe: () => void;

  constructor(core: Core) {
    this.#core = core;
    this.#unsubscribe = core.subscribe((event) => {
      if (event.job.caller.surface === 'web') this.#take(event);
      if (CHANGE_QUEUE.has(event.type)) for (const listener of this.#queueListeners) listener();
    });
  }

  /** Returns a function that stops listening. */
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

  /** Tells when the queue is different, on whichever platform. Returns a function that stops listening. */
  watchQueue(listener: () => void): () => void {
    this.#queueListeners.add(listener);
    return () => this.#queueListeners.delete(listener);
  }

  latest(rooms: readonly string[]): JobEvent[] {
    return [...this.#latest.values()].filter((event) => rooms.includes(event.job.caller.room));
  }

  close(): void {
    this.#unsubscribe();
    this.#listeners.clear();
    this.#queueListeners.clear();
  }

  #take(event: JobEvent): void {
    const { job } = event;
    // Whoever comes later has never seen it.
    if (event.type === 'erased') this.#latest.delete(job.id);
    else this.#latest.take(event);
    for (const listener of this.#listeners.get(job.caller.room) ?? []) listener(event);
    // Pages read finished jobs from the history, so a stored job is a delivered one.
    if (event.seq !== null && isOver(job)) this.#core.markDelivered(job.id);
  }
}
