import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { findModel } from '../../src/models/store.ts';
import { Hub } from '../../src/pipeline/hub/hub.ts';
import { pullModel } from '../../src/pipeline/hub/pull.ts';
import { LARGE, publishedRepositories, STAGE_C } from './checkpoints.ts';
import { sha256 } from './fake-hub.ts';
import { callModels } from './models-cli.ts';
import { assertOnlyRightFiles, DEFAULT_FILES, partsOf, publishedFolder } from './pulled.ts';
import { scene } from './scene.ts';

function lockOf(modelsDir: string) {
  return JSON.parse(readFileSync(join(publishedFolder(modelsDir), 'wuerst.lock.json'), 'utf8'));
}

test('a pull brings what is needed and no more, and says how to use it', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  const { out, err, error } = await models('pull');
  assert.equal(error, undefined);
  assert.deepEqual(assertOnlyRightFiles(hub, modelsDir), DEFAULT_FILES);
  assert.deepEqual(readdirSync(publishedFolder(modelsDir)).sort(), [
    'wuerst.lock.json',
    'wuerstchen',
    'wuerstchen-prior',
  ]);
  assert.match(out, /^wuerstchen-v2 is complete in .*\nTo use it: wuerst models use wuerstchen-v2\n$/);
  assert.match(err, /20 files, 1\.\d+ MB: 1\.\d+ MB to fetch/);
  assert.match(err, /wuerstchen-prior-model-interpolated is the same as wuerstchen-prior\/prior: not stored twice/);
});

test('equal bytes are fetched once and lie at both places', async (t) => {
  const { hub, models } = await scene(t);
  const { err } = await models('pull');
  assert.equal(hub.sent('tokenizer/vocab.json').length, 1);
  assert.equal(hub.sent('tokenizer/merges.txt').length, 1);
  assert.match(err, /copied wuerstchen\/tokenizer\/vocab\.json/);
  assert.equal(hub.sent(STAGE_C).length, 0);
});

test('the lock file holds revision, size and hash of every file as the hub gave them', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  await models('pull', '--style', 'base');
  const { endpoint, model, repositories } = lockOf(modelsDir);
  assert.deepEqual([endpoint, model], [hub.endpoint, 'wuerstchen-v2']);
  assert.deepEqual(Object.keys(repositories), ['wuerstchen-prior', 'wuerstchen', 'wuerstchen-prior-model-base']);
  for (const [folder, { repo, revision, unfinished, files }] of Object.entries<ReturnType<typeof JSON.parse>>(
    repositories,
  )) {
    assert.deepEqual([repo, revision, unfinished], [`warp-ai/${folder}`, hub.commit, undefined]);
    for (const { path, size, sha256: hash } of files) {
      const bytes = hub.repositories.get(repo)?.get(path)?.bytes ?? Buffer.alloc(0);
      assert.deepEqual([size, hash], [bytes.length, sha256(bytes)], `${repo}/${path}`);
    }
  }
  assert.equal(repositories['wuerstchen-prior-model-base'].files.length, 2);
});

test('a pull of what is here reads it again and fetches nothing', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  await models('pull');
  const before = lockOf(modelsDir);
  hub.seen.length = 0;
  const { err, error } = await models('pull');
  assert.equal(error, undefined);
  assert.match(err, /nothing to fetch/);
  assert.deepEqual(
    hub.seen.filter(({ path }) => !path.startsWith('/api/')),
    [],
  );
  assert.deepEqual(lockOf(modelsDir), before);
});

test('--style all brings the three Stage C checkpoints; an interpolated one of its own is stored', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  const other = publishedRepositories('second').get('warp-ai/wuerstchen-prior-model-interpolated');
  hub.repositories.set('warp-ai/wuerstchen-prior-model-interpolated', other ?? new Map());
  await models('pull', '--style', 'all');
  const paths = assertOnlyRightFiles(hub, modelsDir);
  for (const style of ['base', 'finetuned', 'interpolated']) {
    assert.ok(paths.includes(`wuerstchen-prior-model-${style}/${STAGE_C}`), style);
  }
});

for (const status of [401, 404]) {
  test(`where the hub answers ${status} for the separate interpolated checkpoint, the one in the prior serves`, async (t) => {
    const { hub, modelsDir, models } = await scene(t);
    hub.fault = ({ path }) => (path.includes('model-interpolated') ? { status } : undefined);
    const { err, error } = await models('pull');
    assert.equal(error, undefined);
    assert.match(
      err,
      new RegExp(`answered ${status} for warp-ai/\\S+-interpolated\\. wuerstchen-prior/prior is used instead\\.`),
    );
    assert.deepEqual(assertOnlyRightFiles(hub, modelsDir), DEFAULT_FILES);
  });
}

