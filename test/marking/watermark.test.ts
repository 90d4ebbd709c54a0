import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp, { type Sharp } from 'sharp';
import { OwnMarker } from '../../src/marking/marker.ts';
import { verify } from '../../src/marking/verifier.ts';
import { foldings, patternOf, scoreOf, THRESHOLD, watermarked, watermarkScore } from '../../src/marking/watermark.ts';
import { decodeImage, encodeImage, type RgbImage, readMetadata } from '../../src/pipeline/images/image-file.ts';

/** A sky over hills: plain above, busy below. */
function landscape(width: number, height: number): RgbImage {
  const data = new Uint8Array(3 * width * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const hill = y > height * (0.6 + 0.1 * Math.sin((9 * x) / width));
      const grain = hill ? (Math.imul((y >> 1) * 7919 + (x >> 1), 2654435761) >>> 24) / 4 : 0;
      const tint = hill ? [40, 110, 50] : [120, 170, 230 - (80 * y) / height];
      for (let c = 0; c < 3; c += 1) data[3 * (y * width + x) + c] = (tint[c] ?? 0) + grain;
    }
  }
  return { width, height, data };
}

const asSharp = ({ width, height, data }: RgbImage) => sharp(data, { raw: { width, height, channels: 3 } });

async function brightnessOf(picture: Sharp) {
  const { data, info } = await sharp(await picture.toBuffer())
    .greyscale()
    .extractChannel(0)
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: new Uint8Array(data) };
}

const ATTACKS: Readonly<Record<string, (picture: RgbImage) => Sharp>> = {
  nothing: (picture) => asSharp(picture).png(),
  'JPEG at quality 75': (picture) => asSharp(picture).jpeg({ quality: 75 }),
  'WebP at quality 75': (picture) => asSharp(picture).webp({ quality: 75 }),
  halving: (picture) =>
    asSharp(picture)
      .resize({ width: picture.width / 2 })
      .png(),
  'losing edges of odd widths': ({ width, height, ...picture }) =>
    asSharp({ width, height, ...picture })
      .extract({ left: 17, top: 29, width: Math.floor(width * 0.91), height: Math.floor(height * 0.88) })
      .png(),
  'a mirror': (picture) => asSharp(picture).flop().png(),
  'reduction to three quarters': (picture) =>
    asSharp(picture)
      .resize({ width: picture.width * 0.75 })
      .png(),
  'enlargement to the double': (picture) =>
    asSharp(picture)
      .resize({ width: picture.width * 2 })
      .png(),
  'halving, then JPEG': (picture) =>
    asSharp(picture)
      .resize({ width: picture.width / 2 })
      .jpeg({ quality: 75 }),
};

for (const [name, attack] of Object.entries(ATTACKS)) {
  test(`the watermark survives ${name}`, async () => {
    for (const [width, height] of [
      [256, 256],
      [384, 640],
    ] as const) {
      const score = await watermarkScore(await brightnessOf(attack(watermarked(landscape(width, height)))));
      assert.ok(score > THRESHOLD, `${width}x${height}: ${score}`);
    }
  });
}

test('it changes little, nowhere by much, and the same picture in the same way', () => {
  for (const image of [landscape(300, 200), { width: 64, height: 64, data: new Uint8Array(12_288).fill(128) }]) {
    const { data } = watermarked(image);
    const differences = image.data.map((value, i) => Math.abs(value - (data[i] ?? 0)));
    const meanSquare = differences.reduce((sum, value) => sum + value * value, 0) / differences.length;
    assert.ok(10 * Math.log10(255 ** 2 / meanSquare) >= 42);
    assert.ok(differences.every((value) => value <= 16));
    assert.deepEqual(watermarked(image).data, data);
  }
});

test('where it is already it is not added again: of a marked picture only what is painted anew changes', () => {
  const [image, side] = [landscape(384, 384), 384];
  const first = watermarked(image);
  const inTheMiddle = (i: number) => [i % side, Math.floor(i / side)].every((at) => at >= 128 && at < 256);
  const repainted = { ...first, data: first.data.map((value, i) => (inTheMiddle(Math.floor(i / 3)) ? 99 : value)) };
  const second = watermarked(repainted);
  const changed = new Set<boolean>();
  for (const [i, value] of second.data.entries()) {
    if (value !== repainted.data[i]) changed.add(inTheMiddle(Math.floor(i / 3)));
  }
  assert.deepEqual([...changed], [true]);
  assert.deepEqual(watermarked(second), second);
});

test('nothing is found without it, nor with another key', async () => {
  const image = landscape(256, 256);
  assert.ok((await watermarkScore(await brightnessOf(asSharp(image).png()))) < THRESHOLD);
  const plain = { width: 256, height: 256, data: new Uint8Array(65_536).fill(77) };
  assert.ok((await watermarkScore(plain)) < THRESHOLD);
  const [folding] = await foldings(await brightnessOf(asSharp(watermarked(image)).png()));
  assert.ok(folding);
  for (let i = 0; i < 40; i += 1) assert.ok(scoreOf(folding, patternOf(`other ${i}`)) < THRESHOLD);
});

test('a marker puts it into every encoding, and leaves the texts', async () => {
  const image = landscape(256, 256);
  const marker = new OwnMarker({
    signature: false,
    credential: undefined,
    watermark: true,
    onProblem: () => assert.fail(),
  });
  const png = await encodeImage(image, { metadata: { parameters: 'a hill' } });
  const picture = marker.open(png);
  for (const encoding of [
    undefined,
    { format: 'jpeg', quality: 85 },
    { format: 'webp', within: { width: 128 } },
  ] as const) {
    const file = await picture.file(encoding);
    assert.equal((await verify({ file })).watermark, true);
    assert.deepEqual(await readMetadata(file), { parameters: 'a hill' });
  }
  for (const file of [await picture.file(), await marker.encode(image, {})]) {
    assert.deepEqual(new Uint8Array((await decodeImage(file)).data), watermarked(image).data);
  }
  assert.equal((await verify({ file: png })).watermark, false);
  assert.equal((await verify({ file: png.subarray(0, png.length / 2) })).watermark, undefined);
});
