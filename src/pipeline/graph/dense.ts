import type { Value } from './builder.ts';
import type { Columns, Weights } from './weights.ts';

export interface DenseOptions {
  /** The columns of the weight that `x` is multiplied with. @default all */
  readonly columns?: Columns;
  /** float32 [N], instead of the layer's own bias. */
  readonly bias?: Value;
  /** float32 [1], a factor of weight and bias. */
  readonly gain?: Value;
}

/**
 * A linear layer in the precision of the weights: tokens `x` [T, K] to [T, N]. Several layers over the same `x` are one product, their outputs
 * side by side. The result is float16 in `fp16`, else float32.
 *
 * It is for the layers inside blocks, where nearly all of the arithmetic is. Those at the edges (first and last projections,
 * timesteps) are `linear`, float32 in every precision.
 */
export function dense(
  x: Value,
  layers: Weights | readonly Weights[],
  inputs: number,
  outputs: number,
  options: DenseOptions = {},
): Value {
  const all = 'graph' in layers ? [layers] : layers;
  const [first] = all;
  if (!first) throw new Error('A product has at least one layer.');
  const g = first.graph;
  const { columns = [0, inputs], gain } = options;
  const joined = (values: readonly Value[], axis: number) => {
    const [only] = values;
    return only && values.length === 1 ? only : g.concat(values, axis);
  };
  const times = (value: Value) => (gain ? g.mul(value, gain) : value);
  const shape = [outputs, inputs];
  const biases = () => all.map((layer) => layer.get('bias', [outputs]));
  const bias = times(options.bias ?? joined(biases(), 0));
  switch (first.precision) {
    case 'fp32': {
      const whole = columns[1] - columns[0] === inputs;
      const one = (layer: Weights) => (whole ? layer.get('weight', shape) : layer.columns('weight', shape, columns));
      return g.gemm(x, times(joined(all.map(one), 0)), bias);
    }
    case 'fp16': {
      const halves = all.map((layer) => layer.half('weight', shape, columns));
      const weight = joined(halves, 0);
      return g.gemm(g.cast(x, 'f16'), gain ? g.mul(weight, g.cast(gain, 'f16')) : weight, g.cast(bias, 'f16'));
    }
    case 'int8': {
      const parts = all.map((layer) => layer.int8('weight', shape, columns));
      const [weights, scales] = [parts.map(({ weight }) => weight), parts.map(({ scale }) => scale)];
      const weight = joined(weights, 1);
      return g.quantisedMatMul(x, weight, times(joined(scales, 0)), bias);
    }
  }
}
