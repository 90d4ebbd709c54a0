import { stepCount } from '../../pipeline/images/stage-c-steps.ts';
import type { ImagineRequest, Job, Stage, Verb } from '../job.ts';

/** What a request asks of each stage, in steps or pictures: the units whose time is learned. */
export interface Work {
  readonly width: number;
  readonly height: number;
  readonly pictures: number;
  readonly units: Readonly<Record<Exclude<Stage, 'load'>, number>>;
}

/**
 * How far Larger re-noises the resized embedding. Reduced to the old size, the pictures of bench/larger.ts then differ from the old
 * ones hardly more than without any noise (2×: 30.3 dB to 32.3 dB); with 0.2 they lose 4 dB, with 0.4 13 dB.
 */
export const LARGER_RENOISE = 0.1;

/** Which part of Stage C a verb goes through, if not all: a stored embedding skips it, an enlarged one enters it late. */
const SHARE_OF_PRIOR: Readonly<Partial<Record<Verb, number>>> = { 'vary-subtle': 0, larger: LARGER_RENOISE };

/** @param pictures how many of the request's are still to be made */
export function workOf(request: ImagineRequest, verb: Verb | null, pictures = request.n): Work {
  const { width, height, steps, decoderSteps, guidance, decoderGuidance, start } = request;
  // Above 1, guidance computes every step with and without the words.
  const rows = (scale: number) => (scale > 1 ? 2 : 1);
  const prior = (verb === null ? undefined : SHARE_OF_PRIOR[verb]) ?? start?.strength ?? 1;
  return {
    ...{ width, height, pictures },
    units: {
      text: 1,
      prior: prior * pictures * stepCount(steps) * rows(guidance),
      decoder: pictures * decoderSteps * rows(decoderGuidance),
      vqgan: pictures,
      encode: pictures,
    },
  };
}

/** What is still to be done of a job. */
export function workLeft({ request, derivation, images }: Job): Work {
  return workOf(request, derivation?.verb ?? null, request.n - images.length);
}

/** How far a request is, from the steps that are reported; never goes back. */
export class Progress {
  readonly #seconds: readonly (readonly [stage: Stage, seconds: number])[];
  readonly #pictures: number;
  /** By stage: for each picture the share that is done, and under `null` that of shared steps, times the pictures. */
  readonly #done = new Map<Stage, Map<number | null, number>>();
  readonly #finished = new Set<number>();
  #fraction = 0;

  /** @param seconds that each stage takes in all */
  constructor(seconds: readonly (readonly [stage: Stage, seconds: number])[], pictures: number) {
    this.#seconds = seconds;
    this.#pictures = Math.max(1, pictures);
  }

  /**
   * @param image its position in the job; `null` for a step that all share
   * @returns the share of the work that is done, 0 to 1
   */
  step(stage: Stage, image: number | null, step: number, total: number): number {
    const done = total > 0 ? Math.min(1, Math.max(0, step / total)) : 0;
    const parts = this.#done.get(stage) ?? new Map<number | null, number>();
    this.#done.set(stage, parts.set(image, image === null ? done * this.#pictures : done));
    return this.#update();
  }

  /** A picture is finished. Returns as `step` does. */
  image(image: number): number {
    this.#finished.add(image);
    return this.#update();
  }

  #update(): number {
    let done = 0;
    let all = 0;
    for (const [stage, seconds] of this.#seconds) {
      let pictures = this.#finished.size;
      for (const [image, part] of this.#done.get(stage) ?? []) {
        if (image === null || !this.#finished.has(image)) pictures += part;
      }
      done += seconds * Math.min(1, pictures / this.#pictures);
      all += seconds;
    }
    // Saving the last picture still takes a moment.
    if (all > 0) this.#fraction = Math.max(this.#fraction, Math.min(0.995, done / all));
    return this.#fraction;
  }
}
