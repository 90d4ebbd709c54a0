import { z } from '../../system/zod-mini.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import { parseConfig } from '../checkpoint/config-file.ts';
import { GraphBuilder, type Value } from './builder.ts';
import { Weights } from './weights.ts';

const schema = z.object({
  /** Factor of the channels of every layer. */
  width: z.number().check(z.positive()),
  /** Pixels of the square that it looks at; divides by 32. */
  side: z.int().check(
    z.positive(),
    z.refine((side) => side % 32 === 0, 'expected a multiple of 32'),
  ),
  classes: z.array(z.string()).check(z.minLength(2)),
});
export type MobileNetConfig = z.infer<typeof schema>;

export function mobileNetConfig(component: Component): MobileNetConfig {
  return parseConfig(schema, component, 'MobileNetV2Classifier');
}

/** Expansion, channels at width 1, blocks and the stride of the first one. @see https://arxiv.org/abs/1801.04381 (table 2) */
const STAGES = [
  { expansion: 1, channels: 16, blocks: 1, stride: 1 },
  { expansion: 6, channels: 24, blocks: 2, stride: 2 },
  { expansion: 6, channels: 32, blocks: 3, stride: 2 },
  { expansion: 6, channels: 64, blocks: 4, stride: 2 },
  { expansion: 6, channels: 96, blocks: 3, stride: 1 },
  { expansion: 6, channels: 160, blocks: 3, stride: 2 },
  { expansion: 6, channels: 320, blocks: 1, stride: 1 },
] as const;
const STEM = 32;
const LAST = 1280;

interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: 1 | 3;
  readonly stride?: number;
  readonly groups?: number;
}

/**
 * MobileNetV2 with a linear classifier, its normalisations part of the convolutions: `pixels` [1, 3, side, side] from 0 to 1 →
 * `probabilities` [1, classes].
 */
export function mobileNetGraph(component: Component): GraphBuilder {
  const { width, side, classes } = mobileNetConfig(component);
  const g = new GraphBuilder('mobilenet');
  const weights = new Weights(g, component);
  const channels = (count: number) => multipleOf8(count * width);
  const pixels = g.input('pixels', 'f32', [1, 3, side, side]);
  let inputs = channels(STEM);
  let x = g.sub(g.mul(pixels, g.scalar(2)), g.scalar(1));
  x = relu6(g, conv(x, weights.at('stem'), { inputs: 3, outputs: inputs, kernel: 3, stride: 2 }));
  let at = 0;
  for (const { expansion, channels: count, blocks, stride } of STAGES) {
    const outputs = channels(count);
    for (let block = 0; block < blocks; block += 1) {
      x = bottleneck(x, weights.at('blocks', at), { inputs, outputs, expansion, stride: block === 0 ? stride : 1 });
      inputs = outputs;
      at += 1;
    }
  }
  const last = Math.max(LAST, channels(LAST));
  x = relu6(g, conv(x, weights.at('last'), { inputs, outputs: last, kernel: 1 }));
  const mean = g.reshape(g.reduce('ReduceMean', g.reduce('ReduceMean', x, 3), 2), [1, last]);
  const head = weights.at('classifier');
  const logits = g.gemm(mean, head.get('weight', [classes.length, last]), head.get('bias', [classes.length]));
  g.output('probabilities', g.softmax(logits));
  return g;
}

interface Bottleneck {
  readonly inputs: number;
  readonly outputs: number;
  readonly expansion: number;
  readonly stride: number;
}

/** Inverted residual: wide inside, narrow and without an activation at its ends. */
function bottleneck(x: Value, weights: Weights, { inputs, outputs, expansion, stride }: Bottleneck): Value {
  const g = weights.graph;
  const wide = inputs * expansion;
  const expanded = expansion === 1 ? x : relu6(g, conv(x, weights.at('expand'), { inputs, outputs: wide, kernel: 1 }));
  const depthwise = { inputs: wide, outputs: wide, kernel: 3, stride, groups: wide } as const;
  const mixed = relu6(g, conv(expanded, weights.at('depthwise'), depthwise));
  const out = conv(mixed, weights.at('project'), { inputs: wide, outputs, kernel: 1 });
  return stride === 1 && inputs === outputs ? g.add(x, out) : out;
}

function conv(x: Value, weights: Weights, { inputs, outputs, kernel, stride = 1, groups = 1 }: Layer): Value {
  const weight = weights.get('weight', [outputs, inputs / groups, kernel, kernel]);
  const side = Number(x.shape[2]) / stride;
  // TensorFlow pads as little as it takes: at stride 2 and an even side nothing before, one after.
  const pad = kernel === 1 ? 0 : ([stride === 1 ? 1 : 0, 1] as const);
  return weights.graph.conv(x, weight, weights.get('bias', [outputs]), {
    ...{ kernel, stride, pad, groups },
    sides: [side, side],
  });
}

function relu6(g: GraphBuilder, x: Value): Value {
  return g.clip(x, 0, 6);
}

/** The nearest multiple of 8 that is not more than a tenth smaller. */
function multipleOf8(channels: number): number {
  const nearest = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return nearest < 0.9 * channels ? nearest + 8 : nearest;
}
