import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  isInContext,
  lineOf,
  readCopy,
  readDockerfile,
  readVariables,
  type Stage,
} from '../../scripts/dockerfile/dockerfile.ts';
import { readConfig, VARIABLES } from '../../src/config.ts';
import { missingCuda } from '../../src/pipeline/runtime/cuda-libraries.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFile(join(ROOT, path), 'utf8');
const STAGES = readDockerfile(await read('Dockerfile'));
const IGNORED = await read('.dockerignore');
/** What onnxruntime's CUDA provider is linked to, besides the driver and cuDNN. */
const CUDA_13 = ['libcudart.so.13', 'libcublas.so.13', 'libcublasLt.so.13', 'libcurand.so.10'];
const { version } = z.object({ version: z.string() }).parse(JSON.parse(await read('package.json')));

function rests(stages: readonly Stage[], wanted: string): string[] {
  return stages.flatMap(({ instructions }) =>
    instructions.filter(({ keyword }) => keyword === wanted).map(({ rest }) => rest),
  );
}

test('a Dockerfile is read by stages, with continued lines joined and comments left out', () => {
  const stages = readDockerfile('# one\nFROM a:1 AS b\nRUN x \\\n # two\n && y\n\nFROM b\nCOPY --from=b /p q/ /r/\n');
  assert.deepEqual(
    stages.map(({ name, base }) => [name, base]),
    [
      ['b', 'a:1'],
      [undefined, 'b'],
    ],
  );
  assert.deepEqual(stages[0]?.instructions, [{ keyword: 'RUN', rest: 'x && y' }]);
  assert.deepEqual(lineOf(stages), stages);
  assert.deepEqual(readCopy('--from=b /p q/ /r/'), { from: 'b', sources: ['/p', 'q/'], target: '/r/' });
  assert.deepEqual(readVariables('A=1 B="x y" C='), { A: '1', B: 'x y', C: '' });
  for (const wrong of ['RUN x\n', 'from a\n', 'FROM a\nnothing\n'])
    assert.throws(() => readDockerfile(wrong), SyntaxError);
});

test('every base of the image is pinned to a version, and what is copied is there, in the context or an earlier stage', () => {
  const earlier = new Set<string>();
  for (const { base, name, instructions } of STAGES) {
    assert.ok(earlier.has(base) || /:\d+\.\d+\.\d+-[\w.-]+$/.test(base), `${base} has no version`);
    for (const { rest } of instructions.filter(({ keyword }) => keyword === 'COPY')) {
      const { from, sources } = readCopy(rest);
      if (from !== undefined) assert.ok(earlier.has(from), rest);
      else for (const source of sources) assert.ok(existsSync(join(ROOT, source)), `${source} is not there`);
    }
    if (name !== undefined) earlier.add(name);
  }
});

