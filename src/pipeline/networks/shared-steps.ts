import { AsyncResource } from 'node:async_hooks';
import { concatRows, sliceRows, type Tensor } from '../math/tensor.ts';
import { type Conditioning, isSameShared, joinRows } from './conditioning.ts';

/** One run of the network: `x` [B, C, H, W], one timestep a row. */
type Run = (x: Tensor, r: Float32Array, conditioning: Conditioning) => Promise<Tensor>;

interface Step {
  readonly x: Tensor;
  readonly r: Float32Array;
  readonly conditioning: Conditioning;
  readonly resolve: (output: Tensor) => void;
  readonly reject: (error: unknown) => void;
}

/** Of the time of a run: how long a step waits for others that are on their way. In milliseconds, within these bounds. */
const PATIENCE = { share: 0.25, least: 2, most: 100 };

/** A denoising loop that shares its steps. */
export interface SharingLoop {
  /** @throws the signal's reason, at once while it waits for the others */
  step(x: Tensor, r: Float32Array, conditioning: Conditioning, signal?: AbortSignal): Promise<Tensor>;
  leave(): void;
}

/**
 * Continuous batching: the denoising loops of several requests take their steps in one run of the network. Each row keeps its
 * own words, timestep and noise, so a loop may begin at any step of the others and end before them. Rows are what they would be
 * alone as far as the provider computes them so.
 *
 * @see https://www.usenix.org/conference/osdi22/presentation/yu for the same between requests to a language model
 */
export class SharedSteps {
  readonly #run: Run;
  /** A shared run belongs to none of the requests. */
  readonly #nobody = new AsyncResource('SharedSteps');
  readonly #loops = new Set<SharingLoop>();
  #waiting: Step[] = [];
  #isRunning = false;
  #lastMs = 0;
  #patience: NodeJS.Timeout | undefined;
  #joined: { readonly of: readonly Conditioning[]; readonly as: Conditioning } | undefined;

  constructor(run: Run) {
    this.#run = run;
  }

  enter(): SharingLoop {
    const loop: SharingLoop = {
      step: (x, r, conditioning, signal) =>
        this.#loops.size === 1 && !this.#isRunning
          ? this.#timed(() => this.#run(x, r, conditioning))
          : this.#wait(x, r, conditioning, signal),
      leave: () => {
        this.#loops.delete(loop);
        if (this.#loops.size < 2) this.#joined = undefined;
        this.#begin();
      },
    };
    this.#loops.add(loop);
    return loop;
  }

  #wait(x: Tensor, r: Float32Array, conditioning: Conditioning, signal?: AbortSignal): Promise<Tensor> {
    return new Promise<Tensor>((resolve, reject) => {
      const abort = () => {
        if (!this.#waiting.includes(step)) return;
        this.#waiting = this.#waiting.filter((other) => other !== step);
        reject(signal?.reason);
      };
      const done = () => signal?.removeEventListener('abort', abort);
      const step: Step = {
        ...{ x, r, conditioning },
        resolve: (output) => {
          done();
          resolve(output);
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiting.push(step);
      this.#begin();
    });
  }

  /** Runs when every loop has come to its step, or when those that wait have waited long enough. */
  #begin(): void {
    if (this.#isRunning || this.#waiting.length === 0) return;
    if (this.#waiting.length >= this.#loops.size) return void this.#takeSteps();
    const patience = Math.min(PATIENCE.most, Math.max(PATIENCE.least, PATIENCE.share * this.#lastMs));
    this.#patience ??= setTimeout(() => this.#takeSteps(), patience);
  }

  async #takeSteps(): Promise<void> {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    const steps = this.#waiting.splice(0);
    if (steps.length === 0) return;
    this.#isRunning = true;
    for (const alike of groups(steps)) await this.#nobody.runInAsyncScope(() => this.#together(alike));
    this.#isRunning = false;
    this.#begin();
  }

  async #together(steps: readonly Step[]): Promise<void> {
    try {
      const x = concatRows(steps.map((step) => step.x));
      const r = Float32Array.from(steps.flatMap((step) => [...step.r]));
      const output = await this.#timed(() => this.#run(x, r, this.#conditioning(steps)));
      let from = 0;
      for (const step of steps) {
        const to = from + step.r.length;
        step.resolve(sliceRows(output, from, to));
        from = to;
      }
    } catch (error) {
      const [only, ...others] = steps;
      if (others.length === 0) return only?.reject(error);
      // What is wrong with one, such as too little memory for all, is none of the others' business.
      for (const step of steps) await this.#together([step]);
    }
  }

  /** What was computed of it is found again while the same requests are together. */
  #conditioning(steps: readonly Step[]): Conditioning {
    const of = steps.map((step) => step.conditioning);
    const known = this.#joined;
    if (known && known.of.length === of.length && known.of.every((one, i) => one === of[i])) return known.as;
    const as = joinRows(of);
    this.#joined = { of, as };
    return as;
  }

  async #timed(run: () => Promise<Tensor>): Promise<Tensor> {
    const began = performance.now();
    const output = await run();
    this.#lastMs = performance.now() - began;
    return output;
  }
}

/** Steps of one size, of texts of one length and of one adapter can be one run. */
function groups(steps: readonly Step[]): Step[][] {
  const all: Step[][] = [];
  for (const step of steps) {
    const alike = all.find(([first]) => first !== undefined && areAlike(first, step));
    if (alike) alike.push(step);
    else all.push([step]);
  }
  return all;
}

function areAlike(a: Step, b: Step): boolean {
  const shapes = ({ x, conditioning }: Step) =>
    JSON.stringify([x, ...Object.values(conditioning.perRow)].map(({ dims }) => dims.slice(1)));
  return shapes(a) === shapes(b) && isSameShared(a.conditioning, b.conditioning);
}
