import type { Component } from '../checkpoint/checkpoint.ts';
import { size } from '../math/tensor.ts';
import { WHOLE } from './attention.ts';
import {
  type AttentionShape,
  attnBlock,
  type Folds,
  type Grid,
  grid,
  type KeyValue,
  linear,
  pointwise,
  resBlock,
  type Skip,
  type StepGraphs,
  silu,
  textTokens,
  timestepBlock,
} from './blocks.ts';
import { GraphBuilder, type Value } from './builder.ts';
import { type BlockPlan, type DecoderConfig, decoderConfig, injectedLevels, planBlocks } from './decoder-plan.ts';
import { textKeysAndValues } from './text-keys.ts';
import { Weights } from './weights.ts';

const EPSILON = 1e-6;
/** Smallest standard deviation that the network may predict. */
const EPS = 1e-3;

/** What does not depend on the timestep: text keys and values by attention block, resized embedding by level. */
interface ConditioningValues {
  readonly text: ReadonlyMap<string, KeyValue>;
  readonly effnet: ReadonlyMap<number, Value>;
}

/**
 * Stage B. Step graph: `x` [B, c_in, H, W], `r` [B, c_r], text keys and values, resized embeddings →
 * `noise` [B, c_out, H, W], with its parts `a` and `b`. Conditioning graph: `text` [B, T, clip_embd],
 * `effnet` [B, effnet_embd, h, w] and per injected level the bicubic matrices `my` [H, h] and `mx` [w, W].
 *
 * @see https://github.com/huggingface/diffusers/blob/main/src/diffusers/pipelines/deprecated/wuerstchen/modeling_wuerstchen_diffnext.py
 */
export function decoderGraphs(component: Component, folds: Folds): StepGraphs {
  const config = decoderConfig(component);
  checkUnseenMappers(component, config);
  const step = new GraphBuilder('decoder');
  const weights = new Weights(step, component);
  if (!folds.conditioning) {
    const conditioning = writeConditioning(weights, config, folds);
    writeStep(weights, config, conditioning, folds);
    return { conditioning: null, step };
  }
  const conditioner = new GraphBuilder('decoder-conditioning', { feedsGraphs: true });
  const computed = writeConditioning(new Weights(conditioner, component), config, folds);
  const text = new Map<string, KeyValue>();
  for (const [key, pair] of computed.text) {
    const pass = (name: string, value: Value) => {
      conditioner.output(name, conditioner.cast(value, 'f32'));
      return step.input(name, 'f32', ['b', 't', value.shape[2] ?? 0]);
    };
    text.set(key, { key: pass(`k${text.size}`, pair.key), value: pass(`v${text.size}`, pair.value) });
  }
  const effnet = new Map<number, Value>();
  for (const [level, value] of computed.effnet) {
    conditioner.output(`effnet${level}`, value);
    effnet.set(level, step.input(`effnet${level}`, 'f32', [grid(String(level)).tokens, config.effnet_embd]));
  }
  writeStep(weights, config, { text, effnet }, folds);
  return { conditioning: conditioner, step };
}

/** Levels with the image embedding have mappers for it, even if none of their blocks uses them. */
function checkUnseenMappers(component: Component, config: DecoderConfig): void {
  const { c_cond: cCond, effnet_embd, c_hidden, level_config } = config;
  for (const level of injectedLevels(config)) {
    if (level_config[level]?.includes('C')) continue;
    for (const index of [level, 2 * c_hidden.length - 1 - level]) {
      component.tensor(`effnet_mappers.${index}.weight`, [cCond, effnet_embd, 1, 1]);
      component.tensor(`effnet_mappers.${index}.bias`, [cCond]);
    }
  }
}

function attentionShape(config: DecoderConfig, level: number, folds: Folds): AttentionShape {
  // A side of a level is divisible by 2 for each level below it.
  const queries = 4 ** (config.c_hidden.length - 1 - level);
  const plan = folds.wholeAttention ? WHOLE : { queries, heads: 1, fused: folds.fusedAttention };
  const { c_hidden: hidden, nhead, c_cond: cCond } = config;
  return { c: hidden[level] ?? 0, heads: nhead[level] ?? 1, cCond, textTokens: 't', plan };
}

