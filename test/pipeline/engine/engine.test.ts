import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { z } from 'zod';
import { createEngine } from '../../../src/pipeline/engine/engine.ts';
import { asEngineFailure } from '../../../src/pipeline/engine/engine-failure.ts';
import { readMetadata, TorchGenerator, WuerstchenCombinedPipeline } from '../../../src/pipeline/index.ts';
import { resizeBicubic } from '../../../src/pipeline/math/resize.ts';
import { PipelineClient } from '../../../src/pipeline/process/client.ts';
import {
  type Engine,
  type EngineEmbedding,
  type EngineEvent,
  EngineLost,
  type EngineRequest,
  type GenerateContext,
  type ImagePlan,
  type ImageSource,
} from '../../../src/pipeline/process/protocol.ts';
import { CallTimes } from '../../../src/pipeline/runtime/call-times.ts';
import { OperatorError, UserError } from '../../../src/system/errors.ts';
import { writeTinyClassifier } from '../tiny-mobilenet.ts';

const MODEL = join(import.meta.dirname, '../../../data/models/cocktail');
const SIDE = 256;
const folder = mkdtempSync(join(tmpdir(), 'wuerst-engine-'));
after(() => rmSync(folder, { recursive: true }));

type ImageEvent = Extract<EngineEvent, { type: 'image' }>;
type StepEvent = Extract<EngineEvent, { type: 'step' }>;

const words = (seed: bigint): ImageSource => ({ kind: 'words', seed });

function plan(index: number, source: ImageSource, stageBSeed: bigint): ImagePlan {
  return { index, source, stageBSeed, metadata: { number: `№ ${index}` } };
}

function request(images: readonly ImagePlan[], change: Partial<EngineRequest> = {}): EngineRequest {
  return {
    ...{ prompt: 'a red fox in the snow', negative: '', width: SIDE, height: SIDE, style: 'interpolated' },
    ...{ steps: 4, decoderSteps: 2, guidance: 4, decoderGuidance: 0, images },
    ...change,
  };
}

function context(change: Partial<GenerateContext> = {}): GenerateContext {
  return { signal: new AbortController().signal, announce: async () => {}, ...change };
}

async function collect(events: AsyncIterable<EngineEvent>): Promise<EngineEvent[]> {
  const collected: EngineEvent[] = [];
  for await (const event of events) collected.push(event);
  return collected;
}

function imagesIn(events: readonly EngineEvent[]): ImageEvent[] {
  return events.filter((event) => event.type === 'image');
}

function stepsIn(events: readonly EngineEvent[], stage: StepEvent['stage']): StepEvent[] {
  return events.filter((event) => event.type === 'step').filter((event) => event.stage === stage);
}

async function pixels({ png }: { readonly png: Uint8Array }): Promise<Buffer> {
  return sharp(png).removeAlpha().raw().toBuffer();
}

/** Whether pixels differ by at most 1 in at most 0.1 % of the values. */
function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  const differences = a.map((value, i) => Math.abs(value - (b[i] ?? 0)));
  return differences.every((d) => d <= 1) && differences.filter((d) => d > 0).length <= a.length / 1000;
}

function close(a: EngineEmbedding, b: EngineEmbedding): boolean {
  return String(a.dims) === String(b.dims) && a.data.every((value, i) => Math.abs(value - (b.data[i] ?? 0)) < 1e-3);
}

const storedEmbedding = z.object({ dims: z.array(z.number()), data: z.string() });

