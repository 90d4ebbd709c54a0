import * as z from 'zod';
import type { Memos, StepTime } from '../history/memos.ts';
import type { Eta, Stage } from '../job.ts';
import { Progress, type Work } from './work.ts';

export { Progress, type Work, workLeft, workOf } from './work.ts';

/** Milliseconds spent in each stage. */
export type Timings = Readonly<Partial<Record<Stage, number>>>;

type Timed = Exclude<Stage, 'load'>;
const TIMED: readonly Timed[] = ['text', 'prior', 'decoder', 'vqgan', 'encode'];

/** Seconds of one unit (a step of one row, or the whole stage for one picture) at one megapixel, before any was measured. */
const GUESS: Readonly<Record<Timed, number>> = { text: 0.1, prior: 0.1, decoder: 0.3, vqgan: 0.5, encode: 0.3 };

/** Sides are rounded up to a multiple of this many pixels, so that few sizes are stored. */
const BUCKET = 128;
/** The share that the newest measurement has in an average, at least. */
const NEWEST = 0.2;

/** How far, as a share, times were off lately, and how many requests that comes from. */
const accuracy = z.object({ spread: z.number(), samples: z.number() }).catch(() => ({ spread: 0.35, samples: 0 }));

interface Known extends z.output<typeof accuracy> {
  readonly checkpoint: string;
  readonly times: Map<string, StepTime>;
}

/** Estimates the accelerator seconds of a request from what earlier ones took on this checkpoint and machine. */
export class Estimator {
  readonly #memos: Memos;
  readonly #checkpoint: () => string | null;
  #known: Known | null = null;

  /** @param checkpoint tells apart whatever changes the speed; `null` while nothing is loaded. */
  constructor(memos: Memos, checkpoint: () => string | null) {
    this.#memos = memos;
    this.#checkpoint = checkpoint;
  }

  seconds(work: Work): number {
    return TIMED.reduce((sum, stage) => sum + this.#stageSeconds(stage, work), 0);
  }

  /** When work that still needs about this many seconds should end; `null` while nothing was measured. */
  eta(seconds: number, now: number): Eta | null {
    const known = this.#read();
    if (known === null || known.samples === 0) return null;
    const off = Math.min(1, Math.max(0.08, known.spread * 1.5));
    const ms = seconds * 1000;
    return { from: Math.round(now + ms / (1 + off)), to: Math.round(now + ms * (1 + off) + 500) };
  }

  /** Follows a request step by step. */
  progress(work: Work): Progress {
    const seconds = TIMED.map((stage) => [stage, this.#stageSeconds(stage, work)] as const);
    return new Progress(seconds, work.pictures);
  }

  /** Learns from what a finished request took. */
  learn(work: Work, timings: Timings): void {
    const known = this.#read();
    if (known === null) return;
    const expected = this.seconds(work);
    const actual = secondsOf(timings);
    const wasMeasured = known.samples > 0;
    for (const stage of TIMED) this.#learnStage(known, stage, work, timings[stage]);
    known.samples += 1;
    if (wasMeasured && expected > 0) {
      const off = Math.abs(actual / expected - 1);
      known.spread += NEWEST * (Math.min(1, off) - known.spread);
    }
    this.#memos.set('estimate', known.checkpoint, { spread: known.spread, samples: known.samples });
  }

  #learnStage(known: Known, stage: Timed, work: Work, ms: number | undefined): void {
    const units = work.units[stage];
    if (ms === undefined || !Number.isFinite(ms) || ms < 0 || units <= 0) return;
    const key = keyOf(stage, work);
    const earlier = known.times.get(key);
    const samples = (earlier?.samples ?? 0) + 1;
    const fresh = ms / 1000 / units;
    const before = earlier?.seconds ?? fresh;
    const seconds = before + Math.max(NEWEST, 1 / samples) * (fresh - before);
    const time: StepTime = { stage, width: bucket(work.width), height: bucket(work.height), seconds, samples };
    known.times.set(key, time);
    this.#memos.saveStepTime(known.checkpoint, time);
  }

  #stageSeconds(stage: Timed, work: Work): number {
    return this.#unit(stage, work) * work.units[stage];
  }

  /** Seconds of one unit at this size: measured, else from the measured size that is nearest, else guessed. */
  #unit(stage: Timed, work: Work): number {
    const times = this.#read()?.times;
    const exact = times?.get(keyOf(stage, work));
    if (exact !== undefined) return exact.seconds;
    const pixels = work.width * work.height;
    const [nearest = { seconds: GUESS[stage], width: 1000, height: 1000 }] = [...(times?.values() ?? [])]
      .filter((time) => time.stage === stage)
      .sort((a, b) => distance(a, pixels) - distance(b, pixels));
    return nearest.seconds * (stage === 'text' ? 1 : pixels / (nearest.width * nearest.height));
  }

  #read(): Known | null {
    const checkpoint = this.#checkpoint();
    if (checkpoint === null) return null;
    if (this.#known?.checkpoint === checkpoint) return this.#known;
    const times = new Map(this.#memos.stepTimes(checkpoint).map((time) => [keyOf(time.stage, time), time]));
    this.#known = { checkpoint, times, ...accuracy.parse(this.#memos.get('estimate', checkpoint)) };
    return this.#known;
  }
}

/** Accelerator seconds of a request, without those of loading, which nobody is charged for. */
export function secondsOf(timings: Timings): number {
  return TIMED.reduce((sum, stage) => sum + (timings[stage] ?? 0), 0) / 1000;
}

function keyOf(stage: Stage, { width, height }: { readonly width: number; readonly height: number }): string {
  return `${stage} ${bucket(width)}x${bucket(height)}`;
}

function bucket(side: number): number {
  return Math.max(BUCKET, Math.ceil(side / BUCKET) * BUCKET);
}

function distance({ width, height }: StepTime, pixels: number): number {
  return Math.abs(Math.log((width * height) / pixels));
}
