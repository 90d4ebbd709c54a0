import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { semanticCompressorGraph } from '../../../src/pipeline/graph/semantic-compressor.ts';
import { type ImageEncoder, loadImageEncoder } from '../../../src/pipeline/networks/image-encoder.ts';
import { type LoadedTensor, readSafetensors } from '../read-safetensors.ts';
import { foldersIn, REFERENCE } from '../reference.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { type RawTensor, writeSafetensors } from '../write-safetensors.ts';

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail/image-encoder');

interface Case {
  readonly calls: readonly { readonly tolerance_abs: number }[];
  /** Of every tensor, where the weights are given by a formula. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  readonly samples?: Readonly<Record<string, readonly number[]>>;
  readonly salt?: number;
}

const cases = foldersIn('image_encoder');

test('the reference set has image encoders to compare with', () => {
  assert.ok(cases.length > 0, `no case in ${REFERENCE}`);
});

for (const dir of cases) {
  test(`image_encoder/${basename(dir)}: the encoder gives the reference's latents`, async (t) => {
    const about = JSON.parse(await readFile(join(dir, 'case.json'), 'utf8')) as Case;
    const encoder = await loadImageEncoder(await modelOf(dir, about, t));
    t.after(() => encoder.release());
    const io = await readSafetensors(join(dir, 'io.safetensors'));
    for (const [i, { tolerance_abs: allowed }] of about.calls.entries()) {
      await compare(encoder, find(io, `call${i}.in.x`), find(io, `call${i}.out.latents`), allowed, `call ${i}`);
    }
  });
}

async function compare(encoder: ImageEncoder, x: LoadedTensor, wanted: LoadedTensor, allowed: number, what: string) {
  const { data, dims } = await encoder.run({ data: x.data as Float32Array, dims: x.shape });
  assert.deepEqual(dims, wanted.shape, what);
  const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - Number(wanted.data[i]))), 0);
  assert.ok(worst <= allowed, `${what}: off by ${worst}, allowed ${allowed}`);
}

function find(io: ReadonlyMap<string, LoadedTensor>, name: string): LoadedTensor {
  const found = io.get(name);
  assert.ok(found, name);
  return found;
}

/** The case's own folder, or one with the weights that its formula gives. */
async function modelOf(dir: string, { shapes, samples = {}, salt = 0 }: Case, t: TestContext): Promise<string> {
  if (!shapes) return dir;
  const folder = await temporaryFolder(t);
  const config = join(dir, 'config.json');
  if (existsSync(config)) await cp(config, join(folder, 'config.json'));
  else await writeFile(join(folder, 'config.json'), JSON.stringify({ _class_name: 'EfficientNetEncoder' }));
  const tensors = new Map<string, RawTensor>();
  for (const [key, shape] of Object.entries(shapes)) {
    const values = formula(key, shape, salt);
    samples[key]?.forEach((sample, i) => {
      assert.ok(Math.abs(sample - (values[i] ?? Number.NaN)) < 1e-6, `sample ${i} of ${key}`);
    });
    tensors.set(key, rawTensor(key, shape, values));
  }
  await writeSafetensors(join(folder, 'diffusion_pytorch_model.safetensors'), tensors);
  return folder;
}

function rawTensor(key: string, shape: readonly number[], values: Float32Array): RawTensor {
  if (key.endsWith('num_batches_tracked')) return { dtype: 'I64', shape, bytes: new Uint8Array(8) };
  return { dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) };
}

/** Pseudo-random weights that a name and a salt determine; see the README of the reference. */
function formula(key: string, shape: readonly number[], salt: number): Float32Array {
  const seed = (crc32(key) ^ salt) >>> 0;
  const count = shape.reduce((product, side) => product * side, 1);
  const fanIn = shape.slice(1).reduce((product, side) => product * side, 1);
  const aroundOne = key.endsWith('running_var') || (shape.length === 1 && key.endsWith('weight'));
  return Float32Array.from({ length: count }, (_, i) => {
    const u = hash((seed + Math.imul(i, 0x9e3779b9)) >>> 0) / 2 ** 31 - 1;
    if (aroundOne) return 1 + 0.2 * u;
    return shape.length === 1 ? 0.2 * u : u * Math.sqrt(3 / fanIn);
  });
}

function hash(value: number): number {
  let x = value;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

test('normalisations are part of the convolutions, which are all that is computed beside the activations', async () => {
  const { ops } = semanticCompressorGraph(await Component.open(COCKTAIL));
  const count = (op: string) => ops.filter((one) => one === op).length;
  // Stem, two for each of three levels, two between them, and the mapper.
  assert.equal(count('Conv'), 10);
  assert.equal(count('Sigmoid'), 7);
  assert.equal(count('BatchNormalization'), 0);
});

test('an encoder gives one cell for every cellPixels of any legal size, and refuses other sizes', async (t) => {
  const encoder = await loadImageEncoder(COCKTAIL);
  t.after(() => encoder.release());
  for (const [width, height] of [
    [1, 1],
    [3, 2],
    [12, 8],
  ].map((cells) => cells.map((count) => count * encoder.cellPixels)) as [number, number][]) {
    const { dims } = await encoder.encode({ width, height, data: new Uint8Array(width * height * 3).fill(90) });
    assert.deepEqual(dims, [1, 16, height / encoder.cellPixels, width / encoder.cellPixels]);
  }
  const odd = { width: encoder.cellPixels + 1, height: encoder.cellPixels, data: new Uint8Array() };
  await assert.rejects(encoder.encode(odd), { code: 'image_side_invalid' });
});

test('a folder of another class is refused by name', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'config.json'), JSON.stringify({ _class_name: 'CLIPVisionModel' }));
  await assert.rejects(loadImageEncoder(folder), { code: 'class_unknown', message: /found CLIPVisionModel/ });
});
