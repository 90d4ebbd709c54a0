import { z } from '../../system/zod-mini.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import { parseConfig } from '../checkpoint/config-file.ts';
import { type Folds, type Grid, grid, pointwise, toImage, toTokens } from './blocks.ts';
import { GraphBuilder, type Value } from './builder.ts';
import { shuffle, unshuffle } from './decoder.ts';
import { dense } from './dense.ts';
import { roundToBytes } from './round-to-bytes.ts';
import { Weights } from './weights.ts';

const positive = z.int().check(z.positive());
const schema = z.object({
  in_channels: z._default(positive, 3),
  out_channels: z._default(positive, 3),
  up_down_scale_factor: z._default(positive, 2),
  levels: z._default(positive, 2),
  bottleneck_blocks: z._default(z.int().check(z.minimum(0)), 12),
  embed_dim: z._default(positive, 384),
  latent_channels: z._default(positive, 4),
  num_vq_embeddings: z._default(positive, 8192),
  scale_factor: z._default(z.number(), 0.3764),
});
export type VqganConfig = z.infer<typeof schema>;

export function vqganConfig(component: Component): VqganConfig {
  return parseConfig(schema, component, 'PaellaVQModel');
}

const EPSILON = 1e-6;
const BATCH_NORM_EPSILON = 1e-5;

/**
 * What a decode graph puts out: `float`, NCHW as the reference; `pixels`, scaled latents in and NHWC bytes out
 * (clamped, times 255, rounded half to even), so that no work is left for JavaScript.
 */
export type DecodeOutput = 'float' | 'pixels';

function channels(config: VqganConfig, level: number): number {
  return Math.floor(config.embed_dim / 2 ** (config.levels - 1 - level));
}

function blocksAt(config: VqganConfig, level: number): number {
  return level === config.levels - 1 ? config.bottleneck_blocks : 1;
}

/**
 * Latents on each side of a tile that the pixels over it depend on. From the pixels back: each block's 3×3 convolution
 * sees one position further; a transposed 4×4 convolution of stride 2 halves the distance and sees one further.
 */
export function decodeContext(config: VqganConfig): number {
  let context = 0;
  for (let level = 0; level < config.levels; level += 1) {
    if (level > 0) context = Math.floor(context / 2) + 1;
    context += blocksAt(config, level);
  }
  return context;
}

/**
 * Stage A, latents to picture. `latents` [B, 4, h, w] → `image`.
 *
 * @see https://github.com/huggingface/diffusers/blob/main/src/diffusers/pipelines/deprecated/wuerstchen/modeling_paella_vq_model.py
 */
export function decodeGraph(
  component: Component,
  folds: Folds,
  options: { quantise?: boolean; output?: DecodeOutput } = {},
): GraphBuilder {
  const config = vqganConfig(component);
  const { levels, latent_channels: latentChannels, up_down_scale_factor: factor } = config;
  const g = new GraphBuilder(
    `vqgan-decode${options.quantise ? '-quantised' : ''}${options.output === 'pixels' ? '-pixels' : ''}`,
  );
  const weights = new Weights(g, component);
  const up = weights.at('up_blocks');
  const latents = g.input('latents', 'f32', ['b', latentChannels, 'h', 'w']);
  let at = grid();
  let tokens = toTokens(g, latents, at);
  if (options.output === 'pixels') tokens = g.mul(tokens, g.scalar(config.scale_factor));
  if (options.quantise) {
    tokens = quantise(tokens, weights, config);
    g.output('values', toImage(g, tokens, at));
  }
  let index = 0;
  let x = pointwise(tokens, up.at(index, 0), latentChannels, channels(config, levels - 1));
  index += 1;
  for (let level = levels - 1; level >= 0; level -= 1) {
    const c = channels(config, level);
    const count = blocksAt(config, level);
    for (let block = 0; block < count; block += 1, index += 1) x = mixingBlock(x, up.at(index), at, c, folds.gammas);
    if (level > 0) {
      const below = channels(config, level - 1);
      const next = doubled(g, at);
      const scope = up.at(index);
      const image = g.convTranspose(
        toImage(g, x, at),
        scope.get('weight', [c, below, 4, 4]),
        scope.get('bias', [below]),
        {
          kernel: 4,
          stride: 2,
          pad: 1,
          sides: [next.h, next.w],
        },
      );
      at = next;
      x = toTokens(g, image, at);
      index += 1;
    }
  }
  const out = weights.at('out_block', 0);
  const width = channels(config, 0);
  g.defineMultiple('H', at.h, factor);
  g.defineMultiple('W', at.w, factor);
  const { out_channels: colours } = config;
  const image =
    options.output === 'pixels'
      ? pixels(x, out, at, width, config)
      : shuffle(g, pointwise(x, out, width, colours * factor ** 2), at, colours, factor, ['H', 'W']);
  g.output('image', image);
  return g;
}

