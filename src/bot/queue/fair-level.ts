import { SortedList } from './sorted-list.ts';

/** What waits behind a flow: a user's own jobs, or another level. */
export interface Source<Job> {
  /** Waiting jobs. */
  readonly size: number;
  /** Their accelerator seconds together. */
  readonly cost: number;
  /** Takes the job that is next. Only called while `size` > 0. */
  take(): Job;
  /** The order in which jobs would be taken if nobody else came; reads only. */
  forecast(): Iterator<Job, void>;
}

/** One party to a level: a payer, or a user of a payer. */
export interface Flow<S> {
  readonly key: string;
  readonly source: S;
  /** Virtual start time of the flow's next job: what it had so far, in accelerator seconds per weight. */
  tag: number;
  /** Order among equal tags: drawn when the flow came to its present tag; `null` while it has nothing waiting. */
  ticket: number | null;
  running: number;
}

export interface LevelOptions<S> {
  readonly source: (key: string) => S;
  /** Share of a flow, 0.01 to 100; asked whenever a job is charged. @default everybody 1 */
  readonly weight?: (key: string) => number;
  /** Shared by all levels of a queue. */
  readonly tickets: { next: number };
  /** What `stored` gives for this key has changed. */
  readonly changed: (key: string) => void;
}

/** The key of a level's clock, beside those of its flows. */
export const CLOCK = '';

/** Weights and costs are bounded so that one charge is always far above the rounding of a clock that ran for years. */
const MIN_WEIGHT = 0.01;
const MAX_WEIGHT = 100;
/** Accelerator seconds charged at least for a job that ran, also if it failed at once. */
export const MIN_COST = 0.01;

/**
 * One level of start-time fair queueing: of the flows with waiting jobs, the one whose next job has the smallest
 * virtual start time is served; then that flow's tag grows by cost ÷ weight. The clock is the largest start tag
 * served so far. A flow that comes back after it was empty starts at max(clock, its old tag): being away earns
 * nothing, and what was just used is not forgotten. When nothing waits or runs, all accounts are closed.
 *
 * The bound. Let a newcomer come when the clock shows V; its tag is V. All other waiting flows have tags ≥ V (they
 * entered at ≥ the clock of their time, and the smallest tag was served ever since). Until the newcomer is served,
 * only flows with tag V (and an older ticket) are served. Serving one raises its tag by at least
 * MIN_COST ÷ MAX_WEIGHT > 0, and a refund leaves at least that, so it is above V and comes after the newcomer. So at
 * most one job of each other flow starts before the newcomer's first, and none of a flow that came later. Neither
 * cost, nor weight, nor how much waits behind a flow appears in this. Finish tags (WFQ, SCFQ) would break it: an
 * expensive first job would wait for several cheap ones of everybody else.
 *
 * Starvation: each served job raises a tag by a positive amount, so finitely many can start below any given tag.
 * Only the head of each flow has a tag, so a correction or a cancelled job moves one flow, not the jobs behind it.
 *
 * A level can be the source of a flow above it (hierarchical SFQ): its clock moves only when it is served, so both
 * proofs hold in it, counted in jobs of its own.
 *
 * @see Demers, Keshav, Shenker, "Analysis and simulation of a fair queueing algorithm", SIGCOMM 1989 (fair queueing)
 * @see Goyal, Vin, Cheng, "Start-time fair queueing", SIGCOMM 1996
 * @see Goyal, Guo, Vin, "A hierarchical CPU scheduler for multimedia operating systems", OSDI 1996
 */
export class FairLevel<Job extends { readonly cost: number }, S extends Source<Job>> implements Source<Job> {
  size = 0;
  cost = 0;
  /** Virtual time. */
  #clock = 0;
  readonly #options: LevelOptions<S>;
  readonly #flows = new Map<string, Flow<S>>();
  readonly #waiting = new SortedList<Flow<S>>(byTurn);
  /** Flows with nothing waiting or running whose tag the clock has not reached yet. */
  readonly #indebted = new SortedList<Flow<S>>(byTagAndKey);
  #running = 0;

  constructor(options: LevelOptions<S>) {
    this.#options = options;
  }

  find(key: string): Flow<S> | undefined {
    return this.#flows.get(key);
  }