test('--variant fp16 takes weights in half precision where the hub has them', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  const half = LARGE.replace('.safetensors', '.fp16.safetensors');
  hub.repositories.get('warp-ai/wuerstchen')?.set(half, { bytes: Buffer.alloc(5000, 'half'), large: true });
  await models('pull', '--variant', 'fp16');
  const paths = assertOnlyRightFiles(hub, modelsDir);
  assert.ok(paths.includes(`wuerstchen/${half}`));
  assert.ok(!paths.includes(`wuerstchen/${LARGE}`));
  assert.ok(paths.includes('wuerstchen/vqgan/diffusion_pytorch_model.safetensors'));
  assert.equal(lockOf(modelsDir).variant, 'fp16');
});

test('a repository that lacks a file is refused before anything is fetched', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  hub.repositories.get('warp-ai/wuerstchen')?.delete('vqgan/config.json');
  const { error } = await models('pull');
  assert.match(error ?? '', /^repository_incomplete: The repository warp-ai\/wuerstchen has no vqgan\/config\.json\. /);
  assert.equal(existsSync(publishedFolder(modelsDir)), false);
});

test('a disk that is too small is told before a byte is fetched', async (t) => {
  const { hub, modelsDir } = await scene(t);
  const model = await findModel(modelsDir, 'wuerstchen-v2');
  const connection = new Hub({ endpoint: hub.endpoint });
  t.after(() => connection.close());
  const folder = publishedFolder(modelsDir);
  const drain = async (free: number) => {
    for await (const _ of pullModel({ model, folder, hub: connection, freeBytes: async () => free }));
  };
  await assert.rejects(drain(100.5e6), {
    code: 'disk_full',
    message: `Writing to ${folder} takes 1.3 MB, and 100.0 MB must stay free, but only 100.5 MB are free.`,
  });
  assert.equal(existsSync(folder), false);
  assert.deepEqual(
    hub.seen.filter(({ path }) => !path.startsWith('/api/')),
    [],
  );
  await drain(110e6);
  assert.deepEqual(assertOnlyRightFiles(hub, modelsDir), DEFAULT_FILES);
});

test('a disk that fills on the way gets its room back; finished files stay', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  const bytes = hub.repositories.get('warp-ai/wuerstchen')?.get(LARGE)?.bytes ?? Buffer.alloc(0);
  const parts = join(publishedFolder(modelsDir), '.pull');
  await mkdir(parts, { recursive: true });
  // A device on which every write fails for want of space.
  await symlink('/dev/full', join(parts, `${sha256(bytes)}.part`));
  const { error } = await models('pull');
  assert.match(error ?? '', /^disk_full: The disk of .*wuerstchen-v2 is full \(ENOSPC\)\. \(Free some space, then/);
  assert.deepEqual(readdirSync(parts), []);
  const there = assertOnlyRightFiles(hub, modelsDir);
  assert.ok(there.length > 0 && !there.includes(`wuerstchen/${LARGE}`));
  assert.equal((await models('pull')).error, undefined);
  assert.deepEqual(assertOnlyRightFiles(hub, modelsDir), DEFAULT_FILES);
});

test('of two pulls at once one works and the other says so', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  const halfway = new Promise<() => void>((hang) => {
    hub.fault = ({ path, range }) => (path === `/${LARGE}` && !range ? { cutAfter: 500_000, hang } : undefined);
  });
  const first = models('pull');
  const cut = await halfway;
  assert.match((await models('pull')).error ?? '', /^folder_busy: Another process is working on .*wuerstchen-v2\. /);
  assert.match((await models('remove', 'wuerstchen-v2', '--yes')).error ?? '', /^folder_busy/);
  cut();
  assert.equal((await first).error, undefined);
  assert.deepEqual(assertOnlyRightFiles(hub, modelsDir), DEFAULT_FILES);
});

