import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { WUERST } from '../program.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Runs `wuerst` as a person would, with no terminal attached. */
function wuerst(args: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...WUERST, ...args], {
    encoding: 'utf8',
    cwd: ROOT,
    env: { ...process.env, WUERST_PROVIDER: 'cpu', ...env },
  });
  return { status, stdout, stderr };
}

const QUICK = ['--size', '128x128', '--steps', '2', '--decoder-steps', '1'];

test('imagine writes pictures of the asked size, and info reads their parameters', async (t) => {
  const out = join(await temporaryFolder(t), 'new/folder');
  const made = wuerst([
    'imagine',
    'a red fox',
    '--width',
    '192',
    '--height',
    '100',
    '--steps',
    '2',
    '--decoder-steps',
    '1',
    '-n',
    '2',
    '--seed',
    '7',
    '-o',
    out,
  ]);
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stderr, /Stage C: 2 steps\nStage B: 1 step\nStage A: 2 steps\n/);
  assert.deepEqual((await readdir(out)).sort(), ['a-red-fox-7.png', 'a-red-fox-8.png']);
  assert.match(made.stdout, /a-red-fox-7\.png {2}seed 7 {2}[\d.]+ s\n.*a-red-fox-8\.png/);
  const { width, height } = await sharp(join(out, 'a-red-fox-7.png')).metadata();
  assert.deepEqual([width, height], [192, 100]);
  const info = wuerst(['info', join(out, 'a-red-fox-8.png')]);
  assert.match(info.stdout, /^a red fox\nSteps: 2, .*Seed: 8, Size: 192x100/);
  const numbers = JSON.parse(wuerst(['info', '--json', join(out, 'a-red-fox-8.png')]).stdout);
  assert.deepEqual([numbers.prompt, numbers.seed, numbers.steps, numbers.style], ['a red fox', '8', 2, 'interpolated']);
  assert.match(numbers.checkpoint, /^[0-9a-f]{64}$/);
});

test('imagine paints in a mix of two styles, and says how to get a style that is not here', async (t) => {
  const folder = await temporaryFolder(t);
  const model = join(folder, 'model');
  for (const name of [
    'wuerstchen',
    'wuerstchen-prior',
    'wuerstchen-prior-model-base',
    'wuerstchen-prior-model-finetuned',
  ])
    await cp(join(ROOT, 'data/models/cocktail', name), join(model, name), { recursive: true });
  const paint = (style: string) =>
    wuerst(['imagine', 'a moon', ...QUICK, '--seed', '5', '--json', '--quiet', '--style', style, '-o', folder], {
      WUERST_MODEL: model,
    });
  const pictures = [];
  for (const style of ['base', '0.3', 'aesthetic']) {
    const made = paint(style);
    assert.equal(made.status, 0, made.stderr);
    const { path } = JSON.parse(made.stdout);
    assert.equal(JSON.parse(wuerst(['info', '--json', path]).stdout).style, style);
    pictures.push(await sharp(path).raw().toBuffer());
  }
  const [base, mixed, aesthetic] = pictures;
  assert.ok(mixed && base && aesthetic && !mixed.equals(base) && !mixed.equals(aesthetic));
  assert.deepEqual(
    (await readdir(join(model, 'mixed/0.3'))).filter((name) => !name.startsWith('.')),
    ['config.json', 'diffusion_pytorch_model.safetensors', 'diffusion_pytorch_model.safetensors.json'],
  );
  await rm(join(model, 'wuerstchen-prior-model-finetuned'), { recursive: true });
  const { status, stderr } = paint('aesthetic');
  assert.equal(status, 2);
  assert.match(
    stderr,
    /style aesthetic is not on this disk\. \(.*wuerst models pull wuerstchen-v2 --style aesthetic\)/,
  );
});

