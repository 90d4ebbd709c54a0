import type { Component } from '../checkpoint/checkpoint.ts';
import type { TensorEntry } from '../checkpoint/safetensors.ts';
import { columnsOf, outputsOf, type WeightRecipe } from '../checkpoint/weight-recipe.ts';
import { size } from '../math/tensor.ts';
import type { Dim, DType, GraphBuilder, Value } from './builder.ts';

const DTYPES: Readonly<Record<string, DType>> = { F32: 'f32', F16: 'f16', BF16: 'bf16', I8: 'i8' };

/** Layers that a LoRA changes, e.g. `blocks.2.attention.to_q`. What it adds to them is fed into the graph. */
export type Adapted = ReadonlySet<string>;
export const UNADAPTED: Adapted = new Set();

/** Columns of a weight: from (inclusive), to (exclusive). */
export type Columns = readonly [number, number];

/** A small tensor of the same checkpoint that a weight is multiplied with. */
export interface Factor {
  readonly weights: Weights;
  readonly key: string;
  /** Shape in the checkpoint; it is read as [columns of the weight, product of the rest]. */
  readonly shape: readonly number[];
}

/**
 * The weights of one component as initializers of one graph. The scope path is the key in the checkpoint:
 * `weights.at('blocks', 0).at('depthwise').get('weight', [c, 1, 3, 3])`.
 *
 * All throw OperatorError `tensor_missing` or `tensor_misshapen`, naming file, tensor, wanted and found.
 */
export class Weights {
  readonly graph: GraphBuilder;
  readonly #component: Component;
  readonly #path: string;
  readonly #adapted: Adapted;
  readonly #cache: Map<string, Value>;

  constructor(
    graph: GraphBuilder,
    component: Component,
    adapted: Adapted = UNADAPTED,
    path = '',
    cache = new Map<string, Value>(),
  ) {
    this.graph = graph;
    this.#component = component;
    this.#path = path;
    this.#adapted = adapted;
    this.#cache = cache;
  }

  get precision() {
    return this.#component.precision;
  }

  at(...keys: readonly (string | number)[]): Weights {
    const path = this.#path + keys.map((key) => `${key}.`).join('');
    return new Weights(this.graph, this.#component, this.#adapted, path, this.#cache);
  }

  /** Whether a LoRA changes this layer. */
  get isAdapted(): boolean {
    return this.#adapted.has(this.#path.slice(0, -1));
  }

  /**
   * Inputs of the graph, for a layer that is adapted: A [rank, inputs] and B [outputs, rank] with all its factors, whose
   * product is added to the weight.
   */
  lowRank(inputs: number, outputs: number, dtype: DType): { readonly a: Value; readonly b: Value } {
    const rank = `${this.#path}rank`;
    return {
      a: this.#input('lora_A', dtype, [rank, inputs]),
      b: this.#input('lora_B', dtype, [outputs, rank]),
    };
  }

  /** A tensor, as float32, with what a LoRA adds to it as a whole: for small kernels that have no branch beside them. */
  changed(key: string, shape: readonly number[]): Value {
    const own = this.get(key, shape);
    return this.isAdapted ? this.graph.add(own, this.#input('lora_delta', 'f32', shape)) : own;
  }

  #input(name: string, dtype: DType, shape: readonly Dim[]): Value {
    const path = this.#path + name;
    return this.#once(path, () => this.graph.input(path, dtype, shape));
  }

  /** A tensor, as float32. */
  get(key: string, shape: readonly number[]): Value {
    const name = this.#path + key;
    return this.#once(`${name} f32`, () =>
      this.graph.cast(this.#external(name, this.#component.tensor(name, shape), shape), 'f32'),
    );
  }

  /** Columns of a matrix, as float32: a slice of the checkpoint's in `fp32`, else prepared. */
  columns(key: string, shape: readonly number[], [from, to]: Columns): Value {
    if (this.precision === 'fp32') return this.graph.slice(this.get(key, shape), 1, from, to);
    return this.#made('f32', key, shape, [from, to]);
  }

  /** A tensor, or columns of it, as float16: the checkpoint's own where it is stored so, else prepared. */
  half(key: string, shape: readonly number[], columns: Columns = [0, columnsOf(shape)]): Value {
    const name = this.#path + key;
    const entry = this.#component.tensor(name, shape);
    if (entry.dtype !== 'F16') return this.#made('f16', key, shape, columns);
    const whole = this.#once(`${name} f16`, () => this.#external(name, entry, shape));
    const [from, to] = columns;
    return to - from === columnsOf(shape) ? whole : this.graph.slice(whole, 1, from, to);
  }

  /** A matrix [N, K], or columns of it, as 8-bit [K, N] with a scale for each of its N columns. */
  int8(key: string, shape: readonly number[], columns: Columns = [0, columnsOf(shape)]) {
    const recipe = this.#recipe('int8', key, shape, columns);
    const [weight, scale] = outputsOf(recipe).map((output) =>
      this.#once(output.name, () => this.#external(output.name, this.#component.made(recipe, output), output.shape)),
    );
    if (!weight || !scale) throw new Error('8-bit weights are two tensors.');
    return { weight, scale };
  }

  /** Columns of a matrix times a small one, [N, M] float32: nodes over the checkpoint's in `fp32`, else prepared. */
  product(key: string, shape: readonly number[], columns: Columns, factor: Factor): Value {
    const { weights, key: factorKey, shape: factorShape } = factor;
    if (this.precision === 'fp32') {
      const [from, to] = columns;
      const right = this.graph.reshape(weights.get(factorKey, factorShape), [
        to - from,
        size(factorShape) / (to - from),
      ]);
      const whole = to - from === columnsOf(shape);
      return this.graph.matMul(whole ? this.get(key, shape) : this.columns(key, shape, columns), right);
    }
    return this.#made('product', key, shape, columns, { from: weights.#path + factorKey, shape: factorShape });
  }

  #made(
    as: WeightRecipe['as'],
    key: string,
    shape: readonly number[],
    columns: Columns,
    right?: NonNullable<WeightRecipe['right']>,
  ): Value {
    const recipe = this.#recipe(as, key, shape, columns, right);
    const [output] = outputsOf(recipe);
    if (!output) throw new Error('A recipe makes a tensor.');
    const entry = this.#component.made(recipe, output);
    return this.#once(recipe.name, () => this.#external(recipe.name, entry, output.shape));
  }

  #recipe(
    as: WeightRecipe['as'],
    key: string,
    shape: readonly number[],
    columns: Columns,
    right?: NonNullable<WeightRecipe['right']>,
  ): WeightRecipe {
    const from = this.#path + key;
    const part = columns[1] - columns[0] === columnsOf(shape) ? '' : `.${columns[0]}-${columns[1]}`;
    const name = `${from}${part}${right ? ` x ${right.from}` : ''}.${as}`;
    return { name, from, shape, columns, as, ...(right ? { right } : {}) };
  }

  #once(name: string, make: () => Value): Value {
    const known = this.#cache.get(name);
    if (known) return known;
    const value = make();
    this.#cache.set(name, value);
    return value;
  }

  #external(name: string, entry: TensorEntry, shape: readonly number[]): Value {
    const dtype = DTYPES[entry.dtype];
    if (!dtype) throw this.#component.unusableDtype(entry);
    return this.graph.external(name, dtype, shape, this.#component.range(entry));
  }
}
