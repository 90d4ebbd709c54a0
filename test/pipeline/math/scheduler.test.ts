import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { randnTensor, TorchGenerator } from '../../../src/pipeline/math/generator.ts';
import { DDPMWuerstchenScheduler, DEFAULT_STAGE_C_TIMESTEPS } from '../../../src/pipeline/math/scheduler.ts';
import { UserError } from '../../../src/system/errors.ts';
import { readSafetensors } from '../read-safetensors.ts';
import { REFERENCE } from '../reference.ts';

const FOLDER = join(REFERENCE, 'scheduler');

interface Case {
  readonly key: string;
  readonly scaler: number;
  readonly s?: number;
  /** A number of steps, a list of timesteps, or the name of the default list. */
  readonly call: number | string | number[];
  readonly tolerance_abs: number;
}
interface Trajectory extends Case {
  readonly generator_seeds: number | string | (number | string)[];
  readonly shape: number[];
  readonly steps: number;
  readonly per_step_tolerance_abs: number[];
}
interface Reference {
  readonly DEFAULT_STAGE_C_TIMESTEPS_float64: number[];
  readonly sets: (Case & { readonly previous_timestep: number[] })[];
  readonly trajectories: Trajectory[];
  readonly add_noise: Case[];
}

const reference = JSON.parse(await readFile(join(FOLDER, 'scheduler.json'), 'utf8')) as Reference;
const tensors = await readSafetensors(join(FOLDER, 'scheduler.safetensors'));

function floats(key: string): Float32Array {
  const data = tensors.get(key)?.data;
  assert.ok(data instanceof Float32Array, `${key} is missing`);
  return data;
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  Array.from(expected).forEach((value, i) => {
    const got = actual[i] ?? Number.NaN;
    assert.ok(Math.abs(got - value) <= tolerance, `${what}[${i}]: expected ${value}, got ${got}`);
  });
}

function prepared({ scaler, s, call }: Case): DDPMWuerstchenScheduler {
  const scheduler = new DDPMWuerstchenScheduler(s === undefined ? { scaler } : { scaler, s });
  if (typeof call === 'number') scheduler.setTimesteps({ numInferenceSteps: call });
  else scheduler.setTimesteps({ timesteps: Array.isArray(call) ? call : DEFAULT_STAGE_C_TIMESTEPS });
  return scheduler;
}

test('the reference set has schedules, trajectories and noise to compare with', () => {
  assert.ok(reference.sets.length > 0 && reference.trajectories.length > 0 && reference.add_noise.length > 0);
});

test('the default Stage C timesteps are the reference’s float64 values', () => {
  assert.deepEqual(DEFAULT_STAGE_C_TIMESTEPS, reference.DEFAULT_STAGE_C_TIMESTEPS_float64);
});

for (const set of reference.sets) {
  test(`${set.key}: ${set.call} at scaler ${set.scaler}`, () => {
    const scheduler = prepared(set);
    assert.deepEqual(scheduler.timesteps, floats(`${set.key}.timesteps`));
    const alphas = Array.from(scheduler.timesteps, (t) => scheduler.alphaCumprod(t));
    assertClose(alphas, floats(`${set.key}.alpha_cumprod`), set.tolerance_abs, 'ᾱ');
    const previous = Array.from(scheduler.timesteps.subarray(0, -1), (t) => scheduler.previousTimestep(t));
    assert.deepEqual(previous, set.previous_timestep);
  });
}

