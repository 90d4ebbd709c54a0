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
  readonly speed: string;
  readonly times: Map<string, StepTime>;
}

/**
 * Estimates the accelerator seconds of a request from what earlier ones took. A `speed` names what the step times are of:
 * weights, provider and hardware; without one, an estimate is for whichever of the painters will do the work.
 */
export class Estimator {
  readonly #memos: Memos;
  readonly #speeds: () => readonly string[];
  readonly #known = new Map<string, Known>();

  /** @param speeds of the painters that may do the work, one for each; empty while nothing is loaded */
  constructor(memos: Memos, speeds: () => readonly string[]) {
    this.#memos = memos;
    this.#speeds = speeds;
  }

  /** Of several painters, each takes as many requests as it has the speed for: the mean is the harmonic one. */
  seconds(work: Work, speed?: string | null): number {
    const speeds = speed === undefined ? this.#speeds() : [speed];
    if (speeds.length === 0) return secondsWith(undefined, work);
    const perSecond = speeds.reduce((sum, each) => sum + 1 / secondsWith(this.#read(each), work), 0);
    return speeds.length / perSecond;
  }

  /** When work that still needs about this many seconds should end; `null` while nothing was measured. */
  eta(seconds: number, now: number, speed?: string | null): Eta | null {
    const speeds = speed === undefined ? this.#speeds() : [speed];
    const spreads = speeds.flatMap((each) => {
      const known = this.#read(each);
      return known === undefined || known.samples === 0 ? [] : known.spread;
    });
    if (spreads.length === 0) return null;
    const off = Math.min(1, Math.max(0.08, Math.max(...spreads) * 1.5));
    const ms = seconds * 1000;
    return { from: Math.round(now + ms / (1 + off)), to: Math.round(now + ms * (1 + off) + 500) };
  }

  /** Follows a request step by step. */
  progress(work: Work, speed = this.#first): Progress {
    const known = this.#read(speed);
    const seconds = TIMED.map((stage) => [stage, stageSeconds(known, stage, work)] as const);
    return new Progress(seconds, work.pictures);
  }

  /** Learns from what a finished request took. */
  learn(work: Work, timings: Timings, speed = this.#first): void {
    const known = this.#read(speed);
    if (known === undefined) return;
    const expected = secondsWith(known, work);
    const actual = secondsOf(timings);
    const wasMeasured = known.samples > 0;
    for (const stage of TIMED) this.#learnStage(known, stage, work, timings[stage]);
    known.samples += 1;
    if (wasMeasured && expected > 0) {
      const off = Math.abs(actual / expected - 1);
      known.spread += NEWEST * (Math.min(1, off) - known.spread);
    }
    this.#memos.set('estimate', known.speed, { spread: known.spread, samples: known.samples });
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
    this.#memos.saveStepTime(known.speed, time);
  }

  get #first(): string | null {
    return this.#speeds()[0] ?? null;
  }

  #read(speed: string | null): Known | undefined {
    if (speed === null) return undefined;
    const read = this.#known.get(speed);
    if (read !== undefined) return read;
    const times = new Map(this.#memos.stepTimes(speed).map((time) => [keyOf(time.stage, time), time]));
    const known = { speed, times, ...accuracy.parse(this.#memos.get('estimate', speed)) };
    this.#known.set(speed, known);
    return known;
  }
}

function secondsWith(known: Known | undefined, work: Work): number {
  return TIMED.reduce((sum, stage) => sum + stageSeconds(known, stage, work), 0);
}

function stageSeconds(known: Known | undefined, stage: Timed, work: Work): number {
  return unitSeconds(known, stage, work) * work.units[stage];
}

/** Seconds of one unit at this size: measured, else from the measured size that is nearest, else guessed. */
function unitSeconds(known: Known | undefined, stage: Timed, work: Work): number {
  const times = known?.times;
  const exact = times?.get(keyOf(stage, work));
  if (exact !== undefined) return exact.seconds;
  const pixels = work.width * work.height;
  const [nearest = { seconds: GUESS[stage], width: 1000, height: 1000 }] = [...(times?.values() ?? [])]
    .filter((time) => time.stage === stage)
    .sort((a, b) => distance(a, pixels) - distance(b, pixels));
  return nearest.seconds * (stage === 'text' ? 1 : pixels / (nearest.width * nearest.height));
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
