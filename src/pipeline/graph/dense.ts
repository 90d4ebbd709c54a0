import type { GraphBuilder, Value } from './builder.ts';
import type { Weights } from './weights.ts';

export interface DenseOptions {
  /** The columns of the weight that `x` is multiplied with. @default all */
  readonly columns?: readonly [from: number, to: number];
  /** float32 [N], instead of the layer's own bias. */
  readonly bias?: Value;
  /** float32 [1], a factor of weight and bias. */
  readonly gain?: Value;
  /** float32 [K], which `x` lacks and whose product with the weight is part of `bias`; asked for where a LoRA has to see it. */
  readonly constant?: () => Value;
}

/**
 * A linear layer in the precision of the weights: tokens `x` [T, K] to [T, N]. The result is float16 in `fp16`, else
 * float32.
 *
 * It is for the layers inside blocks, where nearly all of the arithmetic is. Those at the edges (first and last projections,
 * timesteps) are `linear`, float32 in every precision.
 */
export function dense(x: Value, layer: Weights, inputs: number, outputs: number, options: DenseOptions = {}): Value {
  return withLowRank(product(x, [layer], inputs, outputs, options), x, layer, inputs, outputs, options.constant);
}

/** Several linear layers over the same `x`, as one product. */
export function denseTogether(x: Value, layers: readonly Weights[], inputs: number, outputs: number): Value[] {
  const joined = product(x, layers, inputs, outputs);
  const widths = layers.map(() => outputs);
  const parts = layers[0]?.graph.split(joined, 1, widths) ?? [];
  return layers.map((layer, i) => withLowRank(parts[i] ?? joined, x, layer, inputs, outputs));
}

/**
 * What a layer gives for `x` [T, K], with what a LoRA adds, if it changes the layer: the base's weight stays as it is, and
 * the branch beside it takes `x` through two narrow products.
 *
 * @param whole [T, N], without the LoRA
 * @param constant float32 [K], which is to be added to `x`
 */
export function withLowRank(
  whole: Value,
  x: Value,
  layer: Weights,
  inputs: number,
  outputs: number,
  constant?: () => Value,
): Value {
  if (!layer.isAdapted) return whole;
  const g = layer.graph;
  const { a, b } = layer.lowRank(inputs, outputs, whole.dtype);
  const [rank = 1] = a.shape;
  const shift = constant && g.reshape(g.matMul(a, g.cast(g.reshape(constant(), [inputs, 1]), a.dtype)), [rank]);
  return g.gemm(g.gemm(g.cast(x, a.dtype), a, shift), b, whole);
}

function product(
  x: Value,
  all: readonly Weights[],
  inputs: number,
  outputs: number,
  options: DenseOptions = {},
): Value {
  const [first] = all;
  if (!first) throw new Error('A product has at least one layer.');
  const g = first.graph;
  const { columns = [0, inputs], gain } = options;
  const times = (value: Value) => (gain ? g.mul(value, gain) : value);
  const biases = () => all.map((layer) => layer.get('bias', [outputs]));
  const bias = times(options.bias ?? joined(g, biases()));
  const parts = all.map((layer) => layer.part('weight', [outputs, inputs], { row: [{ columns }] }));
  switch (first.precision) {
    case 'fp32':
      return g.gemm(x, times(first.matrix('f32', parts)), bias);
    case 'fp16': {
      const weight = first.matrix('f16', parts);
      return g.gemm(g.cast(x, 'f16'), gain ? g.mul(weight, g.cast(gain, 'f16')) : weight, g.cast(bias, 'f16'));
    }
    case 'int8': {
      const { weight, scale } = first.int8(parts);
      return g.quantisedMatMul(x, weight, times(scale), bias);
    }
  }
}

function joined(g: GraphBuilder, values: readonly Value[]): Value {
  const [only] = values;
  return only && values.length === 1 ? only : g.concat(values, 0);
}
