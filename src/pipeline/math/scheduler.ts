import { expected, UserError } from '../../system/errors.ts';

/** The prior's usual timesteps: 19 equal steps from 1 to 2/3, then ten larger ones to 0. */
export const DEFAULT_STAGE_C_TIMESTEPS: readonly number[] = [
  1.0, 0.9824561403508771, 0.9649122807017544, 0.9473684210526315, 0.9298245614035088, 0.9122807017543859,
  0.8947368421052632, 0.8771929824561403, 0.8596491228070176, 0.8421052631578947, 0.8245614035087719,
  0.8070175438596491, 0.7894736842105263, 0.7719298245614035, 0.7543859649122806, 0.7368421052631579,
  0.7192982456140351, 0.7017543859649122, 0.6842105263157894, 0.6666666666666666, 0.6, 0.5333333333333333,
  0.4666666666666666, 0.39999999999999997, 0.3333333333333333, 0.2666666666666666, 0.19999999999999996,
  0.1333333333333333, 0.06666666666666665, 0.0,
];

/** Steps of that schedule: its last value is where the loop ends. */
export const DEFAULT_STAGE_C_STEPS = DEFAULT_STAGE_C_TIMESTEPS.length - 1;

export interface SchedulerConfig {
  /** Above 1 shifts the schedule towards more noise, below 1 towards less; greater than 0. @default 1 */
  readonly scaler?: number;
  /** Offset of the cosine schedule, at least 0. @default 0.008 */
  readonly s?: number;
}

export interface TimestepOptions {
  /** This many equal steps from 1 to 0, both ends included. Ignored when `timesteps` is given. */
  readonly numInferenceSteps?: number | undefined;
  /** Values from 1 (noise) to 0 (clean), none above the one before it; the last one is where the loop ends. */
  readonly timesteps?: ArrayLike<number> | undefined;
}

/** One timestep for the whole batch, or one per row. */
export type Timesteps = number | ArrayLike<number>;

const { fround } = Math;
const ALPHA_MIN = fround(0.0001);
const ALPHA_MAX = fround(0.9999);

/**
 * The continuous-time DDPM scheduler of Würstchen, with diffusers' rounding to float32 after every operation.
 *
 * Where a method takes one timestep per row, values are split evenly: `sample.length / timesteps.length` per row.
 *
 * @see https://github.com/huggingface/diffusers/blob/main/src/diffusers/schedulers/scheduling_ddpm_wuerstchen.py
 */
export class DDPMWuerstchenScheduler {
  readonly scaler: number;
  readonly s: number;
  readonly #initAlphaCumprod: number;
  #timesteps: Float32Array | undefined;

  /** @throws UserError `scheduler_config_invalid` */
  constructor(config: SchedulerConfig = {}) {
    this.scaler = config.scaler ?? 1;
    this.s = config.s ?? 0.008;
    if (!(Number.isFinite(this.scaler) && this.scaler > 0 && Number.isFinite(this.s) && this.s >= 0)) {
      throw expected(
        'scheduler_config_invalid',
        'scaler > 0 and s >= 0',
        `scaler ${this.scaler} and s ${this.s}`,
        'The usual values are scaler 1 and s 0.008.',
      );
    }
    this.#initAlphaCumprod = this.#squaredCosine(0);
  }