describe('the engine', () => {
  const engine: Engine = createEngine({ previewEveryMs: 0 });
  const paint = async (images: readonly ImagePlan[], change: Partial<EngineRequest> = {}) =>
    imagesIn(await collect(engine.generate(request(images, change), context())));
  const one = async (source: ImageSource, stageBSeed: bigint, change: Partial<EngineRequest> = {}) => {
    const [image] = await paint([plan(0, source, stageBSeed)], change);
    assert.ok(image);
    return { ...image, pixels: await pixels(image) };
  };

  before(async () => {
    await writeTinyClassifier(join(folder, 'safety'), { version: '1.0' });
    const info = await engine.load({ model: MODEL, provider: 'cpu', classifier: join(folder, 'safety') }, context());
    assert.equal(info.classifier, 'tiny 1.0');
    assert.match(info.checkpoint, /^[0-9a-f]{64}$/);
    assert.equal(info.provider, 'cpu-fp32');
    assert.ok(info.device, 'what computes is known');
    assert.deepEqual([info.styles, info.mixesStyles], [['interpolated', 'base', 'aesthetic'], true]);
    // Previews are fitted to the embedded weights; for others, one picture has to be learned from first.
    await paint([plan(0, words(1n), 1n)]);
  });

  test('tells every step of a batch with a preview, then gives each picture with its texts and embedding', async () => {
    const images = [plan(2, words(1n), 1n), plan(3, words(2n), 2n)];
    const events = await collect(engine.generate(request(images, { width: 200, height: 300, steps: null }), context()));
    const prior = stepsIn(events, 'prior');
    assert.deepEqual(
      prior.map(({ step, total, image }) => [step, total, image]),
      Array.from({ length: 29 }, (_, i) => [i + 1, 29, null]),
    );
    const decoder = stepsIn(events, 'decoder');
    assert.deepEqual(
      decoder.map(({ step, total, timestep }) => [step, total, timestep]),
      [
        [1, 2, 1],
        [2, 2, 0.5],
      ],
    );
    for (const { preview } of [prior[8], decoder[1]].flatMap((step) => step ?? [])) {
      assert.ok(preview);
      assert.equal((await sharp(preview).metadata()).format, 'jpeg');
      assert.ok(preview.length < 30_000, `${preview.length} bytes`);
    }
    for (const [i, image] of imagesIn(events).entries()) {
      assert.equal(image.image, i + 2);
      const { width, height, format } = await sharp(image.png).metadata();
      assert.deepEqual([format, width, height], ['png', 200, 300]);
      const { 'wuerst-embedding': embedding, ...texts } = await readMetadata(Buffer.from(image.png));
      assert.deepEqual(texts, { number: `№ ${i + 2}` });
      assert.equal(image.embedding.dims.length, 4);
      // Which makes the same picture again without anything but its file.
      const { dims, data } = storedEmbedding.parse(JSON.parse(embedding ?? ''));
      const values = new Float32Array(Uint8Array.from(Buffer.from(data, 'base64')).buffer);
      assert.deepEqual({ dims, data: values }, image.embedding);
    }
    const done = events.at(-1);
    assert.ok(done?.type === 'done');
    assert.deepEqual(done.warnings, []);
    for (const stage of ['text', 'prior', 'decoder', 'vqgan', 'encode'] as const)
      assert.ok((done.timings[stage] ?? 0) > 0);
  });

  test('looks at pictures where that is asked for, and at no others; a broken classifier loses none', async () => {
    const calls: string[] = [];
    const announce = async (call: string) => void calls.push(call);
    const images = [plan(0, words(1n), 1n)];
    const judged = async (judge: boolean) =>
      imagesIn(await collect(engine.generate(request(images, { judge }), context({ announce }))))[0]?.verdict;
    assert.equal(await judged(false), undefined);
    assert.deepEqual(
      calls.filter((call) => call.startsWith('mobilenet')),
      [],
    );
    const verdict = await judged(true);
    assert.ok(verdict !== undefined && 'shares' in verdict);
    assert.equal(verdict.classifier, 'tiny 1.0');
    const { porn, hentai, sexy } = verdict.shares;
    assert.equal(verdict.explicit, porn + hentai + sexy >= 0.5);
    assert.ok(Math.abs(Object.values(verdict.shares).reduce((sum, share) => sum + share, 0) - 1) < 1e-5);
    assert.deepEqual(
      calls.filter((call) => call.startsWith('mobilenet')),
      ['mobilenet.create', 'mobilenet.run'],
    );
    writeFileSync(join(folder, 'safety/config.json'), '{"package":"tiny"}');
    const broken = createEngine();
    await broken.load({ model: MODEL, provider: 'cpu', classifier: join(folder, 'safety') }, context());
    const [image] = imagesIn(await collect(broken.generate(request(images, { judge: true }), context())));
    assert.ok(image?.verdict !== undefined && 'problem' in image.verdict);
    assert.match(image.verdict.problem, /Expected class MobileNetV2Classifier in .*safety/);
  });

  test('mixes a style that is asked for, and loads nothing but its Stage C', async () => {
    const model = join(folder, 'parents');
    for (const name of [
      'wuerstchen',
      'wuerstchen-prior',
      'wuerstchen-prior-model-base',
      'wuerstchen-prior-model-finetuned',
    ])
      cpSync(join(MODEL, name), join(model, name), { recursive: true });
    const mixing = createEngine();
    await mixing.load({ model, provider: 'cpu' }, context());
    const heard: string[] = [];
    const hearing = context({ announce: async (call) => void heard.push(call) });
    const paintIn = (style: string) => collect(mixing.generate(request([plan(0, words(1n), 1n)], { style }), hearing));
    await paintIn('interpolated');
    heard.length = 0;
    const events = await paintIn('0.3');
    assert.ok(heard.includes('style-0.3.mix'), heard.join());
    assert.deepEqual(
      [...new Set(heard)].filter((call) => call.endsWith('.create')),
      ['prior-conditioning.create', 'prior.create'],
    );
    assert.deepEqual(
      stepsIn(events, 'load').map(({ step, total }) => [step, total]),
      [
        [0, 1],
        [1, 1],
      ],
    );
    assert.equal(imagesIn(events).length, 1);
  });

  test('gives the picture of the pipelines with one generator where both stages have one seed', async () => {
    const pipeline = await WuerstchenCombinedPipeline.fromPretrained(MODEL, { provider: 'cpu' });
    const output = await pipeline.generate({
      ...{ prompt: 'a red fox in the snow', width: 200, height: 300, fit: 'crop', generator: new TorchGenerator(7) },
      ...{ priorNumInferenceSteps: 4, priorGuidanceScale: 4, numInferenceSteps: 2 },
    });
    await pipeline.release();
    const image = await one(words(7n), 7n, { width: 200, height: 300 });
    assert.ok(output.images[0] && same(image.pixels, output.images[0].data));
  });

  test('gives each picture of a batch as it would be alone', async () => {
    const batch = await paint([10n, 11n, 12n].map((seed, i) => plan(i, words(seed), seed)));
    for (const [i, image] of batch.entries()) {
      const seed = 10n + BigInt(i);
      assert.ok(same(await pixels(image), (await one(words(seed), seed)).pixels), `picture ${i}`);
    }
  });

  test('paints from a stored embedding what the words gave, and a variant with another seed of Stage B', async () => {
    for (const stageBSeed of [5n, 6n]) {
      const made = await one(words(5n), stageBSeed);
      const again = await one({ kind: 'embedding', embedding: made.embedding }, stageBSeed);
      assert.ok(same(made.pixels, again.pixels), `Stage B seed ${stageBSeed}`);
      assert.deepEqual(again.embedding, made.embedding);
    }
    const { embedding, pixels: known } = await one(words(5n), 5n);
    const events = await collect(engine.generate(request([plan(0, { kind: 'embedding', embedding }, 8n)]), context()));
    assert.equal(stepsIn(events, 'prior').length, 0);
    const [variant] = imagesIn(events);
    assert.ok(variant && !same(known, await pixels(variant)));
  });

  test('mixes draws: strength 0 is the same picture, 1 that of the other seed, and between is neither', async () => {
    const [own, other] = [await one(words(5n), 5n), await one(words(6n), 5n)];
    const mix = (strength: number): ImageSource => ({ kind: 'mix', seed: 5n, mixes: [{ seed: 6n, strength }] });
    assert.ok(same((await one(mix(0), 5n)).pixels, own.pixels));
    assert.ok(close((await one(mix(1), 5n)).embedding, other.embedding));
    const between = (await one(mix(0.4), 5n)).embedding;
    assert.ok(!close(between, own.embedding) && !close(between, other.embedding));
  });

  test('enlarges to exactly the size asked for, from the timestep of its strength on', async () => {
    const { embedding } = await one(words(5n), 5n);
    const source: ImageSource = { kind: 'enlarge', embedding, seed: 9n, strength: 0.6 };
    const larger = request([plan(0, source, 9n)], { width: 384, height: 500 });
    const events = await collect(engine.generate(larger, context()));
    assert.deepEqual(
      stepsIn(events, 'prior').map(({ timestep }) => timestep),
      [Math.fround(0.6), 0.5, 0.25],
    );
    const [image] = imagesIn(events);
    assert.ok(image);
    const { width, height } = await sharp(image.png).metadata();
    assert.deepEqual([width, height], [384, 500]);
    const [again] = imagesIn(await collect(engine.generate(larger, context())));
    assert.ok(again && same(await pixels(image), await pixels(again)));
  });

  test('leaves an embedding as it is where it is enlarged by nothing with strength 0', async () => {
    const { embedding } = await one(words(5n), 5n);
    const { embedding: kept } = await one({ kind: 'enlarge', embedding, seed: 9n, strength: 0 }, 5n);
    assert.ok(close(kept, embedding));
  });

  test('works on sources of every kind in one request, another style, guidance and a negative prompt', async () => {
    const { embedding } = await one(words(5n), 5n);
    const sources: ImageSource[] = [
      { kind: 'enlarge', embedding, seed: 1n, strength: 0.5 },
      words(1n),
      { kind: 'mix', seed: 1n, mixes: [{ seed: 2n, strength: 0.3 }] },
      { kind: 'embedding', embedding },
    ];
    const images = sources.map((source, i) => plan(i, source, 1n));
    const change = { style: 'aesthetic', negative: 'text', decoderGuidance: 1.5 };
    const events = await collect(engine.generate(request(images, change), context()));
    assert.deepEqual(
      imagesIn(events).map(({ image }) => image),
      [0, 1, 2, 3],
    );
    assert.deepEqual(
      stepsIn(events, 'load').map(({ step }) => step),
      [0, 1],
    );
  });

  test('tells which part of a prompt was too long', async () => {
    const prompt = `${'a very '.repeat(100)}long cat`;
    const events = await collect(engine.generate(request([plan(0, words(1n), 1n)], { prompt, steps: 1 }), context()));
    const done = events.at(-1);
    assert.ok(done?.type === 'done');
    assert.equal(done.warnings.length, 1);
    assert.match(
      done.warnings[0] ?? '',
      /^The model reads \d+ tokens of a prompt and left out the end: ".*long cat"\.$/,
    );
  });

  test('announces each blocking call with the time that it should take', async () => {
    const calls: [string, number][] = [];
    const announce = async (call: string, ms: number) => void calls.push([call, ms]);
    const images = [plan(0, words(1n), 1n)];
    await collect(engine.generate(request(images), context({ announce })));
    const names = calls.map(([name]) => name);
    assert.equal(names.filter((name) => name === 'prior.run').length, 4);
    assert.equal(names.filter((name) => name === 'decoder.run').length, 2);
    assert.equal(names.filter((name) => name.startsWith('vqgan')).length, 1);
    assert.ok(calls.every(([, ms]) => ms > 0));
  });

  test('ends between two steps when its announcement does, and paints on afterwards', async () => {
    let runs = 0;
    const announce = async (call: string) => {
      if (call === 'prior.run' && ++runs === 3) throw new Error('cancelled');
    };
    const images = [plan(0, words(1n), 1n)];
    const events: EngineEvent[] = [];
    await assert.rejects(async () => {
      for await (const event of engine.generate(request(images), context({ announce }))) events.push(event);
    }, /^Error: cancelled$/);
    assert.equal(stepsIn(events, 'prior').length, 2);
    assert.equal((await paint(images)).length, 1);
  });

  test('refuses what it cannot paint with a reason that helps', async () => {
    const { embedding } = await one(words(5n), 5n);
    const other = { data: new Float32Array(12), dims: [1, 3, 2, 2] };
    const bad: [string, ImageSource, Partial<EngineRequest>][] = [
      ['size_invalid', words(1n), { width: 10 }],
      ['style_unknown', words(1n), { style: 'baroque' }],
      ['steps_invalid', words(1n), { steps: -1 }],
      ['embedding_misfit', { kind: 'embedding', embedding }, { width: 1024 }],
      ['embedding_misfit', { kind: 'embedding', embedding: other }, {}],
      ['embedding_misfit', { kind: 'enlarge', embedding: other, seed: 1n, strength: 0.5 }, {}],
      ['strength_invalid', { kind: 'enlarge', embedding, seed: 1n, strength: 2 }, {}],
      ['strength_invalid', { kind: 'mix', seed: 1n, mixes: [{ seed: 2n, strength: -1 }] }, {}],
    ];
    for (const [code, source, change] of bad) {
      await assert.rejects(one(source, 1n, change), (error) => error instanceof UserError && error.code === code, code);
    }
    const load = (options: { model: string; provider?: string }) => createEngine().load(options, context());
    await assert.rejects(load({ model: join(folder, 'none'), provider: 'cpu' }), OperatorError);
    await assert.rejects(
      load({ model: MODEL, provider: 'abacus' }),
      /Expected provider auto, cuda, webgpu, cpu, got abacus\./,
    );
  });
});

