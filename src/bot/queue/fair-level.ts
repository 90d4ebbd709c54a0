import { byTurn, type Flow, type Source } from './flow.ts';
import { Forecast } from './forecast.ts';
import { SortedList } from './sorted-list.ts';

export interface LevelOptions<Job, S> {
  /** The flow that a job belongs to; not empty. */
  readonly keyOf: (job: Job) => string;
  readonly source: (key: string) => S;
  /** Key of a second flow that is charged for a job as its own flow is. @default none */
  readonly alsoCharged?: (job: Job) => string | undefined;
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
 * served so far, or the smallest that waits, if that is less: its job was passed over because no painter that can make it is free. A flow that comes back after it was empty starts at max(clock, its old tag): being away earns
 * nothing, and what was just used is not forgotten. When nothing waits or runs, all accounts are closed.
 *
 * The bound. Let a newcomer come when the clock shows V; its tag is V. All other waiting flows have tags ≥ V (they
 * entered at ≥ the clock of their time, and the smallest tag was served ever since). Until the newcomer is served,
 * only flows with tag V (and an older ticket) are served. Serving one raises its tag by at least
 * MIN_COST ÷ MAX_WEIGHT > 0, and a refund leaves at least that, so it is above V and comes after the newcomer. So at
 * most one job of each other flow starts before the newcomer's first, and none of a flow that came later. Neither
 * cost, nor weight, nor how much waits behind a flow appears in this, nor how many jobs run at a time: a refund for a job
 * that ran before brings its flow to V at most, where it comes after the newcomer if it was served since, for it then
 * has a younger ticket. Finish tags (WFQ, SCFQ) would break it: an
 * expensive first job would wait for several cheap ones of everybody else.
 *
 * Starvation: each served job raises a tag by a positive amount, so finitely many can start below any given tag.
 * Only the head of each flow has a tag, so a correction or a cancelled job moves one flow, not the jobs behind it.
 *
 * A job may be charged to a second flow as well, by the same amount from the same start. That only raises a tag, so it
 * brings no other flow before the newcomer's.
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
  readonly #options: LevelOptions<Job, S>;
  readonly #flows = new Map<string, Flow<S>>();
  readonly #waiting = new SortedList<Flow<S>>(byTurn);
  /** Flows without jobs, until the clock reaches their tags. */
  readonly #indebted = new SortedList<Flow<S>>(byTagAndKey);
  /** Running jobs, with what the tags of their flows grew by for each second. */
  readonly #running = new Map<Job, number>();

  constructor(options: LevelOptions<Job, S>) {
    this.#options = options;
  }

  /** What waits behind a flow; `undefined` if the flow is not known, or forgotten. */
  source(key: string): S | undefined {
    return this.#flows.get(key)?.source;
  }

