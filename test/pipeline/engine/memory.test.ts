import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import { createEngine, type EngineOptions } from '../../../src/pipeline/engine/engine.ts';
import type {
  Engine,
  EngineEvent,
  EngineRequest,
  GenerateContext,
  ImageSource,
  LoadOptions,
} from '../../../src/pipeline/process/protocol.ts';
import { OperatorError } from '../../../src/system/errors.ts';

const MODEL = join(import.meta.dirname, '../../../data/models/cocktail');
const QUIET: GenerateContext = { signal: new AbortController().signal, announce: async () => {} };
/** As onnxruntime words it. */
const FULL =
  'Non-zero status code returned while running Gemm node. Failed to allocate memory for requested buffer of size 8';

function request(sources: readonly ImageSource[], change: Partial<EngineRequest> = {}): EngineRequest {
  return {
    ...{ prompt: 'a red fox in the snow', negative: '', width: 640, height: 640, style: 'interpolated' },
    ...{ steps: 2, decoderSteps: 2, guidance: 4, decoderGuidance: 0 },
    images: sources.map((source, index) => ({ index, source, stageBSeed: BigInt(index), metadata: {} })),
    ...change,
  };
}

const words = (seed: bigint): ImageSource => ({ kind: 'words', seed });

/** An engine that keeps a list of its calls into onnxruntime, such as `decoder.run`. */
async function loaded(options: EngineOptions = {}, load: Partial<LoadOptions> = {}) {
  const calls: string[] = [];
  const engine = createEngine({
    ...options,
    beforeCall: (call) => {
      calls.push(`${call.graph}.${call.kind}`);
      options.beforeCall?.(call);
    },
  });
  const info = await engine.load({ model: MODEL, provider: 'cpu', ...load }, QUIET);
  return { engine, calls, info };
}

async function paint(engine: Engine, one: EngineRequest) {
  const events: EngineEvent[] = [];
  for await (const event of engine.generate(one, QUIET)) events.push(event);
  const images = events.filter((event) => event.type === 'image');
  const pixels = await Promise.all(images.map(({ png }) => sharp(png).removeAlpha().raw().toBuffer()));
  return { images, pixels, indices: images.map(({ image }) => image) };
}

function assertSame(a: readonly Uint8Array[], b: readonly Uint8Array[]): void {
  assert.equal(a.length, b.length);
  a.forEach((picture, i) => {
    const differences = picture.map((value, k) => Math.abs(value - (b[i]?.[k] ?? 255)));
    assert.ok(differences.every((d) => d <= 1));
    assert.ok(differences.filter((d) => d > 0).length <= picture.length / 1000);
  });
}

describe('when memory runs out', () => {
  const sources = [words(5n), words(6n)];

  test('the same pictures are made one network at a time and by tiles, wherever it happens', async () => {
    const { pixels: wanted } = await paint((await loaded()).engine, request(sources));
    for (const failing of ['decoder-conditioning.run', 'vqgan-decode-pixels.run']) {
      let full = true;
      let before = 0;
      const { engine, calls } = await loaded({
        beforeCall: ({ graph, kind }) => {
          if (!full || `${graph}.${kind}` !== failing) return;
          full = false;
          before = calls.length;
          throw new Error(FULL);
        },
      });
      const { pixels, indices } = await paint(engine, request(sources));
      assert.deepEqual(indices, [0, 1]);
      assertSame(pixels, wanted);
      const after = calls.slice(before);
      const count = (call: string) => after.filter((one) => one === call).length;
      assert.equal(count('prior.create'), 1, 'loaded once for both pictures');
      assert.equal(count('decoder.create'), 1);
      assert.equal(count('decoder.run'), 4, 'one picture at a time');
      assert.ok(count('vqgan-decode-pixels.run') >= 2 * 4, 'by tiles');
      const small = await paint(engine, request([words(5n)], { width: 256, height: 256 }));
      assert.equal(small.images.length, 1, 'smaller ones are made as before');
      calls.length = 0;
      await paint(engine, request([words(5n)], { width: 256, height: 256 }));
      assert.ok(!calls.some((call) => call.endsWith('.create')), 'with everything loaded');
    }
  });

  test('pictures that were given already are not made again', async () => {
    let decodes = 0;
    const { engine } = await loaded({
      batchLatents: 1,
      beforeCall: ({ graph, kind }) => {
        if (kind === 'create' || graph !== 'vqgan-decode-pixels') return;
        decodes += 1;
        if (decodes === 2) throw new Error(FULL);
      },
    });
    const { indices } = await paint(engine, request(sources));
    assert.deepEqual(indices, [0, 1]);
  });

  test('for good, the answer says what is needed, what is free and what would fit, and the next picture is made', async () => {
    const { engine } = await loaded({
      measureMemory: () => ({ bytes: 1.5e9, of: 'this machine' }),
      beforeCall: ({ inputs, graph }) => {
        if (graph === 'decoder' && inputs[0]?.[2] === 128) throw new Error(FULL);
      },
    });
    await assert.rejects(paint(engine, request(sources, { width: 2048, height: 2048 })), (error) => {
      assert.ok(error instanceof OperatorError);
      assert.equal(error.code, 'memory_short');
      assert.match(
        error.message,
        /^A picture of 2048×2048 needs about .* of memory; 1\.50 GB of this machine are free\.$/,
      );
      assert.match(error.hint ?? '', /^width:\d+ height:\d+ should fit\.$/);
      return true;
    });
    assert.equal((await paint(engine, request([words(5n)]))).images.length, 1);
  });

  test('while the model loads, its networks are loaded one at a time from then on', async () => {
    let failures = 0;
    const beforeCall: EngineOptions['beforeCall'] = ({ graph, kind }) => {
      if (kind !== 'create' || graph !== 'decoder' || failures > 0) return;
      failures += 1;
      throw new Error('std::bad_alloc');
    };
    const { engine, info } = await loaded({ beforeCall }, { residency: 'resident' });
    assert.match(info.memory ?? '', /^stage: memory ran out/);
    assert.equal((await paint(engine, request([words(5n)]))).images.length, 1);
  });
});

