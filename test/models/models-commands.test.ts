import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, open, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { EMBEDDED_MODELS, modelInUse } from '../../src/models/model-folder.ts';
import { LARGE, STAGE_C } from './checkpoints.ts';
import { assertOnlyRightFiles, DEFAULT_FILES, publishedFolder } from './pulled.ts';
import { type Scene, scene } from './scene.ts';

async function flipByte(path: string, position: number): Promise<void> {
  const file = await open(path, 'r+');
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, position);
  buffer.writeUInt8(buffer.readUInt8() ^ 1);
  await file.write(buffer, 0, 1, position);
  await file.close();
}

async function assertPullMends({ hub, modelsDir, models }: Scene): Promise<void> {
  assert.equal((await models('pull')).error, undefined);
  assert.deepEqual(assertOnlyRightFiles(hub, modelsDir), DEFAULT_FILES);
  assert.equal((await models('verify', 'wuerstchen-v2')).exitCode, undefined);
}

test('verify reads every file and says that all is right', async (t) => {
  const { models } = await scene(t);
  await models('pull');
  const { out, exitCode } = await models('verify', 'wuerstchen-v2');
  assert.equal(exitCode, undefined);
  const lines = out.trimEnd().split('\n');
  assert.equal(lines.pop(), 'wuerstchen-v2 is complete.');
  assert.deepEqual(lines.map((line) => line.replace(/^ok {10}/, '')).sort(), DEFAULT_FILES);
});

for (const [what, spoil, finding] of [
  [
    'a flipped byte',
    (path: string) => flipByte(path, 600_000),
    /^wrong hash +\S+: expected sha256 \w{64}, found \w{64}/m,
  ],
  [
    'a truncated shard',
    (path: string) => truncate(path, 1_200_000),
    /^wrong size +\S+: expected 12\d+ bytes, found 1200000/m,
  ],
  ['a missing file', (path: string) => rm(path), /^missing +\S+decoder\S+/m],
] as const) {
  test(`verify finds ${what}, and the pull that it advises mends it`, async (t) => {
    const place = await scene(t);
    await place.models('pull');
    await spoil(join(publishedFolder(place.modelsDir), 'wuerstchen', LARGE));
    const { out, exitCode } = await place.models('verify', 'wuerstchen-v2');
    assert.equal(exitCode, 1);
    assert.match(out, finding);
    assert.match(out, /wuerstchen-v2 has 1 bad file\. Run: wuerst models pull wuerstchen-v2\n$/);
    await assertPullMends(place);
  });
}

test('without a lock file verify still finds weights that are cut by one byte', async (t) => {
  const { modelsDir, models } = await scene(t);
  for (const half of ['wuerstchen-prior', 'wuerstchen']) {
    await cp(join(EMBEDDED_MODELS, 'cocktail', half), join(modelsDir, 'mine', half), { recursive: true });
  }
  const whole = await models('verify', 'mine');
  assert.match(whole.out, /unlisted +wuerstchen-prior\/prior\/\S+\n/);
  assert.equal(whole.exitCode, undefined);
  const weights = join(modelsDir, 'mine', 'wuerstchen-prior', 'prior', STAGE_C);
  await truncate(weights, readFileSync(weights).length - 1);
  const cut = await models('verify', 'mine');
  assert.match(cut.out, /damaged +wuerstchen-prior\/prior\/\S+: .* is incomplete: wanted \d+ bytes, found \d+ bytes/);
  assert.equal(cut.exitCode, 1);
});

test('verify without a name reads the model in use', async (t) => {
  const { models } = await scene(t);
  const { out, exitCode } = await models('verify');
  assert.match(out, /cocktail is complete\.\n$/);
  assert.equal(exitCode, undefined);
});

test('verify of what is not here says how to get it', async (t) => {
  const { models } = await scene(t);
  assert.match(
    (await models('verify', 'wuerstchen-v2')).error ?? '',
    /^model_absent: .*wuerst models pull wuerstchen-v2/,
  );
  assert.match((await models('verify', 'wurst')).error ?? '', /^unknown_model: /);
});

test('a broken lock file is an error that says what to do', async (t) => {
  const place = await scene(t);
  await place.models('pull');
  const lock = join(publishedFolder(place.modelsDir), 'wuerst.lock.json');
  await writeFile(lock, readFileSync(lock, 'utf8').replace('wuerstchen-prior', '../../elsewhere'));
  for (const command of [['verify', 'wuerstchen-v2'], ['pull']]) {
    assert.match((await place.models(...command)).error ?? '', /^lock_invalid: .*Delete it and run/);
  }
  await rm(lock);
  await assertPullMends(place);
});

