import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { EMBEDDED_MODELS } from '../../../src/models/model-folder.ts';
import { type MixOptions, mixCheckpoints } from '../../../src/pipeline/derived-weights/mix.ts';
import { MIX_BY_DTYPE } from '../../../src/pipeline/derived-weights/mix-numbers.ts';
import { bfloatToFloat, floatToBfloat, floatToHalf, halfToFloat } from '../../../src/pipeline/math/number-formats.ts';
import { STAGE_C, safetensors, someFloats, tensorsIn } from '../../models/checkpoints.ts';
import { sha256 } from '../../models/fake-hub.ts';
import { running } from '../../program.ts';
import { readSafetensors } from '../read-safetensors.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const COCKTAIL = join(EMBEDDED_MODELS, 'cocktail');
const BASE = join(COCKTAIL, 'wuerstchen-prior-model-base', STAGE_C);
const AESTHETIC = join(COCKTAIL, 'wuerstchen-prior-model-finetuned', STAGE_C);
const INTERPOLATED = join(COCKTAIL, 'wuerstchen-prior', 'prior', STAGE_C);

/** The smallest float32 above 0: what rounding may cost near it. */
const SMALLEST = 2 ** -149;

interface Parents {
  readonly folder: string;
  readonly base: string;
  readonly aesthetic: string;
  readonly out: string;
  readonly mix: (weight: number, options?: MixOptions) => ReturnType<typeof mixCheckpoints>;
}

async function parents(t: TestContext, baseBytes: Buffer, aestheticBytes: Buffer): Promise<Parents> {
  const folder = await temporaryFolder(t);
  const [base, aesthetic, out] = [join(folder, 'base'), join(folder, 'aesthetic'), join(folder, 'out')];
  await writeFile(base, baseBytes);
  await writeFile(aesthetic, aestheticBytes);
  const mix = (weight: number, options?: MixOptions) => mixCheckpoints(base, aesthetic, weight, out, options);
  return { folder, base, aesthetic, out, mix };
}

/** Six tensors, more pieces than one. */
function someParent(name: string): Buffer {
  const entries = ['a', 'b', 'c', 'd', 'e', 'f'].map((tensor) => [tensor, someFloats(name + tensor, 20_000)]);
  return safetensors('F32', Object.fromEntries(entries));
}

/** What a stopped or refused mix must not leave. */
function namesIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => !name.startsWith('.'));
}

test('half of base and half of aesthetic is the shipped interpolated checkpoint, bit for bit', async (t) => {
  const out = join(await temporaryFolder(t), STAGE_C);
  const { sha256: hash, weight } = await mixCheckpoints(BASE, AESTHETIC, 0.5, out);
  const shipped = await tensorsIn(INTERPOLATED);
  assert.ok(shipped.length > 0);
  assert.deepEqual(await tensorsIn(out), shipped);
  assert.deepEqual([hash, weight], [sha256(readFileSync(out)), 0.5]);
});

for (const [weight, parent] of [
  [0, BASE],
  [1, AESTHETIC],
] as const) {
  test(`a share of ${weight} is the parent, bit for bit`, async (t) => {
    const out = join(await temporaryFolder(t), STAGE_C);
    await mixCheckpoints(BASE, AESTHETIC, weight, out);
    assert.ok(readFileSync(out).equals(readFileSync(parent)));
  });
}

test('zeros keep their sign at both ends, in every dtype', () => {
  for (const [dtype, zero] of [
    ['F32', [0, 0, 0, 0x80]],
    ['F16', [0, 0x80]],
    ['BF16', [0, 0x80]],
  ] as const) {
    for (const weight of [0, 1]) {
      const [a, b] = [Uint8Array.from(zero), new Uint8Array(zero.length)];
      assert.ok(MIX_BY_DTYPE[dtype]?.(a, b, weight));
      assert.deepEqual([...a], weight === 0 ? [...zero] : [...b], `${dtype} ${weight}`);
    }
  }
});