  /**
   * The timesteps of a loop that evaluates the model at all but the last of them.
   *
   * @throws UserError `timesteps_not_set` before `setTimesteps`
   */
  get timesteps(): Float32Array {
    if (this.#timesteps) return this.#timesteps;
    throw new UserError('timesteps_not_set', 'Expected setTimesteps to be called first.', {
      hint: 'For example setTimesteps({ numInferenceSteps: 12 }).',
    });
  }

  /**
   * Zero steps, or a list of one value, are allowed and mean a loop without any step.
   *
   * @throws UserError `steps_invalid` or `timesteps_invalid`
   */
  setTimesteps({ numInferenceSteps, timesteps }: TimestepOptions): void {
    this.#timesteps = timesteps === undefined ? equalTimesteps(numInferenceSteps) : checkedTimesteps(timesteps);
  }

  /** ᾱ at a timestep in [0, 1]: the share of signal in the noisy sample's variance, within [0.0001, 0.9999]. */
  alphaCumprod(timestep: number): number {
    const alpha = fround(this.#squaredCosine(this.#scaled(checkedTimestep(timestep))) / this.#initAlphaCumprod);
    return Math.min(Math.max(alpha, ALPHA_MIN), ALPHA_MAX);
  }

  /**
   * Where a step from `timestep` leads: the value after the *first* of the nearest timesteps. A repeated timestep
   * is therefore left only by way of its first position, as in the reference.
   *
   * @throws UserError `timestep_at_end` at the last timestep
   */
  previousTimestep(timestep: number): number {
    const wanted = checkedTimestep(timestep);
    const timesteps = this.timesteps;
    let nearest = 0;
    let distance = Number.POSITIVE_INFINITY;
    timesteps.forEach((value, index) => {
      const here = fround(Math.abs(value - wanted));
      if (here < distance) {
        nearest = index;
        distance = here;
      }
    });
    const previous = timesteps[nearest + 1];
    if (previous !== undefined) return previous;
    throw expected(
      'timestep_at_end',
      'a timestep before the last one',
      timestep,
      `The last of the ${timesteps.length} timesteps is ${timesteps.at(-1)}: nothing comes after it.`,
    );
  }

  /**
   * One denoising step. `noise` is standard normal and counts for nothing in rows that arrive at timestep 0.
   *
   * @returns the sample at the previous timestep, newly allocated
   * @throws UserError for a timestep at the end or outside [0, 1], and for lengths that do not match
   */
  step(modelOutput: Float32Array, timestep: Timesteps, sample: Float32Array, noise: Float32Array): Float32Array {
    const rows = rowsOf(timestep, sample, { modelOutput, noise });
    const result = new Float32Array(sample.length);
    for (const { t, from, to } of rows) {
      const previous = this.previousTimestep(t);
      const alphaCumprod = this.alphaCumprod(t);
      const alphaCumprodPrevious = this.alphaCumprod(previous);
      const alpha = fround(alphaCumprod / alphaCumprodPrevious);
      const beta = fround(1 - alpha);
      const remaining = fround(1 - alphaCumprod);
      const gain = fround(Math.sqrt(fround(1 / alpha)));
      const sigma = fround(Math.sqrt(remaining));
      const spread = fround(Math.sqrt(fround(fround(beta * fround(1 - alphaCumprodPrevious)) / remaining)));
      const std = previous === 0 ? 0 : spread;
      for (let i = from; i < to; i++) {
        const removed = fround(fround(beta * at(modelOutput, i)) / sigma);
        result[i] = fround(gain * fround(at(sample, i) - removed)) + fround(std * at(noise, i));
      }
    }
    return result;
  }

  /** Clean values brought to the noise level of each timestep: √ᾱ·original + √(1−ᾱ)·noise. */
  addNoise(original: Float32Array, noise: Float32Array, timesteps: Timesteps): Float32Array {
    const rows = rowsOf(timesteps, original, { noise });
    const result = new Float32Array(original.length);
    for (const { t, from, to } of rows) {
      const alphaCumprod = this.alphaCumprod(t);
      const signal = fround(Math.sqrt(alphaCumprod));
      const sigma = fround(Math.sqrt(fround(1 - alphaCumprod)));
      for (let i = from; i < to; i++) {
        result[i] = fround(signal * at(original, i)) + fround(sigma * at(noise, i));
      }
    }
    return result;
  }

  /** The clean sample that the model's answer implies, (x − √(1−ᾱ)·ε) / √ᾱ: what a preview shows. */
  predictClean(modelOutput: Float32Array, timestep: Timesteps, sample: Float32Array): Float32Array {
    const rows = rowsOf(timestep, sample, { modelOutput });
    const result = new Float32Array(sample.length);
    for (const { t, from, to } of rows) {
      const alphaCumprod = this.alphaCumprod(t);
      const signal = fround(Math.sqrt(alphaCumprod));
      const sigma = fround(Math.sqrt(fround(1 - alphaCumprod)));
      for (let i = from; i < to; i++) {
        result[i] = fround(at(sample, i) - fround(sigma * at(modelOutput, i))) / signal;
      }
    }
    return result;
  }

  #scaled(t: number): number {
    if (this.scaler > 1) return fround(1 - fround(fround(1 - t) ** this.scaler));
    if (this.scaler < 1) return fround(t ** this.scaler);
    return t;
  }

  #squaredCosine(t: number): number {
    const s = fround(this.s);
    const share = fround(fround(t + s) / fround(1 + s));
    const cosine = fround(Math.cos(fround(fround(share * fround(Math.PI)) * 0.5)));
    return fround(cosine * cosine);
  }
}

