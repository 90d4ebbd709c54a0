import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import {
  type CombinedOptions,
  type Precision,
  type RuntimeOptions,
  TorchGenerator,
  WuerstchenCombinedPipeline,
} from '../../../src/pipeline/index.ts';
import { measureSlowness } from '../../../src/pipeline/pipelines/slowness.ts';
import type { BlockingCall } from '../../../src/pipeline/runtime/runtime.ts';
import { writeRandomLora } from '../random-lora.ts';

const folder = mkdtempSync(join(tmpdir(), 'wuerst-sequential-'));
const model = join(folder, 'cocktail');
const lora = join(folder, 'lora.safetensors');
after(() => rmSync(folder, { recursive: true }));

before(async () => {
  const from = join(import.meta.dirname, '../../../data/models/cocktail');
  cpSync(from, model, { recursive: true, filter: (path) => !path.endsWith('prepared') });
  const layers = [];
  for (const [part, dir] of [
    ['prior', 'wuerstchen-prior/prior'],
    ['text_encoder', 'wuerstchen-prior/text_encoder'],
  ] as const) {
    const component = await Component.open(join(model, dir));
    for (const [layer, shape] of component.layers) layers.push([`${part}.${layer}`, shape] as const);
  }
  await writeRandomLora(lora, layers, { seed: 1, size: 0.1 });
});

const WIDTH = 256;
const HEIGHT = 384;
const OPTIONS = {
  ...{ prompt: 'a panda on a green background', width: WIDTH, height: HEIGHT },
  ...{ priorNumInferenceSteps: 2, numInferenceSteps: 2, priorGuidanceScale: 4 },
} as const;

/** So little memory that every block is a group. */
const BLOCK = 1;
/** Some blocks fit together. */
const FEW_BLOCKS = 8e6;

function open(options: RuntimeOptions, free?: number): Promise<WuerstchenCombinedPipeline> {
  const measureMemory = free === undefined ? undefined : () => ({ bytes: free, of: 'this machine' });
  return WuerstchenCombinedPipeline.fromPretrained(model, { provider: 'cpu', measureMemory, ...options });
}

/** Everything that can be seen of painting: each step, its preview, and the pictures. */
async function paint(pipeline: WuerstchenCombinedPipeline, options: CombinedOptions) {
  const stream = pipeline.stream({ ...options, generator: new TorchGenerator(3) });
  const steps = [];
  for (;;) {
    const { done, value } = await stream.next();
    if (done) {
      const { images, imageEmbeddings, latents } = value;
      return { steps, images: images.map(({ data }) => data), embeddings: imageEmbeddings.data, latents: latents.data };
    }
    steps.push({ stage: value.stage, latents: value.latents.data.slice(), preview: value.predictedClean().data });
  }
}

async function assertSame(options: CombinedOptions, runtime: RuntimeOptions = {}, withLora = false): Promise<void> {
  const made = [];
  const pipelines = [
    await open({ ...runtime, residency: 'resident' }),
    await open({ ...runtime, residency: 'sequential' }, BLOCK),
    await open({ ...runtime, residency: 'sequential' }, FEW_BLOCKS),
  ];
  for (const pipeline of pipelines) {
    if (withLora) await pipeline.loadLora(lora);
    made.push(await paint(pipeline, options));
    await pipeline.release();
  }
  const [resident, ...sequential] = made;
  for (const one of sequential) assert.deepEqual(one, resident);
}

for (const style of ['base', 'aesthetic', 'interpolated', '0.3']) {
  test(`a picture of the style ${style} is the same with a few blocks loaded at a time, bit by bit, previews included`, () =>
    assertSame({ ...OPTIONS, style }));
}

test('so are two with negative prompts and guidance in both stages', () =>
  assertSame({ ...OPTIONS, negativePrompt: 'red', decoderGuidanceScale: 1.5, numImagesPerPrompt: 2 }));

test('so is one without guidance, of weighted words', () =>
  assertSame({ ...OPTIONS, prompt: 'a (panda:1.3) on [green]', weighted: true, priorGuidanceScale: 1 }));

