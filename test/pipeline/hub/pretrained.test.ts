import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  type FetchProgress,
  type OperatorError,
  type PretrainedOptions,
  TorchGenerator,
  WuerstchenCombinedPipeline,
  WuerstchenDecoderPipeline,
  WuerstchenPriorPipeline,
} from '../../../src/pipeline/index.ts';
import { type FakeFile, type FakeHub, startFakeHub } from '../../models/fake-hub.ts';
import { COCKTAIL, combinedFolder, HALVES, hubCache } from '../../models/folders.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const QUICK = { prompt: 'a panda', width: 256, height: 256, priorNumInferenceSteps: 1, numInferenceSteps: 1 };

async function filesOf(folder: string): Promise<Map<string, FakeFile>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = new Map<string, FakeFile>();
  for (const entry of entries) {
    const path = relative(folder, join(entry.parentPath, entry.name));
    if (!entry.isFile() || path.includes('prepared')) continue;
    files.set(path, { bytes: await readFile(join(folder, path)), large: path.endsWith('.safetensors') });
  }
  return files;
}

const text = (content: string): FakeFile => ({ bytes: Buffer.from(content), large: false });

interface Scene {
  readonly hub: FakeHub;
  readonly cacheDir: string;
  readonly options: PretrainedOptions;
}

/** Cocktail on a hub, in repositories of names that say nothing; an empty cache. */
async function scene(
  t: TestContext,
  card = '---\nlicense: mit\nprior:\n- ann/words\n---\n# Painter\n',
): Promise<Scene> {
  const [prior, decoder] = await Promise.all(HALVES.map((half) => filesOf(join(COCKTAIL, half))));
  const hub = await startFakeHub(t, new Map());
  hub.repositories.set('ann/words', prior ?? new Map());
  hub.repositories.set('bob/painter', new Map([...(decoder ?? []), ['README.md', text(card)]]));
  hub.repositories.set('bob/wuerstchen-prior-model-base', await filesOf(join(COCKTAIL, 'wuerstchen-prior-model-base')));
  const cacheDir = join(await temporaryFolder(t), 'cache');
  return { hub, cacheDir, options: { provider: 'cpu', endpoint: hub.endpoint, cacheDir } };
}

async function painted(pipeline: WuerstchenCombinedPipeline, style?: string) {
  const { images } = await pipeline.generate({ ...QUICK, style, generator: new TorchGenerator(7) });
  await pipeline.release();
  return images[0]?.data;
}

const paintedHere = async (style?: string) =>
  painted(await WuerstchenCombinedPipeline.fromPretrained(COCKTAIL, { provider: 'cpu' }), style);

test('a repository is fetched with the prior that its card names, once, and paints as the same weights in a folder', async (t) => {
  const { hub, cacheDir, options } = await scene(t);
  const seen: FetchProgress[] = [];
  const onProgress = (progress: FetchProgress) => void seen.push(progress);
  const first = await WuerstchenCombinedPipeline.fromPretrained('bob/painter', { ...options, onProgress });
  assert.deepEqual(await painted(first), await paintedHere());
  assert.equal(first.name, 'painter');
  const finished = seen
    .filter(({ done, size }) => done === size)
    .map(({ repository, file }) => `${repository} ${file}`);
  for (const wanted of ['bob/painter vqgan/config.json', 'ann/words prior/diffusion_pytorch_model.safetensors']) {
    assert.ok(finished.includes(wanted), wanted);
  }
  assert.equal(await readFile(join(cacheDir, 'models--bob--painter/refs/main'), 'utf8'), hub.commit);

  hub.seen.length = 0;
  await WuerstchenCombinedPipeline.fromPretrained('bob/painter', options);
  assert.deepEqual(
    [...new Set(hub.seen.map(({ path }) => path.replace(/^.*\/(revision|tree|resolve)\/.*/, '$1')))],
    ['revision'],
  );
});

