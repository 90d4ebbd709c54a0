import { once } from '../once.ts';
import {
  type Attribute,
  type ByteRange,
  CONTRIB_DOMAIN,
  DATA_TYPES,
  type Dim,
  type DType,
  type GraphParts,
  type Initializer,
  type Node,
  type Value,
} from './graph-parts.ts';
import { modelBytes } from './model-bytes.ts';

export type { ByteRange, Dim, DType, Value } from './graph-parts.ts';

/** Of a token's range: one of nothing but zeros has none. */
const SMALLEST = 1e-30;

/**
 * Writes an ONNX graph. Each method appends one node and returns its output; shapes are derived and checked here
 * and nowhere else. Symbolic dimensions are named at the inputs and turned into numbers by `Shape` nodes when a
 * reshape needs them.
 */
export class GraphBuilder {
  readonly #nodes: Node[] = [];
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #initializers: Initializer[] = [];
  readonly #constants = new Map<string, Value>();
  /** Run-time value (int64, one element) of each symbolic dimension. */
  readonly #dims = new Map<string, () => Value>();
  #count = 0;

  readonly name: string;

  constructor(name: string) {
    this.name = name;
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
        this.#dims.set(
          dim,
          once(() => this.#append('Shape', [value], 'i64', [1], { start: axis, end: axis + 1 })),
        );
      }
    });
    return value;
  }

  output(name: string, value: Value): void {
    const named = { ...value, name };
    this.#node('Identity', [value], [named]);
    this.#outputs.push(named);
  }

  /** Names a symbolic dimension as the quotient of another one, e.g. the side of a lower U-Net level. */
  defineQuotient(name: string, of: string, divisor: number): void {
    this.#dims.set(
      name,
      once(() => this.#append('Div', [this.dim(of), this.int64s([divisor])], 'i64', [1])),
    );
  }

  /** Names a symbolic dimension as a multiple of another one. */
  defineMultiple(name: string, of: string, factor: number): void {
    this.#dims.set(
      name,
      once(() => this.#append('Mul', [this.dim(of), this.int64s([factor])], 'i64', [1])),
    );
  }

  /** Names the product of two symbolic dimensions. */
  defineProduct(name: string, a: string, b: string): void {
    this.#dims.set(
      name,
      once(() => this.#append('Mul', [this.dim(a), this.dim(b)], 'i64', [1])),
    );
  }

  dim(name: string): Value {
    const value = this.#dims.get(name);
    if (!value) throw new Error(`graph ${this.name}: dimension "${name}" is not defined`);
    return value();
  }

  /** An initializer whose bytes stay in a file. */
  external(name: string, dtype: DType, shape: readonly number[], range: ByteRange): Value {
    this.#initializers.push({ name, dtype, shape, content: range });
    return { name, dtype, shape };
  }

  /** A small float32 constant; equal ones are stored once. */
  floats(values: Float32Array | readonly number[], shape: readonly number[]): Value {
    const data = Float32Array.from(values);
    return this.#constant('f32', shape, new Uint8Array(data.buffer));
  }

  int64s(values: readonly number[], shape: readonly number[] = [values.length]): Value {
    return this.#constant('i64', shape, new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
  }

  scalar(value: number): Value {
    return this.floats([value], []);
  }

  filled(value: number, length: number): Value {
    return this.floats(new Float32Array(length).fill(value), [length]);
  }

  // Element-wise -----------------------------------------------------------------------------------------------

  add(a: Value, b: Value): Value {
    return this.#broadcast('Add', a, b);
  }

  sub(a: Value, b: Value): Value {
    return this.#broadcast('Sub', a, b);
  }

  mul(a: Value, b: Value): Value {
    return this.#broadcast('Mul', a, b);
  }

  div(a: Value, b: Value): Value {
    return this.#broadcast('Div', a, b);
  }

  unary(op: 'Abs' | 'Sigmoid' | 'Sqrt' | 'Neg' | 'Round', x: Value): Value {
    return this.#append(op, [x], x.dtype, x.shape);
  }

  leakyRelu(x: Value, alpha: number): Value {
    return this.#append('LeakyRelu', [x], x.dtype, x.shape, { alpha: { float: alpha } });
  }

  /** Exact (erf) GELU. */
  gelu(x: Value): Value {
    return this.#append('Gelu', [x], x.dtype, x.shape);
  }

  quickGelu(x: Value): Value {
    return this.#contrib('QuickGelu', [x], x.dtype, x.shape, { alpha: { float: 1.702 } });
  }

  clip(x: Value, min: number, max: number): Value {
    return this.#append('Clip', [x, this.scalar(min), this.scalar(max)], x.dtype, x.shape);
  }

  cast(x: Value, dtype: DType): Value {
    return x.dtype === dtype ? x : this.#append('Cast', [x], dtype, x.shape, { to: DATA_TYPES[dtype] });
  }

  // Linear algebra ---------------------------------------------------------------------------------------------

  /** `x · weightᵀ + bias` for tokens `x` [T, K], a weight [N, K] as torch stores it, and a bias [N] or [T, N]. */
  gemm(x: Value, weight: Value, bias?: Value): Value {
    const [tokens = 0, k] = x.shape;
    const [n = 0, wanted] = weight.shape;
    if (x.shape.length !== 2 || weight.shape.length !== 2 || k !== wanted) this.#mismatch('Gemm', [x, weight]);
    const inputs = bias ? [x, weight, bias] : [x, weight];
    return this.#append('Gemm', inputs, this.#common('Gemm', inputs), [tokens, n], { transB: 1 });
  }

  matMul(a: Value, b: Value): Value {
    if (a.shape.at(-1) !== b.shape.at(-2)) this.#mismatch('MatMul', [a, b]);
    const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)) ?? this.#mismatch('MatMul', [a, b]);
    const shape = [...batch, a.shape.at(-2) ?? 1, b.shape.at(-1) ?? 1];
    return this.#append('MatMul', [a, b], this.#common('MatMul', [a, b]), shape);
  }

  /**
   * `x · weight + bias` for tokens `x` [T, K], each quantised to 8 bits by its own range, and 8-bit `weight` [K, N] with a
   * `scale` for each of its columns [N]. What a token gives does not depend on the others beside it.
   *
   * @see https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulIntegerToFloat
   */
  quantisedMatMul(x: Value, weight: Value, scale: Value, bias: Value): Value {
    const [tokens = 0, k] = x.shape;
    const [wanted, n = 0] = weight.shape;
    if (k !== wanted || weight.dtype !== 'i8') this.#mismatch('MatMulIntegerToFloat', [x, weight]);
    // Of both signs: the magnitudes of all would be one more tensor as large as x.
    const extremes = [this.reduce('ReduceMax', x, 1), this.unary('Neg', this.reduce('ReduceMin', x, 1))] as const;
    const range = this.#broadcast('Max', this.#broadcast('Max', ...extremes), this.scalar(SMALLEST));
    const step = this.mul(range, this.scalar(1 / 127));
    const zero = this.#constant('u8', [], Uint8Array.of(128));
    const one = this.scalar(1);
    const bytes = this.#append('QuantizeLinear', [this.div(x, step), one, zero], 'u8', x.shape);
    const inputs = [bytes, weight, one, scale, zero];
    return this.add(this.mul(this.#contrib('MatMulIntegerToFloat', inputs, 'f32', [tokens, n], {}), step), bias);
  }

  /** Over the last axis. */
  layerNorm(x: Value, epsilon: number, scale?: Value, bias?: Value): Value {
    const channels = x.shape.at(-1);
    if (typeof channels !== 'number') throw new Error(`graph ${this.name}: LayerNormalization needs fixed channels`);
    const inputs = [x, scale ?? this.filled(1, channels), ...(bias ? [bias] : [])];
    return this.#append('LayerNormalization', inputs, this.#common('LayerNormalization', inputs), x.shape, {
      axis: -1,
      epsilon: { float: epsilon },
    });
  }

  /**
   * Scaled dot-product attention of `query` [B, S, C] over `key` and `value` [B, T, C]; `bias` is added to the
   * scores, [B, 1, S, T].
   *
   * @see https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MultiHeadAttention
   */
  attention(query: Value, key: Value, value: Value, heads: number, bias?: Value): Value {
    const inputs: (Value | null)[] = [query, key, value, null, null, ...(bias ? [bias] : [])];
    const dtype = this.#common('MultiHeadAttention', bias ? [query, key, value, bias] : [query, key, value]);
    return this.#contrib('MultiHeadAttention', bias ? inputs : [query, key, value], dtype, query.shape, {
      num_heads: heads,
    });
  }

  /** Convolution of NCHW `x` with zero padding; `sides` are the output's height and width. */
  conv(
    x: Value,
    weight: Value,
    bias: Value | undefined,
    options: { kernel: number; stride?: number; pad?: number; groups?: number; sides: readonly [Dim, Dim] },
  ): Value {
    const { kernel, stride = 1, pad = 0, groups = 1, sides } = options;
    const inputs = bias ? [x, weight, bias] : [x, weight];
    return this.#append(
      'Conv',
      inputs,
      this.#common('Conv', inputs),
      [x.shape[0] ?? 1, weight.shape[0] ?? 1, ...sides],
      {
        kernel_shape: [kernel, kernel],
        strides: [stride, stride],
        pads: [pad, pad, pad, pad],
        group: groups,
      },
    );
  }

  convTranspose(
    x: Value,
    weight: Value,
    bias: Value,
    options: { kernel: number; stride: number; pad: number; sides: readonly [Dim, Dim] },
  ): Value {
    const { kernel, stride, pad, sides } = options;
    return this.#append(
      'ConvTranspose',
      [x, weight, bias],
      x.dtype,
      [x.shape[0] ?? 1, weight.shape[1] ?? 1, ...sides],
      {
        kernel_shape: [kernel, kernel],
        strides: [stride, stride],
        pads: [pad, pad, pad, pad],
      },
    );
  }

  /** Replicates the border of the two axes before the last one (height and width of channels-last `x`) once. */
  padEdge(x: Value, sides: readonly [Dim, Dim]): Value {
    const pads = this.int64s([0, 1, 1, 0, 0, 1, 1, 0]);
    const [b = 1, , , c = 1] = x.shape;
    return this.#append('Pad', [x, pads], 'f32', [b, ...sides, c], { mode: 'edge' });
  }

  // Reductions and shapes --------------------------------------------------------------------------------------

  reduce(
    op: 'ReduceMax' | 'ReduceMin' | 'ReduceSum' | 'ReduceMean' | 'ReduceL2' | 'ReduceSumSquare',
    x: Value,
    axis: number,
  ): Value {
    const at = axis < 0 ? x.shape.length + axis : axis;
    const shape = x.shape.map((dim, i) => (i === at ? 1 : dim));
    return this.#append(op, [x, this.int64s([at])], x.dtype, shape, { keepdims: 1 });
  }

  argMax(x: Value, axis: number): Value {
    const shape = x.shape.map((dim, i) => (i === axis ? 1 : dim));
    return this.#append('ArgMax', [x], 'i64', shape, { axis, keepdims: 1 });
  }

  gather(table: Value, indices: Value): Value {
    return this.#append('Gather', [table, indices], table.dtype, [...indices.shape, ...table.shape.slice(1)], {
      axis: 0,
    });
  }

  /** Elements `from` (inclusive) to `to` (exclusive) of one axis. */
  slice(x: Value, axis: number, from: number, to: number): Value {
    const shape = x.shape.map((dim, i) => (i === axis ? to - from : dim));
    return this.#append('Slice', [x, this.int64s([from]), this.int64s([to]), this.int64s([axis])], x.dtype, shape);
  }

  /** The first `count` rows of a table, where `count` is known only when the graph runs. */
  firstRows(table: Value, count: string): Value {
    const inputs = [table, this.int64s([0]), this.dim(count), this.int64s([0])];
    return this.#append('Slice', inputs, table.dtype, [count, ...table.shape.slice(1)]);
  }

  split(x: Value, axis: number, sizes: readonly number[]): Value[] {
    const at = axis < 0 ? x.shape.length + axis : axis;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (x.shape[at] !== total) this.#mismatch(`Split into ${sizes}`, [x]);
    const parts = sizes.map((size) => ({
      name: this.#fresh('Split'),
      dtype: x.dtype,
      shape: x.shape.map((dim, j) => (j === at ? size : dim)),
    }));
    this.#node('Split', [x, this.int64s(sizes)], parts, { axis: at });
    return parts;
  }

  /** In `count` equal parts of a dimension that is known only when the graph runs. */
  splitEvenly(x: Value, axis: number, count: number): Value[] {
    const parts = Array.from({ length: count }, () => ({
      name: this.#fresh('Split'),
      dtype: x.dtype,
      shape: x.shape.map((dim, j) => (j === axis ? `${dim}/${count}` : dim)),
    }));
    this.#node('Split', [x], parts, { axis, num_outputs: count });
    return parts;
  }

  concat(values: readonly Value[], axis: number, dim?: Dim): Value {
    const [first] = values;
    if (!first) throw new Error(`graph ${this.name}: nothing to join`);
    const at = axis < 0 ? first.shape.length + axis : axis;
    const parts = values.map((value) => value.shape[at]);
    const total = dim ?? parts.reduce<number>((sum, part) => sum + (typeof part === 'number' ? part : Number.NaN), 0);
    return this.#append(
      'Concat',
      values,
      first.dtype,
      first.shape.map((d, i) => (i === at ? total : d)),
      { axis: at },
    );
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return this.#append(
      'Transpose',
      [x],
      x.dtype,
      perm.map((axis) => x.shape[axis] ?? 1),
      { perm },
    );
  }

  /** Symbolic dimensions that were never defined are inferred; there can be one of them. */
  reshape(x: Value, shape: readonly Dim[]): Value {
    const symbolic = shape.filter((dim) => typeof dim === 'string');
    const unknown = symbolic.filter((dim) => !this.#dims.has(dim));
    const inferred = unknown[0] ?? symbolic.at(-1);
    if (unknown.length > 1) throw new Error(`graph ${this.name}: reshape to [${shape}] has two unknown dimensions`);
    let seen = false;
    const parts = shape.map((dim): number | Value => {
      if (typeof dim === 'number') return dim;
      if (dim === inferred && !seen) {
        seen = true;
        return -1;
      }
      return this.dim(dim);
    });
    return this.#append('Reshape', [x, this.#shapeTensor(parts)], x.dtype, shape);
  }

  /** A row of ones [1, 1, dim]; made once. */
  ones(dim: string): Value {
    const key = `ones ${dim}`;
    const known = this.#constants.get(key);
    if (known) return known;
    const value = this.#append('Expand', [this.scalar(1), this.#shapeTensor([1, 1, this.dim(dim)])], 'f32', [
      1,
      1,
      dim,
    ]);
    this.#constants.set(key, value);
    return value;
  }

  expand(x: Value, length: number): Value {
    return this.#append('Expand', [x, this.int64s([length])], x.dtype, [length]);
  }

  greaterOrEqual(a: Value, b: Value): Value {
    const shape = broadcastShapes(a.shape, b.shape) ?? this.#mismatch('GreaterOrEqual', [a, b]);
    return this.#append('GreaterOrEqual', [a, b], 'bool', shape);
  }

  and(a: Value, b: Value): Value {
    const shape = broadcastShapes(a.shape, b.shape) ?? this.#mismatch('And', [a, b]);
    return this.#append('And', [a, b], 'bool', shape);
  }

  where(condition: Value, a: Value, b: Value): Value {
    return this.#append('Where', [condition, a, b], a.dtype, condition.shape);
  }

  get parts(): GraphParts {
    const { name } = this;
    return { name, nodes: this.#nodes, initializers: this.#initializers, inputs: this.#inputs, outputs: this.#outputs };
  }

  /** The serialised ModelProto. */
  toBytes(): Uint8Array {
    return modelBytes(this.parts);
  }

  #shapeTensor(parts: readonly (number | Value)[]): Value {
    if (parts.every((part) => typeof part === 'number')) return this.int64s(parts);
    const key = `shape ${parts.map((part) => (typeof part === 'number' ? part : part.name)).join(' ')}`;
    const known = this.#constants.get(key);
    if (known) return known;
    const pieces = parts.map((part) => (typeof part === 'number' ? this.int64s([part]) : part));
    const value = this.concat(pieces, 0);
    this.#constants.set(key, value);
    return value;
  }

  #constant(dtype: DType, shape: readonly number[], bytes: Uint8Array<ArrayBuffer>): Value {
    const key = `${dtype} ${shape} ${Buffer.from(bytes).toString('base64')}`;
    const known = this.#constants.get(key);
    if (known) return known;
    const name = this.#fresh('const');
    this.#initializers.push({ name, dtype, shape, content: bytes });
    const value = { name, dtype, shape };
    this.#constants.set(key, value);
    return value;
  }

  #broadcast(op: string, a: Value, b: Value): Value {
    const shape = broadcastShapes(a.shape, b.shape) ?? this.#mismatch(op, [a, b]);
    return this.#append(op, [a, b], this.#common(op, [a, b]), shape);
  }

  /** The one type of all inputs. */
  #common(op: string, inputs: readonly Value[]): DType {
    const [first] = inputs;
    if (!first || inputs.some(({ dtype }) => dtype !== first.dtype)) this.#mismatch(op, inputs);
    return first.dtype;
  }

  #contrib(
    op: string,
    inputs: readonly (Value | null)[],
    dtype: DType,
    shape: readonly Dim[],
    attributes: Record<string, Attribute>,
  ): Value {
    const value = { name: this.#fresh(op), dtype, shape };
    this.#node(op, inputs, [value], attributes, CONTRIB_DOMAIN);
    return value;
  }

  #append(
    op: string,
    inputs: readonly Value[],
    dtype: DType,
    shape: readonly Dim[],
    attributes: Record<string, Attribute> = {},
  ): Value {
    const value = { name: this.#fresh(op), dtype, shape };
    this.#node(op, inputs, [value], attributes);
    return value;
  }

  #node(
    op: string,
    inputs: readonly (Value | null)[],
    outputs: readonly Value[],
    attributes: Record<string, Attribute> = {},
    domain = '',
  ): void {
    this.#nodes.push({ op, inputs, outputs, attributes, domain });
  }

  #fresh(op: string): string {
    this.#count += 1;
    return `${op}_${this.#count}`;
  }

  #mismatch(op: string, inputs: readonly Value[]): never {
    const shapes = inputs.map(({ name, dtype, shape }) => `${name} ${dtype} [${shape}]`).join(', ');
    throw new Error(`graph ${this.name}: ${op} does not fit ${shapes}`);
  }
}

/** The shape of an element-wise result; a symbolic dimension equals itself and broadcasts with 1. */
function broadcastShapes(a: readonly Dim[], b: readonly Dim[]): Dim[] | null {
  const shape: Dim[] = [];
  for (let i = Math.max(a.length, b.length); i > 0; i -= 1) {
    const x = a[a.length - i] ?? 1;
    const y = b[b.length - i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return null;
    shape.push(x === 1 ? y : x);
  }
  return shape;
}
