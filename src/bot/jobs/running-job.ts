import type { Clock } from '../../system/clock.ts';
import type { History } from '../history/history.ts';
import type { Eta, Job, JobEvent } from '../job.ts';
import { type Estimator, workLeft } from './estimator.ts';
import type { Hands } from './job-queue.ts';
import { type Painter, speedOf } from './painter.ts';
import { fractionOf, type Part, slowestStep } from './part.ts';
import { Repainting } from './repainting.ts';

export interface RunningJobOptions {
  /** As it is when it is started. */
  readonly job: Job;
  readonly hands: Hands;
  readonly estimator: Pick<Estimator, 'seconds' | 'eta'>;
  readonly clock: Clock;
  /** Accelerator seconds of the pictures that are kept already. */
  readonly secondsBefore: number;
}

/** How far a running job is. */
export type LiveStep = Omit<Extract<JobEvent, { type: 'step' }>, 'seq' | 'type' | 'job'>;

/** A job that is being made: what its painters have to do, how far they are and what that has taken. */
export class RunningJob {
  readonly hands: Hands;
  /** As it is now. */
  job: Job;
  /** Accelerator seconds of the pictures that were kept before this start. */
  readonly secondsBefore: number;
  readonly controller = new AbortController();
  /** What its pictures are made from and is not kept any more. */
  readonly repainting: Repainting;
  /** What each of its painters makes; empty while parents are painted again. */
  parts: readonly Part[] = [];
  /** The bot is stopping: this start does not count against the job, unless the pipeline process dies of it. */
  excused = false;
  readonly #estimator: RunningJobOptions['estimator'];
  readonly #clock: Clock;
  /** By the monotonic clock. */
  readonly #startedAt: number;
  /** Estimated accelerator seconds, if one painter makes all. */
  readonly #seconds: number;
  /** The newest step; one without a preview has that of the step before. */
  #step: LiveStep | undefined;
  /** What the machine's clock was set to at that step. */
  #setAt = 0;

  constructor({ job, hands, estimator, clock, secondsBefore }: RunningJobOptions) {
    this.job = job;
    this.hands = hands;
    this.secondsBefore = secondsBefore;
    this.#estimator = estimator;
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
    this.#seconds = estimator.seconds(workLeft(job), speedOf(hands.painter));
    this.repainting = new Repainting(clock, this.controller.signal);
  }

  /** How far it is; `null` before its first step. */
  get step(): LiveStep | null {
    if (this.#step === undefined) return null;
    const set = Math.round(this.#clockSetting() - this.#setAt);
    const eta = this.#step.eta && { from: this.#step.eta.from + set, to: this.#step.eta.to + set };
    return { ...this.#step, eta };
  }

  /** When it should be done; `null` where nothing was measured before. */
  get eta(): Eta | null {
    const { painter } = this.hands;
    return this.step?.eta ?? this.#estimator.eta(this.#secondsLeft(), this.#clock.now(), speedOf(painter));
  }

  /**
   * One of its parts has advanced.
   *
   * @param sheet what its pictures look like now. @default as in the step before
   * @returns how far it is; `undefined` before the first step of a painter
   */
  advanced({ speed }: Part, sheet: Pick<LiveStep, 'preview' | 'previewOf'> | undefined): LiveStep | undefined {
    const step = slowestStep(this.parts);
    if (step === undefined) return undefined;
    const { preview = null, previewOf = [] } = sheet ?? this.#step ?? {};
    const fraction = fractionOf(this.parts);
    const now = this.#clock.now();
    const elapsed = this.#clock.monotonic() - this.#startedAt;
    const eta = this.#estimator.eta(this.#secondsLeft(), now, speed) ?? extrapolated(elapsed, fraction, now);
    this.#setAt = this.#clockSetting();
    this.#step = { ...step, fraction, eta, preview, previewOf };
    return this.#step;
  }

  /** Seconds until a painter should be done with its part; 0 if it makes none. */
  secondsUntilFree({ id }: Painter): number {
    const part = this.parts.find(({ painter, isOver }) => painter.id === id && !isOver);
    if (part !== undefined) return this.#secondsOfPart(part);
    return this.parts.length === 0 && this.hands.painter.id === id ? this.#secondsLeft() : 0;
  }

  /**
   * Accelerator seconds that were computed, whatever becomes of it now.
   *
   * @param kept what its pictures that are kept should have taken
   */
  computed(kept: number): number {
    const { secondsBefore, repainting, parts } = this;
    const spent = parts.reduce((sum, part) => sum + part.spent.seconds * part.share, repainting.spent.seconds);
    return Math.max(kept + repainting.seconds, secondsBefore + spent);
  }

  /** Changes when somebody sets the machine's clock, and while the machine sleeps. */
  #clockSetting(): number {
    return this.#clock.now() - this.#clock.monotonic();
  }

  #secondsLeft(): number {
    if (this.parts.length === 0) return this.#remaining(this.#seconds, 0);
    return Math.max(...this.parts.map((part) => this.#secondsOfPart(part)));
  }

  #secondsOfPart({ seconds, fraction }: Part): number {
    return this.#remaining(seconds, fraction);
  }

  #remaining(seconds: number, fraction: number): number {
    const elapsed = (this.#clock.monotonic() - this.#startedAt) / 1000;
    if (fraction <= 0.05) return Math.max(0, seconds - elapsed);
    // The further the job is, the more its own speed counts.
    return (seconds * (1 - fraction) + elapsed) * (1 - fraction);
  }
}

/** Accelerator seconds that the pictures of a job that are kept should have taken, deleted ones too: their part of the estimate. */
export function keptSeconds({ jobs }: Pick<History, 'jobs'>, { id, request, images }: Job): number {
  if (images.length === 0) return 0;
  const estimate = jobs.stored(id)?.estimate ?? 0;
  return (estimate * images.length) / request.n;
}

/** When a job should end where nothing was measured before: from its own speed, once it has done enough to tell. */
function extrapolated(elapsed: number, fraction: number, now: number): Eta | null {
  if (fraction < 0.15) return null;
  const left = (elapsed / fraction) * (1 - fraction);
  return { from: Math.round(now + left / 2), to: Math.round(now + left * 2) };
}
