import { z } from '../../system/zod-mini.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import { parseConfig } from '../checkpoint/config-file.ts';
import { silu } from './blocks.ts';
import { GraphBuilder, type Value } from './builder.ts';
import { type ConvOptions, normedConv, type Sides } from './convolutions.ts';
import { Weights } from './weights.ts';

const positive = z.int().check(z.positive());
const schema = z.object({
  c_latent: z._default(positive, 16),
  c_cond: z._default(z.literal(1280), 1280),
  effnet: z._default(z.literal('efficientnet_v2_s'), 'efficientnet_v2_s'),
});
export type EfficientNetConfig = z.infer<typeof schema>;

export function efficientNetConfig(component: Component): EfficientNetConfig {
  return parseConfig(schema, component, 'EfficientNetEncoder');
}

/** Of the backbone's normalisations in torchvision; the mapper's is torch's default. */
const BACKBONE_EPSILON = 1e-3;
const MAPPER_EPSILON = 1e-5;
const STEM_CHANNELS = 24;

/** A stage of EfficientNetV2-S. Fused blocks expand by one 3×3 convolution, the others by a pointwise and a depthwise one. */
interface Stage {
  readonly fused: boolean;
  readonly expansion: number;
  readonly stride: 1 | 2;
  readonly inputs: number;
  readonly outputs: number;
  readonly layers: number;
}

/** @see https://github.com/pytorch/vision/blob/main/torchvision/models/efficientnet.py (`_efficientnet_conf`) */
const STAGES: readonly Stage[] = [
  { fused: true, expansion: 1, stride: 1, inputs: 24, outputs: 24, layers: 2 },
  { fused: true, expansion: 4, stride: 2, inputs: 24, outputs: 48, layers: 4 },
  { fused: true, expansion: 4, stride: 2, inputs: 48, outputs: 64, layers: 4 },
  { fused: false, expansion: 4, stride: 2, inputs: 64, outputs: 128, layers: 6 },
  { fused: false, expansion: 6, stride: 1, inputs: 128, outputs: 160, layers: 9 },
  { fused: false, expansion: 6, stride: 2, inputs: 160, outputs: 256, layers: 15 },
];

/**
 * EfficientNetV2-S without its head, and a 1×1 convolution with a normalisation: `x` [B, 3, H, W], normalised pixels with sides
 * that divide by 32 → `latents` [B, c_latent, H/32, W/32].
 */
export function efficientNetGraph(component: Component): GraphBuilder {
  const { c_latent: latent, c_cond: last } = efficientNetConfig(component);
  const g = new GraphBuilder('efficientnet');
  const weights = new Weights(g, component);
  const backbone = weights.at('backbone');
  let sides: Sides = ['H', 'W'];
  let x = g.input('x', 'f32', ['b', 3, ...sides]);
  sides = halved(g, sides);
  x = silu(g, unit(x, backbone.at(0), { inputs: 3, outputs: STEM_CHANNELS, kernel: 3, stride: 2, sides }));
  for (const [at, stage] of STAGES.entries()) {
    if (stage.stride === 2) sides = halved(g, sides);
    for (let layer = 0; layer < stage.layers; layer += 1) {
      const block = layer === 0 ? stage : { ...stage, inputs: stage.outputs, stride: 1 as const };
      x = (stage.fused ? fusedBlock : invertedBlock)(x, backbone.at(at + 1, layer, 'block'), block, sides);
    }
  }
  const wide = STAGES.at(-1)?.outputs ?? 0;
  x = silu(g, unit(x, backbone.at(STAGES.length + 1), { inputs: wide, outputs: last, kernel: 1, sides }));
  const norm = { weights: weights.at('mapper', 1), epsilon: MAPPER_EPSILON, affine: true };
  g.output(
    'latents',
    normedConv(x, weights.at('mapper', 0), norm, { inputs: last, outputs: latent, kernel: 1, sides }),
  );
  return g;
}

/** torchvision's Conv2dNormActivation, without the activation. */
function unit(x: Value, weights: Weights, options: ConvOptions): Value {
  const norm = { weights: weights.at(1), epsilon: BACKBONE_EPSILON, affine: true };
  return normedConv(x, weights.at(0), norm, options);
}

/** FusedMBConv */
function fusedBlock(x: Value, weights: Weights, stage: Stage, sides: Sides): Value {
  const g = weights.graph;
  const { expansion, stride, inputs, outputs } = stage;
  const expanded = inputs * expansion;
  const wide = silu(
    g,
    unit(x, weights.at(0), { inputs, outputs: expansion === 1 ? outputs : expanded, kernel: 3, stride, sides }),
  );
  const out = expansion === 1 ? wide : unit(wide, weights.at(1), { inputs: expanded, outputs, kernel: 1, sides });
  return stride === 1 && inputs === outputs ? g.add(x, out) : out;
}

/** MBConv */
function invertedBlock(x: Value, weights: Weights, stage: Stage, sides: Sides): Value {
  const g = weights.graph;
  const { expansion, stride, inputs, outputs } = stage;
  const wide = inputs * expansion;
  // The first convolution still sees the sides before the stride.
  const before = [x.shape[2], x.shape[3]] as [string, string];
  const expanded = silu(g, unit(x, weights.at(0), { inputs, outputs: wide, kernel: 1, sides: before }));
  const depthwise = { inputs: wide, outputs: wide, kernel: 3, stride, groups: wide, sides };
  const mixed = silu(g, unit(expanded, weights.at(1), depthwise));
  const weighted = g.mul(mixed, excitation(mixed, weights.at(2), wide, Math.max(1, Math.floor(inputs / 4))));
  const out = unit(weighted, weights.at(3), { inputs: wide, outputs, kernel: 1, sides });
  return stride === 1 && inputs === outputs ? g.add(x, out) : out;
}

/** How much each channel counts, from its mean: [B, C, 1, 1]. */
function excitation(x: Value, weights: Weights, channels: number, squeezed: number): Value {
  const g = weights.graph;
  const mean = g.reshape(g.reduce('ReduceMean', g.reduce('ReduceMean', x, 3), 2), ['b', channels]);
  const layer = (v: Value, key: string, inputs: number, outputs: number) => {
    const scope = weights.at(key);
    const weight = g.reshape(scope.get('weight', [outputs, inputs, 1, 1]), [outputs, inputs]);
    return g.gemm(v, weight, scope.get('bias', [outputs]));
  };
  const few = silu(g, layer(mean, 'fc1', channels, squeezed));
  return g.reshape(g.unary('Sigmoid', layer(few, 'fc2', squeezed, channels)), ['b', channels, 1, 1]);
}

function halved(g: GraphBuilder, [h, w]: Sides): Sides {
  const next: Sides = [`${h}/2`, `${w}/2`];
  g.defineQuotient(next[0], h, 2);
  g.defineQuotient(next[1], w, 2);
  return next;
}
