import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { psnr } from '../../src/cli/bench/measure.ts';
import { benchTable } from '../../src/cli/bench/table.ts';
import { WUERST } from '../program.ts';

const ROOT = join(import.meta.dirname, '../..');

function bench(...args: string[]) {
  return spawnSync(process.execPath, [...WUERST, 'bench', '--provider', 'cpu', ...args], {
    encoding: 'utf8',
    cwd: ROOT,
  });
}

test('bench measures every precision, size and batch of this machine, and says which pictures it compared', () => {
  const { status, stdout, stderr } = bench('--sizes', '128x128,128x256', '--batches', '1,2', '--steps', '1', '--json');
  assert.equal(status, 0, stderr);
  const { provider, checkpoint, steps, rows } = JSON.parse(stdout);
  assert.deepEqual([provider, steps], ['cpu', 1]);
  assert.match(checkpoint, /^[0-9a-f]{64}$/);
  const expected = ['fp32', 'int8'].flatMap((precision) =>
    [128, 256].flatMap((height) => [1, 2].map((batch) => [precision, 128, height, batch])),
  );
  type Row = Record<string, number> & { pixels: string };
  assert.deepEqual(
    rows.map(({ precision, width, height, batch }: Row) => [precision, width, height, batch]),
    expected,
  );
  for (const row of rows as Row[]) {
    for (const name of ['loadMs', 'textMs', 'stageCStepMs', 'stageBStepMs', 'stageAMs', 'pictureMs', 'hostBytes']) {
      assert.ok((row[name] ?? 0) > 0, `${name} of ${JSON.stringify(row)}`);
    }
    assert.match(row.pixels, /^[0-9a-f]{64}$/);
    assert.equal(row.gpuBytes, null);
    if (String(row.precision) === 'fp32') assert.equal(row.psnr, null);
    else assert.ok((row.psnr ?? 0) > 20, `PSNR ${row.psnr}`);
  }
});

test('bench prints a block for every size, with a column for every precision', () => {
  const { status, stdout, stderr } = bench('--sizes', '128x128', '--batches', '1', '--steps', '1');
  assert.equal(status, 0, stderr);
  assert.match(stdout, /computed by cpu; checkpoint [0-9a-f]{12}\n/);
  assert.match(stdout, /128×128, 1 picture +fp32 +int8\n/);
  assert.match(stdout, /\n {2}Stage B, a step +[\d.]+ ms +[\d.]+ ms\n/);
  assert.match(stdout, /\n {2}PSNR against fp32 +- +[\d.]+ dB\n/);
});

test('bench refuses what it cannot measure with an example', () => {
  for (const [args, message] of [
    [['--sizes', '512'], /Expected --sizes to be like 512x512,1024x1536, got 512/],
    [
      ['--batches', '0'],
      /Expected --batches to be a whole number from 1 to 16, got "0"\. \(Try: wuerst bench .*--batches 1\)/,
    ],
    [['--precision', 'fp16'], /cpu computes in fp32 and int8 here, not in fp16/],
    [['--device', '1'], /A device can be chosen for CUDA, not for cpu\./],
  ] as const) {
    const { status, stderr } = bench(...args);
    assert.equal(status, 2);
    assert.match(stderr, message);
  }
});

test('what is not known stands as a dash', () => {
  const row = {
    precision: 'fp16',
    width: 512,
    height: 512,
    batch: 2,
    loadMs: 9,
    textMs: 9,
    stageCStepMs: 123.4,
  } as const;
  const rest = { stageBStepMs: Number.NaN, stageAMs: 12_345, pictureMs: 1, hostBytes: 2e9, gpuBytes: null, psnr: null };
  const text = benchTable([{ ...row, ...rest, pixels: '' }]).join('\n');
  assert.match(text, /^512×512, 2 pictures at once/);
  for (const cell of [
    /Stage C, a step +123 ms/,
    /Stage B, a step +-/,
    /Stage A, a picture +12\.3 s/,
    /memory of the GPU +-/,
  ]) {
    assert.match(text, cell);
  }
});

test('PSNR is infinite for equal pictures, and falls by 20 dB for ten times the error', () => {
  const grey = new Uint8Array(300).fill(100);
  assert.equal(psnr(grey, grey), Number.POSITIVE_INFINITY);
  assert.ok(
    Math.abs(
      psnr(
        grey,
        grey.map((v) => v + 1),
      ) - 48.13,
    ) < 0.01,
  );
  assert.ok(
    Math.abs(
      psnr(
        grey,
        grey.map((v) => v + 10),
      ) - 28.13,
    ) < 0.01,
  );
  assert.throws(() => psnr(grey, grey.subarray(1)), RangeError);
});
