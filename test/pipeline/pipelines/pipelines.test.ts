import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import {
  type CombinedOptions,
  type StepEvent,
  type Tensor,
  TorchGenerator,
  WuerstchenCombinedPipeline,
} from '../../../src/pipeline/index.ts';
import { UserError } from '../../../src/system/errors.ts';

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');
const pipeline = await WuerstchenCombinedPipeline.fromPretrained(COCKTAIL, { provider: 'cpu' });
after(() => pipeline.release());

/** The smallest square of the loaded checkpoint: quick, whatever its weights are. */
const SIDE = pipeline.grid.pixels(pipeline.grid.coveringCells(64));
const QUICK = { width: SIDE, height: SIDE, priorNumInferenceSteps: 3, numInferenceSteps: 2 };

function noise(seed: number, dims: number[]): Tensor {
  return { data: new TorchGenerator(seed).randn(dims), dims };
}

function refuses(options: CombinedOptions | Record<string, unknown>, code: string, message?: RegExp) {
  return assert.rejects(pipeline.generate(options as CombinedOptions), (error: unknown) => {
    assert.ok(error instanceof UserError, String((error as Error).stack));
    assert.equal(error.code, code, error.message);
    if (message) assert.match(`${error.message} ${error.hint}`, message);
    return true;
  });
}

function differingShare(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  let different = 0;
  a.forEach((value, i) => {
    const difference = Math.abs(value - (b[i] ?? 0));
    assert.ok(difference <= 1, `a value is off by ${difference}`);
    if (difference > 0) different += 1;
  });
  return different / a.length;
}

test('picture k of a request is the same picture made alone', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.integer({ min: 2, max: 3 }),
      fc.boolean(),
      async (seed, count, guided) => {
        const options = { ...QUICK, prompt: 'a red fox', priorGuidanceScale: guided ? 3 : 1 };
        const seeds = Array.from({ length: count }, (_, k) => BigInt.asUintN(64, seed + BigInt(k)));
        const batch = await pipeline.generate({
          ...options,
          numImagesPerPrompt: count,
          generator: seeds.map((one) => new TorchGenerator(one)),
        });
        assert.equal(batch.images.length, count);
        const k = count - 1;
        const alone = await pipeline.generate({ ...options, generator: new TorchGenerator(seeds[k] ?? 0n) });
        assert.ok(batch.images[k] && alone.images[0]);
        assert.ok(differingShare(batch.images[k].data, alone.images[0].data) <= 0.001);
      },
    ),
    { numRuns: 4 },
  );
});

test('two prompts in one call are the two pictures made apart', async () => {
  const [a, b] = ['a red fox', 'a rocket in space'];
  const generators = () => [new TorchGenerator(1), new TorchGenerator(2)] as const;
  const both = await pipeline.generate({ ...QUICK, prompt: [a, b], generator: [...generators()] });
  const second = await pipeline.generate({ ...QUICK, prompt: b, generator: generators()[1] });
  assert.ok(both.images[1] && second.images[0]);
  assert.ok(differingShare(both.images[1].data, second.images[0].data) <= 0.001);
});

test('any size comes out exactly when cropped, and on the grid when not', async () => {
  const steps = { prompt: 'a cake', priorNumInferenceSteps: 1, numInferenceSteps: 1 };
  for (const [width, height] of [
    [SIDE, SIDE],
    [SIDE - 1, SIDE + 1],
    [77, 200],
  ] as const) {
    const cropped = await pipeline.generate({ ...steps, width, height, fit: 'crop' });
    assert.deepEqual([cropped.images[0]?.width, cropped.images[0]?.height], [width, height]);
    assert.equal(cropped.images[0]?.data.length, width * height * 3);
    const gridded = await pipeline.generate({ ...steps, width, height });
    const image = gridded.images[0];
    assert.ok(image);
    assert.equal(image.width % pipeline.grid.step, 0);
    assert.equal(image.width, pipeline.grid.pixels(pipeline.grid.cells(width)));
  }
});

test('every grid size has a Stage B side that divides as its levels need, and covers what was asked', () => {
  fc.assert(
    fc.property(fc.integer({ min: 64, max: 4096 }), (side) => {
      const cells = pipeline.grid.coveringCells(side);
      assert.ok(pipeline.grid.isLegal(cells));
      assert.ok(pipeline.grid.pixels(cells) >= side);
      for (let fewer = 1; fewer < cells; fewer += 1)
        assert.ok(!pipeline.grid.isLegal(fewer) || pipeline.grid.pixels(fewer) < side);
    }),
  );
});

