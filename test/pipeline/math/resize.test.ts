import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { bicubicMatrix, resizeBicubic } from '../../../src/pipeline/math/resize.ts';
import { readSafetensors } from '../read-safetensors.ts';
import { REFERENCE } from '../reference.ts';

interface Case {
  readonly key: string;
  readonly in: [number, number, number, number];
  readonly size: [number, number];
  readonly tolerance_abs: number;
}

const { cases } = JSON.parse(await readFile(join(REFERENCE, 'interpolate/interpolate.json'), 'utf8')) as {
  cases: Case[];
};
const tensors = await readSafetensors(join(REFERENCE, 'interpolate/interpolate.safetensors'));
const matrices = [...tensors.keys()].filter((key) => key.startsWith('matrix.'));

function assertClose(actual: Float32Array, key: string, tolerance: number): void {
  const expected = tensors.get(key)?.data;
  assert.ok(expected instanceof Float32Array, `${key} is missing`);
  assert.equal(actual.length, expected.length, `${key}: length`);
  expected.forEach((value, i) => {
    const got = actual[i] ?? Number.NaN;
    assert.ok(Math.abs(got - value) <= tolerance, `${key}[${i}]: expected ${value}, got ${got}`);
  });
}

test('the reference set has resized images to compare with', () => {
  assert.ok(cases.length > 0 && matrices.length > 0);
});

for (const { key, in: dims, size, tolerance_abs: tolerance } of cases) {
  test(`${key}, [${dims}] to [${size}], agrees with the reference`, () => {
    const input = tensors.get(`${key}.in`)?.data;
    assert.ok(input instanceof Float32Array);
    assertClose(resizeBicubic(input, dims, size), `${key}.out`, tolerance);
  });
}

for (const key of matrices) {
  test(`${key} has the reference's weights`, () => {
    const [from = '', to = ''] = key.slice('matrix.'.length).split('to');
    assertClose(bicubicMatrix(Number(from), Number(to)), key, 1e-6);
  });
}

const side = fc.integer({ min: 1, max: 80 });

test('every row of weights is finite and sums to 1, so a flat image stays flat', () => {
  fc.assert(
    fc.property(side, side, (from, to) => {
      const matrix = bicubicMatrix(from, to);
      assert.equal(matrix.length, from * to);
      for (let row = 0; row < to; row++) {
        const sum = matrix.subarray(row * from, (row + 1) * from).reduce((total, weight) => total + weight, 0);
        assert.ok(Math.abs(sum - 1) < 1e-5, `row ${row} of ${from} to ${to} sums to ${sum}`);
      }
    }),
    { numRuns: 200, seed: 1 },
  );
});

test('equal sizes change nothing', () => {
  fc.assert(
    fc.property(side, (n) => {
      assert.deepEqual(
        bicubicMatrix(n, n).map((weight) => weight + 0),
        Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
      );
    }),
    { numRuns: 30, seed: 2 },
  );
});

test('results one column wide repeat their first row, as torch computes them', () => {
  const squares = (length: number) => Float32Array.from({ length }, (_, i) => i ** 2);
  const cases: [[number, number], [number, number], number[]][] = [
    [
      [4, 2],
      [2, 1],
      [9.1058, 9.1058],
    ],
    [
      [5, 3],
      [4, 1],
      [0.4122, 0.4122, 0.4122, 0.4122],
    ],
    [
      [3, 1],
      [3, 1],
      [0, 1, 4],
    ],
    [
      [5, 3],
      [1, 4],
      [-1.1414, -1.1397, -0.5672, 1.1217],
    ],
  ];
  for (const [[h, w], size, expected] of cases) {
    const actual = resizeBicubic(squares(h * w), [1, 1, h, w], size);
    assert.deepEqual(
      Array.from(actual, (value) => Math.round(value * 1e4) / 1e4),
      expected,
    );
  }
});

test('sizes that are not whole numbers from 1, and values that do not fill their dims, are refused', () => {
  for (const size of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => bicubicMatrix(size, 4), RangeError);
    assert.throws(() => bicubicMatrix(4, size), RangeError);
  }
  assert.throws(() => resizeBicubic(new Float32Array(3), [1, 1, 2, 2], [4, 4]), RangeError);
});
