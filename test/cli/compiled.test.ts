import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';

const ROOT = join(import.meta.dirname, '../..');
const SMALL = ['--size', '128x128', '--steps', '1', '--decoder-steps', '1', '--seed', '2', '--provider', 'cpu'];

async function scene(t: TestContext, more: NodeJS.ProcessEnv = {}) {
  const dir = await temporaryFolder(t);
  const cache = join(dir, 'cache');
  const env = { ...process.env, ...more, XDG_CACHE_HOME: cache };
  const run = (...args: readonly string[]) =>
    execFileSync(process.execPath, [join(ROOT, 'dist/cli.js'), ...args], { env, stdio: 'pipe', encoding: 'utf8' });
  return {
    cache,
    folder: join(cache, 'wuerst/compiled'),
    run,
    paint: () => Buffer.from(run('imagine', 'a panda', ...SMALL, '--json', '-o', join(dir, 'out'))),
  };
}

test('the machine code of a painted picture is kept for the next start, for this person alone', async (t) => {
  const { folder, run, paint } = await scene(t);
  run('--version');
  await assert.rejects(readdir(folder), { code: 'ENOENT' });
  paint();
  const [name = '', ...others] = await readdir(folder);
  assert.deepEqual(others, []);
  const { mode, mtimeMs } = await stat(join(folder, name));
  assert.equal(mode & 0o077, 0);
  paint();
  assert.equal((await stat(join(folder, name))).mtimeMs, mtimeMs);
});

test('damaged machine code is left aside and made anew', async (t) => {
  const { folder, run, paint } = await scene(t);
  paint();
  const [name = ''] = await readdir(folder);
  const file = join(folder, name);
  const good = await readFile(file);
  for (const at of [0, 40, Math.floor(good.length / 2)]) {
    const bytes = Buffer.from(good);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
    await writeFile(file, bytes);
    assert.match(run('--version'), /^\d/, `byte ${at}`);
  }
  for (const length of [7, 1000]) {
    await writeFile(file, good.subarray(0, length));
    assert.match(run('--version'), /^\d/, `${length} bytes`);
  }
  paint();
  assert.ok((await readFile(file)).length > good.length / 2);
});

test('machine code of older versions goes, and nothing is kept where that is not wanted', async (t) => {
  const { folder, paint } = await scene(t);
  await mkdir(folder, { recursive: true });
  for (const name of ['a', 'b', 'c', 'd', 'e']) await writeFile(join(folder, name), '');
  paint();
  assert.equal((await readdir(folder)).length, 4);
  const off = await scene(t, { NODE_DISABLE_COMPILE_CACHE: '1' });
  off.paint();
  await assert.rejects(readdir(off.folder), { code: 'ENOENT' });
});

test('a cache folder that is a file is nothing to stop for', async (t) => {
  const { cache, paint } = await scene(t);
  await mkdir(cache, { recursive: true });
  await writeFile(join(cache, 'wuerst'), '');
  await chmod(join(cache, 'wuerst'), 0o400);
  paint();
});