test('what is written into the latents after a step is what the next step uses', async () => {
  const generate = async (touch: (event: StepEvent) => void) => {
    const stream = pipeline.stream({ ...QUICK, prompt: 'a castle', generator: new TorchGenerator(5) });
    for (;;) {
      const { done, value } = await stream.next();
      if (done) return value;
      touch(value);
    }
  };
  const plain = await generate(() => {});
  const same = await generate((event) => event.latents.data.set(event.latents.data.slice()));
  assert.deepEqual(same.images[0]?.data, plain.images[0]?.data);
  const zeroed = await generate((event) => {
    if (event.stage === 'prior') event.latents.data.fill(0);
  });
  const { latentStd } = pipeline.prior.values;
  assert.ok(zeroed.imageEmbeddings.data.every((value) => Math.abs(value + latentStd) < 1e-6));
  const deaf = await generate((event) => {
    if (event.stage === 'decoder' && event.step === 1) event.imageEmbeddings?.data.fill(0);
  });
  assert.deepEqual(deaf.imageEmbeddings.data.length, plain.imageEmbeddings.data.length);
  assert.notDeepEqual(deaf.latents.data, plain.latents.data);
});

test('steps are announced in order, and the predicted clean latents end where the loop ends', async () => {
  const stream = pipeline.stream({ ...QUICK, prompt: 'a moon', generator: new TorchGenerator(5) });
  const seen: string[] = [];
  let last: Tensor | undefined;
  for (;;) {
    const { done, value } = await stream.next();
    if (done) {
      const worst =
        last?.data.reduce((most, clean, i) => Math.max(most, Math.abs(clean - (value.latents.data[i] ?? 0))), 0) ?? 1;
      assert.ok(worst < 0.1, `the last prediction is off by ${worst}`);
      assert.ok(value.timings.total >= value.timings.prior + value.timings.decoder);
      break;
    }
    seen.push(`${value.stage} ${value.step}/${value.total}`);
    last = value.predictedClean();
    assert.deepEqual(last.dims, value.latents.dims);
  }
  assert.deepEqual(seen, ['prior 1/3', 'prior 2/3', 'prior 3/3', 'decoder 1/2', 'decoder 2/2']);
});

test('an abort ends the work within one step', async () => {
  for (const at of [0, 1, 4]) {
    const stop = new AbortController();
    let steps = 0;
    if (at === 0) stop.abort(new Error('enough'));
    const work = async () => {
      for await (const _ of pipeline.stream({ ...QUICK, prompt: 'a ship', signal: stop.signal })) {
        steps += 1;
        if (steps === at) stop.abort(new Error('enough'));
      }
    };
    await assert.rejects(work(), /enough/);
    assert.equal(steps, at);
  }
  assert.equal((await pipeline.generate({ ...QUICK, prompt: 'a ship' })).images.length, 1, 'the pipeline still works');
});

test('an embedding made before gives the same picture without Stage C', async () => {
  const made = await pipeline.generate({
    ...QUICK,
    prompt: 'a frog',
    generator: new TorchGenerator(3),
    outputType: 'latent',
  });
  const stages = new Set<string>();
  const stream = pipeline.stream({
    ...QUICK,
    prompt: 'a frog',
    imageEmbeddings: made.imageEmbeddings,
    generator: new TorchGenerator(9),
  });
  for await (const event of stream) stages.add(event.stage);
  assert.deepEqual([...stages], ['decoder']);
  assert.equal(made.images.length, 0);
});

test('odd prompts are painted: empty, very long, emoji and CJK', async () => {
  for (const prompt of ['', 'fox '.repeat(2500), '🦊❄️', '雪の中の赤い狐', '\ud800 alone']) {
    const { images, warnings } = await pipeline.generate({
      ...QUICK,
      prompt,
      priorNumInferenceSteps: 1,
      numInferenceSteps: 1,
    });
    assert.equal(images.length, 1);
    assert.equal(warnings.length > 0, prompt.length > 1000, 'a warning says what was cut');
  }
});

test('sizes outside the limits are refused with the limits', async () => {
  for (const width of [0, 1, 63, 4097, 100_000, 1.5, -128, Number.NaN, '128']) {
    await refuses({ ...QUICK, prompt: 'x', width }, 'size_invalid', /64 to 4096/);
  }
  await refuses({ ...QUICK, prompt: 'x', width: 4096, height: 4096 }, 'size_too_large', /9437184/);
});