test('the same seed gives the same file, and nothing is overwritten', async (t) => {
  const out = await temporaryFolder(t);
  for (let i = 0; i < 2; i += 1)
    assert.equal(wuerst(['imagine', 'a moon seed:5', ...QUICK, '--quiet', '-o', out]).status, 0);
  const files = (await readdir(out)).sort();
  assert.deepEqual(files, ['a-moon-5-2.png', 'a-moon-5.png']);
  const [a, b] = await Promise.all(files.map((name) => sharp(join(out, name)).raw().toBuffer()));
  assert.deepEqual(a, b);
});

test('pictures painted together are those painted alone, whatever stays loaded', async (t) => {
  const out = await temporaryFolder(t);
  const files = [];
  for (const [i, more] of [['--seed', '5', '-n', '3'], ['-n', '2', '--residency', 'stage'], []].entries()) {
    const seed = i > 0 ? ['--seed', '6'] : [];
    const folder = join(out, String(i));
    const made = wuerst(['imagine', 'a moon', ...QUICK, ...seed, ...more, '-o', folder]);
    assert.equal(made.status, 0, made.stderr);
    // Each stage once for all of them.
    assert.deepEqual(made.stderr.match(/Stage \w/g), ['Stage C', 'Stage B', 'Stage A'], made.stderr);
    files.push(await readFile(join(folder, 'a-moon-6.png')));
  }
  const [three, two, one] = files;
  assert.ok(one && three?.equals(one) && two?.equals(one));
});

test('more pictures than one request may have need a yes, where nobody can be asked as --yes', async (t) => {
  const out = await temporaryFolder(t);
  const paint = (...more: string[]) => wuerst(['imagine', 'a {red, blue} fox', ...QUICK, '-o', out, '--json', ...more]);
  const refused = paint('-n', '6');
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /2 requests, 12 pictures in all/);
  assert.match(refused.stderr, /--yes/);
  assert.deepEqual(await readdir(out), []);
  assert.equal(paint('-n', '6', '--yes').stdout.trim().split('\n').length, 12);
});

test('--json prints one object a picture and nothing else', async (t) => {
  const out = await temporaryFolder(t);
  const { status, stdout, stderr } = wuerst([
    'imagine',
    'a {cat, dog}',
    ...QUICK,
    '--json',
    '--format',
    'webp',
    '-o',
    out,
  ]);
  assert.equal(status, 0, stderr);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(lines.length, 2);
  for (const line of lines) {
    assert.match(line.path, /\.webp$/);
    assert.match(line.prompt, /^a (cat|dog)$/);
    assert.equal(line.style, 'interpolated');
    assert.match(line.seed, /^\d+$/);
    assert.equal(line.provider, 'cpu');
    assert.ok(line.seconds > 0 && line.timings.onnx > 0);
  }
});

test('providers that are passed over are named with the reason where a GPU was asked for, and only there', async (t) => {
  const out = await temporaryFolder(t);
  const env = { WUERST_PROVIDER: 'auto' };
  const order = ['cuda', 'webgpu', 'cpu'];
  for (const asked of [[], ['--device', '0'], ['--precision', 'fp16']]) {
    const { status, stdout, stderr } = wuerst(['imagine', 'a sun', ...QUICK, ...asked, '--json', '-o', out], env);
    assert.equal(status, 0, stderr);
    const { provider } = JSON.parse(stdout);
    const passed = asked.length === 0 ? [] : order.slice(0, order.indexOf(provider));
    const named = [...stderr.matchAll(/^(\w+) is not used: .+/gm)].map(([, name]) => name);
    assert.deepEqual(named, passed, `${asked}: ${stderr}`);
  }
});

test('files keep the letters of every script, and --format jpg is jpeg', async (t) => {
  const out = await temporaryFolder(t);
  for (const prompt of ['größer, höher', '赤い狐'])
    assert.equal(wuerst(['imagine', prompt, '--seed', '7', ...QUICK, '--format', 'JPG', '-o', out]).status, 0);
  const names = (await readdir(out)).map((name) => name.normalize('NFC')).sort();
  assert.deepEqual(names, ['größer-höher-7.jpg', '赤い狐-7.jpg']);
  const file = await sharp(await readFile(join(out, names[1] ?? ''))).metadata();
  assert.equal(file.format, 'jpeg');
});

