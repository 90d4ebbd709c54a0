import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { contactSheet, joinSheets } from '../../../src/pipeline/images/contact-sheet.ts';

const SIZE = { width: 64, height: 64 };
const COLOURS = [
  [250, 0, 0],
  [0, 250, 0],
  [0, 0, 250],
  [250, 250, 0],
  [0, 250, 250],
];

function plain(index: number) {
  const data = new Uint8Array(64 * 64 * 3);
  for (let k = 0; k < data.length; k += 1) data[k] = COLOURS[index]?.[k % 3] ?? 0;
  return { ...SIZE, data };
}

async function sheetOf(...previewOf: readonly number[]) {
  return { preview: await contactSheet(previewOf.map(plain), SIZE), previewOf };
}

test('sheets of several painters become one, with each picture in its place', async () => {
  const joined = await joinSheets([await sheetOf(3), await sheetOf(4, 0, 2), await sheetOf(1)], SIZE);
  assert.deepEqual(joined.previewOf, [0, 1, 2, 3, 4]);
  const { data, info } = await sharp(joined.preview).raw().toBuffer({ resolveWithObject: true });
  for (const [index, colour] of COLOURS.entries()) {
    const [x, y] = [(index % 3) + 0.5, Math.floor(index / 3) + 0.5];
    const offset = (Math.floor((y * info.height) / 2) * info.width + Math.floor((x * info.width) / 3)) * info.channels;
    const seen = [...data.subarray(offset, offset + 3)];
    assert.ok(
      seen.every((value, channel) => Math.abs(value - (colour[channel] ?? 0)) < 25),
      `picture ${index} is ${seen}`,
    );
  }
});

test('sheets without colour or with transparency are joined, too', async () => {
  const grey = await sharp({ create: { ...SIZE, channels: 4, background: { r: 90, g: 90, b: 90, alpha: 0.5 } } })
    .greyscale()
    .png()
    .toBuffer();
  const joined = await joinSheets([{ preview: grey, previewOf: [1] }, await sheetOf(0)], SIZE);
  assert.deepEqual(joined.previewOf, [0, 1]);
});
