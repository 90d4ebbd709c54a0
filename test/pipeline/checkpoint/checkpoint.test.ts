import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Tensor, WuerstchenCombinedPipeline, WuerstchenPrior } from '../../../src/pipeline/index.ts';
import { OperatorError } from '../../../src/system/errors.ts';
import { type LoadedTensor, readSafetensors } from '../read-safetensors.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { type RawTensor, writeSafetensors } from '../write-safetensors.ts';

const SOURCE = join(import.meta.dirname, '../../fixtures/reference/prior/c32_d2');
const WEIGHTS = 'diffusion_pytorch_model.safetensors';

/** A checkpoint folder of its own, with its tensors changed. */
async function checkpoint(
  t: TestContext,
  change: (tensors: Map<string, RawTensor>) => void = () => {},
): Promise<string> {
  const dir = await temporaryFolder(t);
  await copyFile(join(SOURCE, 'config.json'), join(dir, 'config.json'));
  const tensors = new Map(
    [...(await readSafetensors(join(SOURCE, WEIGHTS)))].map(([name, tensor]) => [name, raw(tensor)]),
  );
  change(tensors);
  await writeSafetensors(join(dir, WEIGHTS), tensors);
  return dir;
}

function raw({ dtype, shape, data }: LoadedTensor): RawTensor {
  return { dtype, shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

function floatsOf({ bytes }: RawTensor): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}

async function predict(dir: string): Promise<Float32Array> {
  const prior = await WuerstchenPrior.load(dir, { provider: 'cpu' });
  const ramp = (dims: number[]): Tensor => ({
    data: new Float32Array(dims.reduce((a, b) => a * b, 1)).map((_, i) => Math.sin(i)),
    dims,
  });
  const { c_in, c_cond } = prior.config;
  const { data } = await prior.run(ramp([1, c_in, 3, 3]), Float32Array.of(0.5), ramp([1, 7, c_cond]));
  await prior.release();
  return data;
}

function refuses(dir: string, code: string, ...mentioned: (string | RegExp)[]) {
  return assert.rejects(WuerstchenPrior.load(dir, { provider: 'cpu' }), (error: unknown) => {
    assert.ok(error instanceof OperatorError, String(error));
    assert.equal(error.code, code);
    for (const part of mentioned)
      assert.match(error.message, part instanceof RegExp ? part : new RegExp(part.replace(/[.[\]/]/g, '\\$&')));
    return true;
  });
}

test('a missing tensor is named with its shape', async (t) => {
  const dir = await checkpoint(t, (tensors) => tensors.delete('projection.weight'));
  await refuses(dir, 'tensor_missing', dir, 'projection.weight', '[32,16,1,1]');
});

test('an unexpected tensor is named', async (t) => {
  const dir = await checkpoint(t, (tensors) =>
    tensors.set('blocks.99.stray', { dtype: 'F32', shape: [1], bytes: new Uint8Array(4) }),
  );
  await refuses(dir, 'tensor_unexpected', dir, 'blocks.99.stray');
});

test('a misshapen tensor is named with the shape that is wanted and the one found', async (t) => {
  const dir = await checkpoint(t, (tensors) =>
    tensors.set('projection.bias', { dtype: 'F32', shape: [31], bytes: new Uint8Array(124) }),
  );
  await refuses(dir, 'tensor_misshapen', WEIGHTS, 'projection.bias', '[32]', '[31]');
});

test('a tensor of integers is refused by its dtype', async (t) => {
  const dir = await checkpoint(t, (tensors) =>
    tensors.set('projection.bias', { dtype: 'I32', shape: [32], bytes: new Uint8Array(128) }),
  );
  await refuses(dir, 'tensor_dtype', 'projection.bias', 'I32');
});

test('a file that is one byte short says how long it should be', async (t) => {
  const dir = await checkpoint(t);
  const { length } = await readFile(join(dir, WEIGHTS));
  await truncate(join(dir, WEIGHTS), length - 1);
  await refuses(dir, 'checkpoint_truncated', WEIGHTS, String(length), String(length - 1));
});

test('files that are not safetensors are refused by name', async (t) => {
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('short'),
    Buffer.from('<!doctype html><html>not found</html>'),
    Buffer.alloc(64),
  ]) {
    const dir = await checkpoint(t);
    await writeFile(join(dir, WEIGHTS), bytes);
    await refuses(dir, bytes.length < 8 ? 'checkpoint_truncated' : 'checkpoint_corrupt', WEIGHTS);
  }
});