test('-o - writes one picture and nothing else to the standard output', () => {
  const paint = (...args: string[]) =>
    spawnSync(process.execPath, [...WUERST, 'imagine', 'a moon', ...QUICK, '-o', '-', ...args], {
      cwd: ROOT,
      env: { ...process.env, WUERST_PROVIDER: 'cpu' },
    });
  const { status, stdout, stderr } = paint('--seed', '3', '--json', '--format', 'webp');
  assert.equal(status, 0, String(stderr));
  assert.equal(stdout.toString('latin1', 8, 12), 'WEBP');
  assert.equal(stdout.length, stdout.readUInt32LE(4) + 8, 'the file and no byte more');
  const report = JSON.parse(/^\{.*\}$/m.exec(String(stderr))?.[0] ?? '');
  assert.deepEqual([report.path, report.prompt, report.seed], ['-', 'a moon', '3']);
  for (const several of [['-n', '2'], ['a {red, blue} fox']]) {
    const refused = paint(...several);
    assert.equal(refused.status, 2);
    assert.equal(refused.stdout.length, 0);
    assert.match(String(refused.stderr), /Expected one picture for the standard output, got 2\./);
  }
});

test('what the model did not read of a prompt is told in one sentence, with its limit', async (t) => {
  const out = await temporaryFolder(t);
  const { stderr } = wuerst(['imagine', `${'fox '.repeat(200)}and owl`, '--seed', '1', ...QUICK, '-o', out]);
  const told = [...stderr.matchAll(/^The model reads \d+ tokens of a prompt and left out the end: ".*and owl"\.$/gm)];
  assert.equal(told.length, 1, stderr);
  assert.doesNotMatch(stderr, /CLIP/);
});

test('doctor names every provider with its reason, the models and their memory', () => {
  const { status, stdout } = wuerst(['doctor']);
  assert.equal(status, 0);
  assert.match(stdout, /\d+ threads? computes?: /);
  assert.match(stdout, /yes {2}cpu/);
  assert.match(stdout, /(yes|no ) {2}webgpu/);
  assert.match(stdout, /cocktail.*styles .*resident/);
  const { machine, providers, models } = JSON.parse(wuerst(['doctor', '--json'], { WUERST_THREADS: '3' }).stdout);
  assert.deepEqual(machine.threads, { count: 3, reason: 'asked for by --threads or WUERST_THREADS' });
  assert.deepEqual(
    providers.map(({ provider }: { provider: string }) => provider),
    ['cuda', 'webgpu', 'cpu'],
  );
  assert.ok(
    models.some(
      ({ name, memory }: { name: string; memory: { resident: number } | null }) =>
        name === 'cocktail' && (memory?.resident ?? 0) > 0,
    ),
  );
});

test('doctor says which processes the bot would paint with, or what is wrong with the settings', () => {
  const painters = (env: Record<string, string>) =>
    /^Painters of the bot\n((?: {2}.*\n)+)/m.exec(wuerst(['doctor'], env).stdout)?.[1];
  assert.equal(painters({}), '  yes  this machine: cpu\n');
  assert.equal(
    painters({ WUERST_PROCESSES: '2', WUERST_THREADS: '3' }),
    '  yes  process 1 of 2: cpu, 2 threads\n  yes  process 2 of 2: cpu, 1 thread\n',
  );
  assert.match(
    painters({ WUERST_DEVICE: '0,one' }) ?? '',
    /no {3}WUERST_DEVICE: expected numbers of GPUs .* got "0,one"/,
  );
});

