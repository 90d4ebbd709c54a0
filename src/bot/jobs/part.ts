import type { Sheet } from '../../pipeline/images/contact-sheet.ts';
import type { EngineEvent, ImagePlan } from '../../pipeline/process/protocol.ts';
import type { Clock } from '../../system/clock.ts';
import type { Stage } from '../job.ts';
import type { Estimator, Timings } from './estimator.ts';
import { type Painter, speedOf } from './painter.ts';
import { SpentTime } from './spent-time.ts';
import type { Progress, Work } from './work.ts';

export interface PartOptions {
  readonly painter: Painter;
  /** Its pictures of the job. */
  readonly images: readonly ImagePlan[];
  readonly work: Work;
  readonly estimator: Pick<Estimator, 'seconds' | 'progress'>;
  readonly clock: Clock;
}

type Step = Extract<EngineEvent, { type: 'step' }>;

/** The pictures of one job that one painter makes, and how far they are. */
export class Part {
  readonly painter: Painter;
  readonly images: readonly ImagePlan[];
  readonly work: Work;
  /** Which measured step times are those of its painter. */
  readonly speed: string | null;
  /** Estimated accelerator seconds. */
  readonly seconds: number;
  readonly spent: SpentTime;
  /** The share of its work that is done, 0 to 1. */
  fraction = 0;
  step: { readonly stage: Stage; readonly step: number; readonly total: number } | undefined;
  preview: Sheet | undefined;
  /** Of the time that has passed, what counts as its own: less than 1 if others were painted at the same time. */
  share = 1;
  /** Its painter has ended it, well or not. */
  isOver = false;
  /** What it took; empty until it is done. */
  timings: Timings = {};
  readonly #progress: Progress;

  constructor({ painter, images, work, estimator, clock }: PartOptions) {
    this.painter = painter;
    this.images = images;
    this.work = work;
    this.speed = speedOf(painter);
    this.seconds = estimator.seconds(work, this.speed);
    this.spent = new SpentTime(clock);
    this.#progress = estimator.progress(work, this.speed);
  }

  advance({ stage, image, step, total, preview, previewOf = [], share = 1 }: Step): void {
    this.share = share;
    this.fraction = this.#progress.step(stage, image, step, total);
    this.step = { stage, step, total };
    if (preview !== null) this.preview = { preview, previewOf };
  }

  /** A picture of it is finished. */
  finish(image: number): void {
    this.fraction = this.#progress.image(image);
  }
}

/** How far several parts are together, 0 to 1. */
export function fractionOf(parts: readonly Part[]): number {
  const all = parts.reduce((sum, { seconds }) => sum + seconds, 0);
  if (all === 0) return 0;
  return parts.reduce((sum, { seconds, fraction }) => sum + seconds * fraction, 0) / all;
}

/** Of several parts, the step of the one that is the least far. */
export function slowestStep(parts: readonly Part[]): Part['step'] {
  const begun = parts.filter(({ step }) => step !== undefined);
  return begun.reduce<Part | undefined>((slowest, part) => {
    return slowest === undefined || part.fraction < slowest.fraction ? part : slowest;
  }, undefined)?.step;
}

/**
 * Deals pictures out in order, each painter's one after the other, so that the last is done as early as can be.
 *
 * @param seconds that a painter takes for so many pictures
 * @returns how many pictures each of the painters gets, the first at least one
 */
export function deal(
  pictures: number,
  painters: readonly Painter[],
  seconds: (painter: Painter, pictures: number) => number,
): readonly number[] {
  const counts: number[] = painters.map((_, index) => (index === 0 ? 1 : 0));
  for (let dealt = 1; dealt < pictures; dealt += 1) {
    const ends = painters.map((painter, index) => seconds(painter, (counts[index] ?? 0) + 1));
    const next = ends.indexOf(Math.min(...ends));
    counts[next] = (counts[next] ?? 0) + 1;
  }
  return counts;
}
