import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type CombinedOptions, TorchGenerator, WuerstchenCombinedPipeline } from '../../../src/pipeline/index.ts';
import type { Tensor } from '../../../src/pipeline/math/tensor.ts';
import type { Conditioning } from '../../../src/pipeline/networks/conditioning.ts';
import { SharedSteps } from '../../../src/pipeline/networks/shared-steps.ts';

const tensor = (...values: number[]): Tensor => ({ data: Float32Array.from(values), dims: [values.length, 1, 1, 1] });
const words = (...values: number[]): Conditioning => ({
  ...{ rows: values.length, shared: {}, adapter: null },
  perRow: { text: { data: Float32Array.from(values), dims: [values.length, 1] } },
});

/** A network whose output is a row's number, timestep and word in one; `runs` are the rows of each run. */
function fakeNetwork(refuse: (rows: number) => boolean = () => false) {
  const runs: number[][] = [];
  const shared = new SharedSteps(async (x, r, { perRow }) => {
    runs.push([...x.data]);
    if (refuse(x.data.length)) throw new Error(`no room for ${x.data.length}`);
    await new Promise((resolve) => setImmediate(resolve));
    const data = x.data.map((value, i) => value * 100 + (r[i] ?? 0) * 10 + (perRow.text?.data[i] ?? 0));
    return { data, dims: x.dims };
  });
  return { runs, shared };
}

const timesteps = (...values: number[]) => Float32Array.from(values);

test('loops that come to a step together share one run, each with its own rows, timesteps and words', async () => {
  const { runs, shared } = fakeNetwork();
  const [a, b] = [shared.enter(), shared.enter()];
  const outputs = await Promise.all([
    a.step(tensor(1, 2), timesteps(3, 3), words(4, 5)),
    b.step(tensor(6), timesteps(7), words(8)),
  ]);
  assert.deepEqual(
    outputs.map(({ data }) => [...data]),
    [[134, 235], [678]],
  );
  assert.deepEqual(runs, [[1, 2, 6]]);
});

test('a loop begins at any step of another and ends before it; one that is left goes on alone', async () => {
  const { runs, shared } = fakeNetwork();
  const walk = async (id: number, steps: number, begun: (step: number) => void = () => {}) => {
    const loop = shared.enter();
    for (let i = 0; i < steps; i += 1) {
      begun(i);
      await loop.step(tensor(id), timesteps(0), words(0));
    }
    loop.leave();
  };
  let second: Promise<void> | undefined;
  await walk(1, 6, (step) => {
    if (step === 2) second = walk(2, 2);
  });
  await second;
  assert.deepEqual(runs, [[1], [1], [2, 1], [2, 1], [1], [1]]);
});

test('who does not come to its step is not waited for', async () => {
  const { runs, shared } = fakeNetwork();
  const [a] = [shared.enter(), shared.enter()];
  await a.step(tensor(1), timesteps(0), words(0));
  assert.deepEqual(runs, [[1]]);
});

test('one that is cancelled while it waits ends at once, and the others go on', async () => {
  const { runs, shared } = fakeNetwork();
  const [a, b] = [shared.enter(), shared.enter()];
  const stop = new AbortController();
  const cancelled = a.step(tensor(1), timesteps(0), words(0), stop.signal);
  stop.abort(new Error('changed my mind'));
  await assert.rejects(cancelled, /changed my mind/);
  a.leave();
  await b.step(tensor(2), timesteps(0), words(0));
  assert.deepEqual(runs, [[2]]);
});

test('what only the whole cannot do is done one by one, and what is wrong with one is its own', async () => {
  const tight = fakeNetwork((rows) => rows > 1);
  const [a, b] = [tight.shared.enter(), tight.shared.enter()];
  await Promise.all([a.step(tensor(1), timesteps(0), words(0)), b.step(tensor(2), timesteps(0), words(0))]);
  assert.deepEqual(tight.runs, [[1, 2], [1], [2]]);
  const broken = fakeNetwork(() => true);
  const [c, d] = [broken.shared.enter(), broken.shared.enter()];
  const both = [c, d].map((loop, i) => loop.step(tensor(i), timesteps(0), words(0)));
  for (const one of both) await assert.rejects(one, /no room for 1/);
});

test('steps of other sizes, lengths of text and adapters are runs of their own', async () => {
  const { runs, shared } = fakeNetwork();
  const loops = Array.from({ length: 3 }, () => shared.enter());
  const wide = { data: Float32Array.of(9), dims: [1, 1, 1, 1] };
  await Promise.all([
    loops[0]?.step(tensor(1), timesteps(0), words(0)),
    loops[1]?.step({ data: Float32Array.of(2, 3), dims: [1, 1, 1, 2] }, timesteps(0), words(0)),
    loops[2]?.step(wide, timesteps(0), { ...words(0), perRow: { text: { data: new Float32Array(2), dims: [1, 2] } } }),
  ]);
  assert.deepEqual(runs, [[1], [2, 3], [9]]);
});

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');

test('pictures of several people that share their steps are those made alone', async () => {
  const alone = await WuerstchenCombinedPipeline.fromPretrained(COCKTAIL, { provider: 'cpu' });
  const together = await WuerstchenCombinedPipeline.fromPretrained(COCKTAIL, { provider: 'cpu' });
  after(() => Promise.all([alone.release(), together.release()]));
  for (const network of [together.prior.prior, together.decoder.decoder]) network.share();
  const size = alone.grid.pixels(alone.grid.coveringCells(64));
  const requests: CombinedOptions[] = [
    { prompt: 'a panda', priorNumInferenceSteps: 5, numInferenceSteps: 2, priorGuidanceScale: 4 },
    { prompt: 'a red heart', negativePrompt: 'green', priorNumInferenceSteps: 3, numInferenceSteps: 4 },
    { prompt: 'a cat', priorNumInferenceSteps: 4, numInferenceSteps: 3, priorGuidanceScale: 1, numImagesPerPrompt: 2 },
  ].map((one) => ({ ...one, width: size, height: size }));
  const paint = (pipeline: WuerstchenCombinedPipeline, options: CombinedOptions, seed: number) => {
    const events = pipeline.stream({ ...options, generator: new TorchGenerator(seed) });
    return (async () => {
      for (;;) {
        const { done, value } = await events.next();
        if (done) return value.images;
      }
    })();
  };
  const expected = [];
  for (const [seed, options] of requests.entries()) expected.push(await paint(alone, options, seed));
  let rows = 0;
  const { step } = together.prior.prior;
  together.prior.prior.step = function (x, r, conditioning) {
    rows = Math.max(rows, r.length);
    return step.call(this, x, r, conditioning);
  };
  const found = await Promise.all(requests.map((options, seed) => paint(together, options, seed)));
  assert.equal(rows, 6);
  assert.deepEqual(found, expected);
});
