import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  type CombinedOptions,
  type RgbImage,
  type StepEvent,
  type Tensor,
  TorchGenerator,
  WuerstchenCombinedPipeline,
} from '../../../src/pipeline/index.ts';

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');
const pipeline = await WuerstchenCombinedPipeline.fromPretrained(COCKTAIL, { provider: 'cpu' });
after(() => pipeline.release());

const [WIDTH, HEIGHT] = [4, 3].map((cells) => pipeline.grid.pixels(cells)) as [number, number];
const QUICK = { width: WIDTH, height: HEIGHT, priorNumInferenceSteps: 5, numInferenceSteps: 2, prompt: 'a panda' };

/** A picture that is different everywhere. */
function picture(width: number, height: number, tint = 0): RgbImage {
  const data = new Uint8Array(width * height * 3).map((_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return [(x * 255) / width, (y * 255) / height, (x ^ y) & 255][(i + tint) % 3] ?? 0;
  });
  return { width, height, data };
}

const given = picture(WIDTH, HEIGHT);
const generate = (options: Partial<CombinedOptions>, seed = 5) =>
  pipeline.generate({ ...QUICK, generator: new TorchGenerator(seed), ...options });

async function steps(options: Partial<CombinedOptions>): Promise<StepEvent[]> {
  const events: StepEvent[] = [];
  for await (const event of pipeline.stream({ ...QUICK, generator: new TorchGenerator(5), ...options })) {
    if (event.stage === 'prior') events.push({ ...event, latents: copy(event.latents) });
  }
  return events;
}

const copy = ({ data, dims }: Tensor): Tensor => ({ data: data.slice(), dims });

test('strength 1 is the prompt alone, bit by bit', async () => {
  const [alone, started] = [await generate({}), await generate({ image: given, strength: 1 })];
  assert.deepEqual(started.imageEmbeddings, alone.imageEmbeddings);
  assert.deepEqual(started.images, alone.images);
});

test('strength 0 takes the embedding of the picture through Stage B', async () => {
  const encoder = await pipeline.imageEncoder();
  const [h, w] = [pipeline.grid.cells(HEIGHT), pipeline.grid.cells(WIDTH)];
  const exact = picture(w * encoder.cellPixels, h * encoder.cellPixels);
  const embedding = await encoder.encode(exact);
  const [started, repainted] = [
    await generate({ image: exact, strength: 0 }),
    await generate({ imageEmbeddings: embedding }),
  ];
  assert.deepEqual(started.imageEmbeddings, embedding);
  assert.deepEqual(started.images, repainted.images);
});

test('of n steps the first n − ⌊n · strength⌋ are skipped, as in diffusers', async () => {
  const whole = (await steps({})).map(({ timestep }) => timestep);
  for (const [strength, left] of [
    [0.999, 4],
    [0.8, 4],
    [0.6, 3],
    [0.59, 2],
    [0.2, 1],
    [0.19, 0],
  ] as const) {
    const taken = (await steps({ image: given, strength })).map(({ timestep }) => timestep);
    assert.deepEqual(taken, whole.slice(5 - left), `strength ${strength}`);
  }
});

test('Stage C begins with the embedding, noised by the first draw of the generator', async () => {
  const { prior } = pipeline;
  const dims = [1, prior.prior.config.c_in, 2, 3];
  const image = { data: new TorchGenerator(1).randn(dims), dims };
  const side = (cells: number) => cells * prior.values.resolutionMultiple;
  const options = { prompt: 'a panda', height: side(2), width: side(3), numInferenceSteps: 5, guidanceScale: 1 };
  const started = await prior.generate({ ...options, image, strength: 0.4, generator: new TorchGenerator(9) });
  const scheduler = prior.newScheduler(5);
  const timesteps = scheduler.timesteps.slice(3);
  const generator = new TorchGenerator(9);
  const latents = scheduler.addNoise(prior.latentsOf(image).data, generator.randn(dims), timesteps[0] ?? 0);
  const byHand = await prior.generate({ ...options, timesteps, latents: { data: latents, dims }, generator });
  assert.deepEqual(started.imageEmbeddings, byHand.imageEmbeddings);
});

