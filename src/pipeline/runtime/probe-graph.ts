import { attention } from '../graph/attention.ts';
import { grid, toTokens } from '../graph/blocks.ts';
import { GraphBuilder, type Value } from '../graph/builder.ts';
import { roundToBytes } from '../graph/round-to-bytes.ts';

/** Channels of the text, in two heads of the published networks' size. */
const WIDE = 128;
const HEADS = 2;
/** More than 31 queries take another way through some providers than fewer. */
const TOKENS = 40;
const [CHANNELS, SIDE] = [16, 8];

/** Shapes of what the graph takes. */
export const PROBE_INPUTS = {
  text: [1, TOKENS, WIDE],
  image: [1, CHANNELS, SIDE, SIDE],
} as const;

/**
 * Every kind of operator that the networks use on a GPU, in a graph that takes milliseconds.
 *
 * Outputs: `attention` and `causal`, by the fused operator, without and with a bias; the same as `products` and
 * `causalProducts`, by products and a softmax; `network`, everything else; `bytes`, the end of Stage A.
 *
 * @param dtype of weights and products
 */
export function probeGraph(dtype: 'f32' | 'f16'): GraphBuilder {
  const g = new GraphBuilder('probe');
  const text = g.cast(g.input('text', 'f32', ['b', 't', WIDE]), dtype);
  const ids = g.input('ids', 'i64', ['b', 't']);
  const queries = g.slice(text, 1, 0, 32);
  const bias = causalBias(g, ids, dtype);
  for (const [fused, plain, masked] of [
    [true, 'attention', 'causal'],
    [false, 'products', 'causalProducts'],
  ] as const) {
    g.output(plain, g.cast(attention(g, [queries, text, text], HEADS, fused), 'f32'));
    g.output(masked, g.cast(attention(g, [text, text, text], HEADS, fused, bias), 'f32'));
  }
  const image = g.input('image', 'f32', ['b', CHANNELS, 'h', 'w']);
  g.output('network', network(g, image, ids, dtype));
  g.output('bytes', roundToBytes(g, image));
  return g;
}

function causalBias(g: GraphBuilder, ids: Value, dtype: 'f32' | 'f16'): Value {
  const positions = g.firstRows(g.int64s(Array.from({ length: TOKENS + 1 }, (_, i) => i)), 't');
  const causal = g.greaterOrEqual(g.reshape(positions, [1, 1, 't', 1]), g.reshape(positions, [1, 1, 1, 't']));
  const present = g.greaterOrEqual(g.reshape(ids, ['b', 1, 1, 't']), g.int64s([0]));
  return g.cast(g.where(g.and(causal, present), g.scalar(0), g.scalar(-30_000)), dtype);
}

/** A block as in Stages C and B, and a change of resolution as in Stages B and A. */
function network(g: GraphBuilder, image: Value, ids: Value, dtype: 'f32' | 'f16'): Value {
  const at = grid();
  g.defineProduct(at.area, at.h, at.w);
  const weights = (...shape: number[]) => g.cast(g.floats(wave(shape), shape), dtype);
  const dense = (x: Value, outputs: number) =>
    g.gemm(g.cast(x, dtype), weights(outputs, Number(x.shape[1])), weights(outputs));
  const depthwise = g.conv(image, g.floats(wave([CHANNELS, 1, 3, 3]), [CHANNELS, 1, 3, 3]), undefined, {
    ...{ kernel: 3, pad: 1, groups: CHANNELS },
    sides: [at.h, at.w],
  });
  const normed = g.layerNorm(toTokens(g, depthwise, at), 1e-6);
  const wide = 4 * CHANNELS;
  const hidden = g.gelu(dense(g.concat([normed, normed], 1), wide));
  const x = g.reshape(g.cast(hidden, 'f32'), [at.b, at.area, wide]);
  const norm = g.unary('Sqrt', g.matMul(g.ones(at.area), g.mul(x, x)));
  const factor = g.div(norm, g.add(g.reduce('ReduceMean', norm, 2), g.scalar(1e-6)));
  const scaled = g.reshape(g.mul(x, factor), [at.tokens, wide]);
  const [a, b] = g.split(g.cast(dense(scaled, 2 * CHANNELS), 'f32'), 1, [CHANNELS, CHANNELS]);
  if (!a || !b) throw new Error('The probe splits in two.');
  const embedded = g.reshape(g.gather(weights(2, CHANNELS), ids), ['b', 't', CHANNELS]);
  const gated = g.mul(g.unary('Sigmoid', g.quickGelu(g.cast(a, dtype))), g.leakyRelu(g.cast(b, dtype), 0.2));
  const summed = g.add(g.cast(gated, 'f32'), g.cast(g.reshape(g.slice(embedded, 1, 0, 1), [1, CHANNELS]), 'f32'));
  const magnitude = g.unary('Abs', g.sub(summed, g.scalar(0.25)));
  const padded = g.padEdge(g.reshape(magnitude, [at.b, at.h, at.w, CHANNELS]), ['h+2', 'w+2']);
  const channelsFirst = g.transpose(padded, [0, 3, 1, 2]);
  const shrunk = g.conv(channelsFirst, g.floats(wave([4, CHANNELS, 4, 4]), [4, CHANNELS, 4, 4]), undefined, {
    ...{ kernel: 4, stride: 2, pad: 1 },
    sides: ['h2', 'w2'],
  });
  return g.convTranspose(shrunk, g.floats(wave([4, 4, 4, 4]), [4, 4, 4, 4]), g.floats(wave([4]), [4]), {
    ...{ kernel: 4, stride: 2, pad: 1 },
    sides: ['h4', 'w4'],
  });
}

/** Values in [-1, 1] that no shift or exchange of axes leaves as they are. */
export function wave(shape: readonly number[]): number[] {
  const length = shape.reduce((product, side) => product * side, 1);
  return Array.from({ length }, (_, i) => Math.sin(1.7 * i + 0.003 * i * i));
}
