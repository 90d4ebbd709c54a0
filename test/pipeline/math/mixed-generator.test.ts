import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TorchGenerator } from '../../../src/pipeline/math/generator.ts';
import { MixedGenerator } from '../../../src/pipeline/math/mixed-generator.ts';
import { UserError } from '../../../src/system/errors.ts';

const seed = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n });
const shapes = fc.array(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }), { maxLength: 5 });

test('strength 0 draws what the first seed draws, strength 1 what the other does, whatever the shapes', () => {
  fc.assert(
    fc.property(seed, seed, shapes, (a, b, list) => {
      const [same, other] = [0, 1].map((strength) => new MixedGenerator({ seed: a, mixes: [{ seed: b, strength }] }));
      const [first, second] = [new TorchGenerator(a), new TorchGenerator(b)];
      for (const shape of list) {
        // Adding zero turns -0, of which zero times anything may be one, into 0.
        assert.deepEqual(same?.randn(shape).map(unsigned), first.randn(shape).map(unsigned));
        assert.deepEqual(other?.randn(shape).map(unsigned), second.randn(shape).map(unsigned));
      }
    }),
    { numRuns: 50, seed: 1 },
  );
});

test('every draw is at the same angle from the first seed, and still standard normal', () => {
  for (const strength of [0.1, 0.35, 0.5, 0.9]) {
    const mixed = new MixedGenerator({ seed: 1n, mixes: [{ seed: 2n, strength }] });
    const own = new TorchGenerator(1);
    for (let draw = 0; draw < 3; draw++) {
      const values = mixed.randn([20_000]);
      const base = own.randn([20_000]);
      const cosine = mean(values.map((v, i) => v * (base[i] ?? 0)));
      assert.ok(Math.abs(mean(values)) < 0.03, `mean ${mean(values)}`);
      assert.ok(Math.abs(mean(values.map((v) => v * v)) - 1) < 0.04, 'variance');
      assert.ok(Math.abs(cosine - Math.cos((strength * Math.PI) / 2)) < 0.03, `strength ${strength}: ${cosine}`);
    }
  }
});

test('noise mixed into what was mixed before turns away from it by the same angle again', () => {
  const mixes = [2n, 3n].map((seed) => ({ seed, strength: 0.5 }));
  const [once, twice] = [mixes.slice(0, 1), mixes].map((list) => new MixedGenerator({ seed: 1n, mixes: list }));
  for (let draw = 0; draw < 3; draw++) {
    const before = once?.randn([20_000]) ?? new Float32Array();
    const values = twice?.randn([20_000]) ?? new Float32Array();
    assert.ok(Math.abs(mean(values.map((v) => v * v)) - 1) < 0.04, 'variance');
    assert.ok(Math.abs(mean(values.map((v, i) => v * (before[i] ?? 0))) - Math.SQRT1_2) < 0.03);
  }
});

test('a strength outside 0 to 1 is refused', () => {
  for (const strength of [-0.1, 1.1, Number.NaN]) {
    assert.throws(
      () => new MixedGenerator({ seed: 1n, mixes: [{ seed: 2n, strength }] }),
      (error) => error instanceof UserError && error.code === 'strength_invalid',
    );
  }
});

function unsigned(value: number): number {
  return value + 0;
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