test('a model without fitted previews learns them from its pictures, and knows them when it is loaded again', async () => {
  const model = join(folder, 'model');
  mkdirSync(model);
  for (const name of readdirSync(MODEL).filter((entry) => entry.startsWith('wuerstchen'))) {
    symlinkSync(join(MODEL, name), join(model, name));
  }
  const engine = createEngine({ previewEveryMs: 0 });
  await engine.load({ model, provider: 'cpu' }, context());
  const wanted = request([plan(0, words(1n), 1n)]);
  const previews = (events: readonly EngineEvent[]) =>
    events.filter((event) => event.type === 'step' && event.preview !== null).length;
  const first = await collect(engine.generate(wanted, context()));
  assert.equal(previews(first), 0);
  assert.ok(previews(await collect(engine.generate(wanted, context()))) > 0);
  const done = first.at(-1);
  assert.ok(done?.type === 'done' && done.previewMaps);

  const later = createEngine({ previewEveryMs: 0 });
  const previewMaps: unknown = JSON.parse(JSON.stringify(done.previewMaps));
  await later.load({ model, provider: 'cpu', previewMaps }, context());
  assert.ok(previews(await collect(later.generate(wanted, context()))) > 0);
});

test('through the pipeline process: progress, previews and pictures; a cancellation ends it between steps', async (t) => {
  const client = new PipelineClient({
    engine: new URL('../../../src/pipeline/engine/engine.ts', import.meta.url).href,
    load: { model: MODEL, provider: 'cpu' },
    lockPath: join(folder, 'pipeline.lock'),
  });
  t.after(() => client.stop({ deadlineMs: 0 }));
  const info = await client.start();
  assert.equal(info.provider, 'cpu-fp32');
  const images = [plan(0, words(2n ** 64n - 1n), 3n)];
  const events = await collect(client.generate(request(images)));
  assert.deepEqual(
    stepsIn(events, 'prior').map(({ step, image }) => [step, image]),
    [1, 2, 3, 4].map((step) => [step, 0]),
  );
  const [image] = imagesIn(events);
  assert.ok(image);
  assert.equal(events.at(-1)?.type, 'done');

  const again = await collect(
    client.generate(request([plan(0, { kind: 'embedding', embedding: image.embedding }, 3n)])),
  );
  const [repeated] = imagesIn(again);
  assert.ok(repeated && same(await pixels(image), await pixels(repeated)));
  const previews = [...events, ...again].flatMap((event) => (event.type === 'step' ? (event.preview ?? []) : []));
  assert.ok(previews.length > 0);

  const stop = new AbortController();
  const seen: EngineEvent[] = [];
  await assert.rejects(async () => {
    for await (const event of client.generate(request(images, { steps: 200 }), { signal: stop.signal })) {
      seen.push(event);
      if (event.type === 'step' && event.stage === 'prior' && event.step === 2) stop.abort(new Error('enough'));
    }
  }, /enough/);
  assert.ok(stepsIn(seen, 'prior').length < 100, `${stepsIn(seen, 'prior').length} steps after the cancellation`);
  assert.equal(imagesIn(seen).length, 0);
  assert.equal(imagesIn(await collect(client.generate(request(images)))).length, 1);
  assert.equal(client.status.starts, 1);
});

