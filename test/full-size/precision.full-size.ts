import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  PaellaVQModel,
  type Precision,
  type RuntimeOptions,
  type Tensor,
  TorchGenerator,
  WuerstchenCombinedPipeline,
  WuerstchenDiffNeXt,
  WuerstchenPrior,
} from '../../src/pipeline/index.ts';
import { folderOf, fullSizeModel, relativeError, someNumbers } from './full-size.ts';

/** Share of the output by which one pass may differ from 32 bits. Weights are random, errors of the layers add up. */
const ALLOWED: Readonly<Record<Exclude<Precision, 'fp32'>, number>> = { int8: 0.03, fp16: 0.003 };

const PASSES: Readonly<Record<string, (options: RuntimeOptions) => Promise<Tensor>>> = {
  'Stage C': async (options) => {
    const prior = await WuerstchenPrior.load(folderOf('wuerstchen-prior/prior'), options);
    const result = await prior.run(someNumbers(1, 16, 6, 6), Float32Array.of(0.7), someNumbers(1, 77, 1280));
    await prior.release();
    return result;
  },
  'Stage B': async (options) => {
    const decoder = await WuerstchenDiffNeXt.load(folderOf('wuerstchen/decoder'), options);
    const effnet = someNumbers(1, 16, 6, 6);
    // As far as image embeddings of the published checkpoint reach.
    effnet.data = effnet.data.map((value) => 60 * value);
    const result = await decoder.run(someNumbers(1, 4, 64, 64), Float32Array.of(0.4), effnet, someNumbers(1, 77, 1024));
    await decoder.release();
    return result;
  },
  'Stage A': async (options) => {
    const vqgan = await PaellaVQModel.load(folderOf('wuerstchen/vqgan'), options);
    const result = await vqgan.decode(someNumbers(1, 4, 64, 64));
    await vqgan.release();
    return result;
  },
};

for (const [stage, run] of Object.entries(PASSES)) {
  test(`${stage} in 8 and 16 bits is close to 32`, async (t) => {
    const exact = await run({ provider: 'cpu', precision: 'fp32' });
    for (const precision of ['int8', 'fp16'] as const) {
      const { data } = await run({ provider: 'cpu', precision });
      const error = relativeError(exact.data, data);
      t.diagnostic(`${stage} ${precision}: relative error ${error.toExponential(1)}`);
      assert.ok(error > 0 && error < ALLOWED[precision], `${precision}: ${error}`);
    }
  });
}

test('what is kept in 16 bits stays below 32,000 over twenty prompts', async (t) => {
  const largest = new Map<string, { name: string; value: number }>();
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(fullSizeModel(), {
    ...{ provider: 'cpu', precision: 'fp16', residency: 'stage' },
    onPeaks: (graph, peaks) => {
      for (const [name, value] of peaks) {
        assert.ok(value < 32_000, `${graph} ${name} reaches ${value}`);
        if (value > (largest.get(graph)?.value ?? -1)) largest.set(graph, { name, value });
      }
    },
  });
  const things = ['fox', 'cake', 'penguin', 'rocket', 'strawberry', 'castle', 'violin', 'volcano', 'teapot', 'owl'];
  const prompts = things.flatMap((thing) => [`a ${thing}`, `an oil painting of a ${thing} at night, highly detailed`]);
  assert.equal(prompts.length, 20);
  // Twenty rows of one picture each: every network is loaded once.
  const { imageEmbeddings } = await pipeline.prior.generate({
    ...{ prompt: prompts, width: 256, height: 256, numInferenceSteps: 2, guidanceScale: 4 },
    generator: new TorchGenerator(7),
  });
  const { images } = await pipeline.decoder.generate({
    ...{ prompt: prompts, imageEmbeddings, numInferenceSteps: 2 },
    generator: new TorchGenerator(8),
  });
  assert.equal(images.length, 20);
  for (const [graph, { name, value }] of largest) t.diagnostic(`${graph}: at most ${value.toFixed(1)} (${name})`);
  assert.equal(largest.size, 6);
  await pipeline.release();
});