  flow(key: string): Flow<S> {
    const known = this.#flows.get(key);
    if (known !== undefined) return known;
    const flow: Flow<S> = { key, source: this.#options.source(key), tag: this.#clock, ticket: null, running: 0 };
    this.#flows.set(key, flow);
    return flow;
  }

  /** What to store of a flow, or of the `CLOCK`; `undefined` for a flow that is not known. */
  stored(key: string): { readonly tag: number; readonly ticket: number | null } | undefined {
    if (key === CLOCK) return { tag: this.#clock, ticket: null };
    const flow = this.#flows.get(key);
    return flow && { tag: flow.tag, ticket: flow.ticket };
  }

  /** Puts back what was stored. Waiting and running jobs have to follow before anything is taken. */
  restore(key: string, tag: number, ticket: number | null): void {
    if (key === CLOCK) {
      this.#clock = tag;
      return;
    }
    const flow = this.flow(key);
    flow.tag = tag;
    flow.ticket = ticket;
    this.#indebted.add(flow);
  }

  /** A job of `cost` was put into the flow's source. */
  added(flow: Flow<S>, cost: number): void {
    this.size += 1;
    this.cost += cost;
    if (flow.source.size > 1) return;
    this.#indebted.delete(flow);
    this.#place(flow);
  }

  /** A job of `cost` was taken out of the flow's source and will not run. */
  withdrawn(flow: Flow<S>, cost: number): void {
    this.#shrink(cost);
    if (flow.source.size > 0) return;
    this.#waiting.delete(flow);
    this.#place(flow);
    this.#closeAccounts();
  }

  take(): Job {
    const flow = this.#waiting.first;
    if (flow === undefined) throw new RangeError('Expected a waiting job, got an empty level.');
    this.#waiting.delete(flow);
    this.#advance(flow.tag);
    const job = flow.source.take();
    this.#shrink(job.cost);
    this.start(flow);
    flow.tag += job.cost / this.weight(flow.key);
    flow.ticket = null;
    this.#place(flow);
    this.#closeAccounts();
    return job;
  }

  /** A job of the flow runs that is charged already. */
  start(flow: Flow<S>): void {
    this.#indebted.delete(flow);
    flow.running += 1;
    this.#running += 1;
  }

  /** A running job of the flow has ended; `difference` is what it cost beyond its charge, in virtual time. */
  settle(flow: Flow<S>, difference: number): void {
    this.#waiting.delete(flow);
    flow.running -= 1;
    this.#running -= 1;
    flow.tag += difference;
    this.#place(flow);
    this.#closeAccounts();
  }

  *forecast(): Generator<Job, void> {
    const turns = new SortedList<Turn<Job, S>>(byTurn);
    const flows = this.#waiting[Symbol.iterator]();
    const meetNextFlow = () => {
      const { value: flow } = flows.next();
      if (flow === undefined) return;
      const { tag, ticket, source } = flow;
      turns.add({ flow, tag, ticket, jobs: source.forecast(), left: source.size });
    };
    meetNextFlow();
    let ticket = this.#options.tickets.next;
    for (let turn = turns.first; turn !== undefined; turn = turns.first) {
      const { flow, jobs } = turn;
      if (turn.left === flow.source.size) meetNextFlow();
      const { value: job } = jobs.next();
      if (job === undefined) return;
      yield job;
      turns.delete(turn);
      turn.tag += job.cost / this.weight(flow.key);
      turn.ticket = ticket++;
      turn.left -= 1;
      if (turn.left > 0) turns.add(turn);
    }
  }

  /**
   * About how many accelerator seconds of this level start before a job that has `within` seconds of its own flow
   * before it: every other flow is served until its tag reaches the one that this job will start with, and on average
   * half a job further. O(flows).
   */
  costAhead(flow: Flow<S>, within: number): number {
    const start = flow.tag + within / this.weight(flow.key);
    let ahead = within;
    for (const { key, tag, source } of this.#waiting) {
      if (key === flow.key || tag > start) continue;
      const halfJob = source.cost / source.size / 2;
      ahead += Math.min(source.cost, (start - tag) * this.weight(key) + halfJob);
    }
    return ahead;
  }

  weight(key: string): number {
    const weight = this.#options.weight?.(key) ?? 1;
    return Number.isNaN(weight) ? 1 : Math.min(MAX_WEIGHT, Math.max(MIN_WEIGHT, weight));
  }

  #shrink(cost: number): void {
    this.size -= 1;
    // Sums of many fractions drift; an empty level is exactly empty.
    this.cost = this.size === 0 ? 0 : this.cost - cost;
  }

  /** Puts a flow that is in no list into the one where it belongs. */
  #place(flow: Flow<S>): void {
    if (flow.source.size > 0) {
      flow.tag = Math.max(this.#clock, flow.tag);
      flow.ticket ??= this.#options.tickets.next++;
      this.#waiting.add(flow);
    } else {
      flow.ticket = null;
      if (flow.running === 0) this.#indebted.add(flow);
    }
    this.#options.changed(flow.key);
  }

  #advance(clock: number): void {
    if (clock <= this.#clock) return;
    this.#clock = clock;
    this.#options.changed(CLOCK);
  }

  /** Forgets the flows that would start at the clock anyway: they are newcomers again. */
  #closeAccounts(): void {
    const isIdle = this.size === 0 && this.#running === 0;
    for (let flow = this.#indebted.first; flow !== undefined; flow = this.#indebted.first) {
      if (flow.tag > this.#clock && !isIdle) return;
      this.#advance(flow.tag);
      this.#indebted.delete(flow);
      this.#flows.delete(flow.key);
      this.#options.changed(flow.key);
    }
  }
}

interface Turn<Job, S> {
  readonly flow: Flow<S>;
  readonly jobs: Iterator<Job, void>;
  tag: number;
  ticket: number | null;
  /** Jobs that are still to come; all of the flow's until its first turn. */
  left: number;
}

type Ordered = { readonly tag: number; readonly ticket: number | null };

function byTurn(a: Ordered, b: Ordered): number {
  return a.tag - b.tag || (a.ticket ?? 0) - (b.ticket ?? 0);
}

function byTagAndKey(a: { tag: number; key: string }, b: { tag: number; key: string }): number {
  return a.tag - b.tag || (a.key < b.key ? -1 : 1);
}
