import type { Component } from '../checkpoint.ts';
import type { TensorEntry } from '../safetensors.ts';
import type { DType, GraphBuilder, Value } from './builder.ts';

const DTYPES: Readonly<Record<string, DType>> = { F32: 'f32', F16: 'f16', BF16: 'bf16' };

/**
 * The weights of one component as initializers of one graph. The scope path is the key in the checkpoint:
 * `weights.at('blocks', 0).at('depthwise').get('weight', [c, 1, 3, 3])`.
 */
export class Weights {
  readonly graph: GraphBuilder;
  readonly #component: Component;
  readonly #path: string;
  readonly #cache: Map<string, Value>;

  constructor(graph: GraphBuilder, component: Component, path = '', cache = new Map<string, Value>()) {
    this.graph = graph;
    this.#component = component;
    this.#path = path;
    this.#cache = cache;
  }

  at(...keys: readonly (string | number)[]): Weights {
    return new Weights(this.graph, this.#component, this.#path + keys.map((key) => `${key}.`).join(''), this.#cache);
  }

  /**
   * A tensor, as float32.
   *
   * @throws OperatorError `tensor_missing` or `tensor_misshapen`, naming file, tensor, wanted and found.
   */
  get(key: string, shape: readonly number[]): Value {
    const name = this.#path + key;
    const known = this.#cache.get(name);
    if (known) return known;
    const entry = this.#component.tensor(name, shape);
    const value = this.graph.cast(this.#external(name, entry, shape), 'f32');
    this.#cache.set(name, value);
    return value;
  }

  #external(name: string, entry: TensorEntry, shape: readonly number[]): Value {
    const dtype = DTYPES[entry.dtype];
    if (!dtype) throw this.#component.unusableDtype(entry);
    return this.graph.external(name, dtype, shape, this.#component.range(entry));
  }
}