for (const [form, card] of Object.entries({
  'one name': '---\r\nprior: ann/words # small\r\n---\r\n',
  'a list in brackets': '---\ntags: [a, b]\nprior: ["ann/words", other/one]\n---\n',
  'an indented list': "---\nlicense: mit\nprior:\n  - 'ann/words'\nprior_x: no/body\n---\n",
})) {
  test(`a card names the prior as ${form}`, async (t) => {
    const { options } = await scene(t, card);
    const pipeline = await WuerstchenCombinedPipeline.fromPretrained('bob/painter', options);
    assert.match(pipeline.prior.prior.component.dir, /models--ann--words/);
  });
}

test('without a card the prior is the repository that is named like the decoder', async (t) => {
  const { hub, options } = await scene(t, '# prior: ann/words');
  await assert.rejects(WuerstchenCombinedPipeline.fromPretrained('bob/painter', options), {
    code: 'half_not_found',
    message: /The model card of bob\/painter names no prior, and bob\/painter-prior cannot be fetched/,
  });
  const words = hub.repositories.get('ann/words');
  hub.repositories.set('bob/painter-prior', words ?? new Map());
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained('bob/painter', options);
  assert.match(pipeline.prior.prior.component.dir, /models--bob--painter-prior/);
});

test("a style's Stage C is fetched from the same owner", async (t) => {
  const { options } = await scene(t);
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained('bob/painter', { ...options, style: 'base' });
  assert.deepEqual(await painted(pipeline, 'base'), await paintedHere('base'));
});

test('a prior or a decoder is fetched alone, and the wrong class before its weights', async (t) => {
  const { hub, cacheDir, options } = await scene(t);
  await WuerstchenPriorPipeline.fromPretrained('ann/words', options);
  await WuerstchenDecoderPipeline.fromPretrained('bob/painter', options);
  assert.deepEqual((await readdir(cacheDir)).sort(), ['models--ann--words', 'models--bob--painter']);
  await rm(cacheDir, { recursive: true });
  hub.seen.length = 0;
  await assert.rejects(WuerstchenPriorPipeline.fromPretrained('bob/painter', options), {
    code: 'class_unknown',
    message:
      /Expected class WuerstchenPriorPipeline or WuerstchenCombinedPipeline in bob\/painter, found WuerstchenDecoderPipeline\./,
  });
  assert.deepEqual(
    hub.seen.filter(({ path }) => path.endsWith('.safetensors')),
    [],
  );
});

test('a repository of the combined pipeline is fetched alone', async (t) => {
  const { hub, cacheDir, options } = await scene(t);
  hub.repositories.set('carl/whole', await filesOf(await combinedFolder(join(await temporaryFolder(t), 'whole'))));
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained('carl/whole', options);
  assert.deepEqual(await painted(pipeline), await paintedHere());
  assert.deepEqual(await readdir(cacheDir), ['models--carl--whole']);
});

test('a local folder wins over a repository of its name', async (t) => {
  const { hub, options } = await scene(t);
  const before = process.cwd();
  const dir = await temporaryFolder(t);
  t.after(() => process.chdir(before));
  process.chdir(dir);
  await mkdir('bob/painter', { recursive: true });
  for (const half of HALVES) await cp(join(COCKTAIL, half), join(dir, 'bob/painter', half), { recursive: true });
  await WuerstchenCombinedPipeline.fromPretrained('bob/painter', options);
  assert.deepEqual(hub.seen, []);
});

test('localFilesOnly asks no hub, and says what is missing', async (t) => {
  const { hub, cacheDir, options } = await scene(t);
  const local = { ...options, localFilesOnly: true };
  await assert.rejects(WuerstchenCombinedPipeline.fromPretrained('bob/painter', local), {
    code: 'not_fetched',
    message: /There is no folder bob\/painter, .* lacks main of bob\/painter, and nothing may be fetched\./,
  });
  await WuerstchenCombinedPipeline.fromPretrained('bob/painter', options);
  hub.seen.length = 0;
  await WuerstchenCombinedPipeline.fromPretrained('bob/painter', local);
  await rm(join(cacheDir, 'models--ann--words/snapshots', hub.commit, 'scheduler'), { recursive: true });
  await assert.rejects(WuerstchenCombinedPipeline.fromPretrained('bob/painter', local), {
    message: /lacks scheduler\/scheduler_config\.json of ann\/words/,
  });
  assert.deepEqual(hub.seen, []);
});

