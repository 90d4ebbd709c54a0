import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { prepare } from '../../../src/pipeline/derived-weights/prepare.ts';
import { ALL_FOLDS, type Folds } from '../../../src/pipeline/graph/blocks.ts';
import { decoderGraphs } from '../../../src/pipeline/graph/decoder.ts';
import { priorGraphs } from '../../../src/pipeline/graph/prior.ts';
import {
  Runtime,
  type Tensor,
  TorchGenerator,
  WuerstchenDiffNeXt,
  WuerstchenPrior,
} from '../../../src/pipeline/index.ts';
import { fullSizeComponent } from '../full-size-graphs.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');
/** Of the largest number: two products in 16 bits become one. */
const TOLERANCE = 1e-3;
const INSIDE = { ...ALL_FOLDS, conditioning: false };

async function prepared(t: TestContext, folder: string, write: (planned: Component) => unknown): Promise<Component> {
  const dir = await temporaryFolder(t);
  cpSync(join(COCKTAIL, folder), dir, { recursive: true, filter: (path) => !path.endsWith('prepared') });
  const planned = (await Component.open(dir)).in('fp16');
  write(planned);
  return planned.in('fp16', await prepare(planned));
}

function noise(seed: number, dims: number[]): Tensor {
  return { data: new TorchGenerator(seed).randn(dims), dims };
}

/** Largest difference, as a share of the largest number. */
function apart(a: Tensor, b: Tensor): number {
  const largest = a.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (b.data[i] ?? Number.NaN))), 0) / largest;
}

async function agree(
  t: TestContext,
  component: Component,
  run: (component: Component, on: Runtime) => Promise<Tensor>,
) {
  const by = async (on: Component, folds: Folds) => run(on, await Runtime.create({ provider: 'cpu', folds }));
  const plain = await by(component.unprepared('fp16'), { ...ALL_FOLDS, textKeys: false });
  for (const folds of [ALL_FOLDS, INSIDE]) {
    const share = apart(plain, await by(component, folds));
    t.diagnostic(`conditioning ${folds.conditioning}: ${share}`);
    assert.ok(share > 0 && share <= TOLERANCE, `${share} apart`);
  }
}

test('Stage C gives the same numbers whether keys and values of the text are one product or many', async (t) => {
  const component = await prepared(t, 'wuerstchen-prior/prior', (planned) => priorGraphs(planned, ALL_FOLDS));
  await agree(t, component, (on, runtime) => {
    const network = new WuerstchenPrior(on, runtime);
    const { c_in, c_cond } = network.config;
    return network.run(noise(1, [2, c_in, 6, 6]), Float32Array.of(0.9, 0.3), noise(2, [2, 9, c_cond]));
  });
});

test('Stage B gives the same numbers whether keys and values of the text are one product or many', async (t) => {
  const component = await prepared(t, 'wuerstchen/decoder', (planned) => decoderGraphs(planned, ALL_FOLDS));
  await agree(t, component, (on, runtime) => {
    const network = new WuerstchenDiffNeXt(on, runtime);
    const { c_in, effnet_embd, clip_embd } = network.config;
    const side = 2 * network.sideDivisor;
    const effnet = noise(4, [1, effnet_embd, 3, 3]);
    return network.run(noise(3, [1, c_in, side, side]), Float32Array.of(0.5), effnet, noise(5, [1, 9, clip_embd]));
  });
});

test('in 16 bits the step computes keys and values of the text of all blocks as one product', async (t) => {
  const products = ({ parts: { nodes } }: { readonly parts: ReturnType<typeof priorGraphs>['step']['parts'] }) =>
    nodes.flatMap(({ op, outputs }) =>
      op === 'Gemm' && String(outputs[0]?.shape[0]) === 'b*t' ? outputs[0]?.shape[1] : [],
    );
  const [prior, decoder] = [
    await fullSizeComponent(t, 'wuerstchen-prior/prior'),
    await fullSizeComponent(t, 'wuerstchen/decoder'),
  ];
  // The mappers of the text before it are 32-bit layers of their own.
  assert.deepEqual(products(priorGraphs(prior.in('fp16'), INSIDE).step), [1536, 1536, 2 * 32 * 1536]);
  const [mapper, ...rest] = products(decoderGraphs(decoder.in('fp16'), INSIDE).step);
  assert.deepEqual([mapper, rest.length], [1024, 1]);
  const apartFromIt = { ...INSIDE, textKeys: false };
  assert.equal(products(priorGraphs(prior.in('fp16'), apartFromIt).step).length, 2 + 3 * 32);
  const layers = new Set(['blocks.5.attention.to_k']);
  assert.equal(products(priorGraphs(prior.in('fp16'), INSIDE, layers).step).length, 2 + 3 * 32 + 2);
});
