import { z } from '../../system/zod-mini.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import { parseConfig } from '../checkpoint/config-file.ts';
import { attention } from './attention.ts';
import type { Folds } from './blocks.ts';
import { GraphBuilder, type Value } from './builder.ts';
import { dense, denseTogether } from './dense.ts';
import { type Adapted, UNADAPTED, Weights } from './weights.ts';

const positive = z.int().check(z.positive());
const schema = z.object({
  hidden_size: z._default(positive, 512),
  intermediate_size: z._default(positive, 2048),
  num_hidden_layers: z._default(positive, 12),
  num_attention_heads: z._default(positive, 8),
  max_position_embeddings: z._default(positive, 77),
  vocab_size: z._default(positive, 49408),
  layer_norm_eps: z._default(z.number().check(z.positive()), 1e-5),
  hidden_act: z._default(z.enum(['gelu', 'quick_gelu']), 'quick_gelu'),
});
export type ClipTextConfig = z.infer<typeof schema>;

export function clipTextConfig(component: Component): ClipTextConfig {
  return parseConfig(schema, component, 'CLIPTextModel');
}

/** Added to a masked score: softmax makes it exactly 0. The second fits 16 bits. */
const MASKED = -3.4028234663852886e38;
const MASKED_HALF = -30_000;

/**
 * CLIPTextModel: `input_ids`, `attention_mask` [B, T] → `last_hidden_state` [B, T, C], causal and key-padding mask.
 *
 * @see https://github.com/huggingface/transformers/blob/main/src/transformers/models/clip/modeling_clip.py
 */
export function clipTextGraph(component: Component, folds: Folds, adapted: Adapted = UNADAPTED): GraphBuilder {
  const config = clipTextConfig(component);
  const { hidden_size: c, intermediate_size: wide, num_attention_heads: heads, layer_norm_eps: epsilon } = config;
  const g = new GraphBuilder('clip-text');
  const weights = new Weights(g, component, adapted);
  const ids = g.input('input_ids', 'i64', ['b', 't']);
  const mask = g.input('attention_mask', 'i64', ['b', 't']);
  const embeddings = weights.at('embeddings');
  const words = g.gather(embeddings.at('token_embedding').get('weight', [config.vocab_size, c]), ids);
  const positions = embeddings.at('position_embedding').get('weight', [config.max_position_embeddings, c]);
  let x = g.reshape(g.add(words, g.firstRows(positions, 't')), ['b*t', c]);
  const masked = component.precision === 'fp16' ? MASKED_HALF : MASKED;
  const bias = attentionBias(g, mask, config.max_position_embeddings, masked);

  const norm = (v: Value, scope: Weights) => g.layerNorm(v, epsilon, scope.get('weight', [c]), scope.get('bias', [c]));
  const activate = (v: Value) => (config.hidden_act === 'gelu' ? g.gelu(v) : g.quickGelu(v));
  for (let i = 0; i < config.num_hidden_layers; i += 1) {
    const layer = weights.at('encoder', 'layers', i);
    g.seam();
    const attended = selfAttention(norm(x, layer.at('layer_norm1')), layer.at('self_attn'), c, heads, bias, folds);
    x = g.add(x, g.cast(attended, 'f32'));
    const hidden = activate(dense(norm(x, layer.at('layer_norm2')), layer.at('mlp', 'fc1'), c, wide));
    x = g.add(x, g.cast(dense(hidden, layer.at('mlp', 'fc2'), wide, c), 'f32'));
  }
  g.output('last_hidden_state', g.reshape(norm(x, weights.at('final_layer_norm')), ['b', 't', c]));
  return g;
}

function selfAttention(x: Value, weights: Weights, c: number, heads: number, bias: Value, folds: Folds): Value {
  const g = weights.graph;
  const layers = ['q_proj', 'k_proj', 'v_proj'].map((key) => weights.at(key));
  const parts = folds.qkv ? denseTogether(x, layers, c, c) : layers.map((layer) => dense(x, layer, c, c));
  const [q, k, v] = parts.map((part) => g.reshape(part, ['b', 't', c]));
  if (!q || !k || !v) throw new Error('Attention has three projections.');
  const attended = attention(g, [q, k, v], heads, folds.fusedAttention, g.cast(bias, q.dtype));
  return dense(g.reshape(attended, ['b*t', c]), weights.at('out_proj'), c, c);
}

/** [B, 1, T, T]: 0 where token i may see token j (j ≤ i and j is not padding), else `masked`. */
function attentionBias(g: GraphBuilder, mask: Value, maxPositions: number, masked: number): Value {
  const all = g.int64s(Array.from({ length: maxPositions }, (_, i) => i));
  const positions = g.firstRows(all, 't');
  const causal = g.greaterOrEqual(g.reshape(positions, [1, 1, 't', 1]), g.reshape(positions, [1, 1, 1, 't']));
  const present = g.greaterOrEqual(g.reshape(mask, ['b', 1, 1, 't']), g.int64s([1]));
  return g.where(g.and(causal, present), g.scalar(0), g.scalar(masked));
}
