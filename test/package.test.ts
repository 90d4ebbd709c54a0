import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AS_FIRST_PROCESS, childrenOf, firstProcess } from './first-process.ts';
import { temporaryFolder } from './pipeline/temporary-folder.ts';
import { REPOSITORY } from './program.ts';

/** Most of it are the weights of cocktail: docs/releases.md. */
const MOST_BYTES = 75e6;
const WANTED =
  /^(?:dist\/|data\/models\/cocktail\/(?!.*(?:prepared\/|\.fingerprints))|(?:data\/slack-manifest\.yaml|package\.json|README\.md|LICENSE|\.env\.example|wuerst\.service|sbom\.cdx\.json|THIRD-PARTY-LICENSES\.txt)$)/;

const PROGRAM = `
import { TorchGenerator, WuerstchenCombinedPipeline, type Tensor } from 'wuerst/pipeline';
const pipeline = await WuerstchenCombinedPipeline.fromPretrained('node_modules/wuerst/data/models/cocktail', { provider: 'cpu' });
const output = await pipeline.generate({
  prompt: 'a red fox', width: 128, height: 128, priorNumInferenceSteps: 1, numInferenceSteps: 1, generator: new TorchGenerator(7),
});
const embeddings: Tensor = output.imageEmbeddings;
console.log(output.images.length, output.images[0]?.width, embeddings.dims.length);
`;

