import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import {
  meanColours,
  PreviewMap,
  type PreviewSample,
  type PreviewShape,
} from '../../../src/pipeline/engine/preview-map.ts';
import { newPreviewMaps, Previewer, previewMapsJson, readPreviewMaps } from '../../../src/pipeline/engine/previewer.ts';
import { contactSheet } from '../../../src/pipeline/images/contact-sheet.ts';
import type { RgbImage } from '../../../src/pipeline/images/image-file.ts';
import { TorchGenerator } from '../../../src/pipeline/math/generator.ts';
import type { Tensor } from '../../../src/pipeline/math/tensor.ts';

/** Pixels of a picture per latent cell. */
const CELL = 8;
const SHAPE: PreviewShape = { channels: 4, context: 1, parts: 2 };

/** A picture whose every quarter of a cell has a colour that is a linear map of the cell's channels. */
function sample(seed: number, h = 6, w = 5): PreviewSample {
  const generator = new TorchGenerator(seed);
  const latents = { data: generator.randn([1, 4, h, w]), dims: [1, 4, h, w] };
  const data = new Uint8Array(3 * h * w * CELL ** 2);
  for (let y = 0; y < h * CELL; y++) {
    for (let x = 0; x < w * CELL; x++) {
      const cell = Math.floor(y / CELL) * w + Math.floor(x / CELL);
      const [a, b, c, d] = [0, 1, 2, 3].map((channel) => latents.data[channel * h * w + cell] ?? 0) as [
        number,
        number,
        number,
        number,
      ];
      const lower = y % CELL >= CELL / 2 ? 1 : -1;
      const right = x % CELL >= CELL / 2 ? 1 : -1;
      const rgb = [128 + 20 * a, 110 + 12 * b + 10 * lower * c, 140 + 9 * right * d];
      data.set(rgb.map(Math.round), 3 * (y * w * CELL + x));
    }
  }
  return { latents, picture: { width: w * CELL, height: h * CELL, data } };
}