test('numbers are mixed in float32: the share of one parent plus the rest of the other', () => {
  const float = fc.float({ min: -1000, max: 1000, noNaN: true, noDefaultInfinity: true });
  const pairs = fc.array(fc.tuple(float, float), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(pairs, fc.double({ min: 0.001, max: 0.999, noNaN: true }), (numbers, weight) => {
      const a = Float32Array.from(numbers, ([x]) => x);
      const b = Float32Array.from(numbers, ([, y]) => y);
      assert.ok(MIX_BY_DTYPE.F32?.(new Uint8Array(a.buffer), new Uint8Array(b.buffer), weight));
      for (const [i, [x, y]] of numbers.entries()) {
        const exact = (1 - weight) * x + weight * y;
        assert.ok(
          Math.abs((a[i] ?? 0) - exact) <= 2 ** -22 * (Math.abs(x) + Math.abs(y)) + SMALLEST,
          `${x} ${y} ${weight}`,
        );
      }
    }),
    { numRuns: 200 },
  );
});

for (const { dtype, toFloat, fromFloat, largest } of [
  { dtype: 'F16', toFloat: halfToFloat, fromFloat: floatToHalf, largest: 0x7bff },
  { dtype: 'BF16', toFloat: bfloatToFloat, fromFloat: floatToBfloat, largest: 0x7f7f },
] as const) {
  test(`${dtype}: every number comes back as it was, and halfway between two goes to the even one`, () => {
    for (let bits = 0; bits <= largest; bits++) {
      assert.equal(fromFloat(toFloat(bits)), bits);
      assert.equal(fromFloat(-toFloat(bits)), bits | 0x8000);
      const next = toFloat(bits + 1);
      if (!Number.isFinite(next)) continue;
      const halfway = (toFloat(bits) + next) / 2;
      assert.equal(fromFloat(halfway), bits % 2 === 0 ? bits : bits + 1);
    }
  });

  test(`${dtype}: the mean is the nearest number to the exact mean`, () => {
    const finite = fc.integer({ min: 0, max: largest });
    const signed = fc.tuple(finite, fc.boolean()).map(([bits, negative]) => (negative ? bits | 0x8000 : bits));
    fc.assert(
      fc.property(fc.array(fc.tuple(signed, signed), { minLength: 1, maxLength: 50 }), (numbers) => {
        const a = Uint16Array.from(numbers, ([x]) => x);
        const b = Uint16Array.from(numbers, ([, y]) => y);
        assert.ok(MIX_BY_DTYPE[dtype]?.(new Uint8Array(a.buffer), new Uint8Array(b.buffer), 0.5));
        for (const [i, [x, y]] of numbers.entries()) {
          const exact = Math.fround((toFloat(x) + toFloat(y)) / 2);
          assert.equal(toFloat(a[i] ?? 0), toFloat(fromFloat(exact)), `${x} ${y}`);
        }
      }),
      { numRuns: 300 },
    );
  });

  test(`${dtype}: a checkpoint keeps its dtype and layout`, async (t) => {
    const numbers = (name: string) => Uint16Array.from(someFloats(name, 1000), fromFloat);
    const [a, b] = [numbers('one'), numbers('two')];
    const { out, mix } = await parents(t, safetensors(dtype, { w: a }), safetensors(dtype, { w: b }));
    await mix(0.3);
    const w = (await readSafetensors(out)).get('w');
    assert.equal(w?.dtype, dtype);
    const wanted = Array.from(a, (bits, i) => {
      const [x, y] = [toFloat(bits), toFloat(b[i] ?? 0)];
      const share = Math.fround(0.3);
      return toFloat(fromFloat(Math.fround(Math.fround(Math.fround(1 - share) * x) + Math.fround(share * y))));
    });
    assert.deepEqual(w?.data, Float32Array.from(wanted));
  });
}

test('tensors are found by name, not by their place in the file', async (t) => {
  const [one, two] = [someFloats('one', 50), someFloats('two', 70)];
  const { out, mix } = await parents(
    t,
    safetensors('F32', { one, two }),
    safetensors('F32', { two: two.map((value) => value * 3), one: one.map((value) => value * 3) }),
  );
  await mix(0.5);
  const mixed = await readSafetensors(out);
  assert.deepEqual(
    mixed.get('one')?.data,
    one.map((value) => 0.5 * value + 0.5 * Math.fround(value * 3)),
  );
  assert.deepEqual(
    mixed.get('two')?.data,
    two.map((value) => 0.5 * value + 0.5 * Math.fround(value * 3)),
  );
});