/** `torch.linspace(1, 0, steps + 1)`, which counts from both ends and rounds each value once. */
function equalTimesteps(steps: number | undefined): Float32Array {
  if (steps === undefined || !Number.isSafeInteger(steps) || steps < 0) {
    throw expected(
      'steps_invalid',
      'a whole number of steps >= 0',
      steps,
      'For example { numInferenceSteps: 12 }; explicit values go into `timesteps`.',
    );
  }
  if (steps === 0) return new Float32Array([1]);
  const stride = fround(-1 / steps);
  const half = Math.floor((steps + 1) / 2);
  return Float32Array.from({ length: steps + 1 }, (_, i) => (i < half ? 1 + stride * i : 0 - stride * (steps - i)));
}

function checkedTimesteps(timesteps: ArrayLike<number>): Float32Array {
  const values = Float32Array.from(timesteps);
  if (values.length === 0) throw timestepsError('got an empty list');
  values.forEach((value, i) => {
    const previous = values[i - 1] ?? 1;
    if (!(value >= 0 && value <= 1)) throw timestepsError(`number ${i + 1} is ${timesteps[i]}`);
    if (value > previous) throw timestepsError(`${timesteps[i]} comes after ${timesteps[i - 1]}`);
  });
  return values;
}

function timestepsError(what: string): UserError {
  return new UserError('timesteps_invalid', `Expected timesteps between 1 and 0, largest first: ${what}.`, {
    hint: 'For example [1, 0.75, 0.5, 0.25, 0].',
  });
}

/** The float32 the reference would compute with. */
function checkedTimestep(timestep: number): number {
  if (timestep >= 0 && timestep <= 1) return fround(timestep);
  throw expected('timestep_invalid', 'a timestep from 0 to 1', timestep, 'Pass one of the values in `timesteps`.');
}

interface Row {
  readonly t: number;
  readonly from: number;
  readonly to: number;
}

function rowsOf(timesteps: Timesteps, sample: Float32Array, others: Readonly<Record<string, Float32Array>>): Row[] {
  const list = typeof timesteps === 'number' ? [timesteps] : Array.from(timesteps);
  for (const [name, values] of Object.entries(others)) {
    if (values.length !== sample.length) {
      throw lengthError(`Expected ${name} to have the sample's ${sample.length} values, got ${values.length}.`);
    }
  }
  const length = sample.length / list.length;
  if (!Number.isInteger(length)) {
    throw lengthError(`Expected rows of equal length, got ${sample.length} values for ${list.length} timesteps.`);
  }
  return list.map((t, row) => ({ t, from: row * length, to: (row + 1) * length }));
}

function lengthError(message: string): UserError {
  return new UserError('scheduler_length_mismatch', message, {
    hint: 'Pass one timestep for the whole batch or one per row, and arrays of equal length.',
  });
}

/** Indices are in range: `rowsOf` has compared the lengths. */
function at(values: Float32Array, index: number): number {
  return values[index] as number;
}