test('options that cannot be meant are refused before any work', async () => {
  const base = { ...QUICK, prompt: 'a cat' };
  const { c_cond } = pipeline.prior.prior.config;
  const { c_in } = pipeline.prior.prior.config;
  const embeds = noise(1, [1, 8, c_cond]);
  const cases: [Record<string, unknown>, string, RegExp?][] = [
    [{ prompt: undefined }, 'prompt_missing'],
    [{ prompt: 5 }, 'invalid_type', /string/],
    [{ prompt: [] }, 'invalid_type'],
    [{ prompt: ['a', 5] }, 'invalid_type'],
    [{ negativePrompt: 5 }, 'invalid_type'],
    [{ negativePrompt: ['x', 'y'] }, 'batch_mismatch', /\(1\), got 2/],
    [{ prompt: ['a', 'b'], negativePrompt: 'x' }, 'batch_mismatch', /\(2\), got 1/],
    [{ promptEmbeds: 'x' }, 'invalid_type'],
    [{ promptEmbeds: embeds, negativePromptEmbeds: noise(1, [1, 7, c_cond]) }, 'embeds_mismatch', /1,8.*1,7/],
    [{ priorNumInferenceSteps: 2.5 }, 'invalid_type', /timesteps/],
    [{ priorNumInferenceSteps: '2' }, 'invalid_type'],
    [{ priorNumInferenceSteps: -1 }, 'steps_invalid'],
    [{ numInferenceSteps: 1e6 }, 'steps_invalid'],
    [{ priorTimesteps: [0, 0.5, 1] }, 'timesteps_invalid'],
    [{ priorTimesteps: [2, 0] }, 'timesteps_invalid'],
    [{ decoderTimesteps: [] }, 'timesteps_invalid'],
    [{ priorGuidanceScale: Number.NaN }, 'guidance_invalid'],
    [{ decoderGuidanceScale: '3' }, 'guidance_invalid'],
    [{ numImagesPerPrompt: 0 }, 'images_invalid'],
    [{ numImagesPerPrompt: 1.5 }, 'images_invalid'],
    [{ latents: noise(1, [1, c_in, 2, 2]) }, 'latents_invalid', /^Expected latents of shape/],
    [{ imageEmbeddings: noise(1, [1, 3, 2, 2]) }, 'image_embeddings_invalid'],
    [{ imageEmbeddings: 'x' }, 'invalid_type'],
    [{ generator: [] }, 'generator_count'],
    [{ outputType: 'foo' }, 'output_type_invalid', /image, float, latent/],
    [{ fit: 'stretch' }, 'fit_invalid'],
    [{ style: 'glossy' }, 'style_unknown', /aesthetic/],
  ];
  for (const [change, code, message] of cases) await refuses({ ...base, ...change }, code, message);
  assert.throws(() => new TorchGenerator(2n ** 64n), { code: 'seed_invalid' });
});

test('guidance of 1 and below, also negative, is off', async () => {
  const run = (priorGuidanceScale: number) =>
    pipeline.generate({
      ...QUICK,
      prompt: 'a cat',
      negativePrompt: 'ignored',
      priorGuidanceScale,
      generator: new TorchGenerator(1),
      outputType: 'latent',
    });
  const [one, negative] = [await run(1), await run(-3)];
  assert.deepEqual(one.latents.data, negative.latents.data);
});

test('one stage at a time gives the same picture as everything resident', async () => {
  const staged = await WuerstchenCombinedPipeline.fromPretrained(COCKTAIL, { provider: 'cpu', residency: 'stage' });
  const options = () => ({ ...QUICK, prompt: 'a star', generator: new TorchGenerator(2) });
  const [a, b] = [await staged.generate(options()), await pipeline.generate(options())];
  assert.deepEqual(a.images[0]?.data, b.images[0]?.data);
  assert.equal((await staged.generate(options())).images.length, 1, 'and loads again');
  await staged.release();
});

test('each style is a Stage C of its own', async () => {
  const made = [];
  for (const style of ['interpolated', 'base', 'aesthetic'] as const) {
    const { imageEmbeddings } = await pipeline.generate({
      ...QUICK,
      prompt: 'a fox',
      style,
      generator: new TorchGenerator(1),
      outputType: 'latent',
    });
    made.push({ hash: await pipeline.fingerprint(style), data: imageEmbeddings.data });
  }
  assert.equal(new Set(made.map(({ hash }) => hash)).size, 3);
  assert.notDeepEqual(made[0]?.data, made[1]?.data);
  assert.notDeepEqual(made[1]?.data, made[2]?.data);
});

test('calls made at once give what each gives alone, in any style, whatever stays loaded', async () => {
  for (const residency of ['resident', 'stage'] as const) {
    const shared = await WuerstchenCombinedPipeline.fromPretrained(COCKTAIL, { provider: 'cpu', residency });
    const paint = async (style: string) => {
      const options = { ...QUICK, prompt: `a lamp, ${residency}`, style, generator: new TorchGenerator(3) };
      return (await shared.generate(options)).images[0]?.data;
    };
    const together = await Promise.all([paint('base'), paint('aesthetic'), shared.fingerprint('interpolated')]);
    assert.deepEqual(together.slice(0, 2), [await paint('base'), await paint('aesthetic')]);
    await shared.release();
  }
});

test('the fingerprint of another style does not change the style in use', async () => {
  await pipeline.use('base');
  const inUse = pipeline.prior.prior;
  await pipeline.fingerprint('aesthetic');
  assert.equal(pipeline.prior.prior, inUse);
});

test('a call that waits for its turn ends at once when it is aborted, and the next one has its turn', async () => {
  const stop = new AbortController();
  const first = pipeline.generate({ ...QUICK, prompt: 'a boat' });
  const order: string[] = [];
  const second = pipeline.generate({ ...QUICK, prompt: 'a boat', signal: stop.signal });
  const third = pipeline.generate({ ...QUICK, prompt: 'a boat' });
  stop.abort(new Error('enough'));
  await Promise.all([
    first.then(() => order.push('first')),
    assert.rejects(second, /enough/).then(() => order.push('second')),
    third.then(() => order.push('third')),
  ]);
  assert.deepEqual(order, ['second', 'first', 'third']);
});
