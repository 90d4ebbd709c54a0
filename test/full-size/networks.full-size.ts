import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Component } from '../../src/pipeline/checkpoint/checkpoint.ts';
import { NO_FOLDS } from '../../src/pipeline/graph/blocks.ts';
import {
  ClipTextModel,
  ClipTokenizer,
  PaellaVQModel,
  WuerstchenDiffNeXt,
  WuerstchenPrior,
} from '../../src/pipeline/index.ts';
import { folderOf, fullSizeModel, PARAMETERS, relativeError, someNumbers } from './full-size.ts';

/** Rounding of float32 over the depth of these networks; a fold that is wrong anywhere is far above. */
const ROUNDING = 2e-5;
const CPU = { provider: 'cpu' } as const;
/** Running mean and variance of Stage A's encoder: four numbers each, which are not learned. */
const STATISTICS = 8;

test('every network has the number of parameters that was published', async () => {
  for (const [part, parameters] of Object.entries(PARAMETERS)) {
    const component = await Component.open(folderOf(part as keyof typeof PARAMETERS));
    assert.equal(component.parameters, parameters + (part.endsWith('vqgan') ? STATISTICS : 0), part);
  }
});

test('the text encoders take 77 tokens of the real vocabulary to states of their width', async () => {
  for (const [repository, width] of [
    ['wuerstchen-prior', 1280],
    ['wuerstchen', 1024],
  ] as const) {
    const tokenizer = await ClipTokenizer.load(`${fullSizeModel()}/${repository}/tokenizer`);
    const { inputIds, attentionMask } = tokenizer.encode('a red fox in the snow');
    assert.deepEqual([...inputIds.slice(0, 8)].map(Number), [49406, 320, 736, 3240, 530, 518, 2583, 49407]);
    const model = await ClipTextModel.load(`${fullSizeModel()}/${repository}/text_encoder`, CPU);
    const { data, dims } = await model.run(inputIds, attentionMask);
    assert.deepEqual(dims, [1, 77, width]);
    assert.ok(data.some((value) => Math.abs(value) > 0.1));
    await model.release();
  }
});

test('a step of Stage C is the same with and without its exact savings', async () => {
  const [x, text, r] = [someNumbers(2, 16, 6, 6), someNumbers(2, 77, 1280), Float32Array.of(0.7, 0.7)];
  const run = async (options: object) => {
    const prior = await WuerstchenPrior.load(folderOf('wuerstchen-prior/prior'), { ...CPU, ...options });
    const result = await prior.run(x, r, text);
    await prior.release();
    return result;
  };
  const [folded, plain] = [await run({}), await run({ folds: NO_FOLDS })];
  assert.deepEqual(folded.dims, [2, 16, 6, 6]);
  const error = relativeError(plain.data, folded.data);
  assert.ok(error < ROUNDING, `relative error ${error}`);
});

test('a step of Stage B is the same with and without its exact savings', async () => {
  const [x, effnet, text] = [someNumbers(1, 4, 64, 64), someNumbers(1, 16, 6, 6), someNumbers(1, 77, 1024)];
  const run = async (options: object) => {
    const decoder = await WuerstchenDiffNeXt.load(folderOf('wuerstchen/decoder'), { ...CPU, ...options });
    const result = await decoder.run(x, Float32Array.of(0.4), effnet, text);
    await decoder.release();
    return result;
  };
  const [folded, plain] = [await run({}), await run({ folds: NO_FOLDS })];
  const error = relativeError(plain.data, folded.data);
  assert.ok(error < ROUNDING, `relative error ${error}`);
});

test('a decode of Stage A is the same with and without its exact savings', async () => {
  const latents = someNumbers(1, 4, 64, 64);
  const run = async (options: object) => {
    const vqgan = await PaellaVQModel.load(folderOf('wuerstchen/vqgan'), { ...CPU, ...options });
    const result = await vqgan.decode(latents);
    await vqgan.release();
    return result;
  };
  const [folded, plain] = [await run({}), await run({ folds: NO_FOLDS })];
  assert.deepEqual(folded.dims, [1, 3, 256, 256]);
  const error = relativeError(plain.data, folded.data);
  assert.ok(error < ROUNDING, `relative error ${error}`);
});