/**
 * The last 1×1 convolution and its pixel shuffle, to bytes [B, H, W, C]. Its weights are reordered so that
 * output channels have the order of the bytes, and only whole rows of f pixels have to be moved.
 */
function pixels(x: Value, weights: Weights, at: Grid, width: number, config: VqganConfig): Value {
  const g = weights.graph;
  const { out_channels: c, up_down_scale_factor: f } = config;
  const weight = g.reshape(weights.get('weight', [c * f * f, width, 1, 1]), [c, f * f, width]);
  const bias = g.reshape(weights.get('bias', [c * f * f]), [c, f * f]);
  const out = g.gemm(
    x,
    g.reshape(g.transpose(weight, [1, 0, 2]), [f * f * c, width]),
    g.reshape(g.transpose(bias, [1, 0]), [f * f * c]),
  );
  // Bytes hide NaNs; a sum over all pixels doesn't.
  g.defineProduct(at.area, at.h, at.w);
  g.output('sums', g.matMul(g.ones(at.area), g.reshape(g.cast(out, 'f32'), [at.b, at.area, c * f * f])));
  const rows = g.reshape(out, [at.b, at.h, at.w, f, f * c]);
  // Bytes last: WebGPU cannot move them.
  return roundToBytes(g, g.reshape(g.transpose(rows, [0, 1, 3, 2, 4]), [at.b, 'H', 'W', c]));
}

function doubled(g: GraphBuilder, at: Grid): Grid {
  const next = grid(`${at.h.slice(1)}'`);
  g.defineMultiple(next.h, at.h, 2);
  g.defineMultiple(next.w, at.w, 2);
  return next;
}

/** Checks the weights that a plain decode does not use against config.json, much faster than writing all graphs. */
export function checkRest(component: Component, folds: Folds): void {
  codebook(new Weights(new GraphBuilder('codebook'), component), vqganConfig(component));
  encodeGraph(component, folds);
}

/** The latents to choose from in quantisation, [num_vq_embeddings, latent_channels]. */
function codebook(weights: Weights, { num_vq_embeddings: count, latent_channels: c }: VqganConfig): Value {
  return weights.at('vquantizer', 'embedding').get('weight', [count, c]);
}

/** The nearest codebook entry of each token, as `x + (entry − x)`; its distance is ‖e‖² − 2x·e up to a constant. */
function quantise(x: Value, weights: Weights, config: VqganConfig): Value {
  const g = weights.graph;
  const table = codebook(weights, config);
  const count = config.num_vq_embeddings;
  const squares = g.reshape(g.reduce('ReduceSum', g.mul(table, table), 1), [count]);
  const closeness = g.sub(g.gemm(x, g.mul(table, g.scalar(2))), squares);
  const indices = g.reshape(g.argMax(closeness, 1), [x.shape[0] ?? 1]);
  g.output('indices', indices);
  return g.add(x, g.sub(g.gather(table, indices), x));
}

