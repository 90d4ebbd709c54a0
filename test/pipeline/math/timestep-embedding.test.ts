import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { timestepEmbedding, timestepFrequencies } from '../../../src/pipeline/math/timestep-embedding.ts';
import { readSafetensors } from '../read-safetensors.ts';
import { REFERENCE } from '../reference.ts';

const TOLERANCE = 2e-6;
const tensors = await readSafetensors(join(REFERENCE, 'r_embedding/r_embedding.safetensors'));

function floats(key: string): Float32Array {
  const data = tensors.get(key)?.data;
  assert.ok(data instanceof Float32Array, `${key} is missing`);
  return data;
}

function assertClose(actual: Float32Array, expected: Float32Array, tolerance: (value: number) => number): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => {
    const got = actual[i] ?? Number.NaN;
    assert.ok(Math.abs(got - value) <= tolerance(value), `[${i}]: expected ${value}, got ${got}`);
  });
}

const embeddings = [...tensors.keys()].filter((key) => key.startsWith('embed.'));
const frequencies = [...tensors.keys()].filter((key) => key.startsWith('freq.'));

test('the reference set has embeddings to compare with', () => {
  assert.ok(embeddings.length > 0 && frequencies.length > 0);
});

for (const key of embeddings) {
  test(`${key} agrees with the reference`, () => {
    const [, cR = '', ...name] = key.split('.');
    assertClose(timestepEmbedding(floats(`r.${name.join('.')}`), Number(cR)), floats(key), () => TOLERANCE);
  });
}

for (const key of frequencies) {
  test(`${key} is the reference's to one unit in the last place`, () => {
    assertClose(timestepFrequencies(Number(key.split('.')[1])), floats(key), (value) => value * 2 ** -23);
  });
}

test('every row is sines then cosines of the same angles, then a zero if the width is odd', () => {
  fc.assert(
    fc.property(fc.float32Array({ min: 0, max: 1, noNaN: true, maxLength: 6 }), fc.nat(60), (r, extra) => {
      const cR = 4 + extra;
      const half = Math.floor(cR / 2);
      const embedding = timestepEmbedding(r, cR);
      assert.equal(embedding.length, r.length * cR);
      for (let row = 0; row < r.length; row++) {
        const values = embedding.subarray(row * cR, (row + 1) * cR);
        for (let i = 0; i < half; i++) {
          assert.ok(Math.abs((values[i] ?? 0) ** 2 + (values[half + i] ?? 0) ** 2 - 1) < 1e-6);
        }
        if (cR % 2 === 1) assert.equal(values[cR - 1], 0);
      }
    }),
    { numRuns: 100, seed: 1 },
  );
});

test('widths too small to hold two frequencies are refused', () => {
  for (const cR of [0, 3, 4.5, Number.NaN]) assert.throws(() => timestepEmbedding(new Float32Array(1), cR), RangeError);
});
