import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { ALL_FOLDS, NO_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import { GraphBuilder } from '../../../src/pipeline/graph/builder.ts';
import { clipTextGraph } from '../../../src/pipeline/graph/clip-text.ts';
import { decoderGraphs } from '../../../src/pipeline/graph/decoder.ts';
import { priorGraphs } from '../../../src/pipeline/graph/prior.ts';
import { decodeGraph } from '../../../src/pipeline/graph/vqgan.ts';
import {
  PaellaVQModel,
  type Tensor,
  TorchGenerator,
  WuerstchenDiffNeXt,
  WuerstchenPrior,
} from '../../../src/pipeline/index.ts';

const REFERENCE = join(import.meta.dirname, '../../fixtures/reference');
const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');

function counts(graph: GraphBuilder): Record<string, number> {
  const result: Record<string, number> = {};
  for (const op of graph.ops) result[op] = (result[op] ?? 0) + 1;
  return result;
}

test('a graph is its nodes in order, constants are stored once and shapes are checked', () => {
  const g = new GraphBuilder('three-lines');
  const x = g.input('x', 'f32', ['b', 4]);
  const y = g.gemm(g.add(x, g.scalar(2)), g.floats([1, 2, 3, 4], [1, 4]));
  g.output('y', g.mul(y, g.scalar(2)));
  assert.deepEqual(g.ops, ['Add', 'Gemm', 'Mul', 'Identity']);
  assert.deepEqual(y.shape, ['b', 1]);
  assert.equal(g.scalar(2).name, g.scalar(2).name);
  assert.throws(() => g.gemm(x, g.floats([1, 2], [1, 2])), /Gemm does not fit x f32 \[b,4\]/);
  assert.throws(() => g.add(x, g.filled(0, 3)), /Add does not fit/);
});

test('a block of the prior uses the fused operators', async () => {
  const component = await Component.open(join(REFERENCE, 'prior/c32_d2'));
  const { conditioning, step } = priorGraphs(component, ALL_FOLDS);
  const ops = counts(step);
  // Two blocks: projection, per block two of the ResBlock, one timestep, one joined projection and one output, then the end.
  assert.equal(ops.Gemm, 1 + 2 * 5 + 1);
  assert.equal(ops.MultiHeadAttention, 2);
  assert.equal(ops.Gelu, 2);
  assert.equal(ops.LayerNormalization, 2 * 2 + 1);
  assert.equal(ops.Conv, 2, 'only the depthwise convolutions');
  assert.ok(conditioning);
  assert.equal(counts(conditioning).Gemm, 2 + 2 * 3, 'text projections live in the conditioning graph');
});

test('the folded step graph of Stage B has fewer products than the plain one', async () => {
  const component = await Component.open(join(REFERENCE, 'decoder/l3_false_true_true'));
  const folded = counts(decoderGraphs(component, ALL_FOLDS).step);
  const plain = decoderGraphs(component, NO_FOLDS);
  assert.equal(plain.conditioning, null);
  assert.ok((folded.Gemm ?? 0) < (counts(plain.step).Gemm ?? 0));
  assert.equal(folded.Conv, 8, 'one depthwise convolution for each of the eight ResBlocks');
});

test('the text encoder joins q, k and v', async () => {
  const component = await Component.open(join(REFERENCE, 'text_encoder/gelu_h32_l2'));
  assert.equal(counts(clipTextGraph(component, ALL_FOLDS)).Gemm, 2 * 4);
  assert.equal(counts(clipTextGraph(component, NO_FOLDS)).Gemm, 2 * 6);
});

test('folded gammas leave no products over the activations of Stage A', async () => {
  const component = await Component.open(join(REFERENCE, 'vqgan/f4_l2'));
  assert.equal(
    counts(decodeGraph(component, ALL_FOLDS)).LayerNormalization,
    counts(decodeGraph(component, NO_FOLDS)).LayerNormalization,
  );
  assert.ok(decodeGraph(component, ALL_FOLDS).toBytes().length > 0);
});

function noise(seed: number, dims: number[]): Tensor {
  return { data: new TorchGenerator(seed).randn(dims), dims };
}

function worst(a: Tensor, b: Tensor): number {
  assert.deepEqual(a.dims, b.dims);
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (b.data[i] ?? Number.NaN))), 0);
}

