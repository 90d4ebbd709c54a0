import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { TorchGenerator } from '../../../src/pipeline/math/generator.ts';
import { PaellaVQModel } from '../../../src/pipeline/networks/paella-vq-model.ts';
import { tilesOf } from '../../../src/pipeline/networks/tiles.ts';
import { Runtime } from '../../../src/pipeline/runtime/runtime.ts';

const VQGANS = {
  'the embedded model': join(import.meta.dirname, '../../../data/models/cocktail/wuerstchen/vqgan'),
  'a small network with random weights': join(import.meta.dirname, '../../fixtures/reference/vqgan/f8_s2_l3'),
};

test('tiles cover a picture once, lie in it and carry their context wherever the picture goes on', () => {
  const side = fc.integer({ min: 1, max: 300 });
  fc.assert(
    fc.property(
      side,
      side,
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 0, max: 60_000 }),
      (h, w, context, most) => {
        const tiles = tilesOf([h, w], context, (rows, columns) => rows * columns, most);
        const seen = new Uint8Array(h * w);
        for (const { y, x } of tiles) {
          for (const [span, length] of [
            [y, h],
            [x, w],
          ] as const) {
            assert.ok(span.start >= 0 && span.end <= length && span.start <= span.from && span.to <= span.end);
            assert.ok(span.start === 0 || span.from - span.start >= context);
            assert.ok(span.end === length || span.end - span.to >= context);
          }
          for (let row = y.from; row < y.to; row += 1)
            for (let column = x.from; column < x.to; column += 1)
              seen[row * w + column] = (seen[row * w + column] ?? 0) + 1;
        }
        assert.ok(seen.every((times) => times === 1));
        assert.equal(new Set(tiles.map(({ y, x }) => `${y.end - y.start} ${x.end - x.start}`)).size, 1, 'one size');
      },
    ),
    { numRuns: 60 },
  );
});

for (const [name, dir] of Object.entries(VQGANS)) {
  for (const sides of [
    [96, 80],
    [67, 101],
  ] as const) {
    test(`${name}: ${sides.join('×')} latents by tiles are the whole picture, to a hundredth of a level`, async () => {
      let runs = 0;
      const runtime = await Runtime.create({
        provider: 'cpu',
        onReturned: ({ kind }) => {
          runs += Number(kind === 'run');
        },
      });
      const vqgan = await PaellaVQModel.load(dir, runtime);
      const dims = [1, vqgan.config.latent_channels, ...sides];
      const latents = { data: new TorchGenerator(5).randn(dims), dims };
      const [pixels, floats] = [await vqgan.decodePixels(latents), await vqgan.decode(latents)];
      assert.equal(runs, 2);
      runtime.memory.lean = true;
      const [tiled, tiledFloats] = [await vqgan.decodePixels(latents), await vqgan.decode(latents)];
      assert.ok(runs >= 2 + 2 * 4, `${runs} runs`);
      assert.deepEqual([tiled.dims, tiledFloats.dims], [pixels.dims, floats.dims]);
      const apart = tiledFloats.data.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - (floats.data[i] ?? 0))),
        0,
      );
      assert.ok(apart < 0.01 / 255, `${apart * 255} levels apart`);
      const levels = tiled.data.map((value, i) => Math.abs(value - (pixels.data[i] ?? 0)));
      assert.ok(levels.every((d) => d <= 1) && levels.filter((d) => d > 0).length <= levels.length / 1000);
      await vqgan.release();
    });
  }
}

test('a picture is cut only where its decode does not fit into what is free', async () => {
  for (const [bytes, whole] of [
    [4e9, true],
    [0.2e9, false],
  ] as const) {
    const sides: string[] = [];
    const runtime = await Runtime.create({
      provider: 'cpu',
      measureMemory: () => ({ bytes, of: 'this machine' }),
      onReturned: ({ kind, inputs }) => {
        if (kind === 'run') sides.push(String(inputs[0]?.slice(2)));
      },
    });
    const vqgan = await PaellaVQModel.load(VQGANS['the embedded model'], runtime);
    const dims = [1, vqgan.config.latent_channels, 128, 112];
    await vqgan.decodePixels({ data: new TorchGenerator(1).randn(dims), dims });
    await vqgan.release();
    if (whole) assert.deepEqual(sides, ['128,112']);
    else assert.ok(sides.length > 1 && new Set(sides).size === 1, sides.join(' '));
  }
});