test('pictures are blended by weight, and a picture may be of any size', async () => {
  const other = picture(333, 205, 1);
  const [first, second] = [
    await generate({ image: given, strength: 0 }),
    await generate({ image: other, strength: 0 }),
  ];
  const both = await generate({
    image: [
      { image: given, weight: 3 },
      { image: other, weight: 1 },
    ],
    strength: 0,
  });
  both.imageEmbeddings.data.forEach((value, i) => {
    const wanted = 0.75 * (first.imageEmbeddings.data[i] ?? 0) + 0.25 * (second.imageEmbeddings.data[i] ?? 0);
    assert.ok(Math.abs(value - wanted) < 1e-4);
  });
});

test('outside the feathered mask every pixel is the original’s; inside, the prompt paints', async () => {
  const mask = { width: WIDTH, height: HEIGHT, data: new Uint8Array(WIDTH * HEIGHT) };
  const [left, right, top, bottom] = [WIDTH / 4, WIDTH / 2, HEIGHT / 3, (HEIGHT * 2) / 3];
  for (let y = top; y < bottom; y += 1) mask.data.fill(255, y * WIDTH + left, y * WIDTH + right);
  const feather = Math.min(WIDTH, HEIGHT) / 32;
  for (const options of [
    {},
    { strength: 1 },
    { strength: 0 },
    { fit: 'crop', width: WIDTH - 40, height: HEIGHT - 8 } as const,
  ]) {
    const { images } = await generate({ image: given, mask, ...options });
    const [painted] = images;
    assert.ok(painted);
    if ('fit' in options) {
      assert.deepEqual([painted.width, painted.height], [options.width, options.height]);
      continue;
    }
    let changed = 0;
    for (let i = 0; i < WIDTH * HEIGHT; i += 1) {
      const [x, y] = [i % WIDTH, Math.floor(i / WIDTH)];
      const outside = x < left - feather || x >= right + feather || y < top - feather || y >= bottom + feather;
      const same = [0, 1, 2].every((c) => painted.data[i * 3 + c] === given.data[i * 3 + c]);
      if (outside) assert.ok(same, `pixel ${x}, ${y} is the original's`);
      else if (!same) changed += 1;
    }
    assert.ok(changed > ((right - left) * (bottom - top)) / 2, 'most of the region is painted anew');
  }
});

test('what is kept has the noise of every step, and is clean at the end', async () => {
  const mask = { width: WIDTH, height: HEIGHT, data: new Uint8Array(WIDTH * HEIGHT) };
  mask.data[0] = 255;
  const { prior } = pipeline;
  const taken = await steps({ image: given, mask, strength: 1 });
  const { imageEmbeddings } = await generate({ image: given, strength: 0 });
  const clean = prior.latentsOf(imageEmbeddings);
  const noise = new TorchGenerator(5).randn(clean.dims);
  const scheduler = prior.newScheduler(5);
  for (const { step, latents } of taken) {
    const next = scheduler.timesteps[step] ?? 0;
    const wanted = step === 5 ? clean.data : scheduler.addNoise(clean.data, noise, next);
    const last = latents.data.length - 1;
    assert.equal(latents.data[last], wanted[last], `step ${step}`);
  }
  assert.equal(taken.length, 5);
});

test('no words and a picture are a variation', async () => {
  const { images } = await generate({ prompt: '', image: given });
  assert.equal(images.length, 1);
});

for (const [what, options, code] of [
  ['a strength above 1', { image: given, strength: 1.2 }, 'strength_invalid'],
  ['four pictures', { image: Array.from({ length: 4 }, () => ({ image: given })) }, 'start_invalid'],
  ['a weight of 0', { image: [{ image: given, weight: 0 }] }, 'start_invalid'],
  [
    'two pictures and a mask',
    { image: [{ image: given }, { image: given }], mask: { width: 2, height: 2, data: new Uint8Array(4).fill(255) } },
    'start_invalid',
  ],
  ['a black mask', { image: given, mask: { width: 8, height: 8, data: new Uint8Array(64) } }, 'mask_empty'],
] as const) {
  test(`${what} is refused`, () => assert.rejects(generate(options as Partial<CombinedOptions>), { code }));
}