test('a new revision that was cut leaves no mixture that counts as complete', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  await models('pull');
  hub.repositories = publishedRepositories('second');
  hub.commit = 'd'.repeat(40);
  hub.fault = ({ path }) => (path === `/${LARGE}` ? { status: 404 } : undefined);
  assert.match((await models('pull')).error ?? '', /^hub_not_found/);
  assert.match((await models('list')).out, /wuerstchen-v2 +partial, \d files missing/);
  assert.match((await models('use', 'wuerstchen-v2')).error ?? '', /^model_incomplete/);
  const verify = await models('verify', 'wuerstchen-v2');
  assert.match(
    verify.out,
    /outdated +wuerstchen\/decoder\/diffusion_pytorch_model\.safetensors: the last pull was cut/,
  );
  assert.equal(verify.exitCode, 1);
  hub.fault = () => undefined;
  await models('pull');
  assert.deepEqual(assertOnlyRightFiles(hub, modelsDir), DEFAULT_FILES);
  assert.match((await models('list')).out, /wuerstchen-v2 +ready/);
  assert.equal((await models('verify', 'wuerstchen-v2')).exitCode, undefined);
});

test('--revision asks for that revision of every repository', async (t) => {
  const { hub, models } = await scene(t);
  assert.equal((await models('pull', '--revision', hub.commit)).error, undefined);
  assert.match((await models('pull', '--revision', 'v9')).error ?? '', /^hub_not_found: .*warp-ai\/wuerstchen-prior /);
});

test('a terminal shows a bar for every file', async (t) => {
  const { env } = await scene(t);
  const { err } = await callModels(['pull'], { env, isTTY: true });
  for (const path of DEFAULT_FILES) assert.ok(err.includes(path), path);
  assert.match(err, /100% 1\.2 MB of 1\.2 MB wuerstchen\/decoder\/\S+ fetched/);
});

test('cocktail has nothing to fetch, an unknown model is named with those there are', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  assert.match((await models('pull', 'cocktail')).error ?? '', /^model_embedded: The model cocktail comes with wuerst/);
  assert.match((await models('pull', 'wurst')).error ?? '', /^unknown_model: .*cocktail, wuerstchen-v2/);
  assert.deepEqual(hub.seen, []);
  assert.deepEqual(partsOf(modelsDir), new Map());
});

test('shards are pulled with their index, and half of them are not a model', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  const decoder = hub.repositories.get('warp-ai/wuerstchen');
  const { bytes } = decoder?.get(LARGE) ?? { bytes: Buffer.alloc(0) };
  decoder?.delete(LARGE);
  const shards = [1, 2].map((i) => `diffusion_pytorch_model.fp16-0000${i}-of-00002.safetensors`);
  for (const [i, name] of shards.entries()) {
    decoder?.set(`decoder/${name}`, { bytes: Buffer.concat([bytes, Buffer.alloc(i)]), large: true });
  }
  const index = { weight_map: Object.fromEntries(shards.map((name, i) => [`tensor${i}`, name])) };
  const indexBytes = Buffer.from(JSON.stringify(index));
  decoder?.set('decoder/diffusion_pytorch_model.safetensors.index.fp16.json', { bytes: indexBytes, large: false });
  const plain = await models('pull');
  assert.match(plain.error ?? '', /^repository_incomplete: .*has no decoder\/diff.*in fp16 only: add --variant fp16/);
  assert.equal((await models('pull', '--variant', 'fp16')).error, undefined);
  const files = assertOnlyRightFiles(hub, modelsDir);
  for (const name of shards) assert.ok(files.includes(`wuerstchen/decoder/${name}`), name);
  assert.match((await models('list')).out, /wuerstchen-v2 +ready/);
  decoder?.delete(`decoder/${shards[1]}`);
  assert.match((await models('pull', '--variant', 'fp16')).error ?? '', new RegExp(`has no decoder/${shards[1]}`));
});

test('a repository in bf16 alone says so, and is pulled as such', async (t) => {
  const { hub, models } = await scene(t);
  for (const contents of hub.repositories.values()) {
    for (const [path, file] of [...contents]) {
      if (!path.endsWith('.safetensors')) continue;
      contents.delete(path);
      contents.set(path.replace('.safetensors', '.bf16.safetensors'), file);
    }
  }
  assert.match((await models('pull')).error ?? '', /has these weights in bf16 only: add --variant bf16 to the command/);
  assert.equal((await models('pull', '--variant', 'bf16')).error, undefined);
  assert.equal((await models('use', 'wuerstchen-v2')).error, undefined);
});

test('--pictures brings the image encoder, which is not missed without it', async (t) => {
  const { modelsDir, models } = await scene(t);
  await models('pull');
  assert.ok(!existsSync(join(publishedFolder(modelsDir), 'EfficientNetEncoder')));
  assert.match((await models('list')).out, /wuerstchen-v2 +ready/);
  await models('pull', '--pictures');
  assert.equal(lockOf(modelsDir).repositories.EfficientNetEncoder.files.length, 2);
});