test('memory stays far below the size of what is mixed', async (t) => {
  const tensors = { w: new Float32Array(0) };
  const { base, aesthetic, out, mix } = await parents(t, safetensors('F32', tensors), safetensors('F32', tensors));
  const size = 96 * 2 ** 20;
  for (const path of [base, aesthetic]) {
    const header = JSON.stringify({ w: { dtype: 'F32', shape: [size / 4], data_offsets: [0, size] } });
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    await writeFile(path, Buffer.concat([length, Buffer.from(header)]));
    // The zeros of a file with a hole.
    await truncate(path, 8 + header.length + size);
  }
  const before = process.memoryUsage.rss();
  let most = 0;
  await mix(0.5, {
    onProgress: () => {
      most = Math.max(most, process.memoryUsage.rss() - before);
    },
  });
  assert.ok((await stat(out)).size > size);
  assert.ok(most < 48 * 2 ** 20, `${most} bytes more than before`);
});

test('a mix that is killed leaves nothing under its name, and the next one makes it whole', async (t) => {
  const { base, aesthetic, out, mix } = await parents(t, someParent('one'), someParent('two'));
  const entry = new URL('./mix-entry.ts', import.meta.url);
  const child = spawn(process.execPath, [...running(entry), base, aesthetic, out, '200000']);
  const [, endedBy] = await once(child, 'exit');
  assert.equal(endedBy, 'SIGKILL');
  assert.ok(!readdirSync(join(out, '..')).includes('out'));
  const { sha256: hash } = await mix(0.5);
  const direct = await parents(t, someParent('one'), someParent('two'));
  assert.equal(hash, (await direct.mix(0.5)).sha256);
  assert.equal(sha256(readFileSync(out)), hash);
});

test('a mix that is stopped goes on where it was, and gives the same bytes', async (t) => {
  const { folder, out, mix } = await parents(t, someParent('one'), someParent('two'));
  const stop = new AbortController();
  const reason = new Error('enough');
  const stopped = mix(0.3, { signal: stop.signal, onProgress: (done) => done > 250_000 && stop.abort(reason) });
  await assert.rejects(stopped, reason);
  assert.ok(!namesIn(folder).includes('out'));
  const seen: number[] = [];
  const { sha256: hash } = await mix(0.3, { onProgress: (done) => seen.push(done) });
  assert.ok((seen[0] ?? 0) > 320_000, `${seen}`);
  const direct = await parents(t, someParent('one'), someParent('two'));
  assert.equal(hash, (await direct.mix(0.3)).sha256);
  assert.deepEqual(namesIn(folder), ['aesthetic', 'base', 'out', 'out.json']);
  assert.equal(sha256(readFileSync(out)), hash);
});

test('what was begun with another share or other parents is not gone on with', async (t) => {
  const { aesthetic, mix } = await parents(t, someParent('one'), someParent('two'));
  const beginAndStop = async () => {
    const stop = new AbortController();
    await assert.rejects(mix(0.3, { signal: stop.signal, onProgress: (done) => done > 250_000 && stop.abort() }));
  };
  await beginAndStop();
  await mix(0.4);
  await beginAndStop();
  await writeFile(aesthetic, someParent('three'));
  const { sha256: hash } = await mix(0.3);
  const direct = await parents(t, someParent('one'), someParent('three'));
  assert.equal(hash, (await direct.mix(0.3)).sha256);
});

test('a finished mix is kept while its parents stay, and made anew when one changed', async (t) => {
  const { base, out, mix } = await parents(t, someParent('one'), someParent('two'));
  const first = await mix(0.5);
  const progress: number[] = [];
  const onProgress = (done: number) => progress.push(done);
  assert.deepEqual(await mix(0.5, { onProgress }), first);
  assert.deepEqual(progress, []);
  await writeFile(base, someParent('three'));
  await utimes(base, 1, 1);
  assert.notEqual((await mix(0.5, { onProgress })).sha256, first.sha256);
  assert.ok(progress.length > 0);
  assert.notEqual(sha256(readFileSync(out)), first.sha256);
});