/** Root mean square difference of painted and true colours, of 255. */
function error(map: PreviewMap, { latents, picture }: PreviewSample): number {
  const [painted] = map.paint(latents);
  assert.ok(painted);
  const truth = meanColours(picture, painted.width, painted.height);
  const squares = truth.map((value, i) => (value * 255 - (painted.data[i] ?? 0)) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
}

test('one finished picture is enough to show the next one, and more make it better', () => {
  const map = new PreviewMap(SHAPE);
  map.fit([sample(1)]);
  const first = error(map, sample(100));
  assert.ok(first < 8, `after one picture: ${first}`);
  map.fit(Array.from({ length: 20 }, (_, i) => sample(2 + i)));
  const later = error(map, sample(100));
  assert.ok(later < 1 && later < first, `after 21 pictures: ${later}`);
  assert.equal(map.pictures, 21);
});

test('a map that was stored and read goes on where it was', () => {
  const [map, other] = [new PreviewMap(SHAPE), new PreviewMap(SHAPE)];
  map.fit([sample(1), sample(2)]);
  other.fit([sample(1)]);
  const read = PreviewMap.fromJson(JSON.parse(JSON.stringify(other.toJson())));
  read.fit([sample(2)]);
  assert.equal(read.pictures, 2);
  const [a, b] = [map, read].map((one) => one.paint(sample(9).latents)[0]);
  assert.ok(a && b);
  assert.ok(a.data.every((value, i) => Math.abs(value - (b.data[i] ?? 0)) <= 1));
});

test('neighbours tell about a cell where the shape says so', () => {
  const shifted = (seed: number): PreviewSample => {
    const { latents, picture } = sample(seed, 6, 8);
    const [, c = 0, h = 0, w = 0] = latents.dims;
    // Every cell's latents are those of the cell on its left.
    const data = latents.data.map((_, i) => latents.data[i % w === 0 ? i : i - 1] ?? 0);
    return { latents: { data, dims: [1, c, h, w] }, picture };
  };
  const training = Array.from({ length: 30 }, (_, i) => shifted(i));
  const [alone, around] = ([1, 3] as const).map((context) => {
    const map = new PreviewMap({ ...SHAPE, context });
    map.fit(training);
    return error(map, shifted(99));
  });
  assert.ok((around ?? 0) < (alone ?? 0) / 1.5, `${around} with neighbours, ${alone} without`);
});

test('a batch is painted row by row, at any size', () => {
  const map = new PreviewMap(SHAPE);
  map.fit([sample(1)]);
  const [a, b] = [sample(5, 3, 4), sample(6, 3, 4)];
  const both: Tensor = { data: Float32Array.from([...a.latents.data, ...b.latents.data]), dims: [2, 4, 3, 4] };
  const painted = map.paint(both);
  assert.deepEqual(painted, [...map.paint(a.latents), ...map.paint(b.latents)]);
  assert.deepEqual([painted[0]?.width, painted[0]?.height], [8, 6]);
  assert.throws(() => map.paint({ data: new Float32Array(3), dims: [1, 3, 1, 1] }), /Expected 4 channels, got 3\./);
});

test('a contact sheet has the shape of its pictures, 192 pixels long, two by two from three on', async () => {
  const small = (value: number): RgbImage => ({ width: 4, height: 6, data: new Uint8Array(72).fill(value) });
  const size = async (count: number) => {
    const jpeg = await contactSheet(
      Array.from({ length: count }, (_, i) => small(40 * i)),
      { width: 512, height: 768 },
    );
    const { format, width, height } = await sharp(jpeg).metadata();
    return [format, width, height];
  };
  assert.deepEqual(await size(1), ['jpeg', 128, 192]);
  assert.deepEqual(await size(2), ['jpeg', 192, 144]);
  assert.deepEqual(await size(4), ['jpeg', 128, 192]);
});

const PIPELINE = { prior: { prior: { config: { c_in: 4 } } }, decoder: { decoder: { config: { c_in: 4 } } } };

test('stored maps serve their own checkpoint only, and what is broken is as good as none', () => {
  const maps = newPreviewMaps(PIPELINE);
  maps.prior.fit([sample(1)]);
  const json = JSON.parse(JSON.stringify(previewMapsJson(maps, 'abc')));
  assert.equal(readPreviewMaps(json, PIPELINE, 'abc')?.prior.pictures, 1);
  assert.equal(readPreviewMaps(json, PIPELINE, 'abd'), null);
  const wider = { ...PIPELINE, prior: { prior: { config: { c_in: 16 } } } };
  assert.equal(readPreviewMaps(json, wider, 'abc'), null);
  const broken = { ...json, prior: { ...json.prior, ridge: { ...json.prior.ridge, gram: 'AAAA' } } };
  for (const bad of [null, undefined, 3, {}, { checkpoint: 'abc' }, broken]) {
    assert.equal(readPreviewMaps(bad, PIPELINE, 'abc'), null);
  }
});

test('a previewer shows nothing before it has learned, nor too often, nor amplified noise', async () => {
  const maps = newPreviewMaps(PIPELINE);
  let now = 0;
  const previewer = new Previewer({ maps, learnUntil: 2, everyMs: 100, now: () => now });
  const { latents, picture } = sample(1);
  const request = { width: 500, height: 600 };
  const show = (timestep: number, of = request) =>
    previewer.show({ stage: 'prior', timestep, predictedClean: () => latents }, of);
  assert.equal(await show(0.5), null);
  for (let i = 0; i < 3; i++) previewer.learn('prior', latents, picture);
  assert.equal(maps.prior.pictures, 2);
  assert.ok(previewer.learns, 'Stage B has seen none');
  assert.equal(await show(0.99), null);
  assert.ok(await show(0.5));
  now = 99;
  assert.equal(await show(0.4), null);
  assert.ok(await show(0.4, { ...request }), 'somebody else sees a preview of their own');
  now = 100;
  assert.ok(await show(0.3));
});