test('list shows every model, its state, styles, licence and which one is in use', async (t) => {
  const { modelsDir, models } = await scene(t);
  const [heading = '', cocktail = '', published = '', ...rest] = (await models('list')).out.trimEnd().split('\n');
  assert.match(heading, /^ {2}model +state +size +styles +licence +for$/);
  assert.match(cocktail, /^\* cocktail +ready +\d+\.\d MB +base aesthetic interpolated +MIT +small model/);
  assert.match(published, /^ {2}wuerstchen-v2 +absent +- +- +MIT +the published 3\.1-billion/);
  assert.deepEqual(rest, []);
  await models('pull', '--style', 'base');
  assert.match((await models('list')).out, /wuerstchen-v2 +ready +1\.\d MB +base interpolated +MIT/);
  assert.equal(existsSync(join(modelsDir, 'current.json')), false);
});

test('list --json has every field', async (t) => {
  const { models } = await scene(t);
  const [cocktail, published] = JSON.parse((await models('list', '--json')).out);
  assert.equal(cocktail.name, 'cocktail');
  assert.deepEqual(
    [cocktail.state, cocktail.source, cocktail.inUse, cocktail.missing],
    ['ready', 'embedded', true, []],
  );
  assert.deepEqual([published.state, published.source, published.inUse], ['absent', 'hub', false]);
  assert.equal(published.missing.length, DEFAULT_FILES.length - 4);
  assert.deepEqual(published.nativeSizes[0], [1024, 1024]);
});

test('list shows a folder that somebody put there, and bears odd ones', async (t) => {
  const { modelsDir, models } = await scene(t);
  await cp(join(EMBEDDED_MODELS, 'cocktail'), join(modelsDir, 'mine'), { recursive: true });
  await mkdir(join(modelsDir, 'empty'));
  await symlink('/nowhere', join(modelsDir, 'dangling'));
  await symlink('/nowhere', join(modelsDir, 'mine', 'wuerstchen', 'dangling'));
  await symlink(join(modelsDir, 'mine', 'MODEL_CARD.md'), join(modelsDir, 'a-file'));
  const { out, error } = await models('list');
  assert.equal(error, undefined);
  assert.match(out, /mine +ready +\d+\.\d MB +base aesthetic interpolated +not known +a folder of yours/);
  assert.equal(out.trimEnd().split('\n').length, 4);
});

test('use chooses the model for the next start; WUERST_MODEL takes precedence and is mentioned', async (t) => {
  const { modelsDir, models, env } = await scene(t);
  assert.equal(modelInUse({ WUERST_MODELS: modelsDir }), join(EMBEDDED_MODELS, 'cocktail'));
  assert.match(
    (await models('use', 'wuerstchen-v2')).error ?? '',
    /^model_incomplete: .*is not on this disk\. .*pull wuer/,
  );
  await models('pull');
  assert.equal((await models('use', 'wuerstchen-v2')).out, 'wuerstchen-v2 is in use from the next start on.\n');
  assert.equal(modelInUse({ WUERST_MODELS: modelsDir }), publishedFolder(modelsDir));
  assert.match((await models('list')).out, /\n\* wuerstchen-v2 +ready/);
  env.WUERST_MODEL = '/elsewhere';
  assert.match((await models('use', 'cocktail')).err, /^WUERST_MODEL is set and takes precedence: .*cocktail\n$/);
  assert.equal(modelInUse({ WUERST_MODELS: modelsDir }), join(EMBEDDED_MODELS, 'cocktail'));
});

test('use mends a choice that cannot be read, as the error about it advises', async (t) => {
  const { modelsDir, models } = await scene(t);
  await mkdir(modelsDir);
  await writeFile(join(modelsDir, 'current.json'), '{"model":"../../etc"}');
  assert.match((await models('list')).error ?? '', /^current_model_invalid: .*Run "wuerst models use cocktail"/);
  assert.equal((await models('use', 'cocktail')).error, undefined);
  assert.equal((await models('list')).error, undefined);
});

test('remove asks for --yes, then deletes the folder and nothing else', async (t) => {
  const { modelsDir, models } = await scene(t);
  await models('pull');
  const refused = await models('remove', 'wuerstchen-v2');
  assert.match(
    refused.error ?? '',
    /^not_confirmed: This would delete .*wuerstchen-v2, 1\.\d MB\. \(To delete it: .* --yes\)/,
  );
  assert.ok(existsSync(publishedFolder(modelsDir)));
  await writeFile(join(modelsDir, 'notes.txt'), 'mine');
  const { out } = await models('remove', 'wuerstchen-v2', '--yes');
  assert.match(out, /^wuerstchen-v2 was deleted; 1\.\d MB are free again\.\n$/);
  assert.equal(existsSync(publishedFolder(modelsDir)), false);
  assert.ok(existsSync(join(modelsDir, 'notes.txt')));
});

