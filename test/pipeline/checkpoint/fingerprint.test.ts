import assert from 'node:assert/strict';
import { cp, mkdir, open, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fingerprint, identify } from '../../../src/pipeline/checkpoint/fingerprint.ts';
import { WuerstchenCombinedPipeline } from '../../../src/pipeline/index.ts';
import { COCKTAIL, combinedFolder, HALVES, hubCache, shard } from '../../models/folders.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const CACHE = '.fingerprints.json';
const opened = (folder: string, cacheDir?: string) =>
  WuerstchenCombinedPipeline.fromPretrained(folder, { provider: 'cpu', cacheDir });

async function fingerprintOf(folder: string): Promise<string> {
  return (await opened(folder)).fingerprint();
}

async function copied(t: TestContext): Promise<string> {
  const model = join(await temporaryFolder(t), 'mine');
  for (const half of HALVES) await cp(join(COCKTAIL, half), join(model, half), { recursive: true });
  return model;
}

test('the same weights have one fingerprint, wherever and in however many files they lie', async (t) => {
  const folder = await temporaryFolder(t);
  const wanted = await fingerprintOf(COCKTAIL);
  const model = await copied(t);
  await rename(
    join(model, 'wuerstchen/vqgan/diffusion_pytorch_model.safetensors'),
    join(model, 'wuerstchen/vqgan/stage-a.safetensors'),
  );
  await utimes(join(model, 'wuerstchen/vqgan/stage-a.safetensors'), 1, 1);
  await shard(join(model, 'wuerstchen/decoder'));
  for (const same of [model, await hubCache(join(folder, 'hub')), await combinedFolder(join(folder, 'combined'))]) {
    assert.equal(await fingerprintOf(same), wanted, same);
  }
});

test('one bit anywhere in the weights makes another fingerprint, also with the old size and time', async (t) => {
  const model = await copied(t);
  const before = await fingerprintOf(model);
  const weights = join(model, 'wuerstchen/decoder/diffusion_pytorch_model.safetensors');
  const { length } = await readFile(weights);
  const file = await open(weights, 'r+');
  // Between the pieces that a sample would read.
  await file.write(Buffer.from([77]), 0, 1, length - 100_003);
  await file.utimes(1, 1);
  await file.close();
  const after = await fingerprintOf(model);
  assert.notEqual(after, before);
});

test('hashes are kept beside the model, or in the cache folder where that cannot be written', async (t) => {
  const model = await copied(t);
  const cacheDir = join(model, '../cache');
  await (await opened(model, cacheDir)).fingerprint();
  const kept = JSON.parse(await readFile(join(model, CACHE), 'utf8')) as Record<string, string>;
  assert.equal(Object.keys(kept).length, 5);
  // What stands there is believed: nothing is read again.
  const forged = Object.fromEntries(Object.keys(kept).map((key, i) => [key, String(i).repeat(64)]));
  await writeFile(join(model, CACHE), JSON.stringify(forged));
  assert.notEqual(await fingerprintOf(model), await fingerprintOf(COCKTAIL));
  await rm(join(model, CACHE));
  // Not even root can write a file where a folder is.
  await mkdir(join(model, CACHE));
  assert.equal(await (await opened(model, cacheDir)).fingerprint(), await fingerprintOf(COCKTAIL));
  assert.equal(Object.keys(JSON.parse(await readFile(join(cacheDir, CACHE), 'utf8')) as object).length, 5);
});

test('what identified weights earlier is known beside the fingerprint, also by the names of links', async (t) => {
  const model = await copied(t);
  const { checkpoint, former } = await (await opened(model)).identify();
  assert.equal(checkpoint, await fingerprintOf(COCKTAIL));
  assert.equal(former.length, 1);
  const cache = await hubCache(join(model, '../hub'));
  const linked = join(model, '../linked');
  await mkdir(linked);
  for (const half of HALVES) await symlink(join(cache, `models--warp-ai--${half}`), join(linked, half));
  const there = await (await opened(linked)).identify();
  assert.equal(there.checkpoint, checkpoint);
  assert.ok(there.former.includes(former[0] ?? ''));
});

test('large weights are known by a sample at once, and by all their bytes as soon as those are read', async (t) => {
  const model = await copied(t);
  const componentsOf = async (folder: string) => (await opened(folder)).networks.map(({ component }) => component);
  const components = await componentsOf(model);
  const { checkpoint, former, whole } = await identify(components, [model], { waitFor: 0 });
  assert.equal(checkpoint, former[0]);
  const known = await whole;
  assert.equal(known, await fingerprint(await componentsOf(COCKTAIL), []));
  assert.deepEqual(await identify(components, [model], { waitFor: 0 }), { checkpoint: known, former });
});
