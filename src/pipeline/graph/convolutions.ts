import type { GraphBuilder, Value } from './builder.ts';
import type { Weights } from './weights.ts';

/** Symbolic height and width of an NCHW activation. */
export type Sides = readonly [string, string];

export interface ConvOptions {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  /** @default 1 */
  readonly stride?: number;
  /** @default 1 */
  readonly groups?: number;
  readonly sides: Sides;
}

/** What normalises the outputs of a convolution, in evaluation mode. */
export interface Norm {
  readonly weights: Weights;
  readonly epsilon: number;
  /** Whether it has a weight and a bias of its own. */
  readonly affine: boolean;
}

/** A convolution with a bias; padding keeps the sides, but for the stride. */
export function conv(x: Value, weights: Weights, options: ConvOptions): Value {
  return convolve(x, weights.graph, convWeight(weights, options), weights.get('bias', [options.outputs]), options);
}

/** A convolution without a bias, and the BatchNorm2d behind it: its running statistics become part of weight and bias. */
export function normedConv(x: Value, weights: Weights, norm: Norm, options: ConvOptions): Value {
  const g = weights.graph;
  const { scale, shift } = scaleAndShift(norm, options.outputs);
  const weight = g.mul(convWeight(weights, options), g.reshape(scale, [options.outputs, 1, 1, 1]));
  return convolve(x, g, weight, shift, options);
}

function convWeight(weights: Weights, { inputs, outputs, kernel, groups = 1 }: ConvOptions): Value {
  return weights.get('weight', [outputs, inputs / groups, kernel, kernel]);
}

function convolve(x: Value, g: GraphBuilder, weight: Value, bias: Value, options: ConvOptions): Value {
  const { kernel, stride = 1, groups = 1, sides } = options;
  return g.conv(x, weight, bias, { kernel, stride, pad: Math.floor((kernel - 1) / 2), groups, sides });
}

function scaleAndShift({ weights, epsilon, affine }: Norm, channels: number) {
  const g = weights.graph;
  const get = (key: string) => weights.get(key, [channels]);
  const deviation = g.unary('Sqrt', g.add(get('running_var'), g.scalar(epsilon)));
  const scale = g.div(affine ? get('weight') : g.filled(1, channels), deviation);
  const shift = g.mul(get('running_mean'), scale);
  return { scale, shift: affine ? g.sub(get('bias'), shift) : g.unary('Neg', shift) };
}
