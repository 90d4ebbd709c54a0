import { DEFAULT_STAGE_C_STEPS } from '../../pipeline/math/scheduler.ts';
import type { ImagineRequest, Job, Stage, Verb } from '../job.ts';

/** What a request asks of each stage, in units whose time is learned. */
export interface Work {
  readonly width: number;
  readonly height: number;
  readonly pictures: number;
  readonly units: Readonly<Record<Exclude<Stage, 'load'>, number>>;
}

/** Which part of Stage C a verb goes through: pictures from a stored embedding skip it, enlarged ones enter it late. */
const SHARE_OF_PRIOR: Readonly<Record<Verb, number>> = {
  ...{ reroll: 1, remix: 1, 'vary-subtle': 0, 'vary-strong': 1, larger: 0.5 },
};

/** @param pictures how many of the request's are still to be made. */
export function workOf(request: ImagineRequest, verb: Verb | null, pictures = request.n): Work {
  const { width, height, steps, decoderSteps, guidance, decoderGuidance } = request;
  // Above 1, guidance computes every step with and without the words.
  const rows = (scale: number) => (scale > 1 ? 2 : 1);
  const prior = verb === null ? 1 : SHARE_OF_PRIOR[verb];
  return {
    ...{ width, height, pictures },
    units: {
      text: 1,
      prior: prior * pictures * (steps ?? DEFAULT_STAGE_C_STEPS) * rows(guidance),
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
  readonly #seconds: Readonly<Partial<Record<Stage, number>>>;
  readonly #pictures: number;
  readonly #done = new Map<string, number>();
  readonly #finished = new Set<number>();
  #fraction = 0;

  /** @param seconds that each stage takes in all. */
  constructor(seconds: Readonly<Partial<Record<Stage, number>>>, pictures: number) {
    this.#seconds = seconds;
    this.#pictures = Math.max(1, pictures);
  }

  get fraction(): number {
    return this.#fraction;
  }

  /** @param image its position in the job; `null` for a step that all share. */
  step(stage: Stage, image: number | null, step: number, total: number): number {
    const done = total > 0 ? Math.min(1, Math.max(0, step / total)) : 0;
    this.#done.set(`${stage} ${image ?? 'all'}`, image === null ? done : done / this.#pictures);
    return this.#update();
  }

  image(image: number): number {
    this.#finished.add(image);
    return this.#update();
  }

  #update(): number {
    let done = 0;
    let all = 0;
    for (const [stage, seconds = 0] of Object.entries(this.#seconds)) {
      all += seconds;
      let share = this.#done.get(`${stage} all`) ?? 0;
      for (const [key, part] of this.#done) {
        const [name, image] = key.split(' ');
        if (name === stage && image !== 'all' && !this.#finished.has(Number(image))) share += part;
      }
      share += this.#finished.size / this.#pictures;
      done += seconds * Math.min(1, share);
    }
    // Saving the last picture still takes a moment.
    if (all > 0) this.#fraction = Math.max(this.#fraction, Math.min(0.995, done / all));
    return this.#fraction;
  }
}