/** MixingResidualBlock on tokens. */
function mixingBlock(x: Value, weights: Weights, at: Grid, c: number, fold: boolean): Value {
  const g = weights.graph;
  const gammas = weights.get('gammas', [6]);
  const gamma = (i: number) => g.slice(gammas, 0, i, i + 1);
  const plusOne = (i: number) => g.add(gamma(i), g.scalar(1));
  // Folded, the six numbers become part of norms, weights and biases; otherwise they are multiplied with the activations.
  const norm = (v: Value, i: number) =>
    fold
      ? g.layerNorm(v, EPSILON, g.expand(plusOne(i), c), g.expand(gamma(i + 1), c))
      : g.add(g.mul(g.layerNorm(v, EPSILON), plusOne(i)), gamma(i + 1));
  const inWeight = (v: Value, i: number) =>
    fold
      ? g.mul(
          v,
          v.shape.length > 1
            ? g.reshape(
                gamma(i),
                v.shape.map(() => 1),
              )
            : gamma(i),
        )
      : v;
  const outside = (v: Value, i: number) => (fold ? v : g.mul(v, gamma(i)));

  const depthwise = weights.at('depthwise', 1);
  const [ph, pw] = [`${at.h}+2`, `${at.w}+2`];
  const padded = g.padEdge(g.reshape(norm(x, 0), [at.b, at.h, at.w, c]), [ph, pw]);
  const convolved = g.conv(
    g.transpose(padded, [0, 3, 1, 2]),
    inWeight(depthwise.get('weight', [c, 1, 3, 3]), 2),
    inWeight(depthwise.get('bias', [c]), 2),
    {
      kernel: 3,
      groups: c,
      sides: [at.h, at.w],
    },
  );
  const mixed = g.add(x, outside(toTokens(g, convolved, at), 2));
  const channelwise = weights.at('channelwise');
  const wide = 4 * c;
  const hidden = g.gelu(dense(norm(mixed, 3), channelwise.at(0), c, wide));
  const out = g.cast(dense(hidden, channelwise.at(2), wide, c, fold ? { gain: gamma(5) } : {}), 'f32');
  return g.add(mixed, outside(out, 5));
}

/** Stage A, picture to latents. `image` [B, 3, H, W] → `latents` [B, 4, h, w]. */
export function encodeGraph(component: Component, folds: Folds): GraphBuilder {
  const config = vqganConfig(component);
  const { levels, latent_channels: latentChannels, up_down_scale_factor: factor } = config;
  const g = new GraphBuilder('vqgan-encode');
  const weights = new Weights(g, component);
  const down = weights.at('down_blocks');
  const image = g.input('image', 'f32', ['b', config.in_channels, 'H', 'W']);
  g.defineQuotient('h', 'H', factor);
  g.defineQuotient('w', 'W', factor);
  let at = grid();
  let x = pointwise(
    unshuffle(g, image, at, factor),
    weights.at('in_block', 1),
    config.in_channels * factor ** 2,
    channels(config, 0),
  );
  let index = 0;
  for (let level = 0; level < levels; level += 1) {
    const c = channels(config, level);
    if (level > 0) {
      const above = channels(config, level - 1);
      const next = grid(`/${2 ** level}`);
      g.defineQuotient(next.h, at.h, 2);
      g.defineQuotient(next.w, at.w, 2);
      const scope = down.at(index);
      const conv = g.conv(toImage(g, x, at), scope.get('weight', [c, above, 4, 4]), scope.get('bias', [c]), {
        kernel: 4,
        stride: 2,
        pad: 1,
        sides: [next.h, next.w],
      });
      at = next;
      x = toTokens(g, conv, at);
      index += 1;
    }
    x = mixingBlock(x, down.at(index), at, c, folds.gammas);
    index += 1;
  }
  const last = down.at(index);
  const c = channels(config, levels - 1);
  const projected = g.gemm(x, g.reshape(last.at(0).get('weight', [latentChannels, c, 1, 1]), [latentChannels, c]));
  g.output('latents', toImage(g, batchNorm(projected, last.at(1), latentChannels), at));
  return g;
}

/** BatchNorm2d with its running statistics, as one product and one sum over tokens. */
function batchNorm(x: Value, weights: Weights, c: number): Value {
  const g = weights.graph;
  const get = (key: string) => weights.get(key, [c]);
  const scale = g.div(get('weight'), g.unary('Sqrt', g.add(get('running_var'), g.scalar(BATCH_NORM_EPSILON))));
  return g.add(g.mul(x, scale), g.sub(get('bias'), g.mul(get('running_mean'), scale)));
}