for (const trajectory of reference.trajectories) {
  const { key, generator_seeds: seeds, shape, steps } = trajectory;
  const rows = shape[0] ?? 1;
  const generators = () => [seeds].flat().map((seed) => new TorchGenerator(BigInt(seed)));

  function follow(timestep: (t: number) => number | number[], check: (sample: Float32Array, step: number) => void) {
    const scheduler = prepared(trajectory);
    const drawn = generators();
    const size = shape.reduce((product, dim) => product * dim, 1);
    const outputs = floats(`${key}.model_outputs`);
    let sample = floats(`${key}.sample0`);
    for (let step = 0; step < steps; step++) {
      const output = outputs.subarray(step * size, (step + 1) * size);
      const t = scheduler.timesteps[step] ?? Number.NaN;
      sample = scheduler.step(output, timestep(t), sample, randnTensor(shape, drawn));
      check(sample, step);
    }
  }

  test(`${key}: every step lands where the reference's does`, () => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const expected = floats(`${key}.prev_samples`);
    follow(
      (t) => t,
      (sample, step) => {
        const tolerance = trajectory.per_step_tolerance_abs[step] ?? trajectory.tolerance_abs;
        assertClose(sample, expected.subarray(step * size, (step + 1) * size), tolerance, `step ${step}`);
      },
    );
  });

  test(`${key}: one timestep per row is the same as one for the batch`, () => {
    const together: Float32Array[] = [];
    follow(
      (t) => t,
      (sample) => together.push(sample),
    );
    follow(
      (t) => new Array<number>(rows).fill(t),
      (sample, step) => assert.deepEqual(sample, together[step]),
    );
  });
}

for (const noise of reference.add_noise) {
  test(`${noise.key}: noise is added as the reference adds it`, () => {
    const { key, scaler, s } = noise;
    const scheduler = new DDPMWuerstchenScheduler(s === undefined ? { scaler } : { scaler, s });
    const noisy = scheduler.addNoise(floats(`${key}.original`), floats(`${key}.noise`), floats(`${key}.timesteps`));
    assertClose(noisy, floats(`${key}.out`), noise.tolerance_abs, key);
  });
}

const code = (wanted: string) => (error: unknown) =>
  error instanceof UserError && error.code === wanted && error.hint !== undefined;

const timestep = fc.float({ min: 0, max: 1, noNaN: true });
const values = (length: number) =>
  fc.float32Array({ min: -5, max: 5, noNaN: true, minLength: length, maxLength: length });

test('rows at different timesteps come out as each would alone', () => {
  const rows = fc.integer({ min: 1, max: 4 }).chain((n) => {
    const index = fc.array(fc.nat(11), { minLength: n, maxLength: n });
    return fc.tuple(index, values(3 * n), values(3 * n), values(3 * n));
  });
  fc.assert(
    fc.property(rows, ([indices, output, sample, noise]) => {
      const scheduler = new DDPMWuerstchenScheduler();
      scheduler.setTimesteps({ numInferenceSteps: 12 });
      const ts = indices.map((i) => scheduler.timesteps[i] ?? Number.NaN);
      const row = (data: Float32Array, i: number) => data.subarray(3 * i, 3 * i + 3);
      const step = ts.flatMap((t, i) => [...scheduler.step(row(output, i), t, row(sample, i), row(noise, i))]);
      assert.deepEqual([...scheduler.step(output, ts, sample, noise)], step);
      const clean = ts.flatMap((t, i) => [...scheduler.predictClean(row(output, i), t, row(sample, i))]);
      assert.deepEqual([...scheduler.predictClean(output, ts, sample)], clean);
      const noisy = ts.flatMap((t, i) => [...scheduler.addNoise(row(sample, i), row(noise, i), t)]);
      assert.deepEqual([...scheduler.addNoise(sample, noise, ts)], noisy);
    }),
    { numRuns: 100, seed: 1 },
  );
});

test('predictClean undoes addNoise when the model names the noise exactly', () => {
  fc.assert(
    fc.property(timestep, values(6), values(6), (t, original, noise) => {
      const scheduler = new DDPMWuerstchenScheduler();
      const noisy = scheduler.addNoise(original, noise, t);
      assertClose(scheduler.predictClean(noise, t, noisy), original, 1e-4, `t ${t}`);
    }),
    { numRuns: 200, seed: 2 },
  );
});

test('ᾱ never rises with the timestep and stays within its clamp', () => {
  fc.assert(
    fc.property(timestep, timestep, fc.constantFrom(0.5, 1, 2), (a, b, scaler) => {
      const scheduler = new DDPMWuerstchenScheduler({ scaler });
      const [low, high] = [scheduler.alphaCumprod(Math.min(a, b)), scheduler.alphaCumprod(Math.max(a, b))];
      assert.ok(high <= low + 2e-7 && high >= Math.fround(0.0001) && low <= Math.fround(0.9999));
    }),
    { numRuns: 300, seed: 3 },
  );
});

