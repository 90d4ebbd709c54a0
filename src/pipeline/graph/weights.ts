import type { Component } from '../checkpoint/checkpoint.ts';
import type { TensorEntry } from '../checkpoint/safetensors.ts';
import {
  columnsOf,
  type Factor,
  isWhole,
  outputsOf,
  type RecipePart,
  type RowPiece,
  rowsOf,
  type WeightRecipe,
} from '../checkpoint/weight-recipe.ts';
import { size } from '../math/tensor.ts';
import type { Dim, DType, GraphBuilder, Value } from './builder.ts';

const DTYPES: Readonly<Record<string, DType>> = { F32: 'f32', F16: 'f16', BF16: 'bf16', I8: 'i8' };

/** Layers that a LoRA changes, e.g. `blocks.2.attention.to_q`. What it adds to them is fed into the graph. */
export type Adapted = ReadonlySet<string>;
export const UNADAPTED: Adapted = new Set();

interface PartOptions {
  readonly order?: RecipePart['order'];
  /** @default all columns */
  readonly row?: readonly RowPiece[];
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

  get isPrepared() {
    return this.#component.isPrepared;
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
    return this.#stored(this.#path + key, shape, 'f32');
  }

  /** The part of a matrix that this layer's tensor gives. */
  part(key: string, shape: readonly number[], { order, row = [{ columns: [0, columnsOf(shape)] }] }: PartOptions = {}) {
    return { from: this.#path + key, shape, ...(order ? { order } : {}), row } satisfies RecipePart;
  }

  /** A tensor that columns are multiplied with, read as [columns, product of the rest]. */
  factor(key: string, shape: readonly number[]): Factor {
    return { from: this.#path + key, shape };
  }

  /** A matrix [N, K] of float32 or float16: the checkpoint's own tensor if that is all it is, else prepared, else nodes over it. */
  matrix(as: 'f32' | 'f16', parts: readonly RecipePart[]): Value {
    const recipe = { name: nameOf(as, parts), as, parts } satisfies WeightRecipe;
    return this.#once(recipe.name, () => {
      if (!this.isPrepared || this.#isStored(recipe)) return this.#computed(recipe);
      // Beside a LoRA, layers may stand alone that are prepared as one.
      if (this.#adapted.size > 0 && !this.#component.holdsPrepared(recipe.name)) return this.#computed(recipe);
      const [output] = outputsOf(recipe);
      if (!output) throw new Error('A recipe makes a tensor.');
      return this.#external(recipe.name, this.#component.made(recipe, output), output.shape);
    });
  }

  /** A matrix as 8-bit [K, N] with a scale for each of its N columns. */
  int8(parts: readonly RecipePart[]) {
    const recipe = { name: nameOf('int8', parts), as: 'int8', parts } satisfies WeightRecipe;
    const [weight, scale] = outputsOf(recipe).map((output) =>
      this.#once(output.name, () => this.#external(output.name, this.#component.made(recipe, output), output.shape)),
    );
    if (!weight || !scale) throw new Error('8-bit weights are two tensors.');
    return { weight, scale };
  }

  /** Whether the checkpoint holds a matrix as it is wanted. */
  #isStored({ as, parts }: WeightRecipe): boolean {
    const [only] = parts;
    if (!only || parts.length > 1 || !isWhole(only)) return false;
    return this.#component.tensor(only.from, only.shape).dtype === 'F16' || as === 'f32';
  }

  /** Nodes that do what a recipe says. */
  #computed({ as, parts }: WeightRecipe): Value {
    const g = this.graph;
    const joined = (values: readonly Value[], axis: number) => {
      const [only] = values;
      return only && values.length === 1 ? only : g.concat(values, axis);
    };
    const rows = parts.map((part) =>
      joined(
        part.row.map((piece) => this.#piece(part, piece, as)),
        1,
      ),
    );
    return joined(rows, 0);
  }

  #piece(part: RecipePart, { columns: [from, to], times }: RowPiece, as: 'f32' | 'f16' | 'int8'): Value {
    const g = this.graph;
    const stored = this.#stored(part.from, part.shape, times || as !== 'f16' ? 'f32' : 'f16');
    if (isWhole(part)) return stored;
    const ordered = part.order ? g.transpose(stored, part.order.axes) : stored;
    const rows = rowsOf(part);
    const columns = size(part.shape) / rows;
    const matrix = ordered.shape.length === 2 ? ordered : g.reshape(ordered, [rows, columns]);
    const taken = to - from === columns ? matrix : g.slice(matrix, 1, from, to);
    if (!times) return taken;
    const right = this.#stored(times.from, times.shape, 'f32');
    const product = g.matMul(taken, g.reshape(right, [to - from, size(times.shape) / (to - from)]));
    return g.cast(product, as === 'f16' ? 'f16' : 'f32');
  }

  #stored(name: string, shape: readonly number[], as: DType): Value {
    return this.#once(`${name} ${as}`, () => {
      const stored = this.#once(name, () => this.#external(name, this.#component.tensor(name, shape), shape));
      return this.graph.cast(stored, as);
    });
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

/** The first part says enough: no tensor begins two matrices of one type with as many parts. */
function nameOf(as: WeightRecipe['as'], parts: readonly RecipePart[]): string {
  const [first] = parts;
  if (!first) throw new Error('A matrix has at least one part.');
  const pieces = first.row.map(({ columns: [from, to], times }) => `${from}-${to}${times ? ` x ${times.from}` : ''}`);
  const taken = isWhole(first) ? [] : [first.order ? `(${first.order.axes})` : '', pieces.join(', ')];
  const words = [first.from, ...taken, parts.length > 1 ? `+ ${parts.length - 1}` : ''];
  return `${words.filter(Boolean).join(' ')}.${as}`;
}