test('folded and plain graphs of the embedded model agree', async () => {
  const folded = { provider: 'cpu', folds: ALL_FOLDS } as const;
  const plain = { provider: 'cpu', folds: NO_FOLDS } as const;
  const scale = (t: Tensor) => t.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const close = (a: Tensor, b: Tensor, what: string) => {
    const difference = worst(a, b) / scale(a);
    assert.ok(difference < 2e-5, `${what} differs by ${difference} of its largest value`);
  };

  const prior = await Promise.all(
    [folded, plain].map((options) => WuerstchenPrior.load(join(COCKTAIL, 'wuerstchen-prior/prior'), options)),
  );
  const { c_in, c_cond } = prior[0]?.config ?? { c_in: 0, c_cond: 0 };
  const inputs = [noise(1, [2, c_in, 6, 4]), Float32Array.of(0.9, 0.2), noise(2, [2, 9, c_cond])] as const;
  const [a, b] = await Promise.all(prior.map((network) => network.run(...inputs)));
  assert.ok(a && b);
  close(a, b, 'Stage C');

  const decoder = await Promise.all(
    [folded, plain].map((options) => WuerstchenDiffNeXt.load(join(COCKTAIL, 'wuerstchen/decoder'), options)),
  );
  const config = decoder[0]?.config;
  assert.ok(config);
  const side = (decoder[0]?.sideDivisor ?? 0) * 2;
  const given = [
    noise(3, [1, config.c_in, side, side]),
    Float32Array.of(0.4),
    noise(4, [1, config.effnet_embd, 3, 3]),
    noise(5, [1, 9, config.clip_embd]),
  ] as const;
  const [c, d] = await Promise.all(decoder.map((network) => network.run(...given)));
  assert.ok(c && d);
  close(c, d, 'Stage B');

  const vqgan = await Promise.all(
    [folded, plain].map((options) => PaellaVQModel.load(join(COCKTAIL, 'wuerstchen/vqgan'), options)),
  );
  const [e, f] = await Promise.all(
    vqgan.map((network) => network.decode(noise(6, [1, network.config.latent_channels, 5, 7]))),
  );
  assert.ok(e && f);
  close(e, f, 'Stage A');
  await Promise.all([...prior, ...decoder, ...vqgan].map((network) => network.release()));
});

test('any legal size gives the promised shape', async () => {
  const decoder = await WuerstchenDiffNeXt.load(join(COCKTAIL, 'wuerstchen/decoder'), { provider: 'cpu' });
  const vqgan = await PaellaVQModel.load(join(COCKTAIL, 'wuerstchen/vqgan'), { provider: 'cpu' });
  const { c_in, effnet_embd, clip_embd } = decoder.config;
  for (const [h, w] of [
    [1, 3],
    [4, 2],
  ] as const) {
    const [H, W] = [h * decoder.sideDivisor, w * decoder.sideDivisor];
    const x = noise(1, [1, c_in, H, W]);
    const predicted = await decoder.run(
      x,
      Float32Array.of(1),
      noise(2, [1, effnet_embd, h, w]),
      noise(3, [1, 5, clip_embd]),
    );
    assert.deepEqual(predicted.dims, [1, c_in, H, W]);
    const { dims } = await vqgan.decodePixels(predicted);
    assert.deepEqual(dims, [1, H * vqgan.factor, W * vqgan.factor, 3]);
    const back = await vqgan.encode(await vqgan.decode(predicted));
    assert.deepEqual(back.dims, predicted.dims);
  }
  await assert.rejects(
    decoder.run(
      noise(1, [1, c_in, 3, 3]),
      Float32Array.of(1),
      noise(2, [1, effnet_embd, 1, 1]),
      noise(3, [1, 5, clip_embd]),
    ),
    { code: 'latent_side_invalid' },
  );
  await decoder.release();
  await vqgan.release();
});