test('doctor goes on where a model is broken, and knows the one that WUERST_MODEL names', async (t) => {
  const models = await temporaryFolder(t);
  const broken = join(models, 'broken');
  for (const name of ['wuerstchen', 'wuerstchen-prior'])
    await cp(join(ROOT, 'data/models/cocktail', name), join(broken, name), { recursive: true });
  await rm(join(broken, 'wuerstchen/vqgan/config.json'));
  const missing = join(models, 'nothing');
  const { status, stdout } = wuerst(['doctor'], { WUERST_MODELS: models, WUERST_MODEL: missing });
  assert.equal(status, 0);
  assert.match(stdout, /yes {2}cocktail: styles/);
  assert.match(stdout, /no {3}broken: Cannot read .*vqgan.config\.json/);
  assert.ok(stdout.includes(`no   ${missing} (in use): There is no checkpoint at`), stdout);
});

test('bad input is one clear line and exit code 2, never a stack trace', async (t) => {
  const dir = await temporaryFolder(t);
  await writeFile(join(dir, 'file'), '');
  await mkdir(join(dir, 'empty'));
  const cases: [string[], RegExp][] = [
    [['imagine'], /Expected a prompt, got none\. \(Try: wuerst imagine '/],
    [['imagine', ''], /prompt/],
    [['imagine', 'fox', '--width', '0'], /width.*Try: wuerst imagine /],
    [['imagine', 'fox', '--width', '1.5'], /width/],
    [['imagine', 'fox', '--width', '100000'], /width/],
    [['imagine', 'fox', '--size', 'big'], /size/],
    [['imagine', 'fox', '--seed', '-2'], /seed/],
    [['imagine', 'fox', '--seed', '18446744073709551616'], /seed/],
    [['imagine', 'fox', '--steps', '0'], /steps/],
    [['imagine', 'fox', '--guidance', 'NaN'], /guidance/],
    [['imagine', 'fox', '-n', '11'], /images|n\b/],
    [['imagine', 'fox', '--style', 'glossy'], /style/],
    [['imagine', 'fox', '--wdith', '5'], /--width/],
    [['imagine', 'fox', '--format', 'gif'], /png, webp or jpeg/],
    [
      ['imagine', 'fox', '--provider', 'quantum'],
      /auto, cuda, webgpu or cpu, got "quantum"\. \(Try: wuerst imagine fox --provider auto\)/,
    ],
    [['imagine', 'fox', '--threads', 'many'], /threads/],
    [['doctor', '--threads', '0'], /threads.*from 1 to 256, got "0"/],
    [['worker', '--batch', 'many'], /batch to be a number of pictures from 1 to 64, off, or auto, got "many"/],
    [['imagine', 'fox width:512', '--width', '512'], /width/],
    [['imagine', 'help'], /chat command/],
    [['imagine', 'fox', '--model', join(dir, 'nothing')], /Expected --model to be a folder, or one of cocktail, /],
    [['imagine', 'fox', '--model', join(dir, 'file')], /is a file; a checkpoint is a folder/],
    [['imagine', 'fox', '--model', join(dir, 'empty')], /is no Würstchen model: it holds nothing/],
    [['imagine', 'fox', ...QUICK, '-o', join(dir, 'file')], /Cannot make the folder/],
    // Takes no folder, and says that it is not there itself.
    ...(process.platform === 'linux'
      ? [[['imagine', 'fox', ...QUICK, '-o', '/proc/new/folder'], /Cannot make the folder/] as [string[], RegExp]]
      : []),
    [['info', join(dir, 'nothing.png')], /Cannot read/],
    [['info', join(dir, 'file')], /PNG, WebP or JPEG/],
    [['imagin', 'fox'], /Did you mean imagine/],
  ];
  for (const [args, wanted] of cases) {
    const { status, stdout, stderr } = wuerst(args);
    assert.equal(status, 2, `${args}: ${stderr}`);
    assert.equal(stdout, '', String(args));
    assert.match(stderr, wanted, String(args));
    assert.doesNotMatch(stderr, /\n\s+at /, String(args));
    assert.ok(stderr.trim().split('\n').length <= 2, `${args}: ${stderr}`);
  }
});

test('a half-downloaded checkpoint says what to do', async (t) => {
  const dir = await temporaryFolder(t);
  const source = join(ROOT, 'data/models/cocktail');
  const prior = join(dir, 'wuerstchen-prior/prior');
  await mkdir(prior, { recursive: true });
  for (const name of ['model_index.json', 'prior/config.json']) {
    await writeFile(join(dir, 'wuerstchen-prior', name), await readFile(join(source, 'wuerstchen-prior', name)));
  }
  const half = wuerst(['imagine', 'fox', '--model', dir]);
  assert.equal(half.status, 2);
  assert.match(
    half.stderr,
    /holds only the prior.*Put the repository wuerstchen beside it, or run "wuerst models pull"/,
  );
  await cp(join(source, 'wuerstchen'), join(dir, 'wuerstchen'), { recursive: true });
  const { status, stderr } = wuerst(['imagine', 'fox', '--model', dir]);
  assert.equal(status, 2);
  assert.match(stderr, /tokenizer|safetensors/);
});

test('weights that do not fit are named although the first step does not wait for those of later stages', async (t) => {
  const dir = await temporaryFolder(t);
  for (const name of ['wuerstchen', 'wuerstchen-prior']) {
    await cp(join(ROOT, 'data/models/cocktail', name), join(dir, name), {
      recursive: true,
      filter: (path) => basename(path) !== 'prepared',
    });
  }
  const file = join(dir, 'wuerstchen/vqgan/config.json');
  const config = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...config, num_vq_embeddings: 7 }));
  const out = join(dir, 'out');
  const { status, stderr } = wuerst(['imagine', 'fox', '--model', dir, '--steps', '2', '-o', out]);
  assert.equal(status, 2, stderr);
  assert.match(stderr, /vquantizer\.embedding\.weight/);
  assert.doesNotMatch(stderr, /Stage C: 2 steps/);
  assert.deepEqual(await readdir(out), []);
});

