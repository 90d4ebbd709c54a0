import { type Clock, pause } from '../../system/clock.ts';
import type { Postings } from '../core.ts';
import type { History } from '../history/history.ts';
import type { Surface } from '../job.ts';

/** How long a person who erases everything waits for the platform's first answers, in ms. */
const WAIT_MS = 8000;

/** What became of what a platform showed of somebody who was erased. */
export interface Outlook {
  readonly removed: number;
  /** Not tried yet. */
  readonly waiting: number;
  /** Sentences: why something could not be removed, and how much for that reason. */
  readonly left: ReadonlyMap<string, number>;
}

/** What must go from the platforms: adapters remove it and say how that went, and whoever asked for it hears of it. */
export class Removals {
  readonly #history: History;
  readonly #clock: Clock;
  readonly #listeners = new Map<Surface, Set<() => void>>();
  /** Called whenever something was tried. */
  readonly #watchers = new Set<() => void>();

  constructor({ history, clock }: { readonly history: History; readonly clock: Clock }) {
    this.#history = history;
    this.#clock = clock;
  }

  /** Something is to be removed from a platform. */
  announce(surface: Surface): void {
    for (const listener of this.#listeners.get(surface) ?? []) listener();
  }

  /** What a platform still shows of a person who was erased. */
  left(surface: Surface, user: string): Outlook {
    const problems = this.#history.postings.leftOf(surface, user).map(({ problem }) => problem);
    const tried = problems.filter((problem) => problem !== null);
    const left = new Map(tried.map((why) => [why, tried.filter((one) => one === why).length]));
    return { removed: 0, waiting: problems.length - tried.length, left };
  }

  /** As `left`, after all of it was tried once, within reason. */
  async outlook(surface: Surface, user: string): Promise<Outlook> {
    const left = () => this.#history.postings.leftOf(surface, user);
    const before = left().length;
    if (this.#listeners.has(surface) && before > 0) await this.#until(() => left().every(({ tries }) => tries > 0));
    return { ...this.left(surface, user), removed: before - left().length };
  }

  /** What adapters see. */
  get postings(): Postings {
    const { postings, messages, jobs } = this.#history;
    const tried = () => {
      for (const watcher of this.#watchers) watcher();
    };
    return {
      save(job, image, handle) {
        const { surface, user } = job.caller;
        // It may have been erased or deleted meanwhile.
        const known = jobs.get(job.id);
        const isGone = known === null || known.images.some(({ id, deleted }) => id === image && deleted);
        if (isGone) this.discard({ surface, job: job.id }, handle);
        else postings.save({ surface, user, job: job.id, image }, handle);
      },
      discard: ({ surface, job }, handle) => {
        const user = jobs.get(job)?.caller.user ?? '';
        postings.discard({ surface, user, job }, handle);
        this.announce(surface);
      },
      due: (surface, limit) => postings.due(surface, limit),
      nextDue: (surface) => postings.nextDue(surface),
      hasten: (surface) => {
        postings.hasten(surface);
        this.announce(surface);
      },
      removed(id) {
        postings.removed(id);
        tried();
      },
      failed(id, failure) {
        postings.failed(id, failure);
        tried();
      },
      outdated: (surface) => messages.outdated(surface),
      refreshed: (jobId) => messages.setOutdated(jobId, false),
      subscribe: (surface, listener) => {
        const listeners = this.#listeners.get(surface) ?? new Set();
        this.#listeners.set(surface, listeners.add(listener));
        return () => {
          listeners.delete(listener);
          if (listeners.size === 0) this.#listeners.delete(surface);
        };
      },
    };
  }

  async #until(condition: () => boolean): Promise<void> {
    const end = new AbortController();
    const look = () => {
      if (condition()) end.abort();
    };
    this.#watchers.add(look);
    look();
    await pause(this.#clock, WAIT_MS, end.signal);
    this.#watchers.delete(look);
  }
}
