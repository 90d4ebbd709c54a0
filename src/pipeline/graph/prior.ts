import { z } from '../../system/zod-mini.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import { parseConfig } from '../checkpoint/config-file.ts';
import { WHOLE } from './attention.ts';
import {
  type AttentionShape,
  attnBlock,
  type Folds,
  grid,
  type KeyValue,
  linear,
  pointwise,
  resBlock,
  type StepGraphs,
  silu,
  textTokens,
  timestepBlock,
  toImage,
  toTokens,
} from './blocks.ts';
import { GraphBuilder, type Value } from './builder.ts';
import { textKeysAndValues } from './text-keys.ts';
import { type Adapted, UNADAPTED, Weights } from './weights.ts';

const positive = z.int().check(z.positive());
const schema = z.object({
  c_in: z._default(positive, 16),
  c: z._default(positive, 1280),
  c_cond: z._default(positive, 1024),
  c_r: z._default(z.int().check(z.minimum(4)), 64),
  depth: z._default(positive, 16),
  nhead: z._default(positive, 16),
});
export type PriorConfig = z.infer<typeof schema>;

export function priorConfig(component: Component): PriorConfig {
  return parseConfig(schema, component, 'WuerstchenPrior');
}

const EPSILON = 1e-6;

/**
 * Stage C. Step graph: `x` [B, c_in, H, W], `r` [B, c_r], text keys and values → `pred` [B, c_in, H, W].
 * Conditioning graph: `text` [B, T, c_cond] → keys and values of every block.
 *
 * @see https://github.com/huggingface/diffusers/blob/main/src/diffusers/pipelines/deprecated/wuerstchen/modeling_wuerstchen_prior.py
 */
export function priorGraphs(component: Component, folds: Folds, adapted: Adapted = UNADAPTED): StepGraphs {
  const config = priorConfig(component);
  const step = new GraphBuilder('prior');
  if (!folds.conditioning) {
    const weights = new Weights(step, component, adapted);
    const text = step.input('text', 'f32', ['b', 't', config.c_cond]);
    writeStep(weights, config, conditioning(weights, config, text, folds), folds);
    return { conditioning: null, step };
  }
  const conditioner = new GraphBuilder('prior-conditioning', { feedsGraphs: true });
  const text = conditioner.input('text', 'f32', ['b', 't', config.c_cond]);
  const pairs = conditioning(new Weights(conditioner, component, adapted), config, text, folds);
  const inputs = pairs.map(({ key, value }, i) => {
    conditioner.output(`k${i}`, conditioner.cast(key, 'f32'));
    conditioner.output(`v${i}`, conditioner.cast(value, 'f32'));
    const shape = ['b', 't', key.shape[2] ?? 0];
    return { key: step.input(`k${i}`, 'f32', shape), value: step.input(`v${i}`, 'f32', shape) };
  });
  writeStep(new Weights(step, component, adapted), config, inputs, folds);
  return { conditioning: conditioner, step };
}

function attentionShape(config: PriorConfig, folds: Folds): AttentionShape {
  // It has few positions, whose number may be odd, so the heads are split instead.
  const plan = folds.wholeAttention ? WHOLE : { queries: 1, heads: 4, fused: folds.fusedAttention };
  return { c: config.c, heads: config.nhead, cCond: config.c, textTokens: 't', plan };
}

function conditioning(weights: Weights, config: PriorConfig, text: Value, folds: Folds): KeyValue[] {
  const g = weights.graph;
  const { c, c_cond, depth } = config;
  const mapper = weights.at('cond_mapper');
  const hidden = g.leakyRelu(linear(textTokens(g, text), mapper.at(0), c_cond, c), 0.2);
  const activated = silu(g, linear(hidden, mapper.at(2), c, c));
  const shape = attentionShape(config, folds);
  const blocks = Array.from({ length: depth }, (_, i) => ({ weights: weights.at('blocks', 3 * i + 2), shape }));
  return textKeysAndValues(activated, blocks, folds);
}

function writeStep(weights: Weights, config: PriorConfig, text: readonly KeyValue[], folds: Folds): void {
  const g = weights.graph;
  const { c_in: cIn, c, c_r: cR } = config;
  const at = grid();
  const input = g.input('x', 'f32', ['b', cIn, 'h', 'w']);
  const rEmbed = g.input('r', 'f32', ['b', cR]);
  g.defineProduct(at.area, at.h, at.w);
  let x = pointwise(toTokens(g, input, at), weights.at('projection'), cIn, c);
  text.forEach((keyValue, i) => {
    const block = (k: number) => weights.at('blocks', 3 * i + k);
    g.seam();
    x = resBlock(x, block(0), at, { c, kernel: 3, folds });
    x = timestepBlock(x, rEmbed, block(1), at, c, cR);
    g.seam();
    x = attnBlock(x, keyValue, block(2), at, attentionShape(config, folds), folds.qkv);
  });
  const out = pointwise(g.layerNorm(x, EPSILON), weights.at('out', 1), c, 2 * cIn);
  const [a, b] = g.split(toImage(g, out, at), 1, [cIn, cIn]);
  if (!a || !b) throw new Error('The prior ends in two halves.');
  const divisor = g.add(g.unary('Abs', g.sub(g.scalar(1), b)), g.scalar(1e-5));
  g.output('pred', g.div(g.sub(input, a), divisor));
}
