import type { GroupRuns } from './session.ts';
import type { MeasureTaken } from './taken-memory.ts';

/** What a run takes less than this is lost among other changes of a process. */
const SMALL_BYTES = 256e6;
/** Of what was measured, for what the system had not counted yet. */
const MARGIN = 1.1;
/** A single measurement makes estimates at most so many times larger. */
const MOST_RATIO = 2;

/** Corrects the estimates of one network's working memory by what its runs have really taken. */
export class LearnedMemory {
  readonly #taken: MeasureTaken;
  /** How far estimates were too low. */
  #ratio = 1;
  /** The run with the largest estimate, and what its session had taken after it. */
  #known = { estimate: 0, taken: 0 };
  /** A session keeps what it once took: what it took so far, and the largest estimate of its runs. */
  #session = { taken: 0, estimate: 0 };
  /** The largest estimate of the runs in groups that were measured. */
  #inGroups = 0;

  constructor(taken: MeasureTaken) {
    this.#taken = taken;
  }

  /** Bytes that a run takes, where `estimate` is what is written down. */
  correct(estimate: number): number {
    const raised = estimate * this.#ratio;
    return estimate <= this.#known.estimate ? Math.min(raised, this.#known.taken * MARGIN) : raised;
  }

  /** Does a run, and measures what it takes if that can be more than the session has already. */
  async during<T>(estimate: number, run: () => Promise<T>): Promise<T> {
    const before = estimate > this.#session.estimate ? this.#taken() : null;
    const result = await run();
    const after = before === null ? null : this.#taken();
    if (before !== null && after !== null) this.#learn(estimate, Math.max(0, after - before));
    return result;
  }

  /** Measures a run in groups of blocks, each a session of its own: the one that takes the most is what the run takes. */
  inGroups(estimate: number): GroupRuns {
    const isNews = estimate > this.#inGroups;
    let most: number | null = null;
    return {
      during: async (run) => {
        const before = isNews ? this.#taken() : null;
        const result = await run();
        const after = before === null ? null : this.#taken();
        if (before !== null && after !== null) most = Math.max(most ?? 0, after - before);
        return result;
      },
      end: () => {
        if (most === null) return;
        this.#inGroups = estimate;
        this.released();
        this.#learn(estimate, most);
        this.released();
      },
    };
  }

  /** The session was released: the next one takes everything anew. */
  released(): void {
    this.#session = { taken: 0, estimate: 0 };
  }

  #learn(estimate: number, grown: number): void {
    const taken = this.#session.taken + grown;
    this.#session = { taken, estimate };
    if (taken < SMALL_BYTES) return;
    this.#ratio = Math.min(MOST_RATIO, Math.max(this.#ratio, taken / estimate));
    if (estimate >= this.#known.estimate) this.#known = { estimate, taken };
  }
}
