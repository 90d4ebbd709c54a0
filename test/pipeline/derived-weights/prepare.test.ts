import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import type { Precision } from '../../../src/pipeline/checkpoint/weight-recipe.ts';
import type { DerivedFileOptions } from '../../../src/pipeline/derived-weights/derived-file.ts';
import { prepare } from '../../../src/pipeline/derived-weights/prepare.ts';
import { openPrepared } from '../../../src/pipeline/derived-weights/prepared.ts';
import { ALL_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import { priorGraphs } from '../../../src/pipeline/graph/prior.ts';
import { running } from '../../program.ts';
import { type LoadedTensor, readSafetensors } from '../read-safetensors.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { writeSafetensors } from '../write-safetensors.ts';

const PRIOR = join(import.meta.dirname, '../../../data/models/cocktail/wuerstchen-prior/prior');
const ENTRY = new URL('./prepare-entry.ts', import.meta.url);

async function copy(t: TestContext): Promise<string> {
  const dir = await temporaryFolder(t);
  cpSync(PRIOR, dir, { recursive: true, filter: (path) => !path.endsWith('prepared') });
  return dir;
}

/** The component with all that its graphs want in a precision. */
async function planned(dir: string, precision: Precision): Promise<Component> {
  const component = (await Component.open(dir)).in(precision);
  priorGraphs(component, ALL_FOLDS);
  return component;
}

async function run(dir: string, precision: Precision, options?: DerivedFileOptions) {
  return prepare(await planned(dir, precision), options);
}

function floats(tensors: ReadonlyMap<string, LoadedTensor>, name: string): Float32Array {
  const data = tensors.get(name)?.data;
  assert.ok(data instanceof Float32Array, name);
  return data;
}

const left = (dir: string) => readdirSync(join(dir, 'prepared')).filter((name) => name !== '.locks');

test('8-bit weights are the rows of the checkpoint as columns, each to its own scale, off by half a step at most', async (t) => {
  const dir = await copy(t);
  const key = 'blocks.2.attention.to_out.0.weight';
  const prepared = await run(dir, 'int8');
  const checkpoint = await readSafetensors(join(dir, 'diffusion_pytorch_model.safetensors'));
  const weight = floats(checkpoint, key);
  const entry = prepared.get(`${key}.int8`);
  const scaleEntry = prepared.get(`${key}.int8.scale`);
  assert.ok(entry && scaleEntry);
  assert.deepEqual([entry.dtype, entry.shape, scaleEntry.dtype], ['I8', [256, 256], 'F32']);
  const file = readFileSync(entry.file);
  const scale = new Float32Array(new Uint8Array(file.subarray(scaleEntry.offset, scaleEntry.offset + 1024)).buffer);
  const used = new Set<number>();
  for (let row = 0; row < 256; row += 1) {
    for (let k = 0; k < 256; k += 1) {
      const quantised = file.readInt8(entry.offset + k * 256 + row);
      used.add(quantised);
      const error = Math.abs((weight[row * 256 + k] ?? 0) - quantised * (scale[row] ?? 0));
      assert.ok(error <= 0.5001 * (scale[row] ?? 0), `row ${row}, column ${k}: ${error}`);
    }
  }
  assert.ok(used.has(127) && used.has(-127) && !used.has(-128) && used.size > 200);
});

test('a component is prepared once, and again when its files change', async (t) => {
  const dir = await copy(t);
  let recipes = 0;
  await run(dir, 'int8', { onProgress: () => (recipes += 1) });
  assert.ok(recipes > 10);
  await run(dir, 'int8', { onProgress: () => assert.fail('already there') });
  assert.deepEqual(left(dir).sort(), ['int8.safetensors', 'int8.safetensors.json']);
  const weights = join(dir, 'diffusion_pytorch_model.safetensors');
  utimesSync(weights, 1000, 1000);
  assert.equal(await openPrepared(await planned(dir, 'int8')), null);
  await run(dir, 'int8', { onProgress: () => (recipes -= 1) });
  assert.equal(recipes, 0);
  assert.ok(await openPrepared(await planned(dir, 'int8')));
});

test('a damaged or truncated prepared file is made again', async (t) => {
  const dir = await copy(t);
  await run(dir, 'int8');
  const file = join(dir, 'prepared/int8.safetensors');
  const whole = readFileSync(file);
  for (const damage of [() => writeFileSync(file, whole.subarray(0, -1)), () => writeFileSync(`${file}.json`, '{')]) {
    damage();
    assert.equal(await openPrepared(await planned(dir, 'int8')), null);
    await run(dir, 'int8');
    assert.deepEqual(readFileSync(file), whole);
  }
});

test('a prepared file with one wrong byte is made again, one that was only touched is not', async (t) => {
  const dir = await copy(t);
  await run(dir, 'int8');
  const file = join(dir, 'prepared/int8.safetensors');
  const right = readFileSync(file);
  utimesSync(file, 1, 1);
  assert.ok(await openPrepared(await planned(dir, 'int8')));
  const wrong = Buffer.from(right);
  wrong[wrong.length - 5] = (wrong[wrong.length - 5] ?? 0) ^ 1;
  writeFileSync(file, wrong);
  assert.equal(await openPrepared(await planned(dir, 'int8')), null);
  await run(dir, 'int8');
  assert.ok(readFileSync(file).equals(right));
});

test('a stopped preparation is gone on with and gives the same bytes', async (t) => {
  const [dir, other] = [await copy(t), await copy(t)];
  const stop = new AbortController();
  const seen: number[] = [];
  const options = { onProgress: (done: number) => void (done === 7 ? stop.abort() : seen.push(done)) };
  await assert.rejects(run(dir, 'int8', { ...options, signal: stop.signal }), { name: 'AbortError' });
  assert.equal(existsSync(join(dir, 'prepared/int8.safetensors')), false);
  await run(dir, 'int8', { onProgress: (done) => void seen.push(done) });
  assert.deepEqual(
    seen,
    Array.from(seen, (_, i) => (i < 6 ? i + 1 : i + 2)),
    'nothing is done twice',
  );
  await run(other, 'int8');
  const bytes = (folder: string) => readFileSync(join(folder, 'prepared/int8.safetensors'));
  assert.deepEqual(bytes(dir), bytes(other));
});

test('a killed preparation leaves nothing under the final name, and the next one finishes', async (t) => {
  const dir = await copy(t);
  const child = spawn(process.execPath, [...running(ENTRY), dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(existsSync(join(dir, 'prepared/int8.safetensors')), false);
  await run(dir, 'int8');
  assert.deepEqual(left(dir).sort(), ['int8.safetensors', 'int8.safetensors.json']);
});

test('of two that prepare at once, one does and the other waits and takes it', async (t) => {
  const dir = await copy(t);
  let [first, second] = [0, 0];
  const [a, b] = await Promise.all([
    run(dir, 'int8', { onProgress: () => (first += 1) }),
    run(dir, 'int8', { onProgress: () => (second += 1) }),
  ]);
  assert.deepEqual([...a.keys()], [...b.keys()]);
  assert.equal(Math.min(first, second), 0);
  assert.ok(Math.max(first, second) > 10);
});

test('too little room is said before anything is written', async (t) => {
  const dir = await copy(t);
  await assert.rejects(run(dir, 'int8', { freeBytes: async () => 1000 }), { code: 'disk_full' });
  assert.deepEqual(left(dir), []);
});

test('weights that are not finite, or do not fit 16 bits, are named, and nothing half-done is left', async (t) => {
  for (const [value, precision, expected] of [
    [Number.NaN, 'int8', { code: 'weight_not_finite', message: /blocks\.0\.channelwise\.0\.weight/ }],
    [1e6, 'fp16', { code: 'weight_too_large', message: /blocks\.0\.channelwise\.0\.weight.*65504/ }],
  ] as const) {
    const dir = await copy(t);
    const file = join(dir, 'diffusion_pytorch_model.safetensors');
    const tensors = [...(await readSafetensors(file))].map(([name, { shape, data }]) => {
      const values = Float32Array.from(data as Float32Array);
      if (name === 'blocks.0.channelwise.0.weight') values[5] = value;
      return [name, { dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) }] as const;
    });
    await writeSafetensors(file, new Map(tensors));
    await assert.rejects(run(dir, precision), expected);
    assert.deepEqual(left(dir), []);
  }
});