test('the context has what the build copies, and neither settings nor anything made on this machine', async () => {
  const needed = ['package.json', 'package-lock.json', 'scripts/build.mjs', 'src/cli.ts', 'data/slack-manifest.yaml'];
  const model = 'data/models/cocktail';
  for (const path of [...needed, `${model}/generation_config.json`]) assert.ok(isInContext(path, IGNORED), path);
  const kept = [
    '.env',
    '.env.example',
    '.git/config',
    'node_modules/zod/package.json',
    'dist/cli.js',
    'wuerst-data/wuerst.db',
  ];
  const made = [`${model}/prepared/x`, `${model}/wuerstchen/prepared/x`, `${model}/.fingerprints.json`];
  for (const path of [...kept, ...made, 'data/models/other/x', 'test/x.ts'])
    assert.ok(!isInContext(path, IGNORED), path);
  // All of the files that npm would pack with the embedded model.
  for (const entry of await readdir(join(ROOT, model), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(ROOT.length + 1);
    if (entry.isFile() && !/prepared|fingerprints/.test(path)) assert.ok(isInContext(path, IGNORED), path);
  }
});

for (const target of [undefined, 'cuda'])
  test(`the image${target ? ` ${target}` : ''} is not root, says how it is, and keeps everything in its volumes`, () => {
    const line = lineOf(STAGES, target);
    assert.match(rests(line, 'USER').at(-1) ?? 'root', /^[1-9]\d*:[1-9]\d*$/);
    const [health = ''] = rests(line, 'HEALTHCHECK');
    assert.match(health, /healthz/);
    assert.ok(health.includes(String(readConfig({}).web?.port)));
    assert.deepEqual(rests(line, 'ENTRYPOINT'), ['["wuerst"]']);
    assert.deepEqual(rests(line, 'CMD'), ['["start"]']);
    const volumes: string[] = JSON.parse(rests(line, 'VOLUME').at(-1) ?? '[]');
    const env = readVariables(rests(line, 'ENV').join(' '));
    const folders = [env.WUERST_DATA, env.WUERST_MODELS, env.XDG_CACHE_HOME, env.HOME];
    for (const folder of folders)
      assert.ok(
        volumes.some((volume) => folder?.startsWith(volume)),
        folder,
      );
    assert.equal(readVariables(rests(line, 'ARG').join(' ')).VERSION, version);
    const labels = readVariables(rests(line, 'LABEL').join(' '));
    for (const label of ['title', 'description', 'version', 'licenses']) {
      assert.ok(labels[`org.opencontainers.image.${label}`], label);
    }
  });

test('the CUDA image brings every library that the CUDA provider needs, but for those of the driver', () => {
  const [gathered = ''] = rests(lineOf(STAGES, 'libraries'), 'RUN');
  const needed = [missingCuda(new Set(['libcuda.so.1'])), missingCuda(new Set(['libcuda.so.1', ...CUDA_13]))].join(' ');
  const names = [...needed.matchAll(/\blib(\w+)\.so/g)].map(([, name = '']) => name);
  assert.deepEqual(new Set(names), new Set(['cudart', 'cublas', 'cublasLt', 'curand', 'cudnn']));
  for (const name of names) assert.match(gathered, new RegExp(`\\b(?:lib)?${name}\\b`));
});

const COMPOSE_FILES = ['compose.yaml', 'compose.cuda.yaml', 'compose.workers.yaml'];
const service = z.looseObject({
  environment: z.record(z.string(), z.unknown()).default({}),
  volumes: z.array(z.string()).default([]),
});
const composeFile = z.looseObject({ services: z.record(z.string(), service) });

async function readCompose(file: string) {
  return parse(await read(file), { merge: true }) as unknown;
}

test('the compose files are what the Compose Specification says', async () => {
  const { $schema: _, ...schema } = JSON.parse(await read('test/fixtures/compose-spec/compose-spec.json'));
  const isValid = new Ajv({ strict: false, validateFormats: false }).compile(schema);
  for (const file of COMPOSE_FILES) {
    assert.ok(isValid(await readCompose(file)), `${file}: ${JSON.stringify(isValid.errors, null, 1)}`);
  }
  assert.ok(!isValid({ services: { bot: { volume: [] } } }), 'it would say if they were not');
});

test('the compose files set settings that there are, and keep data and models in the volumes of the image', async () => {
  const known = new Set(VARIABLES.map(({ name }) => name));
  const image = readVariables(rests(lineOf(STAGES), 'ENV').join(' '));
  const stop = z.object({ services: z.object({ bot: z.object({ stop_grace_period: z.literal('1m') }) }) });
  stop.parse(await readCompose('compose.yaml'));
  assert.ok(60_000 > readConfig({}).drainMs + 10_000);
  for (const file of COMPOSE_FILES) {
    for (const { environment, volumes } of Object.values(composeFile.parse(await readCompose(file)).services)) {
      for (const [name, value] of Object.entries(environment)) {
        assert.ok(known.has(name), `${file}: ${name}`);
        if (name in image) assert.equal(value, image[name], `${file}: ${name}`);
      }
      for (const volume of volumes.filter((one) => /^(data|models):/.test(one))) {
        assert.ok([image.WUERST_DATA, image.WUERST_MODELS].includes(volume.split(':')[1]), `${file}: ${volume}`);
      }
    }
  }
});
