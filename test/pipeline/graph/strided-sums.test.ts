import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { ALL_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import { Runtime, TorchGenerator, WuerstchenPrior } from '../../../src/pipeline/index.ts';

const PRIOR = join(import.meta.dirname, '../../../data/models/cocktail/wuerstchen-prior/prior');

test('sums over the area by a row of ones for each row of a batch are the same bit by bit', async () => {
  const noise = (seed: number, dims: number[]) => ({ data: new TorchGenerator(seed).randn(dims), dims });
  const predict = async (stridedSums: boolean) => {
    const runtime = await Runtime.create({ provider: 'cpu', folds: { ...ALL_FOLDS, stridedSums } });
    const network = await WuerstchenPrior.load(PRIOR, runtime);
    const { c_in, c_cond } = network.config;
    const r = Float32Array.of(0.9, 0.5, 0.2);
    const { data } = await network.run(noise(1, [3, c_in, 6, 5]), r, noise(2, [3, 7, c_cond]));
    await network.release();
    return data;
  };
  const [folded, plain] = [await predict(true), await predict(false)];
  assert.ok(plain.some((value) => Math.abs(value) > 0.1));
  assert.deepEqual(folded, plain);
});