test('remove refuses the embedded model, the one in use, absent and unknown ones', async (t) => {
  const { modelsDir, models } = await scene(t);
  const remove = async (name: string) => (await models('remove', name, '--yes')).error ?? '';
  assert.match(
    await remove('cocktail'),
    /^model_embedded: The model cocktail comes with wuerst and cannot be removed\./,
  );
  assert.match(await remove('wuerstchen-v2'), /^model_absent: /);
  assert.match(await remove('../models'), /^unknown_model: /);
  await models('pull');
  await models('use', 'wuerstchen-v2');
  assert.match(await remove('wuerstchen-v2'), /^model_in_use: .*wuerst models use cocktail/);
  assert.ok(existsSync(publishedFolder(modelsDir)));
});

test('manifest.json adds models of the operator', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  await mkdir(modelsDir);
  const [name, repo, folder] = ['tuned', 'warp-ai/wuerstchen-prior-model-base', 'wuerstchen-prior-model-base'];
  const described = { purpose: 'for the test', license: 'MIT' };
  const repository = { repo, folder, ...described, files: ['config.json'], weights: ['diffusion_pytorch_model'] };
  const manifest = { models: [{ name, ...described, nativeSizes: [[1024, 1024]], repositories: [repository] }] };
  await writeFile(join(modelsDir, 'manifest.json'), JSON.stringify(manifest));
  assert.equal((await models('pull', 'tuned')).error, undefined);
  assert.deepEqual(
    readFileSync(join(modelsDir, name, folder, STAGE_C)),
    hub.repositories.get(repo)?.get(STAGE_C)?.bytes,
  );
});

for (const [what, change] of [
  ['a model outside the folder', { name: '../outside' }],
  ['an absolute model', { name: '/etc' }],
  ['a model in a hidden folder', { name: '.locks' }],
  ['a repository folder outside', { folder: '..' }],
  ['a nested repository folder that climbs out', { folder: 'a/../../..' }],
  ['a file outside', { files: ['../../.bashrc'] }],
  ['an absolute file', { files: ['/etc/passwd'] }],
  ['a Windows path', { files: ['..\\..\\x'] }],
  ['weights outside', { weights: ['prior/../../x'] }],
  ['a tokenizer outside', { tokenizers: ['..'] }],
  ['a repository that is a path', { repo: '../x' }],
  ['a built-in name', { name: 'cocktail' }],
] as const) {
  test(`a manifest that names ${what} is refused by every command, and nothing is fetched`, async (t) => {
    const { hub, modelsDir, models } = await scene(t);
    await mkdir(modelsDir);
    const { name, ...repositoryChange } = { name: 'odd', ...change };
    const described = { purpose: 'for the test', license: 'MIT' };
    const right = { repo: 'warp-ai/wuerstchen', folder: 'wuerstchen', ...described, files: [], weights: [] };
    const repositories = [{ ...right, ...repositoryChange }];
    const manifest = { models: [{ name, ...described, nativeSizes: [], repositories }] };
    await writeFile(join(modelsDir, 'manifest.json'), JSON.stringify(manifest));
    for (const command of [['list'], ['pull', name], ['verify', name], ['use', name], ['remove', name, '--yes']]) {
      assert.match((await models(...command)).error ?? '', /^manifest_invalid: The manifest \S+manifest\.json /);
    }
    assert.deepEqual(hub.seen, []);
  });
}

test('two models or two repositories of a manifest cannot share a folder', async (t) => {
  const { modelsDir, models } = await scene(t);
  await mkdir(modelsDir);
  const described = { purpose: 'for the test', license: 'MIT' };
  const model = { name: 'odd', ...described, nativeSizes: [], repositories: [] };
  await writeFile(join(modelsDir, 'manifest.json'), JSON.stringify({ models: [model, { ...model, name: 'Odd' }] }));
  assert.match((await models('list')).error ?? '', /two models have the same name/);
  const repository = { repo: 'a/b', folder: 'b', ...described, files: [], weights: [] };
  const doubled = { models: [{ ...model, repositories: [repository, repository] }] };
  await writeFile(join(modelsDir, 'manifest.json'), JSON.stringify(doubled));
  assert.match((await models('list')).error ?? '', /models\.0\.repositories: two repositories have the same folder/);
});
