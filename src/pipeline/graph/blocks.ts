import type { RowPiece } from '../checkpoint/weight-recipe.ts';
import { type AttentionPlan, attentionInPieces } from './attention.ts';
import type { Dim, GraphBuilder, Value } from './builder.ts';
import { dense, denseTogether, withLowRank } from './dense.ts';
import type { Weights } from './weights.ts';

/**
 * The blocks shared by Stage C and Stage B. Activations are tokens [B·H·W, C]: every linear layer is one plain matrix
 * product, and only the depthwise convolution sees NCHW.
 *
 * @see https://github.com/huggingface/diffusers/blob/main/src/diffusers/pipelines/deprecated/wuerstchen/modeling_wuerstchen_common.py
 */

const EPSILON = 1e-6;

/** Which exact savings a graph makes. All are on, except in tests and benchmarks that compare with the plain graph. */
export interface Folds {
  /** Stage B: EfficientNet mapper and the skip columns of `channelwise.0` become one small matrix. */
  readonly skip: boolean;
  /** q, k and v of one input are one product. */
  readonly qkv: boolean;
  /** Stage A: `gammas` move into norms and neighbouring weights. */
  readonly gammas: boolean;
  /** What does not depend on the timestep is a graph of its own. */
  readonly conditioning: boolean;
  /** Keys and values of the text are one product for all blocks; only in 16 bits, which are prepared anyway. */
  readonly textKeys: boolean;
  /** Sums over the area are products of as many rows of ones as the batch has: CUDA then needs no list of addresses for each. */
  readonly stridedSums: boolean;
  /** Attention is one operator, which has to split its matrix of scores by itself; otherwise the graph does. */
  readonly wholeAttention: boolean;
  /** A piece of attention is one operator; otherwise two products with a softmax between them. */
  readonly fusedAttention: boolean;
}

export const ALL_FOLDS: Folds = {
  ...{ skip: true, qkv: true, gammas: true, conditioning: true, textKeys: true, stridedSums: true },
  ...{ wholeAttention: true, fusedAttention: true },
};
export const NO_FOLDS: Folds = {
  ...{ skip: false, qkv: false, gammas: false, conditioning: false, textKeys: false, stridedSums: false },
  ...{ wholeAttention: false, fusedAttention: false },
};

/** What a picture needs once, and what it needs at every step. */
export interface StepGraphs {
  /** `null` where everything is part of the step. */
  readonly conditioning: GraphBuilder | null;
  readonly step: GraphBuilder;
}

/** Names of the three dimensions of an activation. */
export interface Grid {
  readonly b: string;
  readonly h: string;
  readonly w: string;
  /** b·h·w */
  readonly tokens: string;
  /** h·w */
  readonly area: string;
}

export function grid(suffix = ''): Grid {
  const h = `h${suffix}`;
  const w = `w${suffix}`;
  return { b: 'b', h, w, tokens: `b*${h}*${w}`, area: `${h}*${w}` };
}

export function linear(x: Value, weights: Weights, inputs: number, outputs: number): Value {
  const whole = weights.graph.gemm(x, weights.get('weight', [outputs, inputs]), weights.get('bias', [outputs]));
  return withLowRank(whole, x, weights, inputs, outputs);
}

/** NCHW to tokens. */
export function toTokens(g: GraphBuilder, x: Value, { tokens }: Grid): Value {
  return g.reshape(g.transpose(x, [0, 2, 3, 1]), [tokens, x.shape[1] ?? 1]);
}

/** Tokens to NCHW. */
export function toImage(g: GraphBuilder, x: Value, { b, h, w }: Grid): Value {
  return g.transpose(g.reshape(x, [b, h, w, x.shape[1] ?? 1]), [0, 3, 1, 2]);
}

/** A 1×1 convolution over tokens. */
export function pointwise(x: Value, weights: Weights, inputs: number, outputs: number): Value {
  const weight = weights.graph.reshape(weights.get('weight', [outputs, inputs, 1, 1]), [outputs, inputs]);
  return withLowRank(weights.graph.gemm(x, weight, weights.get('bias', [outputs])), x, weights, inputs, outputs);
}

