import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { mobileNetGraph } from '../../../src/pipeline/graph/mobilenet.ts';
import { bilinearSquare } from '../../../src/pipeline/math/bilinear.ts';
import { PictureClassifier } from '../../../src/pipeline/networks/picture-classifier.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { TINY, writeTinyClassifier } from '../tiny-mobilenet.ts';

/** Of `tinyTensors()` and `pattern(64, 64)`, as torch computes them from the same numbers. */
const EXPECTED = [0.000176, 0.3718207, 0.0019277, 0.0023095, 0.6237662];

function pattern(width: number, height: number) {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i += 1) {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / (3 * width))];
    data[i] = (y * 7 + x * 13 + c * 89) % 256;
  }
  return { data, width, height };
}

test('a picture classifier agrees with torch', async (t) => {
  const dir = join(await temporaryFolder(t), 'safety');
  await writeTinyClassifier(dir);
  const network = await PictureClassifier.load(dir, { provider: 'cpu', threads: 1 });
  t.after(() => network.release());
  const found = [...(await network.classify(pattern(TINY.side, TINY.side)))];
  for (const [k, value] of EXPECTED.entries()) assert.ok(Math.abs((found[k] ?? 0) - value) < 2e-6, `${found}`);
  const other = await network.classify(pattern(201, 97));
  assert.ok(Math.abs(other.reduce((sum, share) => sum + share, 0) - 1) < 1e-6, 'a picture of any size has a verdict');
});

test('its graph is that of MobileNetV2: 52 convolutions, 10 of 17 blocks added to their inputs', async (t) => {
  const dir = join(await temporaryFolder(t), 'safety');
  await writeTinyClassifier(dir);
  const { ops } = mobileNetGraph(await Component.open(dir));
  const count = (op: string) => ops.filter((one) => one === op).length;
  assert.deepEqual([count('Conv'), count('Clip'), count('Gemm'), count('Softmax')], [52, 35, 1, 1]);
  assert.deepEqual(ops.slice(0, 4), ['Mul', 'Sub', 'Conv', 'Clip']);
});

test('pixels are taken as TensorFlow takes them: corners stay corners, and a slope stays a slope', () => {
  const slope = { data: Uint8Array.from({ length: 7 * 3 * 3 }, (_, i) => Math.floor(i / 3) % 7), width: 7, height: 3 };
  const square = bilinearSquare({ ...slope, data: slope.data.map((value) => value * 40) }, 4);
  const row = [0, 80, 160, 240].map((value) => Math.fround(value / 255));
  for (let y = 0; y < 12; y += 1) assert.deepEqual([...square.subarray(y * 4, y * 4 + 4)], row);
});