test('offsets that do not fit a tensor are refused', async (t) => {
  const dir = await checkpoint(t, (tensors) =>
    tensors.set('projection.bias', { dtype: 'F32', shape: [32], bytes: new Uint8Array(64) }),
  );
  await refuses(dir, 'checkpoint_corrupt', 'projection.bias', '128', '64');
});

test('an unknown class and a bad config value are named', async (t) => {
  const dir = await checkpoint(t);
  await writeFile(join(dir, 'config.json'), JSON.stringify({ _class_name: 'UNet2DModel' }));
  await refuses(dir, 'class_unknown', 'WuerstchenPrior', 'UNet2DModel');
  await writeFile(join(dir, 'config.json'), JSON.stringify({ _class_name: 'WuerstchenPrior', depth: 'two' }));
  await refuses(dir, 'config_invalid', 'depth');
  await writeFile(join(dir, 'config.json'), '{');
  await refuses(dir, 'checkpoint_corrupt', 'config.json');
});

test('a folder that is a file, is missing or is empty says so', async (t) => {
  const dir = await temporaryFolder(t);
  await refuses(join(dir, 'nothing'), 'checkpoint_missing', 'nothing');
  await writeFile(join(dir, 'file'), '');
  await refuses(join(dir, 'file'), 'checkpoint_not_a_folder', 'file');
  await refuses(dir, 'checkpoint_unreadable', 'config.json');
  await copyFile(join(SOURCE, 'config.json'), join(dir, 'config.json'));
  await writeFile(join(dir, `${WEIGHTS}.part`), '');
  await refuses(dir, 'checkpoint_incomplete', /diffusion_pytorch_model/);
});

test('a model folder without its repositories says what is missing', async (t) => {
  const dir = await temporaryFolder(t);
  await assert.rejects(WuerstchenCombinedPipeline.fromPretrained(dir), { code: 'style_missing' });
  await assert.rejects(WuerstchenCombinedPipeline.fromPretrained(join(dir, 'absent')), { code: 'checkpoint_missing' });
  await assert.rejects(WuerstchenCombinedPipeline.fromPretrained(dir, { style: 'glossy' as never }), {
    code: 'style_unknown',
  });
});

test('bytes behind the tensors, between them or of two at once are damage', async (t) => {
  const dir = await checkpoint(t);
  const file = join(dir, WEIGHTS);
  const whole = await readFile(file);
  await writeFile(file, Buffer.concat([whole, Buffer.alloc(3)]));
  await refuses(dir, 'checkpoint_corrupt', `end at byte ${whole.length}, the file has ${whole.length + 3}`);
  const headerLength = Number(whole.readBigUInt64LE());
  const header = whole.toString('utf8', 8, 8 + headerLength);
  const [first = '', second = ''] = [...header.matchAll(/"data_offsets":\[\d+,\d+\]/g)].map(([offsets]) => offsets);
  const [from, to] = (second.match(/\d+/g) ?? []).map(Number);
  const moved = header.replace(second, `"data_offsets":[0,${Number(to) - Number(from)}]`);
  assert.notEqual(first, second);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(moved)));
  await writeFile(file, Buffer.concat([length, Buffer.from(moved), whole.subarray(8 + headerLength)]));
  await refuses(dir, 'checkpoint_corrupt', 'starts at byte', 'wanted');
  await rm(file);
  await mkdir(file);
  await refuses(dir, 'checkpoint_corrupt', 'it is no file');
});

/** The user `nobody`: root may enter anything. */
const NOBODY = 65_534;

