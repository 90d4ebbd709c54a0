import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { ALL_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import { type Tensor, TorchGenerator, WuerstchenDiffNeXt, WuerstchenPrior } from '../../../src/pipeline/index.ts';
import { attendsInPieces } from '../../../src/pipeline/runtime/fused-attention.ts';
import { running } from '../../program.ts';

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');
const IN_PIECES = { ...ALL_FOLDS, wholeAttention: false };
/** Of 8 heads and 4096×4096 scores in 32 bits. */
const MATRIX = 8 * 4096 ** 2 * 4;

function grownBy(pieces: readonly number[], env: NodeJS.ProcessEnv): number {
  const file = new URL('./attention-memory.ts', import.meta.url);
  const args = [...running(file), ...pieces.map(String)];
  return Number(execFileSync(process.execPath, args, { env: { ...process.env, ...env }, encoding: 'utf8' }));
}

function noise(seed: number, dims: number[]): Tensor {
  return { data: new TorchGenerator(seed).randn(dims), dims };
}

function furthest(a: Tensor, b: Tensor): number {
  assert.deepEqual(a.dims, b.dims);
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (b.data[i] ?? Number.NaN))), 0);
}

test('attention never holds its whole matrix of scores: the operator cuts it up, or else the graph does', () => {
  const alone = { ORT_DISABLE_FLASH_ATTENTION: '1' };
  assert.ok(!attendsInPieces('cpu', alone));
  assert.ok(grownBy([1, 1], alone) > 0.9 * MATRIX, 'what would be without pieces');
  assert.ok(grownBy([16, 1], alone) < MATRIX / 4, 'pieces of the queries');
  assert.ok(grownBy([4, 4], alone) < MATRIX / 4, 'and of the heads');
  if (attendsInPieces('cpu')) assert.ok(grownBy([1, 1], {}) < MATRIX / 4, 'the operator itself');
});

test('only the CPU has to be asked, and one that does not tell its cache has the graph do it', () => {
  const facts = (l2: number) =>
    ['cpu', 'cuda', 'webgpu'].map((provider) => attendsInPieces(provider as 'cpu', {}, () => l2));
  assert.deepEqual(facts(0), [false, true, true]);
  assert.deepEqual(facts(1 << 20), [true, true, true]);
});

test('Stages C and B predict the same with attention in pieces', async () => {
  const at = (folds: typeof ALL_FOLDS) => ({ provider: 'cpu', folds }) as const;
  const prior = join(COCKTAIL, 'wuerstchen-prior/prior');
  const [c, cPieces] = [
    await WuerstchenPrior.load(prior, at(ALL_FOLDS)),
    await WuerstchenPrior.load(prior, at(IN_PIECES)),
  ];
  const text = noise(1, [2, 77, c.config.c_cond]);
  const r = Float32Array.of(0.7, 0.2);
  const x = noise(2, [2, c.config.c_in, 7, 9]);
  assert.ok(furthest(await c.run(x, r, text), await cPieces.run(x, r, text)) < 1e-4);

  const decoder = join(import.meta.dirname, '../../fixtures/reference/decoder/l3_false_true_true');
  const [b, bPieces] = [
    await WuerstchenDiffNeXt.load(decoder, at(ALL_FOLDS)),
    await WuerstchenDiffNeXt.load(decoder, at(IN_PIECES)),
  ];
  const clip = noise(3, [2, 11, b.config.clip_embd]);
  const effnet = noise(4, [2, b.config.effnet_embd, 5, 6]);
  for (const [height, width] of [
    [1, 1],
    [3, 5],
  ] as const) {
    const latents = noise(5, [2, b.config.c_in, height * b.sideDivisor, width * b.sideDivisor]);
    assert.ok(furthest(await b.run(latents, r, effnet, clip), await bPieces.run(latents, r, effnet, clip)) < 1e-4);
  }
});