/** What a Stage B block sees beside its own normed activations. */
export interface Skip {
  /** Output of the same level on the way down, tokens [T, level]. */
  readonly level?: { readonly x: Value; readonly channels: number };
  /** Resized image embedding, tokens [T, 16], with the mapper that leads to the block's `cCond` channels. */
  readonly effnet?: { readonly x: Value; readonly mapper: Weights; readonly channels: number; readonly cCond: number };
}

/** ResBlock of Stage C and (with `skip`) ResBlockStageB of Stage B. */
export function resBlock(
  x: Value,
  weights: Weights,
  at: Grid,
  options: { c: number; kernel: number; skip?: Skip; folds: Folds },
): Value {
  const g = weights.graph;
  const { c, kernel } = options;
  const depthwise = weights.at('depthwise');
  const convolved = g.conv(
    toImage(g, x, at),
    depthwise.changed('weight', [c, 1, kernel, kernel]),
    depthwise.get('bias', [c]),
    {
      kernel,
      pad: Math.floor(kernel / 2),
      groups: c,
      sides: [at.h, at.w],
    },
  );
  const normed = g.layerNorm(toTokens(g, convolved, at), EPSILON);
  const channelwise = weights.at('channelwise');
  const hidden = g.gelu(expandWithSkip(normed, channelwise.at(0), c, options.skip, options.folds.skip));
  return g.add(x, contractWithGrn(hidden, channelwise, at, c, options.folds));
}

/** `channelwise.0` on `concat(normed, skip)`. */
function expandWithSkip(normed: Value, weights: Weights, c: number, skip: Skip | undefined, fold: boolean): Value {
  const { level, effnet } = skip ?? {};
  const g = weights.graph;
  const own = c + (level?.channels ?? 0);
  const inputs = own + (effnet?.cCond ?? 0);
  const shape = [4 * c, inputs];
  const seen = level ? [normed, level.x] : [normed];
  const join = (parts: Value[]) => (parts.length > 1 ? g.concat(parts, 1) : (parts[0] ?? normed));
  if (!effnet || !fold) {
    const mapped = effnet ? [pointwise(effnet.x, effnet.mapper, effnet.channels, effnet.cCond)] : [];
    return weights.precision === 'int8' && inputs > c
      ? linear(join([...seen, ...mapped]), weights, inputs, 4 * c)
      : dense(join([...seen, ...mapped]), weights, inputs, 4 * c);
  }
  // W · [x, M·e + m] + b = [W_x, W_e·M] · [x, e] + (b + W_e·m): the K of the product falls by cCond − 16.
  const { mapper: mapping, cCond, channels } = effnet;
  const rest = [own, inputs] as const;
  const small = { columns: rest, times: mapping.factor('weight', [cCond, channels, 1, 1]) };
  const shift = { columns: rest, times: mapping.factor('bias', [cCond]) };
  const matrix = (as: 'f32' | 'f16', row: readonly RowPiece[]) =>
    weights.matrix(as, [weights.part('weight', shape, { row })]);
  const bias = g.add(weights.get('bias', [4 * c]), g.reshape(matrix('f32', [shift]), [4 * c]));
  if (weights.precision === 'int8') {
    // Skips have other ranges: quantised together with the normed activations they would cost them precision.
    const product = dense(normed, weights, inputs, 4 * c, { columns: [0, c], bias });
    const beside = matrix('f32', [...(level ? [{ columns: [c, own] } as const] : []), small]);
    return g.gemm(join([...seen.slice(1), effnet.x]), beside, product);
  }
  const folded = matrix(weights.precision === 'fp16' ? 'f16' : 'f32', [{ columns: [0, own] }, small]);
  return g.gemm(g.cast(join([...seen, effnet.x]), folded.dtype), folded, g.cast(bias, folded.dtype));
}

/**
 * GlobalResponseNorm and `channelwise.4`. The norm is one factor per row and channel, and its `beta` a constant that
 * the second linear layer turns into a part of its bias.
 */