test('a folder that cannot be listed says so', async (t) => {
  const dir = await checkpoint(t);
  await chmod(dir, 0o111);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(NOBODY);
  try {
    await refuses(dir, 'checkpoint_unreadable', 'EACCES', dir);
  } finally {
    if (isRoot) process.seteuid?.(0);
    await chmod(dir, 0o755);
  }
});

test('shards and symlinks of a hub cache give the same prediction as one file', async (t) => {
  const whole = await checkpoint(t);
  const cache = await temporaryFolder(t);
  const [snapshot, blobs] = [join(cache, 'snapshots/abc'), join(cache, 'blobs')];
  await mkdir(snapshot, { recursive: true });
  await mkdir(blobs);
  const tensors = [...(await readSafetensors(join(whole, WEIGHTS)))].map(([name, tensor]): [string, RawTensor] => [
    name,
    raw(tensor),
  ]);
  const shards = [tensors.filter((_, i) => i % 2), tensors.filter((_, i) => i % 2 === 0)];
  const map: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const name = `diffusion_pytorch_model-0000${i + 1}-of-00002.safetensors`;
    await writeSafetensors(join(blobs, `hash${i}`), new Map(shard));
    await symlink(join('../../blobs', `hash${i}`), join(snapshot, name));
    for (const [key] of shard) map[key] = name;
  }
  await writeFile(join(snapshot, `${WEIGHTS}.index.json`), JSON.stringify({ weight_map: map }));
  await copyFile(join(whole, 'config.json'), join(blobs, 'config'));
  await symlink('../../blobs/config', join(snapshot, 'config.json'));
  assert.deepEqual(await predict(snapshot), await predict(whole));
});

test('a shard index that is missing a shard, or points outside, is refused', async (t) => {
  const dir = await temporaryFolder(t);
  await copyFile(join(SOURCE, 'config.json'), join(dir, 'config.json'));
  const index = join(dir, `${WEIGHTS}.index.json`);
  await writeFile(index, JSON.stringify({ weight_map: { a: 'shard-1.safetensors' } }));
  await refuses(dir, 'checkpoint_incomplete', 'shard-1');
  await writeFile(index, JSON.stringify({ weight_map: { a: '../../etc/passwd' } }));
  await refuses(dir, 'checkpoint_corrupt', 'passwd');
  await writeFile(index, JSON.stringify({ weights: {} }));
  await refuses(dir, 'checkpoint_corrupt', 'weight_map');
});

test('bfloat16 and float16 weights compute as their widened values', async (t) => {
  const halves = new Map<string, Float32Array>();
  for (const dtype of ['BF16', 'F16'] as const) {
    const narrow = await checkpoint(t, (tensors) => {
      for (const [name, tensor] of tensors)
        tensors.set(name, { dtype, shape: tensor.shape, bytes: narrowed(floatsOf(tensor), dtype) });
    });
    for (const [name, { data }] of await readSafetensors(join(narrow, WEIGHTS))) halves.set(name, data as Float32Array);
    const wide = await checkpoint(t, (tensors) => {
      for (const [name, tensor] of tensors) {
        const values = halves.get(name);
        assert.ok(values);
        tensors.set(name, { ...tensor, bytes: new Uint8Array(values.slice().buffer) });
      }
    });
    assert.deepEqual(await predict(narrow), await predict(wide));
  }
});

/** Truncates the mantissa: any rounding will do, since both sides see the same values. */
function narrowed(values: Float32Array, dtype: 'BF16' | 'F16'): Uint8Array {
  const bits = new Uint32Array(values.slice().buffer);
  const half = (word: number) => {
    const exponent = ((word >>> 23) & 0xff) - 112;
    return exponent <= 0 ? 0 : ((word >>> 16) & 0x8000) | (exponent << 10) | ((word >>> 13) & 0x3ff);
  };
  return new Uint8Array(Uint16Array.from(bits, dtype === 'BF16' ? (word) => word >>> 16 : half).buffer);
}