test('an embedding is resized in its place: a mirrored one gives the mirrored result', () => {
  const [from, to] = [
    [1, 2, 3, 5],
    [5, 8],
  ] as const;
  const values = new TorchGenerator(3).randn(from);
  const mirrored = values.map((_, i) => values[i - (i % 5) + 4 - (i % 5)] ?? 0);
  const [plain, other] = [values, mirrored].map((data) => resizeBicubic(data, from, to, { alignCorners: false }));
  assert.ok(plain && other);
  assert.ok(plain.every((value, i) => Math.abs(value - (other[i - (i % 8) + 7 - (i % 8)] ?? 0)) < 1e-5));
});

describe('expected durations', () => {
  const weightsDir = join(MODEL, 'wuerstchen/decoder');
  const run = { kind: 'run', graph: 'decoder', weightsDir, inputs: [[1, 4, 64, 64]] } as const;

  test('are the weighted mean of calls of the same shapes, once there was one', () => {
    const times = new CallTimes();
    times.measured(run, 100);
    assert.equal(times.expected(run), 100);
    times.measured(run, 200);
    assert.equal(times.expected(run), 130);
    assert.notEqual(times.expected({ ...run, inputs: [[2, 4, 64, 64]] }), 130);
  });

  test('are estimated from the weights and the size before that', () => {
    const times = new CallTimes();
    const small = times.expected(run);
    assert.ok(small > 0);
    assert.equal(times.expected({ ...run, inputs: [[2, 4, 128, 64]] }), 4 * small);
    assert.ok(times.expected({ ...run, kind: 'create', inputs: [] }) > 0);
  });
});

test('a failing accelerator is given up, a failing picture is not', () => {
  const failure = (message: string, provider: 'cpu' | 'cuda' | 'webgpu') =>
    asEngineFailure(new Error(message), provider);
  assert.ok(failure('CUDA failure 700: an illegal memory access was encountered', 'cuda') instanceof EngineLost);
  assert.ok(failure('Device was lost', 'webgpu') instanceof EngineLost);
  const memory = failure('CUDA failure 2: out of memory', 'cuda');
  assert.ok(memory instanceof OperatorError && memory.code === 'no_memory');
  const bug = new Error('Device was lost');
  assert.equal(asEngineFailure(bug, 'cpu'), bug);
  const mendable = new UserError('size_invalid', 'cuda is out of memory');
  assert.equal(asEngineFailure(mendable, 'cuda'), mendable);
});
