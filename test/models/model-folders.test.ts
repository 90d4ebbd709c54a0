import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { EMBEDDED_MODELS, goesWithPackage, modelInUse, modelsFolder } from '../../src/models/model-folder.ts';
import { type OperatorError, TorchGenerator, WuerstchenCombinedPipeline } from '../../src/pipeline/index.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { COCKTAIL, combinedFolder, HALVES, hubCache, shard, snapshot } from './folders.ts';
import { scene } from './scene.ts';

const QUICK = { prompt: 'a red fox', width: 256, height: 256, priorNumInferenceSteps: 1, numInferenceSteps: 1 };

async function painted(folder: string) {
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(folder, { provider: 'cpu' });
  const { images } = await pipeline.generate({ ...QUICK, generator: new TorchGenerator(7) });
  await pipeline.release();
  return images[0]?.data;
}

const LFS = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4000000\n';

test('models in an installed package go when that is replaced, those in a checkout or elsewhere do not', () => {
  const packaged = join('lib', 'node_modules', 'wuerst', 'data', 'models');
  assert.equal(goesWithPackage(packaged, packaged), true);
  assert.equal(goesWithPackage(join('srv', 'models'), packaged), false);
  assert.equal(goesWithPackage(modelsFolder({})), false);
});

test('a folder linked from a hub cache is listed, used and verified like any other', async (t) => {
  const { modelsDir, models } = await scene(t);
  const cache = await hubCache(join(modelsDir, '../cache'));
  await mkdir(join(modelsDir, 'mine'), { recursive: true });
  for (const half of HALVES) await symlink(snapshot(cache, half), join(modelsDir, 'mine', half));
  await symlink(join(cache, 'models--warp-ai--wuerstchen'), join(modelsDir, 'cached'));
  await symlink(modelsDir, join(modelsDir, 'mine', 'round-and-round'));
  const { out } = await models('list');
  assert.match(out, /mine +ready +\d+\.\d MB +interpolated/);
  assert.match(out, /cached +ready/);
  assert.equal((await models('use', 'mine')).error, undefined);
  const verified = await models('verify', 'mine');
  assert.match(verified.out, /^unlisted +wuerstchen\/decoder\/diffusion_pytorch_model\.safetensors$/m);
  assert.match(verified.out, /mine is complete\.\n$/);
});

test('a published model that is linked from a hub cache needs no pull', async (t) => {
  const { modelsDir, models } = await scene(t);
  const cache = await hubCache(join(modelsDir, '../cache'));
  await mkdir(join(modelsDir, 'wuerstchen-v2'), { recursive: true });
  await symlink(snapshot(cache, 'wuerstchen'), join(modelsDir, 'wuerstchen-v2/wuerstchen'));
  await symlink(join(cache, 'models--warp-ai--wuerstchen-prior'), join(modelsDir, 'wuerstchen-v2/wuerstchen-prior'));
  assert.equal((await models('use', 'wuerstchen-v2')).error, undefined);
  await rm(join(snapshot(cache, 'wuerstchen'), 'vqgan/config.json'));
  assert.match((await models('use', 'wuerstchen-v2')).error ?? '', /lacks the file wuerstchen\/vqgan\/config\.json\./);
});

test('half a model is not complete, and nobody is sent to a pull that cannot help', async (t) => {
  const { modelsDir, models } = await scene(t);
  await cp(join(COCKTAIL, 'wuerstchen'), join(modelsDir, 'mine/wuerstchen'), { recursive: true });
  const { out, exitCode } = await models('verify', 'mine');
  assert.match(out, /^missing +wuerstchen-prior\/prior\/diffusion_pytorch_model\.safetensors$/m);
  assert.match(out, /mine has 7 bad files\. Replace the files named above\.\n$/);
  assert.equal(exitCode, 1);
  assert.match((await models('list')).out, /mine +partial, 7 files missing/);
  const refused = (await models('use', 'mine')).error ?? '';
  assert.match(
    refused,
    /lacks 7 files, the first of them wuerstchen-prior\/model_index\.json\..*Put what is missing into/,
  );
  assert.doesNotMatch(refused, /pull/);
});

for (const variant of ['', 'fp16', 'bf16']) {
  test(`shards${variant && ` of ${variant}`} are no partial model`, async (t) => {
    const { modelsDir, models } = await scene(t);
    const mine = join(modelsDir, 'mine');
    for (const half of HALVES) await cp(join(COCKTAIL, half), join(mine, half), { recursive: true });
    const decoder = join(mine, 'wuerstchen/decoder');
    await shard(decoder, variant);
    assert.match((await models('list')).out, /mine +ready/);
    assert.deepEqual(await painted(mine), await painted(COCKTAIL));
    const name = (await readdir(decoder)).find((one) => one.includes('00002-of')) ?? '';
    await rm(join(decoder, name));
    assert.ok((await models('use', 'mine')).error?.includes(`lacks the file wuerstchen/decoder/${name}.`));
    await assert.rejects(painted(mine), { code: 'checkpoint_incomplete', message: new RegExp(name) });
  });
}

