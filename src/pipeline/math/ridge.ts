import * as z from 'zod';

/** The sums so far: base64 of little-endian float32. */
const schema = z.object({
  inputs: z.int().positive(),
  outputs: z.int().positive(),
  samples: z.number().nonnegative(),
  gram: z.string(),
  moments: z.string(),
});
export type RidgeJson = z.infer<typeof schema>;

/**
 * The weight of the regularisation, in samples. Fixed, so that it dominates the first few samples and hardly matters
 * among thousands.
 */
const PRIOR_SAMPLES = 5;

/**
 * Ridge regression from `inputs` numbers and a constant to `outputs` numbers, from sums that grow with every sample
 * (the normal equations), so that no sample is kept.
 */
export class Ridge {
  readonly inputs: number;
  readonly outputs: number;
  /** Seen so far. */
  samples = 0;
  /** XᵀX of samples [1, x]: the rows of its lower triangle, one after another. */
  readonly #gram: Float64Array;
  /** XᵀY: (inputs + 1) × outputs. */
  readonly #moments: Float64Array;
  #weights: Float32Array | undefined;

  constructor(inputs: number, outputs: number) {
    this.inputs = inputs;
    this.outputs = outputs;
    this.#gram = new Float64Array(place(inputs + 1, 0));
    this.#moments = new Float64Array((inputs + 1) * outputs);
  }

  /** @throws z.ZodError, RangeError */
  static fromJson(json: unknown): Ridge {
    const { inputs, outputs, samples, gram, moments } = schema.parse(json);
    const ridge = new Ridge(inputs, outputs);
    ridge.samples = samples;
    restore(ridge.#gram, gram);
    restore(ridge.#moments, moments);
    return ridge;
  }

  toJson(): RidgeJson {
    const { inputs, outputs, samples } = this;
    return { inputs, outputs, samples, gram: packed(this.#gram), moments: packed(this.#moments) };
  }

  add(x: Float32Array, y: Float32Array): void {
    const n = this.inputs + 1;
    for (let i = 0; i < n; i++) {
      const xi = entry(x, i);
      if (xi === 0) continue;
      const start = place(i, 0);
      for (let j = 0; j <= i; j++) this.#gram[start + j] = at(this.#gram, start + j) + xi * entry(x, j);
      const row = i * this.outputs;
      for (let o = 0; o < this.outputs; o++) this.#moments[row + o] = at(this.#moments, row + o) + xi * at(y, o);
    }
    this.samples += 1;
    this.#weights = undefined;
  }

  predict(x: Float32Array): Float32Array {
    this.#weights ??= this.#solve();
    const weights = this.#weights;
    const y = weights.slice(0, this.outputs);
    for (let i = 0; i < this.inputs; i++) {
      const xi = at(x, i);
      const row = (i + 1) * this.outputs;
      for (let o = 0; o < this.outputs; o++) y[o] = at(y, o) + xi * at(weights, row + o);
    }
    return y;
  }

  /** (XᵀX + λI)⁻¹ XᵀY by Cholesky, without λ for the constant. */
  #solve(): Float32Array {
    const n = this.inputs + 1;
    let trace = 0;
    for (let i = 1; i < n; i++) trace += at(this.#gram, place(i, i));
    const lambda = (PRIOR_SAMPLES * trace) / Math.max(1, this.samples) / this.inputs + 1e-6;
    const l = this.#gram.slice();
    for (let i = 0; i < n; i++) {
      l[place(i, i)] = at(l, place(i, i)) + (i > 0 ? lambda : 1e-6);
      for (let j = 0; j <= i; j++) {
        let sum = at(l, place(i, j));
        for (let k = 0; k < j; k++) sum -= at(l, place(i, k)) * at(l, place(j, k));
        l[place(i, j)] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / at(l, place(j, j));
      }
    }
    const w = this.#moments.slice();
    for (let o = 0; o < this.outputs; o++) {
      for (let i = 0; i < n; i++) {
        let sum = at(w, i * this.outputs + o);
        for (let k = 0; k < i; k++) sum -= at(l, place(i, k)) * at(w, k * this.outputs + o);
        w[i * this.outputs + o] = sum / at(l, place(i, i));
      }
      for (let i = n - 1; i >= 0; i--) {
        let sum = at(w, i * this.outputs + o);
        for (let k = i + 1; k < n; k++) sum -= at(l, place(k, i)) * at(w, k * this.outputs + o);
        w[i * this.outputs + o] = sum / at(l, place(i, i));
      }
    }
    return Float32Array.from(w);
  }
}

/** Where row i, column j ≤ i of a lower triangle lies. */
function place(i: number, j: number): number {
  return (i * (i + 1)) / 2 + j;
}

/** Element i of [1, x]. */
function entry(x: Float32Array, i: number): number {
  return i === 0 ? 1 : at(x, i - 1);
}

/** Indices are in range by construction. */
function at(values: Float32Array | Float64Array, i: number): number {
  return values[i] as number;
}

function packed(values: Float64Array): string {
  return Buffer.from(Float32Array.from(values).buffer).toString('base64');
}

function restore(target: Float64Array, text: string): void {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  if (bytes.length !== target.length * 4) {
    throw new RangeError(`Expected ${target.length} numbers, got ${bytes.length / 4}.`);
  }
  target.set(new Float32Array(bytes.buffer));
}