test('so is one with a LoRA of every layer and of the words', () => assertSame(OPTIONS, {}, true));

test('so is one that starts from a picture, with a mask', () => {
  const image = { width: WIDTH, height: HEIGHT, data: new Uint8Array(WIDTH * HEIGHT * 3).map((_, i) => (i * 7) % 251) };
  const mask = {
    width: WIDTH,
    height: HEIGHT,
    data: new Uint8Array(WIDTH * HEIGHT).fill(255, 0, (WIDTH * HEIGHT) / 2),
  };
  return assertSame({ ...OPTIONS, image, mask, strength: 0.7 });
});

for (const precision of ['fp16', 'int8'] as const satisfies readonly Precision[]) {
  test(`so is one in ${precision}`, () => assertSame(OPTIONS, { precision }));
}

test('where the conditioning is computed in the step, as on CUDA, too', async () => {
  const { folds } = (await open({})).runtime;
  await assertSame(OPTIONS, { folds: { ...folds, conditioning: false } });
});

test('a network that fits as a whole is loaded once, and one that does not block by block at every step', async () => {
  const loads = async (free: number) => {
    const calls: BlockingCall[] = [];
    const pipeline = await open({ residency: 'sequential', onBlocking: (call) => void calls.push(call) }, free);
    const slowness = measureSlowness(pipeline.runtime);
    await paint(pipeline, OPTIONS);
    await pipeline.release();
    const created = calls.filter(({ kind, graph }) => kind === 'create' && graph === 'prior');
    return { created: created.map(({ group }) => group?.index ?? 'whole'), slowness: slowness() };
  };
  assert.deepEqual(await loads(1e9), { created: ['whole'], slowness: [] });
  const { created, slowness } = await loads(BLOCK);
  const half = created.slice(0, created.length / 2);
  assert.deepEqual(created, [...half, ...half]);
  assert.deepEqual(
    half,
    half.map((_, i) => i),
  );
  assert.ok(half.length > 4);
  assert.match(slowness.join(), /^Memory is short here, so a few blocks .*: painting took \d+\.\d times as long\.$/);
});

test('each block of the text encoder is loaded once for prompts and negative prompts, and each text is read once', async () => {
  const calls: BlockingCall[] = [];
  const few = await open({ residency: 'sequential', onBlocking: (call) => void calls.push(call) }, BLOCK);
  const all = await open({ residency: 'resident' });
  const texts = [
    ['a panda', 'a rocket'],
    ['red', 'red'],
  ] as const;
  assert.deepEqual(await few.prior.text.encodeBoth(...texts), await all.prior.text.encodeBoth(...texts));
  const indices = (kind: string) => calls.filter((call) => call.kind === kind).map(({ group }) => group?.index);
  const created = indices('create');
  assert.ok(created.length > 2);
  assert.deepEqual(created, [...new Set(created)]);
  assert.deepEqual(
    indices('run'),
    created.flatMap((index) => [index, index, index]),
  );
  calls.length = 0;
  await paint(few, { ...OPTIONS, prompt: 'a rocket', negativePrompt: 'red' });
  assert.ok(!calls.some(({ graph, weightsDir }) => graph === 'clip-text' && weightsDir.includes('prior')));
  await Promise.all([few.release(), all.release()]);
});

test('a picture that is cancelled between two blocks ends there, and the next one is whole', async () => {
  const stop = new AbortController();
  let runs = 0;
  const onBlocking = ({ kind, graph }: BlockingCall) => {
    if (kind !== 'run' || graph !== 'decoder') return;
    runs += 1;
    if (runs === 3) stop.abort();
    if (runs < 5) stop.signal.throwIfAborted();
  };
  const pipeline = await open({ residency: 'sequential', onBlocking }, BLOCK);
  await assert.rejects(paint(pipeline, { ...OPTIONS, signal: stop.signal }), { name: 'AbortError' });
  assert.equal(runs, 3);
  runs = 5;
  const resident = await open({ residency: 'resident' });
  assert.deepEqual(await paint(pipeline, OPTIONS), await paint(resident, OPTIONS));
  await Promise.all([pipeline.release(), resident.release()]);
});