  /** What to store of a flow, or of the `CLOCK`; `undefined` if the flow is not known, or forgotten. */
  stored(key: string): { readonly tag: number; readonly ticket: number | null } | undefined {
    if (key === CLOCK) return { tag: this.#clock, ticket: null };
    const flow = this.#flows.get(key);
    return flow && { tag: flow.tag, ticket: flow.ticket };
  }

  /** Virtual start time that a flow's next job would have if it came now. */
  startOf(key: string): number {
    return Math.max(this.#clock, this.#flows.get(key)?.tag ?? 0);
  }

  /** Puts back what was stored. Waiting and running jobs have to follow before anything is taken. */
  restore(key: string, tag: number, ticket: number | null): void {
    if (key === CLOCK) {
      this.#clock = tag;
      return;
    }
    const flow = this.#flow(key);
    flow.tag = tag;
    flow.ticket = ticket;
    this.#indebted.add(flow);
  }

  add(job: Job): void {
    const flow = this.#flowOf(job);
    flow.source.add(job);
    this.size += 1;
    this.cost += job.cost;
    if (flow.source.size > 1) return;
    this.#indebted.delete(flow);
    this.#place(flow);
  }

  delete(job: Job): void {
    const flow = this.#flowOf(job);
    flow.source.delete(job);
    this.#shrink(job.cost);
    if (flow.source.size > 0) return;
    this.#waiting.delete(flow);
    this.#place(flow);
    this.#closeAccounts();
  }

  next(mayStart: (job: Job) => boolean): Job | undefined {
    for (const { source } of this.#waiting) {
      const job = source.next(mayStart);
      if (job !== undefined) return job;
    }
    return undefined;
  }

  take(job: Job): void {
    const flow = this.#flowOf(job);
    const start = flow.tag;
    // What was passed over, since no painter for it is free, keeps its place before all that come.
    this.#advance(Math.min(start, this.#waiting.first?.tag ?? start));
    flow.source.take(job);
    this.#shrink(job.cost);
    const rate = this.#begin(flow, job);
    for (const charged of [flow, ...this.#secondOf(job)]) {
      this.#remove(charged);
      charged.tag = Math.max(charged.tag, start) + job.cost * rate;
      charged.ticket = null;
      this.#place(charged);
    }
    this.#closeAccounts();
  }

  start(job: Job): void {
    const flow = this.#flowOf(job);
    flow.source.start?.(job);
    this.#begin(flow, job);
    for (const charged of [flow, ...this.#secondOf(job)]) this.#indebted.delete(charged);
  }

  settle(job: Job, seconds: number): void {
    const flow = this.#flowOf(job);
    flow.source.settle?.(job, seconds);
    const rate = this.#running.get(job) ?? 0;
    this.#running.delete(job);
    for (const charged of [flow, ...this.#secondOf(job)]) {
      this.#remove(charged);
      charged.tag += seconds * rate;
      charged.running -= 1;
      this.#place(charged);
    }
    this.#closeAccounts();
  }

  *forecast(): Generator<Job, void> {
    const forecast = new Forecast<Job, S>(this.#waiting[Symbol.iterator](), this.#options.tickets.next);
    for (let turn = forecast.first; turn !== undefined; turn = forecast.first) {
      const { flow, jobs, tag: start } = turn;
      const { value: job } = jobs.next();
      if (job === undefined) return;
      yield job;
      const charge = job.cost / this.#weight(flow.key);
      forecast.charge(turn, start, charge);
      const second = this.#flows.get(this.#options.alsoCharged?.(job) ?? '');
      if (second !== undefined) forecast.chargeToo(second, start, charge);
    }
  }

  /**
   * Every other flow is served until its tag reaches the one that this job will start with, and on average half a job
   * further. O(flows).
   */
  costAhead(job: Job): number {
    const own = this.#flowOf(job);
    let ahead = own.source.costAhead(job);
    const start = own.tag + ahead / this.#weight(own.key);
    for (const { key, tag, source } of this.#waiting) {
      if (tag > start) break;
      if (key === own.key) continue;
      const halfJob = source.cost / source.size / 2;
      ahead += Math.min(source.cost, (start - tag) * this.#weight(key) + halfJob);
    }
    return ahead;
  }

  #weight(key: string): number {
    const weight = this.#options.weight?.(key) ?? 1;
    return Number.isNaN(weight) ? 1 : Math.min(MAX_WEIGHT, Math.max(MIN_WEIGHT, weight));
  }

  #flowOf(job: Job): Flow<S> {
    return this.#flow(this.#options.keyOf(job));
  }

  #flow(key: string): Flow<S> {
    const known = this.#flows.get(key);
    if (known !== undefined) return known;
    const flow: Flow<S> = { key, source: this.#options.source(key), tag: this.#clock, ticket: null, running: 0 };
    this.#flows.set(key, flow);
    return flow;
  }

  #shrink(cost: number): void {
    this.size -= 1;
    // Sums of many fractions drift; an empty level is exactly empty.
    this.cost = this.size === 0 ? 0 : this.cost - cost;
  }

  /** The second flow that is charged for a job, if there is one. */
  #secondOf(job: Job): Flow<S>[] {
    const key = this.#options.alsoCharged?.(job);
    return key === undefined ? [] : [this.#flow(key)];
  }

  /** Returns what the tags of its flows grow by for each second. */
  #begin(flow: Flow<S>, job: Job): number {
    const rate = 1 / this.#weight(flow.key);
    for (const charged of [flow, ...this.#secondOf(job)]) charged.running += 1;
    this.#running.set(job, rate);
    return rate;
  }

  /** Takes a flow out of the list that it is in. */
  #remove(flow: Flow<S>): void {
    if (!this.#waiting.delete(flow)) this.#indebted.delete(flow);
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

  /** Forgets the flows without jobs that would start at the clock anyway, like newcomers. */
  #closeAccounts(): void {
    const isIdle = this.size === 0 && this.#running.size === 0;
    for (let flow = this.#indebted.first; flow !== undefined; flow = this.#indebted.first) {
      if (flow.tag > this.#clock && !isIdle) return;
      this.#advance(flow.tag);
      this.#indebted.delete(flow);
      this.#flows.delete(flow.key);
      this.#options.changed(flow.key);
    }
  }
}

function byTagAndKey(a: { tag: number; key: string }, b: { tag: number; key: string }): number {
  return a.tag - b.tag || (a.key < b.key ? -1 : 1);
}