function writeConditioning(weights: Weights, config: DecoderConfig, folds: Folds): ConditioningValues {
  const g = weights.graph;
  const clip = g.input('text', 'f32', ['b', 't', config.clip_embd]);
  const mapped = linear(textTokens(g, clip), weights.at('clip_mapper'), config.clip_embd, config.c_cond);
  const activated = silu(g, g.layerNorm(mapped, EPSILON));
  const { down, up } = planBlocks(config);
  const attending = [...down, ...up].flatMap(({ blocks }) => blocks).filter(({ type }) => type === 'A');
  const blocks = attending.map(({ key, level }) => ({
    weights: weights.at(...key),
    shape: attentionShape(config, level, folds),
  }));
  const pairs = textKeysAndValues(activated, blocks, folds);
  const text = new Map(pairs.map((pair, i) => [attending[i]?.key.join('.') ?? '', pair]));
  const levels = injectedLevels(config);
  const effnet = new Map<number, Value>();
  if (levels.length > 0) {
    const embedding = g.input('effnet', 'f32', ['b', config.effnet_embd, 'eh', 'ew']);
    for (const level of levels) {
      const { h, w, tokens } = grid(String(level));
      const my = g.input(`my${level}`, 'f32', [h, 'eh']);
      const mx = g.input(`mx${level}`, 'f32', ['ew', w]);
      const resized = g.matMul(g.matMul(my, embedding), mx);
      effnet.set(level, g.reshape(g.transpose(resized, [0, 2, 3, 1]), [tokens, config.effnet_embd]));
    }
  }
  return { text, effnet };
}

function writeStep(weights: Weights, config: DecoderConfig, conditioning: ConditioningValues, folds: Folds): void {
  const g = weights.graph;
  const { c_in: cIn, c_out: cOut, c_r: cR, patch_size: patch, c_hidden: hidden, c_cond: cCond, effnet_embd } = config;
  const c = (level: number) => hidden[level] ?? 0;
  const input = g.input('x', 'f32', ['b', cIn, 'H', 'W']);
  const rEmbed = g.input('r', 'f32', ['b', cR]);
  const grids = hidden.map((_, level) => {
    g.defineQuotient(`h${level}`, 'H', patch * 2 ** level);
    g.defineQuotient(`w${level}`, 'W', patch * 2 ** level);
    const at = grid(String(level));
    g.defineProduct(at.area, at.h, at.w);
    return at;
  });
  const at = (level: number): Grid => grids[level] ?? grid();

  const run = (x: Value, block: BlockPlan, level: Value | null): Value => {
    g.seam();
    const scope = weights.at(...block.key);
    const channels = c(block.level);
    const where = at(block.level);
    if (block.type === 'T') return timestepBlock(x, rEmbed, scope, where, channels, cR);
    if (block.type === 'A') {
      const text = conditioning.text.get(block.key.join('.'));
      if (!text) throw new Error(`No text keys for block ${block.key.join('.')}.`);
      return attnBlock(x, text, scope, where, attentionShape(config, block.level, folds), folds.qkv);
    }
    const effnet = block.mapper === null ? undefined : conditioning.effnet.get(block.level);
    const skip: Skip = {
      ...(block.levelSkip && level ? { level: { x: level, channels } } : {}),
      ...(effnet && block.mapper !== null
        ? { effnet: { x: effnet, mapper: weights.at('effnet_mappers', block.mapper), channels: effnet_embd, cCond } }
        : {}),
    };
    return resBlock(x, scope, where, { c: channels, kernel: config.kernel_size, skip, folds });
  };

  const { down, up } = planBlocks(config);
  let x = unshuffle(g, input, at(0), patch);
  x = g.layerNorm(pointwise(x, weights.at('embedding', 1), cIn * patch ** 2, c(0)), EPSILON);
  const levels: Value[] = [];
  for (const { level, blocks, resample } of down) {
    if (resample)
      x = downsample(
        g.layerNorm(x, EPSILON),
        weights.at(...resample),
        at(level - 1),
        at(level),
        c(level - 1),
        c(level),
      );
    for (const block of blocks) x = run(x, block, null);
    levels.push(x);
  }
  x = levels.at(-1) ?? x;
  for (const { level, blocks, resample } of up) {
    for (const block of blocks) x = run(x, block, levels[level] ?? null);
    if (resample)
      x = upsample(g.layerNorm(x, EPSILON), weights.at(...resample), at(level), at(level - 1), c(level), c(level - 1));
  }
  const out = pointwise(g.layerNorm(x, EPSILON), weights.at('clf', 1), c(0), 2 * cOut * patch ** 2);
  const [a, raw] = g.split(shuffle(g, out, at(0), 2 * cOut, patch, ['H', 'W']), 1, [cOut, cOut]);
  if (!a || !raw) throw new Error('The decoder ends in two halves.');
  const b = g.add(g.mul(g.unary('Sigmoid', raw), g.scalar(1 - EPS * 2)), g.scalar(EPS));
  g.output('noise', g.div(g.sub(input, a), b));
  g.output('a', a);
  g.output('b', b);
}

