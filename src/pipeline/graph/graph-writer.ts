import { once } from '../../system/memo.ts';
import type { ByteRange } from '../checkpoint/safetensors.ts';
import {
  type Attribute,
  CONTRIB_DOMAIN,
  type Dim,
  type DType,
  type GraphParts,
  type Initializer,
  type Node,
  type Value,
} from './graph-parts.ts';
import { modelBytes } from './model-bytes.ts';

/**
 * What a graph is made of: nodes, values and symbolic dimensions. Inputs name the dimensions, and `Shape` nodes turn them
 * into numbers when a reshape needs them.
 */
export abstract class GraphWriter {
  readonly #nodes: Node[] = [];
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #initializers: Initializer[] = [];
  readonly #seams: number[] = [];
  readonly #constants = new Map<string, Value>();
  /** Run-time value (int64, one element) of each symbolic dimension. */
  readonly #dims = new Map<string, () => Value>();
  #count = 0;

  readonly name: string;
  /** Whether only other graphs read its outputs, so that they may stay where they are computed. */
  readonly feedsGraphs: boolean;

  constructor(name: string, { feedsGraphs = false }: { readonly feedsGraphs?: boolean } = {}) {
    this.name = name;
    this.feedsGraphs = feedsGraphs;
  }

  /** Op types in the order of their nodes. */
  get ops(): string[] {
    return this.#nodes.map(({ op }) => op);
  }

  input(name: string, dtype: DType, shape: readonly Dim[]): Value {
    const value = { name, dtype, shape };
    this.#inputs.push(value);
    shape.forEach((dim, axis) => {
      if (typeof dim === 'string' && !this.#dims.has(dim)) {
        this.#define(dim, () => this.append('Shape', [value], 'i64', [1], { start: axis, end: axis + 1 }));
      }
    });
    return value;
  }

  output(name: string, value: Value): void {
    const named = { ...value, name };
    this.node('Identity', [value], [named]);
    this.#outputs.push(named);
  }

  /** Names a symbolic dimension as the quotient of another one, e.g. the side of a lower U-Net level. */
  defineQuotient(name: string, of: string, divisor: number): void {
    this.#define(name, () => this.append('Div', [this.dim(of), this.int64s([divisor])], 'i64', [1]));
  }

  /** Names a symbolic dimension as a multiple of another one. */
  defineMultiple(name: string, of: string, factor: number): void {
    this.#define(name, () => this.append('Mul', [this.dim(of), this.int64s([factor])], 'i64', [1]));
  }

  /** Names the product of two symbolic dimensions. */
  defineProduct(name: string, a: string, b: string): void {
    this.#define(name, () => this.append('Mul', [this.dim(a), this.dim(b)], 'i64', [1]));
  }

  #define(name: string, make: () => Value): void {
    this.#dims.set(name, once(make));
  }

  dim(name: string): Value {
    const value = this.#dims.get(name);
    if (!value) throw new Error(`Graph ${this.name}: dimension "${name}" is not defined.`);
    return value();
  }

  protected isDefined(dim: string): boolean {
    return this.#dims.has(dim);
  }

  /** An initializer whose bytes stay in a file. */
  external(name: string, dtype: DType, shape: readonly number[], range: ByteRange): Value {
    this.#initializers.push({ name, dtype, shape, content: range });
    return { name, dtype, shape };
  }

  /** A small float32 constant; equal ones are stored once. */
  floats(values: Float32Array | readonly number[], shape: readonly number[]): Value {
    const data = Float32Array.from(values);
    return this.constant('f32', shape, new Uint8Array(data.buffer));
  }

  int64s(values: readonly number[], shape: readonly number[] = [values.length]): Value {
    return this.constant('i64', shape, new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
  }

  scalar(value: number): Value {
    return this.floats([value], []);
  }

  filled(value: number, length: number): Value {
    return this.floats(new Float32Array(length).fill(value), [length]);
  }

  /** Between two blocks: a graph may be cut here, and few tensors cross. */
  seam(): void {
    this.#seams.push(this.#nodes.length);
  }

  /** The number of nodes before each seam. */
  get seams(): readonly number[] {
    return this.#seams;
  }

  get parts(): GraphParts {
    const { name } = this;
    return { name, nodes: this.#nodes, initializers: this.#initializers, inputs: this.#inputs, outputs: this.#outputs };
  }

  /** The serialised ModelProto. */
  toBytes(): Uint8Array {
    return modelBytes(this.parts);
  }

  /** A value that is made once. */
  protected kept(key: string, make: () => Value): Value {
    const value = this.#constants.get(key) ?? make();
    this.#constants.set(key, value);
    return value;
  }

  protected constant(dtype: DType, shape: readonly number[], bytes: Uint8Array<ArrayBuffer>): Value {
    return this.kept(`${dtype} ${shape} ${Buffer.from(bytes).toString('base64')}`, () => {
      const value = { name: this.fresh('const'), dtype, shape };
      this.#initializers.push({ ...value, content: bytes });
      return value;
    });
  }

  /** The one type of all inputs. */
  protected common(op: string, inputs: readonly Value[]): DType {
    const [first] = inputs;
    if (!first || inputs.some(({ dtype }) => dtype !== first.dtype)) this.mismatch(op, inputs);
    return first.dtype;
  }

  protected contrib(
    op: string,
    inputs: readonly (Value | null)[],
    dtype: DType,
    shape: readonly Dim[],
    attributes: Record<string, Attribute>,
  ): Value {
    const value = { name: this.fresh(op), dtype, shape };
    this.node(op, inputs, [value], attributes, CONTRIB_DOMAIN);
    return value;
  }

  protected append(
    op: string,
    inputs: readonly Value[],
    dtype: DType,
    shape: readonly Dim[],
    attributes: Record<string, Attribute> = {},
  ): Value {
    const value = { name: this.fresh(op), dtype, shape };
    this.node(op, inputs, [value], attributes);
    return value;
  }

  protected node(
    op: string,
    inputs: readonly (Value | null)[],
    outputs: readonly Value[],
    attributes: Record<string, Attribute> = {},
    domain = '',
  ): void {
    this.#nodes.push({ op, inputs, outputs, attributes, domain });
  }

  protected fresh(op: string): string {
    this.#count += 1;
    return `${op}_${this.#count}`;
  }

  protected mismatch(op: string, inputs: readonly Value[]): never {
    const shapes = inputs.map(({ name, dtype, shape }) => `${name} ${dtype} [${shape}]`).join(', ');
    throw new Error(`Graph ${this.name}: ${op} does not fit ${shapes}.`);
  }
}