test('every kind of folder that holds a model paints the same picture', async (t) => {
  const folder = await temporaryFolder(t);
  const cache = await hubCache(join(folder, 'hub'));
  const own = join(folder, 'own-names');
  await cp(join(COCKTAIL, 'wuerstchen-prior'), join(own, 'first'), { recursive: true });
  await cp(join(COCKTAIL, 'wuerstchen'), join(own, 'second'), { recursive: true });
  const wanted = await painted(COCKTAIL);
  for (const model of [
    await combinedFolder(join(folder, 'combined')),
    join(COCKTAIL, 'wuerstchen'),
    join(COCKTAIL, 'wuerstchen-prior'),
    own,
    folder,
    cache,
    join(cache, 'models--warp-ai--wuerstchen'),
    snapshot(cache, 'wuerstchen-prior'),
  ]) {
    assert.deepEqual(await painted(model), wanted, model);
  }
});

test('a folder that is not all of a model says what was found and what is missing', async (t) => {
  const folder = await temporaryFolder(t);
  const cache = await hubCache(join(folder, 'hub'), ['wuerstchen']);
  for (const model of [cache, snapshot(cache, 'wuerstchen')]) {
    await assert.rejects(painted(model), {
      code: 'model_incomplete',
      message: /holds only the decoder of a model, in .*; there is no prior \(WuerstchenPriorPipeline\) beside it\.$/,
    });
  }
  const other = join(folder, 'other');
  await mkdir(other);
  await writeFile(join(other, 'model_index.json'), '{"_class_name":"StableDiffusionPipeline"}');
  await assert.rejects(painted(other), { message: /holds StableDiffusionPipeline\./ });
  await rename(join(other, 'model_index.json'), join(other, 'notes.txt'));
  await assert.rejects(painted(other), { message: /holds notes\.txt\./ });
});

test('what Git LFS did not fetch is named as such', async (t) => {
  const { modelsDir, models } = await scene(t);
  const mine = join(modelsDir, 'mine');
  for (const half of HALVES) await cp(join(COCKTAIL, half), join(mine, half), { recursive: true });
  for (const path of [
    'wuerstchen/vqgan/diffusion_pytorch_model.safetensors',
    'wuerstchen-prior/tokenizer/vocab.json',
  ]) {
    await rename(join(mine, path), join(modelsDir, '../away'));
    await writeFile(join(mine, path), LFS);
    await assert.rejects(painted(mine), { code: 'lfs_pointer', message: new RegExp(`${path} is a Git LFS pointer`) });
    assert.match((await models('list')).out, /mine +partial, 1 files? missing/);
    const { out, exitCode } = await models('verify', 'mine');
    assert.match(out, /^damaged +\S+: it is a Git LFS pointer, not the file itself$/m);
    assert.equal(exitCode, 1);
    await rename(join(modelsDir, '../away'), join(mine, path));
  }
});

test('a model is named by its name or by any folder; a folder that holds a model wins', async (t) => {
  const { modelsDir } = await scene(t);
  const env = { WUERST_MODELS: modelsDir };
  await cp(join(COCKTAIL, 'wuerstchen'), join(modelsDir, 'mine/wuerstchen'), { recursive: true });
  assert.equal(modelInUse(env, 'cocktail'), join(EMBEDDED_MODELS, 'cocktail'));
  assert.equal(modelInUse({ ...env, WUERST_MODEL: 'mine' }), join(modelsDir, 'mine'));
  const cwd = process.cwd();
  const here = await temporaryFolder(t);
  t.after(() => process.chdir(cwd));
  process.chdir(here);
  await mkdir(join(here, 'cocktail'));
  assert.equal(modelInUse(env, 'cocktail'), join(EMBEDDED_MODELS, 'cocktail'));
  await combinedFolder(join(here, 'mine'));
  assert.equal(modelInUse(env, 'mine'), join(process.cwd(), 'mine'));
  assert.equal(modelInUse(env, './nothing'), join(process.cwd(), 'nothing'));
});