test('help is shown with exit code 0, for the program and its commands', () => {
  for (const args of [['--help'], ['imagine', '--help'], ['start', '--help'], ['models', 'pull', '--help']]) {
    const { status, stdout, stderr } = wuerst(args);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^Usage: wuerst/);
  }
  assert.match(wuerst(['start', '--help']).stdout, /DISCORD_TOKEN/);
});

test('start names every mistake of the settings at once, and shows no secret', () => {
  const { status, stdout, stderr } = wuerst(['start', '--web-port', '99999'], {
    WUERST_WEB_TOKEN: 'short-secret',
    WUERST_DRAIN_SECONDS: 'soon',
  });
  assert.equal(status, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /WUERST_WEB_PORT: expected a port/);
  assert.match(stderr, /WUERST_DRAIN_SECONDS: expected a whole number/);
  assert.match(stderr, /WUERST_WEB_TOKEN: expected at least 16 characters/);
  assert.doesNotMatch(stderr, /short-secret/);
});

test('a data folder that cannot be made, and a backup of nothing, are one clear line', async (t) => {
  const folder = await temporaryFolder(t);
  const start = wuerst(['start', '--web-port', '0'], { WUERST_DATA: join(import.meta.filename, 'data') });
  assert.equal(start.status, 2);
  assert.match(start.stderr, /^wuerst: The data folder .* cannot be made: "(?:ENOTDIR|EEXIST)/);
  const backup = wuerst(['backup', join(folder, 'copy'), '--data', join(folder, 'typo')]);
  assert.equal(backup.status, 2);
  assert.match(backup.stderr, /^wuerst: There is no database in the data folder/);
  assert.deepEqual(await readdir(folder), []);
});

test('the setup of the platforms is printed, or says what is missing', () => {
  assert.match(wuerst(['slack', 'manifest']).stdout, /display_information:/);
  const { status, stderr } = wuerst(['discord', 'invite'], { DISCORD_TOKEN: '' });
  assert.equal(status, 2);
  assert.match(stderr, /DISCORD_TOKEN/);
});