function contractWithGrn(hidden: Value, weights: Weights, at: Grid, c: number, folds: Folds): Value {
  const g = weights.graph;
  const wide = 4 * c;
  const grn = weights.at(2);
  const x = g.reshape(hidden, [at.b, at.area, wide]);
  // Squares overflow 16 bits long before the activations do.
  const exact = g.cast(x, 'f32');
  // The sum over the area as a product with ones: onnxruntime's reductions over an inner axis are up to nine times slower.
  const ones = g.ones(at.area, folds.stridedSums ? 'b' : 1);
  const norm = g.unary('Sqrt', g.matMul(ones, g.mul(exact, exact)));
  const relative = g.div(norm, g.add(g.reduce('ReduceMean', norm, 2), g.scalar(EPSILON)));
  const factor = g.add(g.mul(relative, g.reshape(grn.get('gamma', [1, 1, 1, wide]), [1, 1, wide])), g.scalar(1));
  const scaled = g.reshape(g.mul(x, g.cast(factor, x.dtype)), [at.tokens, wide]);
  const out = weights.at(4);
  const row = [{ columns: [0, wide], times: grn.factor('beta', [1, 1, 1, wide]) }] as const;
  const shift = g.reshape(out.matrix('f32', [out.part('weight', [c, wide], { row })]), [c]);
  const constant = () => grn.get('beta', [1, 1, 1, wide]);
  return g.cast(dense(scaled, out, wide, c, { bias: g.add(out.get('bias', [c]), shift), constant }), 'f32');
}

/** `x · (1 + a) + b`, with a and b mapped from the timestep embedding [B, cR]. */
export function timestepBlock(x: Value, rEmbed: Value, weights: Weights, at: Grid, c: number, cR: number): Value {
  const g = weights.graph;
  const mapped = linear(rEmbed, weights.at('mapper'), cR, 2 * c);
  const [a, b] = g.split(mapped, 1, [c, c]);
  if (!a || !b) throw new Error('A timestep block splits in two.');
  const scale = g.reshape(g.add(a, g.scalar(1)), [at.b, 1, c]);
  const moved = g.add(g.mul(g.reshape(x, [at.b, at.area, c]), scale), g.reshape(b, [at.b, 1, c]));
  return g.reshape(moved, [at.tokens, c]);
}

export interface AttentionShape {
  readonly c: number;
  readonly heads: number;
  /** Channels of the text conditioning. */
  readonly cCond: number;
  /** Name of the number of text tokens. */
  readonly textTokens: string;
  readonly plan: AttentionPlan;
}

export interface KeyValue {
  readonly key: Value;
  readonly value: Value;
}

/** heads × dim_head, as diffusers' Attention computes it. */
export function innerDim({ c, heads }: AttentionShape): number {
  return Math.floor(c / heads) * heads;
}

export function silu(g: GraphBuilder, x: Value): Value {
  return g.mul(x, g.unary('Sigmoid', x));
}

/** Attention of the activations over themselves followed by the text; the residual is added here. */
export function attnBlock(
  x: Value,
  text: KeyValue,
  weights: Weights,
  at: Grid,
  shape: AttentionShape,
  joinQkv: boolean,
): Value {
  const g = weights.graph;
  const { c, heads, textTokens, plan } = shape;
  const inner = innerDim(shape);
  const attention = weights.at('attention');
  const normed = g.layerNorm(x, EPSILON);
  const sequence = (v: Value): Value => g.reshape(v, [at.b, at.area, inner]);
  const [q, k, v] = selfProjections(normed, attention, c, inner, joinQkv);
  const all: Dim = `${at.area}+${textTokens}`;
  const keys = g.concat([sequence(k), g.cast(text.key, k.dtype)], 1, all);
  const values = g.concat([sequence(v), g.cast(text.value, v.dtype)], 1, all);
  const attended = attentionInPieces(g, [sequence(q), keys, values], heads, plan);
  const out = dense(g.reshape(attended, [at.tokens, inner]), attention.at('to_out', 0), inner, c);
  return g.add(x, g.cast(out, 'f32'));
}

function selfProjections(x: Value, attention: Weights, c: number, inner: number, join: boolean): [Value, Value, Value] {
  const layers = ['to_q', 'to_k', 'to_v'].map((key) => attention.at(key));
  const [q, k, v] = join ? denseTogether(x, layers, c, inner) : layers.map((layer) => dense(x, layer, c, inner));
  if (!q || !k || !v) throw new Error('Attention has three projections.');
  return [q, k, v];
}

/** Text embeddings [B, T, C] as tokens [B·T, C]. */
export function textTokens(g: GraphBuilder, text: Value): Value {
  return g.reshape(text, ['b*t', text.shape[2] ?? 1]);
}