describe('what stays loaded', () => {
  test('is everything where memory is free, and one network where it is not; the picture is the same', async () => {
    const roomy = await loaded({ measureMemory: () => ({ bytes: 100e9, of: 'this machine' }) });
    assert.match(
      roomy.info.memory ?? '',
      /^resident: all networks need about .*, 100\.00 GB of this machine are free$/,
    );
    const tight = await loaded({ measureMemory: () => ({ bytes: 0.2e9, of: 'this machine' }) });
    assert.match(tight.info.memory ?? '', /^stage: /);
    assert.deepEqual(tight.calls, [], 'nothing is loaded before it is needed');
    const [a, b] = [await paint(roomy.engine, request([words(9n)])), await paint(tight.engine, request([words(9n)]))];
    assertSame(a.pixels, b.pixels);
  });
});

test('with a block at a time the picture is the same, and the answer says how much longer it took', async () => {
  const one = request([words(9n)], { width: 256, height: 256 });
  const scarce = { measureMemory: () => ({ bytes: 1, of: 'this machine' }) };
  const { engine, info } = await loaded(scarce, { residency: 'sequential' });
  assert.match(
    info.memory ?? '',
    /^sequential: asked for; it takes about [\d.]+ times as long as one network at a time$/,
  );
  const warnings: string[] = [];
  const pictures: Buffer[] = [];
  for await (const event of engine.generate(one, QUIET)) {
    if (event.type === 'done') warnings.push(...event.warnings);
    if (event.type === 'image') pictures.push(await sharp(event.png).removeAlpha().raw().toBuffer());
  }
  assert.equal(warnings.length, 1);
  assert.match(warnings.join(), /^Memory is short here, .*: painting took \d+\.\d times as long\.$/);
  assert.deepEqual(pictures, (await paint((await loaded()).engine, one)).pixels);
});

describe('what is known is not computed again', () => {
  for (const residency of ['resident', 'stage'] as const) {
    test(`the words of a reroll, and of another style (${residency})`, async () => {
      const { engine, calls } = await loaded({}, { residency });
      const first = await paint(engine, request([words(5n)]));
      await paint(engine, request([words(77n)]));
      calls.length = 0;
      const again = await paint(engine, request([words(5n)]));
      await paint(engine, request([words(5n)], { style: 'base' }));
      assert.ok(calls.includes('prior.run'));
      assert.ok(!calls.some((call) => call.startsWith('clip-text')), calls.join(' '));
      assertSame(again.pixels, first.pixels);
    });
  }

  test('Stage C of a subtle variation', async () => {
    const { engine, calls } = await loaded({}, { residency: 'stage' });
    const { images } = await paint(engine, request([words(5n)]));
    calls.length = 0;
    const [image] = images;
    assert.ok(image);
    await paint(engine, request([{ kind: 'embedding', embedding: image.embedding }]));
    assert.ok(!calls.some((call) => call.startsWith('prior') || call.startsWith('clip-text')), calls.join(' '));
  });
});

test('sizes that are warmed up have been painted once before the first request', async () => {
  const { calls, info } = await loaded({}, { warmUp: [{ width: 256, height: 320 }], residency: 'resident' });
  assert.deepEqual(
    calls.filter((call) => call.endsWith('.run')),
    [
      'clip-text',
      'prior-conditioning',
      'prior',
      'clip-text',
      'decoder-conditioning',
      'decoder',
      'vqgan-decode-pixels',
    ].map((graph) => `${graph}.run`),
  );
  assert.match(info.warmed ?? '', /^256x320 in /);
  assert.match((await loaded({}, {})).info.warmed ?? '', /^nothing: processors/);
});
