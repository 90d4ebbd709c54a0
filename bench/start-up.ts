/**
 * How long `wuerst imagine` takes from process start until its first denoising step begins, against a bare Node script that
 * imports onnxruntime-node and creates the same sessions from finished .onnx files. Needs `npm run build`. `first` is a start
 * that finds no machine code of an earlier one.
 *
 * usage: node --import tsx bench/start-up.ts [--repeat 7]
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Component } from '../src/pipeline/checkpoint/checkpoint.ts';
import { ALL_FOLDS } from '../src/pipeline/graph/blocks.ts';
import { clipTextGraph } from '../src/pipeline/graph/clip-text.ts';
import { priorGraphs } from '../src/pipeline/graph/prior.ts';

const { values } = parseArgs({ options: { repeat: { type: 'string', default: '7' } } });
const root = join(import.meta.dirname, '..');
const model = join(root, 'data/models/cocktail');
const dir = mkdtempSync(join(tmpdir(), 'wuerst-bench-'));

const text = await Component.open(join(model, 'wuerstchen-prior/text_encoder'));
const prior = await Component.open(join(model, 'wuerstchen-prior/prior'));
const { conditioning, step } = priorGraphs(prior, ALL_FOLDS);
const sessions = [
  { graph: clipTextGraph(text, ALL_FOLDS), weights: text.weightsDir },
  ...(conditioning ? [{ graph: conditioning, weights: prior.weightsDir }] : []),
  { graph: step, weights: prior.weightsDir },
].map(({ graph, weights }) => {
  const file = join(dir, `${graph.name}.onnx`);
  writeFileSync(file, graph.toBytes());
  return { file, weights };
});
const bare = join(dir, 'bare.mjs');
writeFileSync(
  bare,
  `import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
const { InferenceSession } = createRequire(${JSON.stringify(join(root, 'package.json'))})('onnxruntime-node');
for (const { file, weights } of ${JSON.stringify(sessions)}) {
  await InferenceSession.create(readFileSync(file), {
    executionProviders: ['cpu'], enableMemPattern: false,
    extra: { session: { model_external_initializers_file_folder_path: weights } },
  });
}
process.exit(0);
`,
);

function timeBare(): number {
  const start = performance.now();
  spawnSync(process.execPath, [bare], { stdio: 'inherit' });
  return performance.now() - start;
}

/** Tells when a denoising step is about to run. */
const probe = join(dir, 'probe.mjs');
writeFileSync(
  probe,
  `import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
const { InferenceSession } = createRequire(${JSON.stringify(join(root, 'package.json'))})('onnxruntime-node');
const create = InferenceSession.create;
InferenceSession.create = async (...parts) => {
  const session = await create.apply(InferenceSession, parts);
  const run = session.run;
  session.run = (feeds, ...rest) => {
    if ('x' in feeds && 'r' in feeds) writeSync(2, 'first step');
    return run.call(session, feeds, ...rest);
  };
  return session;
};
`,
);

const args = [
  ...['--import', probe, join(root, 'dist/cli.js'), 'imagine', 'a panda'],
  ...['--steps', '1', '--decoder-steps', '1', '--provider', 'cpu', '-o', dir],
];
const env = { ...process.env, XDG_CACHE_HOME: dir };

function timeImagine(more: NodeJS.ProcessEnv = {}): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, args, { env: { ...env, ...more }, stdio: ['ignore', 'ignore', 'pipe'] });
  return new Promise((resolve, reject) => {
    let ms: number | null = null;
    child.stderr.on('data', (data: Buffer) => {
      if (ms !== null || !data.toString().includes('first step')) return;
      ms = performance.now() - start;
      child.kill('SIGKILL');
    });
    child.on('close', (code) => (ms === null ? reject(new Error(`imagine ended with ${code}`)) : resolve(ms)));
  });
}

// A picture that is painted to its end keeps the machine code.
spawnSync(process.execPath, args, { env });
const pairs: { imagine: number; first: number; bare: number }[] = [];
for (let i = 0; i <= Number(values.repeat); i += 1) {
  const first = await timeImagine({ NODE_DISABLE_COMPILE_CACHE: '1' });
  const pair = { imagine: await timeImagine(), first, bare: timeBare() };
  if (i > 0) pairs.push(pair);
}
rmSync(dir, { recursive: true, force: true });
const fastest = (of: (pair: (typeof pairs)[number]) => number) => Math.min(...pairs.map(of));
const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
console.log(
  JSON.stringify({
    imagineMs: Math.round(median(pairs.map(({ imagine }) => imagine))),
    firstMs: Math.round(median(pairs.map(({ first }) => first))),
    bareMs: Math.round(median(pairs.map(({ bare: ms }) => ms))),
    ratio: median(pairs.map(({ imagine, bare: ms }) => imagine / ms)).toFixed(2),
    firstRatio: median(pairs.map(({ first, bare: ms }) => first / ms)).toFixed(2),
    ratioOfFastest: (fastest(({ imagine }) => imagine) / fastest(({ bare: ms }) => ms)).toFixed(2),
  }),
);
