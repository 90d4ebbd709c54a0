import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { randnTensor, TorchGenerator } from '../../../src/pipeline/math/generator.ts';
import { UserError } from '../../../src/system/errors.ts';
import { type LoadedTensor, readSafetensors } from '../read-safetensors.ts';
import { REFERENCE } from '../reference.ts';

const RNG = join(REFERENCE, 'rng');
interface Call {
  readonly key: string;
  readonly shape: number[];
}
interface Calls {
  readonly randn: { seed: string; calls: Call[] }[];
  readonly randn_tensor_list: { seeds: string[]; calls: Call[] }[];
  /** The first numbers of the Mersenne twister itself, and some about where it makes a new block, by seed. */
  readonly raw_u32_from_numpy_mt19937_model: Record<string, { first_u32: number[]; u32_at_622_to_626: number[] }>;
  readonly tolerance_abs: number;
}

const calls = JSON.parse(await readFile(join(RNG, 'rng.json'), 'utf8')) as Calls;
const tensors = await readSafetensors(join(RNG, 'rng.safetensors'));
/** The reference's own vectorised and scalar kernels differ by 2.4e-6. */
const TOLERANCE = calls.tolerance_abs;

function assertClose(actual: Float32Array, key: string, tolerance: number): void {
  const expected = tensors.get(key) as LoadedTensor | undefined;
  assert.ok(expected?.data instanceof Float32Array, `${key} is missing`);
  assert.equal(actual.length, expected.data.length, `${key}: length`);
  expected.data.forEach((value, i) => {
    const got = actual[i] ?? Number.NaN;
    assert.ok(Math.abs(got - value) <= tolerance, `${key}[${i}]: expected ${value}, got ${got}`);
  });
}

test('the reference set has random numbers to compare with', () => {
  assert.ok(calls.randn.length > 0 && calls.randn_tensor_list.length > 0);
});

for (const [i, { seed, calls: sequence }] of calls.randn.entries()) {
  test(`randn sequence ${i} of seed ${seed} is torch's`, () => {
    const generator = new TorchGenerator(BigInt(seed));
    for (const { key, shape } of sequence) assertClose(generator.randn(shape), key, TOLERANCE);
  });
}

for (const [i, { seeds, calls: sequence }] of calls.randn_tensor_list.entries()) {
  test(`a list of generators ${i} (seeds ${seeds}) draws one row each`, () => {
    const generators = seeds.map((seed) => new TorchGenerator(BigInt(seed)));
    for (const { key, shape } of sequence) assertClose(randnTensor(shape, generators), key, TOLERANCE);
  });
}

test('rand is torch.rand, bit for bit', () => {
  const keys = [...tensors.keys()].filter((key) => key.startsWith('rand.'));
  assert.ok(keys.length > 0);
  for (const key of keys) {
    const { shape } = tensors.get(key) ?? { shape: [] };
    assertClose(new TorchGenerator(BigInt(key.slice('rand.'.length))).rand(shape), key, 0);
  }
});

for (const [seed, { first_u32: first, u32_at_622_to_626: later }] of Object.entries(
  calls.raw_u32_from_numpy_mt19937_model,
)) {
  test(`seed ${seed} gives the twister's own numbers, of which a uniform value is the low 24 bits`, () => {
    const uniforms = new TorchGenerator(BigInt(seed)).rand([627]);
    const low = (words: number[]) => Float32Array.from(words, (word) => (word & 0xffffff) * 2 ** -24);
    assert.deepEqual(uniforms.subarray(0, first.length), low(first));
    assert.deepEqual(uniforms.subarray(622), low(later));
  });
}

test('a small call takes the value that an earlier small call left over, whatever came between', () => {
  const plain = new TorchGenerator(7);
  const pair = plain.randn([2]);
  const split = new TorchGenerator(7);
  assert.deepEqual(split.randn([1]), pair.slice(0, 1));
  assert.deepEqual(split.randn([0]), new Float32Array(0));
  split.randn([32]);
  assert.deepEqual(split.randn([1]), pair.slice(1));
});

test('only the low 32 bits of a seed count', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.integer({ min: 0, max: 40 }), (seed, n) => {
      const numbers = new TorchGenerator(seed).randn([n]);
      assert.deepEqual(new TorchGenerator(seed & 0xffff_ffffn).randn([n]), numbers);
      if (seed >= 2n ** 63n) assert.deepEqual(new TorchGenerator(seed - 2n ** 64n).randn([n]), numbers);
    }),
    { numRuns: 50, seed: 1 },
  );
});

test('every value is finite and the shape is filled', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 4 }), (seed, shape) => {
      const values = new TorchGenerator(seed).randn(shape);
      assert.equal(
        values.length,
        shape.reduce((product, dim) => product * dim, 1),
      );
      assert.ok(values.every(Number.isFinite));
    }),
    { numRuns: 100, seed: 2 },
  );
});

test('a list draws what each of its generators draws alone', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 99n }), { minLength: 2, maxLength: 4 }), (seeds) => {
      const together = randnTensor(
        [seeds.length, 3, 5],
        seeds.map((seed) => new TorchGenerator(seed)),
      );
      const alone = seeds.flatMap((seed) => [...new TorchGenerator(seed).randn([1, 3, 5])]);
      assert.deepEqual([...together], alone);
    }),
    { numRuns: 50, seed: 3 },
  );
});

test('spare generators in a list are left alone', () => {
  const spare = new TorchGenerator(5);
  randnTensor([1, 20], [new TorchGenerator(4), spare]);
  assert.deepEqual(spare.randn([20]), new TorchGenerator(5).randn([20]));
});

test('too few generators are refused, naming both counts', () => {
  const isCountError = (wanted: string) => (error: unknown) =>
    error instanceof UserError && error.code === 'generator_count' && error.message.includes(wanted);
  const two = [new TorchGenerator(1), new TorchGenerator(2)];
  assert.throws(() => randnTensor([3, 4], two), isCountError('Expected 3 generators, got 2.'));
  assert.throws(() => randnTensor([1, 4], []), isCountError('Expected 1 generators, got 0.'));
});

test('seeds that torch would not take are refused with an example', () => {
  const bad = [2n ** 64n, -(2n ** 63n) - 1n, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 2 ** 64];
  for (const seed of bad) {
    assert.throws(
      () => new TorchGenerator(seed),
      (error) => error instanceof UserError && error.code === 'seed_invalid' && error.hint !== undefined,
      String(seed),
    );
  }
  for (const seed of [2n ** 64n - 1n, -(2n ** 63n), -1, 2 ** 53 - 1]) new TorchGenerator(seed).randn([1]);
});

test('shapes of anything but whole numbers are refused', () => {
  for (const shape of [[-1], [1.5], [Number.NaN]]) {
    assert.throws(() => new TorchGenerator(1).randn(shape), RangeError);
    assert.throws(() => new TorchGenerator(1).rand(shape), RangeError);
  }
});