test('the packed package works in an empty folder, with types', async (t) => {
  const dir = await temporaryFolder(t);
  const run = (file: string, args: string[], cwd = dir) => execFileSync(file, args, { cwd, encoding: 'utf8' });
  const [{ filename, files, size }] = JSON.parse(
    run('npm', ['pack', '--json', '--pack-destination', dir, '--silent'], REPOSITORY).replace(/^[^[]*/, ''),
  );
  const paths: string[] = files.map(({ path }: { path: string }) => path);
  assert.ok(paths.includes('dist/bot/history/migrations/001-jobs.sql') && paths.includes('dist/cli.js'));
  assert.deepEqual(
    paths.filter((path) => !WANTED.test(path)),
    [],
  );
  assert.ok(size < MOST_BYTES, `${size} bytes`);
  const { packages } = JSON.parse(await readFile(join(REPOSITORY, 'package-lock.json'), 'utf8'));
  checkAttribution(
    installedWith(packages),
    JSON.parse(run('tar', ['-xzOf', filename, 'package/sbom.cdx.json'])),
    run('tar', ['-xzOf', filename, 'package/THIRD-PARTY-LICENSES.txt']),
  );

  // Installed by hand: the libraries are linked, so that no registry is needed.
  const modules = join(dir, 'node_modules');
  await mkdir(join(modules, 'wuerst'), { recursive: true });
  run('tar', ['-xzf', filename, '--strip-components=1', '-C', join(modules, 'wuerst')]);
  for (const name of await readdir(join(REPOSITORY, 'node_modules'))) {
    if (!name.startsWith('.')) await symlink(join(REPOSITORY, 'node_modules', name), join(modules, name));
  }
  await writeFile(join(dir, 'package.json'), '{ "type": "module" }');
  await writeFile(join(dir, 'program.ts'), PROGRAM);
  run(process.execPath, [
    join(REPOSITORY, 'node_modules/typescript/bin/tsc'),
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--types',
    'node',
    'program.ts',
  ]);
  assert.equal(run(process.execPath, ['program.js']).trim(), '1 128 4');
  assert.match(run(process.execPath, [join(modules, 'wuerst/dist/cli.js'), '--version']), /^\d+\.\d+\.\d+\n$/);
});

interface LockEntry {
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
}

/** What is installed with this package, by name and version. */
function installedWith(packages: Readonly<Record<string, LockEntry>>): ReadonlyMap<string, LockEntry> {
  const entries = Object.entries(packages).filter(([path, { dev }]) => path !== '' && !dev);
  return new Map(entries.map(([path, entry]) => [`${path.split('node_modules/').at(-1)} ${entry.version}`, entry]));
}

function checkAttribution(
  installed: ReadonlyMap<string, LockEntry>,
  bill: {
    bomFormat: string;
    metadata: { component: { name: string } };
    components: { group?: string; name: string; version: string; licenses?: unknown[] }[];
  },
  licences: string,
): void {
  assert.deepEqual([bill.bomFormat, bill.metadata.component.name], ['CycloneDX', 'wuerst']);
  const listed = bill.components.map(({ group, name, version }) => `${group ? `${group}/` : ''}${name} ${version}`);
  assert.deepEqual(new Set(listed), new Set(installed.keys()));
  assert.deepEqual(
    bill.components.filter(({ licenses = [] }) => licenses.length === 0),
    [],
  );
  for (const [name, { license }] of installed) assert.ok(licences.includes(`\n${name} (${license})\n`), name);
  for (const text of ['Apache License', 'Permission is hereby granted, free of charge'])
    assert.ok(licences.includes(text));
}

/** Licences that ask for no more than to be named, for whoever installs or passes on this package. */
const ALLOWED = new Set([
  'MIT',
  'Apache-2.0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'CC0-1.0',
  'BlueOak-1.0.0',
]);
/** libvips, which sharp loads as a library of its own that anybody can replace, as the LGPL asks. */
const LIBVIPS = /^@img\/sharp-/;

function isAllowed(name: string, license: string): boolean {
  const choices = license.replaceAll(/[()]/g, '').split(' OR ');
  const allowed = (one: string) => ALLOWED.has(one) || (one === 'LGPL-3.0-or-later' && LIBVIPS.test(name));
  return choices.some((choice) => choice.split(' AND ').every(allowed));
}

test('every package that is installed with this one is under a licence that asks for no more than to be named', async () => {
  const { packages } = JSON.parse(await readFile(join(REPOSITORY, 'package-lock.json'), 'utf8'));
  const refused = [...installedWith(packages)].filter(([name, { license = 'none' }]) => !isAllowed(name, license));
  assert.deepEqual(refused, []);
  assert.ok(
    isAllowed('x', '(MIT OR GPL-3.0)') && !isAllowed('x', 'MIT AND GPL-3.0') && !isAllowed('x', 'LGPL-3.0-or-later'),
  );
});

test('installing fetches nothing of CUDA: the lock file names no install script of onnxruntime', async () => {
  // npm puts it back when onnxruntime-node is upgraded; versions before 11.19 do not know allowScripts and would run it.
  const { packages } = JSON.parse(await readFile(join(REPOSITORY, 'package-lock.json'), 'utf8'));
  assert.equal(packages['node_modules/onnxruntime-node'].hasInstallScript, undefined);
});

test('every package is what the lock file says, byte by byte, and comes from the registry', async () => {
  const { packages } = JSON.parse(await readFile(join(REPOSITORY, 'package-lock.json'), 'utf8'));
  const entries = Object.entries<{ integrity?: string; resolved?: string }>(packages).filter(([path]) => path !== '');
  assert.ok(entries.length > 100);
  for (const [path, { integrity = '', resolved = 'https://registry.npmjs.org/' }] of entries) {
    assert.match(integrity, /^sha512-/, path);
    assert.match(resolved, /^https:\/\/registry\.npmjs\.org\//, path);
  }
});

test('an installation without development tools is built, and one without sources is not', async (t) => {
  const dir = await temporaryFolder(t);
  const prepare = () => execFileSync('npm', ['run', 'prepare', '--silent'], { cwd: dir, encoding: 'utf8' });
  await cp(join(REPOSITORY, 'package.json'), join(dir, 'package.json'));
  assert.equal(prepare(), '');
  const { dependencies } = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8'));
  for (const name of Object.keys(dependencies)) {
    const link = join(dir, 'node_modules', name);
    await mkdir(join(link, '..'), { recursive: true });
    await symlink(join(REPOSITORY, 'node_modules', name), link);
  }
  for (const name of ['src', 'scripts', 'tsconfig.json', 'tsconfig.build.json'])
    await cp(join(REPOSITORY, name), join(dir, name), { recursive: true });
  assert.equal(prepare(), '');
  assert.match(execFileSync(process.execPath, [join(dir, 'dist/cli.js'), '--version'], { encoding: 'utf8' }), /^\d/);
});

test('SIGTERM to npm start stops the bot before npm ends', async (t) => {
  const data = await temporaryFolder(t);
  const npm = spawn('npm', ['start', '--', '--data', data, '--web-port', '0'], { cwd: REPOSITORY });
  t.after(() => npm.kill('SIGKILL'));
  let output = '';
  npm.stdout.setEncoding('utf8');
  const ready = new Promise<void>((resolve) => {
    npm.stdout.on('data', (text: string) => {
      output += text;
      if (output.includes('wuerst is ready')) resolve();
    });
  });
  await Promise.race([ready, once(npm, 'exit')]);
  const ended = once(npm, 'close');
  npm.kill('SIGTERM');
  assert.deepEqual(await ended, [0, null], output);
  assert.match(output, /"msg":"stopped"/);
});

test('as process 1 of a container the bot replaces a killed pipeline process, leaves no zombie and stops at SIGTERM', async (t) => {
  const data = await temporaryFolder(t);
  const [file = '', ...args] = [...AS_FIRST_PROCESS, process.execPath, 'dist/cli.js', 'start', '--data', data];
  const container = spawn(file, [...args, '--web-port', '0'], { cwd: REPOSITORY });
  t.after(() => container.kill('SIGKILL'));
  const ended = once(container, 'close');
  let output = '';
  const printed = async (text: string, times = 1) => {
    while (output.split(text).length <= times && container.exitCode === null)
      await Promise.race([once(container.stdout, 'data'), ended]);
  };
  container.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await printed('wuerst is ready');
  const bot = firstProcess(container);
  const [pipeline] = childrenOf(bot);
  assert.ok(pipeline);
  process.kill(pipeline.pid, 'SIGKILL');
  await printed('"a painter is ready"', 2);
  const [replacement, ...others] = childrenOf(bot);
  assert.notEqual(replacement?.pid, pipeline.pid);
  assert.deepEqual([replacement?.state === 'Z', others], [false, []], output);
  process.kill(bot, 'SIGTERM');
  assert.deepEqual(await ended, [0, null], output);
  assert.match(output, /"msg":"stopped"/);
});