/** PixelUnshuffle of NCHW `x` into tokens [B·h·w, C·f·f]. */
export function unshuffle(g: GraphBuilder, x: Value, at: Grid, factor: number): Value {
  const c = Number(x.shape[1]);
  const split = g.reshape(x, [at.b, c, at.h, factor, at.w, factor]);
  return g.reshape(g.transpose(split, [0, 2, 4, 1, 3, 5]), [at.tokens, c * factor * factor]);
}

/** PixelShuffle of tokens [B·h·w, C·f·f] into NCHW with the named sides. */
export function shuffle(
  g: GraphBuilder,
  x: Value,
  at: Grid,
  c: number,
  factor: number,
  sides: readonly [string, string],
): Value {
  const split = g.reshape(x, [at.b, at.h, at.w, c, factor, factor]);
  return g.reshape(g.transpose(split, [0, 3, 1, 4, 2, 5]), [at.b, c, ...sides]);
}

/** A 2×2 convolution of stride 2 as a matrix product over patches. */
function downsample(x: Value, weights: Weights, from: Grid, to: Grid, cFrom: number, cTo: number): Value {
  const g = weights.graph;
  const split = g.reshape(x, [from.b, to.h, 2, to.w, 2, cFrom]);
  const patches = g.reshape(g.transpose(split, [0, 1, 3, 2, 4, 5]), [to.tokens, 4 * cFrom]);
  const kernel = kernelOf(weights, [cTo, cFrom, 2, 2], { axes: [0, 2, 3, 1], rows: cTo });
  return g.cast(g.gemm(g.cast(patches, kernel.dtype), kernel, g.cast(weights.get('bias', [cTo]), kernel.dtype)), 'f32');
}

/** A 2×2 transposed convolution of stride 2 as a matrix product whose result is laid out as patches. */
function upsample(x: Value, weights: Weights, from: Grid, to: Grid, cFrom: number, cTo: number): Value {
  const g = weights.graph;
  const kernel = kernelOf(weights, [cFrom, cTo, 2, 2], { axes: [2, 3, 1, 0], rows: 4 * cTo });
  const bias = g.cast(weights.get('bias', [cTo]), kernel.dtype);
  const patches = g.cast(g.gemm(g.cast(x, kernel.dtype), kernel, g.concat([bias, bias, bias, bias], 0)), 'f32');
  const split = g.reshape(patches, [from.b, from.h, from.w, 2, 2, cTo]);
  return g.reshape(g.transpose(split, [0, 1, 3, 2, 4, 5]), [to.tokens, cTo]);
}

/** Weights of a change of resolution, as a matrix: 16 bits in `fp16`, else 32. */
function kernelOf(weights: Weights, shape: readonly number[], order: { axes: readonly number[]; rows: number }): Value {
  const part = weights.part('weight', shape, { order, row: [{ columns: [0, size(shape) / order.rows] }] });
  return weights.matrix(weights.precision === 'fp16' ? 'f16' : 'f32', [part]);
}
