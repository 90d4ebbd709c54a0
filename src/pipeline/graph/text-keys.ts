import { type AttentionShape, type Folds, innerDim, type KeyValue } from './blocks.ts';
import type { GraphBuilder, Value } from './builder.ts';
import { dense } from './dense.ts';
import type { Weights } from './weights.ts';

export interface AttentionBlock {
  readonly weights: Weights;
  readonly shape: AttentionShape;
}

/** Keys and values [B, T, inner] of the text (tokens [B·T, cCond], SiLU applied) for each block; they do not depend on the timestep. */
export function textKeysAndValues(text: Value, blocks: readonly AttentionBlock[], folds: Folds): KeyValue[] {
  const [first] = blocks;
  const isOne = first?.weights.precision === 'fp16' && first.weights.isPrepared && !blocks.some(hasAdaptedText);
  if (!folds.textKeys || !isOne) {
    return blocks.map(({ weights, shape }) => {
      weights.graph.seam();
      return textKeyValue(text, weights, shape);
    });
  }
  const g = first.weights.graph;
  const { weight, bias } = textProduct(first.weights, blocks);
  const all = g.reshape(g.gemm(g.cast(text, 'f16'), weight, bias), ['b', first.shape.textTokens, weight.shape[0] ?? 0]);
  const widths = blocks.flatMap(({ shape }) => [innerDim(shape), innerDim(shape)]);
  // A picture's once, they are cut off one by one: WebGPU binds a limited number of outputs.
  const parts = folds.conditioning ? slices(g, all, widths) : g.split(all, 2, widths);
  return blocks.map((_, i) => ({ key: parts[2 * i] ?? all, value: parts[2 * i + 1] ?? all }));
}

/** W_k · (W_m · t + m) + k = (W_k · W_m) · t + (W_k · m + k): between the two layers there is nothing else. */
function textProduct(any: Weights, blocks: readonly AttentionBlock[]) {
  const g = any.graph;
  const layers = blocks.flatMap(({ weights, shape: { c, cCond }, shape }) => {
    const mapper = weights.at('kv_mapper', 1);
    return ['to_k', 'to_v'].map((key) => {
      const layer = weights.at('attention', key);
      const times = (one: string, dims: readonly number[]) =>
        layer.part('weight', [innerDim(shape), c], { row: [{ columns: [0, c], times: mapper.factor(one, dims) }] });
      const own = layer.get('bias', [innerDim(shape)]);
      return { weight: times('weight', [c, cCond]), bias: times('bias', [c]), own };
    });
  });
  const shifts = any.matrix(
    'f32',
    layers.map((layer) => layer.bias),
  );
  const own = g.concat(
    layers.map((layer) => layer.own),
    0,
  );
  const bias = g.cast(g.add(g.reshape(shifts, own.shape), own), 'f16');
  const weight = any.matrix(
    'f16',
    layers.map((layer) => layer.weight),
  );
  return { weight, bias };
}

function hasAdaptedText({ weights }: AttentionBlock): boolean {
  const attention = weights.at('attention');
  return [weights.at('kv_mapper', 1), attention.at('to_k'), attention.at('to_v')].some((layer) => layer.isAdapted);
}

/** Parts of the last of three dimensions. */
function slices(g: GraphBuilder, x: Value, widths: readonly number[]): Value[] {
  let from = 0;
  return widths.map((width) => {
    from += width;
    return g.slice(x, 2, from - width, from);
  });
}

/** Keys and values of one block. */
function textKeyValue(text: Value, weights: Weights, shape: AttentionShape): KeyValue {
  const g = weights.graph;
  const { c, cCond, textTokens } = shape;
  const inner = innerDim(shape);
  const mapped = dense(text, weights.at('kv_mapper', 1), cCond, c);
  const attention = weights.at('attention');
  const project = (key: string) => g.reshape(dense(mapped, attention.at(key), c, inner), ['b', textTokens, inner]);
  return { key: project('to_k'), value: project('to_v') };
}