test('removing a model that is only links deletes the links and claims to free nothing', async (t) => {
  const { modelsDir, models } = await scene(t);
  const cache = await hubCache(join(modelsDir, '../cache'));
  await mkdir(join(modelsDir, 'mine'), { recursive: true });
  for (const half of HALVES) await symlink(snapshot(cache, half), join(modelsDir, 'mine', half));
  await symlink(join(cache, 'models--warp-ai--wuerstchen'), join(modelsDir, 'cached'));
  for (const name of ['mine', 'cached']) {
    const asked = (await models('remove', name)).error ?? '';
    assert.match(asked, /This would delete .*, only links: the \d+\.\d MB that they lead to would stay\./);
    const { out } = await models('remove', name, '--yes');
    assert.match(out, new RegExp(`^${name} was deleted; the \\d+\\.\\d MB that its links lead to stay\\.\n$`));
  }
  assert.deepEqual(await readdir(modelsDir), ['.locks']);
  assert.ok((await painted(cache)) !== undefined);
});

test('removing a model of files and links frees its files', async (t) => {
  const { modelsDir, models } = await scene(t);
  const cache = await hubCache(join(modelsDir, '../cache'));
  await cp(join(COCKTAIL, 'wuerstchen'), join(modelsDir, 'mine/wuerstchen'), { recursive: true });
  await symlink(snapshot(cache, 'wuerstchen-prior'), join(modelsDir, 'mine/wuerstchen-prior'));
  const { out } = await models('remove', 'mine', '--yes');
  assert.match(out, /^mine was deleted; \d+\.\d MB are free again; what its links lead to stays\.\n$/);
});

const MARK = '\ufeff';

test('files that begin with a mark, hidden copies and snapshots without a reference open', async (t) => {
  const folder = await temporaryFolder(t);
  const marked = join(folder, 'marked');
  for (const half of HALVES) await cp(join(COCKTAIL, half), join(marked, half), { recursive: true });
  const decoder = join(marked, 'wuerstchen/decoder');
  for (const file of [join(marked, 'wuerstchen/model_index.json'), join(decoder, 'config.json')]) {
    await writeFile(file, MARK + (await readFile(file, 'utf8')));
  }
  await rename(join(decoder, 'diffusion_pytorch_model.safetensors'), join(decoder, 'stage-b.safetensors'));
  await writeFile(join(decoder, '._stage-b.safetensors'), 'of another system');
  const cache = await hubCache(join(folder, 'hub'));
  for (const half of HALVES) {
    await rm(join(cache, `models--warp-ai--${half}/refs`), { recursive: true });
    await mkdir(join(cache, `models--warp-ai--${half}/snapshots/begun`));
  }
  for (const odd of [marked, cache]) await WuerstchenCombinedPipeline.fromPretrained(odd, { provider: 'cpu' });
});

test('a folder that does not open is told by what it is, and by what is meant', async (t) => {
  const folder = await temporaryFolder(t);
  const copy = async (name: string) => {
    for (const half of HALVES) await cp(join(COCKTAIL, half), join(folder, name, half), { recursive: true });
    return join(folder, name);
  };
  const refuses = async (dir: string, code: string, said: RegExp) =>
    assert.rejects(WuerstchenCombinedPipeline.fromPretrained(dir, { provider: 'cpu' }), (error: OperatorError) => {
      assert.equal(error.code, code);
      assert.match(`${error.message} (${error.hint})`, said);
      return true;
    });
  const pointer = await copy('pointer');
  await writeFile(join(pointer, 'wuerstchen/model_index.json'), LFS);
  await refuses(pointer, 'lfs_pointer', /wuerstchen\/model_index\.json is a Git LFS pointer/);
  await writeFile(join(pointer, 'wuerstchen/model_index.json'), '');
  await refuses(pointer, 'checkpoint_corrupt', /wuerstchen\/model_index\.json is not JSON/);

  const pickled = await copy('all/pickled');
  const weights = join(pickled, 'wuerstchen/vqgan/diffusion_pytorch_model');
  await refuses(
    join(folder, 'all'),
    'style_missing',
    /no Würstchen model: it holds pickled\. \(There is a model in .*all\/pickled/,
  );
  await refuses(
    join(pickled, 'wuerstchen/decoder'),
    'style_missing',
    /There is a model in .*pickled\/wuerstchen: name/,
  );
  await rename(`${weights}.safetensors`, `${weights}.bin`);
  await refuses(
    pickled,
    'checkpoint_incomplete',
    /found config\.json, diffusion_pytorch_model\.bin\. \(Only safetensors are read/,
  );

  const doubled = await copy('doubled');
  await rename(join(doubled, 'wuerstchen-prior'), join(doubled, 'one'));
  await cp(join(doubled, 'one'), join(doubled, 'two'), { recursive: true });
  await refuses(
    doubled,
    'model_ambiguous',
    /more than one prior: one, two\. \(Give the one to use the name wuerstchen-prior/,
  );
});