test('what was fetched opens while the hub is away, also what Python fetched', async (t) => {
  const { hub, options } = await scene(t);
  await WuerstchenCombinedPipeline.fromPretrained('bob/painter', options);
  hub.fault = () => ({ status: 503 });
  await WuerstchenCombinedPipeline.fromPretrained('bob/painter', options);
  const cacheDir = await hubCache(join(await temporaryFolder(t), 'hub'));
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained('warp-ai/wuerstchen', { ...options, cacheDir });
  assert.deepEqual(await painted(pipeline), await paintedHere());
});

test('a revision is fetched as such, a commit is not asked for again, and a file name is no revision', async (t) => {
  const { hub, options } = await scene(t);
  const { commit } = hub;
  await WuerstchenDecoderPipeline.fromPretrained('bob/painter', { ...options, revision: commit });
  hub.seen.length = 0;
  await WuerstchenDecoderPipeline.fromPretrained('bob/painter', { ...options, revision: commit });
  assert.deepEqual(hub.seen, []);
  for (const revision of ['../../x', '/etc', 'a/../b', '']) {
    await assert.rejects(
      WuerstchenDecoderPipeline.fromPretrained('bob/painter', { ...options, revision }),
      ({ code }: OperatorError) => code === 'revision_invalid',
    );
  }
  hub.commit = 'd'.repeat(40);
  const moved = await WuerstchenDecoderPipeline.fromPretrained('bob/painter', options);
  assert.match(moved.decoder.component.dir, /snapshots\/d{40}\/decoder$/);
});

test('the token goes to the hub, and a cut download goes on where it stopped', async (t) => {
  const { hub, options } = await scene(t);
  let cut = false;
  hub.fault = ({ host, path }) => {
    if (cut || host !== 'cdn' || path !== '/decoder/diffusion_pytorch_model.safetensors') return undefined;
    cut = true;
    return { cutAfter: 1000 };
  };
  await WuerstchenDecoderPipeline.fromPretrained('bob/painter', { ...options, token: 'hf_secret' });
  assert.deepEqual(
    new Set(hub.seen.filter(({ host }) => host === 'hub').map((seen) => seen.authorization)),
    new Set(['Bearer hf_secret']),
  );
  assert.ok(hub.seen.some(({ range }) => range === 'bytes=1000-'));
});

test('two programs that open the same repository at once fetch it once', async (t) => {
  const { hub, options } = await scene(t);
  await Promise.all([1, 2].map(() => WuerstchenDecoderPipeline.fromPretrained('bob/painter', options)));
  assert.equal(hub.sent('vqgan/diffusion_pytorch_model.safetensors').length, 1);
});

test('a name that is neither a folder nor a repository is told as both', async (t) => {
  const { options } = await scene(t);
  await assert.rejects(WuerstchenCombinedPipeline.fromPretrained('models/typo', options), {
    code: 'hub_not_found',
    message: /^There is no folder models\/typo, and as a repository it cannot be used: http\S+ answered 404/,
  });
  await assert.rejects(WuerstchenCombinedPipeline.fromPretrained('typo', options), { code: 'checkpoint_missing' });
});

test('a local decoder finds the prior that its card names beside it', async (t) => {
  const dir = await temporaryFolder(t);
  await cp(join(COCKTAIL, 'wuerstchen'), join(dir, 'painter'), { recursive: true });
  await cp(join(COCKTAIL, 'wuerstchen-prior'), join(dir, 'words'), { recursive: true });
  await writeFile(join(dir, 'painter/README.md'), '---\nprior: ann/words\n---\n');
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(join(dir, 'painter'), { provider: 'cpu' });
  assert.equal(pipeline.prior.prior.component.dir, join(dir, 'words/prior'));
});
