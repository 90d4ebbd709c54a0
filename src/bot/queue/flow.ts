/** What waits behind a flow: a user's own jobs, or another level. */
export interface Source<Job> {
  /** Waiting jobs. */
  readonly size: number;
  /** Their accelerator seconds together. */
  readonly cost: number;
  add(job: Job): void;
  /** Takes out a waiting job, which will not run. */
  delete(job: Job): void;
  /** The first waiting job that may start. Of a user, no job passes an earlier one. */
  next(mayStart: (job: Job) => boolean): Job | undefined;
  /** Takes a job that `next` gave, and charges it. */
  take(job: Job): void;
  /** A job that is charged already runs, or is about to. */
  start?(job: Job): void;
  /** A running job has ended; it took `seconds` more than it was charged. */
  settle?(job: Job, seconds: number): void;
  /** The order in which jobs would be taken if nobody else came. Nothing may change while it is read. */
  forecast(): Iterator<Job, void>;
  /** About how many accelerator seconds are taken before a waiting job. */
  costAhead(job: Job): number;
}

/** One party to a level: a payer, or a user of a payer. */
export interface Flow<S> {
  readonly key: string;
  readonly source: S;
  /** Virtual start time of the flow's next job, in accelerator seconds per weight. */
  tag: number;
  /** Decides between equal tags: the lower was drawn earlier, when its flow got this tag. `null` while nothing waits. */
  ticket: number | null;
  running: number;
}

/** A flow's place in line. */
export interface Ordered {
  readonly tag: number;
  readonly ticket: number | null;
}

export function byTurn(a: Ordered, b: Ordered): number {
  return a.tag - b.tag || (a.ticket ?? 0) - (b.ticket ?? 0);
}