test('of two mixes of the same at once one works and the other waits for it', async (t) => {
  const { mix } = await parents(t, someParent('one'), someParent('two'));
  const progress = [0, 0];
  const both = progress.map((_, index) =>
    mix(0.5, {
      onProgress: () => {
        progress[index] = 1;
      },
    }),
  );
  const [one, two] = await Promise.all(both);
  assert.deepEqual(one, two);
  assert.deepEqual([...progress].sort(), [0, 1]);
});

const w = someFloats('w', 100);
for (const [what, second, code, message] of [
  ['lacks a tensor', { w, x: w }, 'mix_mismatch', /only the first has tensor "y"/],
  ['has a tensor more', { w, x: w, y: w, z: w }, 'mix_mismatch', /only the second has tensor "z"/],
  [
    'has another shape',
    { w, x: w, y: someFloats('y', 7) },
    'mix_mismatch',
    /"y" is F32 \[100\] in the first and F32 \[7\]/,
  ],
  ['has a number that is none', { w, x: w, y: w.map(() => Number.NaN) }, 'checkpoint_corrupt', /"y" .* not finite/],
  ['has an infinite number', { w, x: w, y: w.map(() => -Infinity) }, 'checkpoint_corrupt', /"y" .* not finite/],
] as const) {
  test(`a parent that ${what} is refused, and nothing is left`, async (t) => {
    const { folder, mix } = await parents(t, safetensors('F32', { w, x: w, y: w }), safetensors('F32', second));
    await assert.rejects(mix(0.5), { name: 'OperatorError', code, message });
    assert.deepEqual(namesIn(folder), ['aesthetic', 'base']);
  });
}

test('parents of different dtypes, or of one that is not mixed, are refused', async (t) => {
  const half = Uint16Array.from(w, floatToHalf);
  const different = await parents(t, safetensors('F32', { w }), safetensors('F16', { w: half }));
  await assert.rejects(different.mix(0.5), {
    code: 'mix_mismatch',
    message: /F32 \[100\] in the first and F16 \[100\]/,
  });
  const short = (bytes: Buffer) => Buffer.from(bytes.toString('latin1').replace('F16', 'I16'), 'latin1');
  const integers = short(safetensors('F16', { w: half }));
  const whole = await parents(t, integers, integers);
  await assert.rejects(whole.mix(0.5), { code: 'mix_mismatch', message: /"w" is I16, not F32, F16 or BF16/ });
});

test('a parent that is cut by one byte is refused, and nothing is left', async (t) => {
  const { folder, aesthetic, mix } = await parents(t, someParent('one'), someParent('two'));
  await truncate(aesthetic, someParent('two').length - 1);
  await assert.rejects(mix(0.5), { code: 'checkpoint_truncated' });
  assert.deepEqual(namesIn(folder), ['aesthetic', 'base']);
});

test('a disk that is too small is told before anything is written', async (t) => {
  const { folder, mix } = await parents(t, someParent('one'), someParent('two'));
  const message = `Writing to ${folder} takes 480.4 kB, and 100.0 MB must stay free, but only 100.1 MB are free.`;
  await assert.rejects(mix(0.5, { freeBytes: async () => 100.1e6 }), { code: 'disk_full', message });
  assert.deepEqual(namesIn(folder), ['aesthetic', 'base']);
});

test('a disk that fills on the way gets its room back', async (t) => {
  const { folder, out, mix } = await parents(t, someParent('one'), someParent('two'));
  // A device on which every write fails for want of space.
  await symlink('/dev/full', `${out}.part`);
  await assert.rejects(mix(0.5), { code: 'disk_full', message: /is full \(ENOSPC\)/ });
  assert.deepEqual(namesIn(folder), ['aesthetic', 'base']);
});

test('a share that is none is a mistake of the caller', async (t) => {
  const { mix } = await parents(t, someParent('one'), someParent('two'));
  for (const weight of [-0.1, 1.1, Number.NaN]) await assert.rejects(mix(weight), RangeError);
});