test('any number of steps falls from 1 to 0 without repeating', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), (numInferenceSteps) => {
      const scheduler = new DDPMWuerstchenScheduler();
      scheduler.setTimesteps({ numInferenceSteps });
      const { timesteps } = scheduler;
      assert.equal(timesteps.length, numInferenceSteps + 1);
      assert.equal(timesteps[0], 1);
      assert.equal(timesteps[numInferenceSteps], 0);
      timesteps.subarray(1).forEach((t, i) => {
        assert.equal(scheduler.previousTimestep(timesteps[i] ?? Number.NaN), t);
      });
    }),
    { numRuns: 50, seed: 4 },
  );
});

test('noise counts for nothing in the step to timestep 0, and only there', () => {
  const scheduler = new DDPMWuerstchenScheduler();
  scheduler.setTimesteps({ timesteps: [1, 0.5, 0] });
  const zeros = new Float32Array(4);
  const ones = new Float32Array(4).fill(1);
  assert.deepEqual(scheduler.step(ones, 0.5, ones, ones), scheduler.step(ones, 0.5, ones, zeros));
  assert.notDeepEqual(scheduler.step(ones, 1, ones, ones), scheduler.step(ones, 1, ones, zeros));
});

test('explicit timesteps win over a number of steps', () => {
  const scheduler = new DDPMWuerstchenScheduler();
  scheduler.setTimesteps({ numInferenceSteps: 5, timesteps: [1, 0] });
  assert.deepEqual([...scheduler.timesteps], [1, 0]);
});

test('a loop without a step is allowed', () => {
  const scheduler = new DDPMWuerstchenScheduler();
  scheduler.setTimesteps({ numInferenceSteps: 0 });
  assert.deepEqual([...scheduler.timesteps], [1]);
  scheduler.setTimesteps({ timesteps: [1] });
  assert.deepEqual([...scheduler.timesteps], [1]);
});

test('using the scheduler before setTimesteps says so', () => {
  const scheduler = new DDPMWuerstchenScheduler();
  const one = new Float32Array(1);
  assert.throws(() => scheduler.timesteps, code('timesteps_not_set'));
  assert.throws(() => scheduler.step(one, 1, one, one), code('timesteps_not_set'));
});

test('schedules that cannot be followed are refused', () => {
  const scheduler = new DDPMWuerstchenScheduler();
  for (const numInferenceSteps of [undefined, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => scheduler.setTimesteps({ numInferenceSteps }), code('steps_invalid'));
  }
  for (const timesteps of [[], [0, 0.5, 1], [1, Number.NaN, 0], [999, 500, 0], [1, -0.1], [0.5, 0.6, 0]]) {
    assert.throws(() => scheduler.setTimesteps({ timesteps }), code('timesteps_invalid'), `[${timesteps}]`);
  }
});

test('steps from the end, from nowhere, or with arrays that do not match are refused', () => {
  const scheduler = new DDPMWuerstchenScheduler();
  scheduler.setTimesteps({ numInferenceSteps: 2 });
  const four = new Float32Array(4);
  assert.throws(() => scheduler.step(four, 0, four, four), code('timestep_at_end'));
  for (const t of [Number.NaN, -0.5, 1.5]) {
    assert.throws(() => scheduler.step(four, t, four, four), code('timestep_invalid'), String(t));
  }
  const short = new Float32Array(3);
  assert.throws(() => scheduler.step(short, 1, four, four), code('scheduler_length_mismatch'));
  assert.throws(() => scheduler.step(four, 1, four, short), code('scheduler_length_mismatch'));
  assert.throws(() => scheduler.step(four, [1, 1, 1], four, four), code('scheduler_length_mismatch'));
  assert.throws(() => scheduler.step(four, [], four, four), code('scheduler_length_mismatch'));
});

test('configurations without a meaning are refused', () => {
  for (const config of [{ scaler: 0 }, { scaler: Number.NaN }, { s: -1 }, { s: Number.POSITIVE_INFINITY }]) {
    assert.throws(() => new DDPMWuerstchenScheduler(config), code('scheduler_config_invalid'));
  }
});
