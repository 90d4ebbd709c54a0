export type { ByteRange } from '../checkpoint/safetensors.ts';

import { DATA_TYPES, type Dim, type DType, type Value } from './graph-parts.ts';
import { GraphWriter } from './graph-writer.ts';

export type { Dim, DType, Value } from './graph-parts.ts';

/** Of a token's range, so that a token of zeros has one, too. */
const SMALLEST = 1e-30;

/** The operators. Each method appends its nodes and returns their output; shapes are derived and checked here and nowhere else. */
export class GraphBuilder extends GraphWriter {
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
    return this.append(op, [x], x.dtype, x.shape);
  }

  leakyRelu(x: Value, alpha: number): Value {
    return this.append('LeakyRelu', [x], x.dtype, x.shape, { alpha: { float: alpha } });
  }

  /** Exact (erf) GELU. */
  gelu(x: Value): Value {
    return this.append('Gelu', [x], x.dtype, x.shape);
  }

  quickGelu(x: Value): Value {
    return this.contrib('QuickGelu', [x], x.dtype, x.shape, { alpha: { float: 1.702 } });
  }

  clip(x: Value, min: number, max: number): Value {
    return this.append('Clip', [x, this.scalar(min), this.scalar(max)], x.dtype, x.shape);
  }

  cast(x: Value, dtype: DType): Value {
    return x.dtype === dtype ? x : this.append('Cast', [x], dtype, x.shape, { to: DATA_TYPES[dtype] });
  }

  // Linear algebra ---------------------------------------------------------------------------------------------

  /** `x · weightᵀ + bias` for tokens `x` [T, K], a weight [N, K] as torch stores it, and a bias [N] or [T, N]. */
  gemm(x: Value, weight: Value, bias?: Value): Value {
    const [tokens = 0, k] = x.shape;
    const [n = 0, wanted] = weight.shape;
    if (x.shape.length !== 2 || weight.shape.length !== 2 || k !== wanted) this.mismatch('Gemm', [x, weight]);
    const inputs = bias ? [x, weight, bias] : [x, weight];
    return this.append('Gemm', inputs, this.common('Gemm', inputs), [tokens, n], { transB: 1 });
  }

  matMul(a: Value, b: Value): Value {
    if (a.shape.at(-1) !== b.shape.at(-2)) this.mismatch('MatMul', [a, b]);
    const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)) ?? this.mismatch('MatMul', [a, b]);
    const shape = [...batch, a.shape.at(-2) ?? 1, b.shape.at(-1) ?? 1];
    return this.append('MatMul', [a, b], this.common('MatMul', [a, b]), shape);
  }

  /**
   * `x · weight + bias` for tokens `x` [T, K], each quantised to 8 bits by its own range, and 8-bit `weight` [K, N] with a
   * `scale` for each of its columns [N]. A token's result does not depend on the other tokens.
   *
   * @see https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulIntegerToFloat
   */
  quantisedMatMul(x: Value, weight: Value, scale: Value, bias: Value): Value {
    const [tokens = 0, k] = x.shape;
    const [wanted, n = 0] = weight.shape;
    if (k !== wanted || weight.dtype !== 'i8') this.mismatch('MatMulIntegerToFloat', [x, weight]);
    // From both extremes: a tensor of magnitudes would be as large as x.
    const extremes = [this.reduce('ReduceMax', x, 1), this.unary('Neg', this.reduce('ReduceMin', x, 1))] as const;
    const range = this.#broadcast('Max', this.#broadcast('Max', ...extremes), this.scalar(SMALLEST));
    const step = this.mul(range, this.scalar(1 / 127));
    const zero = this.constant('u8', [], Uint8Array.of(128));
    const one = this.scalar(1);
    const bytes = this.append('QuantizeLinear', [this.div(x, step), one, zero], 'u8', x.shape);
    const inputs = [bytes, weight, one, scale, zero];
    return this.add(this.mul(this.contrib('MatMulIntegerToFloat', inputs, 'f32', [tokens, n], {}), step), bias);
  }

  /** Over the last axis. */
  softmax(x: Value): Value {
    return this.append('Softmax', [x], x.dtype, x.shape, { axis: -1 });
  }

  /** Over the last axis. */
  layerNorm(x: Value, epsilon: number, scale?: Value, bias?: Value): Value {
    const channels = x.shape.at(-1);
    if (typeof channels !== 'number') throw new Error(`Graph ${this.name}: LayerNormalization needs fixed channels.`);
    const inputs = [x, scale ?? this.filled(1, channels), ...(bias ? [bias] : [])];
    return this.append('LayerNormalization', inputs, this.common('LayerNormalization', inputs), x.shape, {
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
    const dtype = this.common('MultiHeadAttention', bias ? [query, key, value, bias] : [query, key, value]);
    return this.contrib('MultiHeadAttention', bias ? inputs : [query, key, value], dtype, query.shape, {
      num_heads: heads,
    });
  }

  /**
   * Convolution of NCHW `x` with zero padding, the same all around or [before, after] of each axis; `sides` are the output's
   * height and width.
   */
  conv(
    x: Value,
    weight: Value,
    bias: Value | undefined,
    options: {
      kernel: number;
      stride?: number;
      pad?: number | readonly [before: number, after: number];
      groups?: number;
      sides: readonly [Dim, Dim];
    },
  ): Value {
    const { kernel, stride = 1, pad = 0, groups = 1, sides } = options;
    const [before, after] = typeof pad === 'number' ? [pad, pad] : pad;
    const inputs = bias ? [x, weight, bias] : [x, weight];
    return this.append('Conv', inputs, this.common('Conv', inputs), [x.shape[0] ?? 1, weight.shape[0] ?? 1, ...sides], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [before, before, after, after],
      group: groups,
    });
  }

  convTranspose(
    x: Value,
    weight: Value,
    bias: Value,
    options: { kernel: number; stride: number; pad: number; sides: readonly [Dim, Dim] },
  ): Value {
    const { kernel, stride, pad, sides } = options;
    return this.append('ConvTranspose', [x, weight, bias], x.dtype, [x.shape[0] ?? 1, weight.shape[1] ?? 1, ...sides], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad, pad, pad, pad],
    });
  }

  /** Replicates the border of the two axes before the last one (height and width of channels-last `x`) once. */
  padEdge(x: Value, sides: readonly [Dim, Dim]): Value {
    const pads = this.int64s([0, 1, 1, 0, 0, 1, 1, 0]);
    const [b = 1, , , c = 1] = x.shape;
    return this.append('Pad', [x, pads], 'f32', [b, ...sides, c], { mode: 'edge' });
  }

  // Reductions and shapes --------------------------------------------------------------------------------------

  reduce(
    op: 'ReduceMax' | 'ReduceMin' | 'ReduceSum' | 'ReduceMean' | 'ReduceL2' | 'ReduceSumSquare',
    x: Value,
    axis: number,
  ): Value {
    const at = axis < 0 ? x.shape.length + axis : axis;
    const shape = x.shape.map((dim, i) => (i === at ? 1 : dim));
    return this.append(op, [x, this.int64s([at])], x.dtype, shape, { keepdims: 1 });
  }

  argMax(x: Value, axis: number): Value {
    const shape = x.shape.map((dim, i) => (i === axis ? 1 : dim));
    return this.append('ArgMax', [x], 'i64', shape, { axis, keepdims: 1 });
  }

  gather(table: Value, indices: Value): Value {
    return this.append('Gather', [table, indices], table.dtype, [...indices.shape, ...table.shape.slice(1)], {
      axis: 0,
    });
  }

  /** Elements `from` (inclusive) to `to` (exclusive) of one axis. */
  slice(x: Value, axis: number, from: number, to: number): Value {
    const shape = x.shape.map((dim, i) => (i === axis ? to - from : dim));
    return this.append('Slice', [x, this.int64s([from]), this.int64s([to]), this.int64s([axis])], x.dtype, shape);
  }

  /** The first `count` rows of a table, where `count` is known only when the graph runs. */
  firstRows(table: Value, count: string): Value {
    const inputs = [table, this.int64s([0]), this.dim(count), this.int64s([0])];
    return this.append('Slice', inputs, table.dtype, [count, ...table.shape.slice(1)]);
  }

  split(x: Value, axis: number, sizes: readonly number[]): Value[] {
    const at = axis < 0 ? x.shape.length + axis : axis;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    if (x.shape[at] !== total) this.mismatch(`Split into ${sizes}`, [x]);
    const parts = sizes.map((size) => ({
      name: this.fresh('Split'),
      dtype: x.dtype,
      shape: x.shape.map((dim, j) => (j === at ? size : dim)),
    }));
    this.node('Split', [x, this.int64s(sizes)], parts, { axis: at });
    return parts;
  }

  /** In `count` equal parts of a dimension that is known only when the graph runs. */
  splitEvenly(x: Value, axis: number, count: number): Value[] {
    const parts = Array.from({ length: count }, () => ({
      name: this.fresh('Split'),
      dtype: x.dtype,
      shape: x.shape.map((dim, j) => (j === axis ? `${dim}/${count}` : dim)),
    }));
    this.node('Split', [x], parts, { axis, num_outputs: count });
    return parts;
  }

  concat(values: readonly Value[], axis: number, dim?: Dim): Value {
    const [first] = values;
    if (!first) throw new Error(`Graph ${this.name}: nothing to join.`);
    const at = axis < 0 ? first.shape.length + axis : axis;
    const parts = values.map((value) => value.shape[at]);
    const total = dim ?? parts.reduce<number>((sum, part) => sum + (typeof part === 'number' ? part : Number.NaN), 0);
    return this.append(
      'Concat',
      values,
      first.dtype,
      first.shape.map((d, i) => (i === at ? total : d)),
      { axis: at },
    );
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return this.append(
      'Transpose',
      [x],
      x.dtype,
      perm.map((axis) => x.shape[axis] ?? 1),
      { perm },
    );
  }

  /** A symbolic dimension that was never defined is inferred; there can be only one. */
  reshape(x: Value, shape: readonly Dim[]): Value {
    const symbolic = shape.filter((dim) => typeof dim === 'string');
    const unknown = symbolic.filter((dim) => !this.isDefined(dim));
    const inferred = unknown[0] ?? symbolic.at(-1);
    if (unknown.length > 1) throw new Error(`Graph ${this.name}: reshape to [${shape}] has two unknown dimensions.`);
    let seen = false;
    const parts = shape.map((dim): number | Value => {
      if (typeof dim === 'number') return dim;
      if (dim === inferred && !seen) {
        seen = true;
        return -1;
      }
      return this.dim(dim);
    });
    return this.append('Reshape', [x, this.#shapeTensor(parts)], x.dtype, shape);
  }

  /** A row of ones [1, 1, dim], or one for each row of a batch; made once. */
  ones(dim: string, batch: 'b' | 1 = 1): Value {
    const rows = batch === 1 ? 1 : this.dim(batch);
    return this.kept(`ones ${batch} ${dim}`, () =>
      this.append('Expand', [this.scalar(1), this.#shapeTensor([rows, 1, this.dim(dim)])], 'f32', [batch, 1, dim]),
    );
  }

  expand(x: Value, length: number): Value {
    return this.append('Expand', [x, this.int64s([length])], x.dtype, [length]);
  }

  greaterOrEqual(a: Value, b: Value): Value {
    const shape = broadcastShapes(a.shape, b.shape) ?? this.mismatch('GreaterOrEqual', [a, b]);
    return this.append('GreaterOrEqual', [a, b], 'bool', shape);
  }

  and(a: Value, b: Value): Value {
    const shape = broadcastShapes(a.shape, b.shape) ?? this.mismatch('And', [a, b]);
    return this.append('And', [a, b], 'bool', shape);
  }

  where(condition: Value, a: Value, b: Value): Value {
    return this.append('Where', [condition, a, b], a.dtype, condition.shape);
  }

  #shapeTensor(parts: readonly (number | Value)[]): Value {
    if (parts.every((part) => typeof part === 'number')) return this.int64s(parts);
    const key = `shape ${parts.map((part) => (typeof part === 'number' ? part : part.name)).join(' ')}`;
    return this.kept(key, () => {
      const pieces = parts.map((part) => (typeof part === 'number' ? this.int64s([part]) : part));
      return this.concat(pieces, 0);
    });
  }

  #broadcast(op: string, a: Value, b: Value): Value {
    const shape = broadcastShapes(a.shape, b.shape) ?? this.mismatch(op, [a, b]);
    return this.append(op, [a, b], this.common(op, [a, b]), shape);
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
