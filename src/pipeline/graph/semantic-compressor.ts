import { z } from '../../system/zod-mini.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import { parseConfig } from '../checkpoint/config-file.ts';
import { silu } from './blocks.ts';
import { GraphBuilder, type Value } from './builder.ts';
import { conv, normedConv, type Sides } from './convolutions.ts';
import { Weights } from './weights.ts';

const positive = z.int().check(z.positive());
const schema = z.object({
  /** Channels of each level; every level but the last has twice the resolution of the next. */
  widths: z.array(positive).check(z.minLength(1)),
  c_latent: z._default(positive, 16),
  /** Of pixels from 0 to 1. */
  mean: z._default(z.number(), 0.5),
  std: z._default(z.number().check(z.positive()), 0.5),
  patch: z._default(positive, 8),
  batch_norm_eps: z._default(z.number().check(z.positive()), 1e-5),
});
export type SemanticCompressorConfig = z.infer<typeof schema>;

export function semanticCompressorConfig(component: Component): SemanticCompressorConfig {
  return parseConfig(schema, component, 'SemanticCompressor');
}

/** Pixels per cell of the latents, each way. */
export function cellPixels({ patch, widths }: SemanticCompressorConfig): number {
  return patch * 2 ** (widths.length - 1);
}

/** `x` [B, 3, H, W], pixels from 0 to 1 with sides that divide by `cellPixels` → `latents` [B, c_latent, h, w]. */
export function semanticCompressorGraph(component: Component): GraphBuilder {
  const config = semanticCompressorConfig(component);
  const { widths, c_latent: latent, patch, batch_norm_eps: epsilon } = config;
  const g = new GraphBuilder('semantic-compressor');
  const weights = new Weights(g, component);
  let sides: Sides = ['H', 'W'];
  const pixels = g.input('x', 'f32', ['b', 3, ...sides]);
  let x = g.div(g.sub(pixels, g.scalar(config.mean)), g.scalar(config.std));
  const [first = 0, ...rest] = widths;
  sides = divided(g, sides, patch);
  const stem = weights.at('stem');
  x = g.conv(x, stem.get('weight', [first, 3, patch, patch]), stem.get('bias', [first]), {
    ...{ kernel: patch, stride: patch, sides },
  });
  x = block(x, weights.at('blocks', 0), first, sides);
  let inputs = first;
  for (const [i, outputs] of rest.entries()) {
    sides = divided(g, sides, 2);
    x = conv(x, weights.at('downs', i), { inputs, outputs, kernel: 3, stride: 2, sides });
    x = block(x, weights.at('blocks', i + 1), outputs, sides);
    inputs = outputs;
  }
  const norm = { weights: weights.at('mapper', 1), epsilon, affine: false };
  const mapped = normedConv(silu(g, x), weights.at('mapper', 0), norm, { inputs, outputs: latent, kernel: 1, sides });
  g.output('latents', mapped);
  return g;
}

/** x + conv2(silu(conv1(silu(x)))) */
function block(x: Value, weights: Weights, c: number, sides: Sides): Value {
  const g = weights.graph;
  const options = { inputs: c, outputs: c, kernel: 3, sides };
  const hidden = conv(silu(g, x), weights.at('conv1'), options);
  return g.add(x, conv(silu(g, hidden), weights.at('conv2'), options));
}

function divided(g: GraphBuilder, [h, w]: Sides, by: number): Sides {
  const next: Sides = [`${h}/${by}`, `${w}/${by}`];
  g.defineQuotient(next[0], h, by);
  g.defineQuotient(next[1], w, by);
  return next;
}
