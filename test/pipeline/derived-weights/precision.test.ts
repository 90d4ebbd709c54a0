import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { cp, mkdir, mkdtemp, open, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { fileOf, NEEDED, type Part } from '../../../scripts/full-size/full-size-model.ts';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { ALL_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import type { GraphBuilder, Value } from '../../../src/pipeline/graph/builder.ts';
import { clipTextGraph } from '../../../src/pipeline/graph/clip-text.ts';
import { decoderGraphs } from '../../../src/pipeline/graph/decoder.ts';
import { priorGraphs } from '../../../src/pipeline/graph/prior.ts';
import { decodeGraph } from '../../../src/pipeline/graph/vqgan.ts';
import {
  type Precision,
  type RuntimeOptions,
  TorchGenerator,
  WuerstchenCombinedPipeline,
} from '../../../src/pipeline/index.ts';
import { PaellaVQModel } from '../../../src/pipeline/networks/paella-vq-model.ts';
import { WuerstchenPrior } from '../../../src/pipeline/networks/wuerstchen-prior.ts';
import { has8BitDotProducts, preferredPrecision } from '../../../src/pipeline/runtime/preferred-precision.ts';
import { Runtime } from '../../../src/pipeline/runtime/runtime.ts';

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');
const PROMPTS = ['a red fox in the snow', 'a cake on a pink background'];

/** Of everything the embedded model knows: animals, things, colours, scenery, two at once, and what it has never seen. */
const TWENTY_PROMPTS = [
  ...PROMPTS,
  ...['a rocket in space', 'a black cat at night', 'a sunflower on a blue background', 'two owls in the forest'],
  ...['a big yellow star', 'a robot on a teal background', 'a whale underwater', 'a castle at sunset', 'pizza'],
  ...['a penguin and a snowman', 'an elephant under a rainbow', 'a tiny frog on grass', 'a cactus in the desert'],
  ...['a white balloon in the sky', 'a lion riding a bicycle', 'a crown on a purple background', 'qwxz!?', ''],
];

const folder = mkdtempSync(join(tmpdir(), 'wuerst-test-'));
const model = join(folder, 'cocktail');
let exact: Uint8Array[];

before(async () => {
  cpSync(COCKTAIL, model, { recursive: true, filter: (path) => !path.endsWith('prepared') });
  exact = await paint({ precision: 'fp32' });
});
after(() => rmSync(folder, { recursive: true }));

/** A picture of each prompt, as bytes. */
async function paint(options: RuntimeOptions, prompts: readonly string[] = PROMPTS): Promise<Uint8Array[]> {
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(model, { provider: 'cpu', ...options });
  assert.equal(pipeline.computedBy, `cpu-${options.precision}`);
  const pictures: Uint8Array[] = [];
  for (const prompt of prompts) {
    const { images } = await pipeline.generate({
      ...{ prompt, width: 1024, height: 1024, priorNumInferenceSteps: 15, numInferenceSteps: 8 },
      generator: new TorchGenerator(7),
    });
    for (const image of images) if ('data' in image && image.data instanceof Uint8Array) pictures.push(image.data);
  }
  await pipeline.release();
  assert.equal(pictures.length, prompts.length);
  return pictures;
}

/** Peak signal-to-noise ratio in dB. */
function psnr(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  const squares = a.reduce((sum, value, i) => sum + (value - (b[i] ?? 0)) ** 2, 0);
  return 10 * Math.log10(255 ** 2 / (squares / a.length));
}

test('pictures with 8-bit weights are within 30 dB of those in 32 bits', async () => {
  const pictures = await paint({ precision: 'int8' });
  for (const [i, picture] of pictures.entries()) {
    const ratio = psnr(picture, exact[i] ?? picture);
    assert.ok(ratio >= 30 && ratio < 70, `${PROMPTS[i]}: ${ratio.toFixed(1)} dB`);
  }
});

test('with 8-bit weights, too, each picture of a batch is the one that its words and seed give alone', async () => {
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(model, { provider: 'cpu', precision: 'int8' });
  const settings = { width: 256, height: 256, priorNumInferenceSteps: 4, numInferenceSteps: 3 };
  const seeds = [7, 8, 9, 10];
  const batch = await pipeline.generate({
    ...{ ...settings, prompt: PROMPTS, decoderGuidanceScale: 1.5, numImagesPerPrompt: 2 },
    generator: seeds.map((seed) => new TorchGenerator(seed)),
  });
  for (const [i, seed] of seeds.entries()) {
    const alone = await pipeline.generate({
      ...{ ...settings, prompt: PROMPTS[Math.floor(i / 2)], decoderGuidanceScale: 1.5 },
      generator: new TorchGenerator(seed),
    });
    assert.ok(alone.images[0] && batch.images[i]);
    assert.equal(psnr(batch.images[i].data, alone.images[0].data), Number.POSITIVE_INFINITY, `picture ${i}`);
  }
  await pipeline.release();
});

test('with 8-bit weights, too, a picture decoded in tiles is the whole one, without seams', async () => {
  let runs = 0;
  const onReturned: RuntimeOptions['onReturned'] = ({ kind }) => {
    runs += Number(kind === 'run');
  };
  const runtime = await Runtime.create({ provider: 'cpu', precision: 'int8', onReturned });
  const vqgan = await PaellaVQModel.load(join(model, 'wuerstchen/vqgan'), runtime);
  const dims = [1, vqgan.config.latent_channels, 96, 80];
  const latents = { data: new TorchGenerator(5).randn(dims), dims };
  const whole = await vqgan.decode(latents);
  runtime.memory.lean = true;
  const tiled = await vqgan.decode(latents);
  assert.ok(runs > 4, `${runs} runs`);
  const apart = tiled.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (whole.data[i] ?? 0))), 0);
  assert.ok(apart < 0.01 / 255, `${apart * 255} levels apart`);
  await vqgan.release();
});

test('weights are prepared wherever the checkpoint and its files lie', async (t) => {
  const folders = [await mkdtemp(join(tmpdir(), 'wuerst-test-')), await mkdtemp('/var/tmp/wuerst-test-')];
  t.after(() => Promise.all(folders.map((path) => rm(path, { recursive: true }))));
  const [here = '', elsewhere = ''] = folders;
  await cp(join(model, 'wuerstchen/vqgan'), join(here, 'vqgan'), { recursive: true });
  await rm(join(here, 'vqgan/prepared'), { recursive: true, force: true });
  const latents = { data: new TorchGenerator(5).randn([1, 4, 8, 8]), dims: [1, 4, 8, 8] };
  const decode = async (path: string) => {
    const vqgan = await PaellaVQModel.load(path, { provider: 'cpu', precision: 'int8' });
    const { data } = await vqgan.decode(latents);
    await vqgan.release();
    return data;
  };
  const wanted = await decode(relative(process.cwd(), join(here, 'vqgan')));
  // As the cache of a hub on another disk: nothing above both but the root.
  const name = 'diffusion_pytorch_model.safetensors';
  await rename(join(here, 'vqgan', name), join(elsewhere, name)).catch(() =>
    cp(join(here, 'vqgan', name), join(elsewhere, name)),
  );
  await rm(join(here, 'vqgan', name), { force: true });
  await symlink(join(elsewhere, name), join(here, 'vqgan', name));
  await rm(join(here, 'vqgan/prepared'), { recursive: true });
  assert.deepEqual(await decode(join(here, 'vqgan')), wanted);
});

test('pictures computed in 16 bits are within 40 dB of those in 32 bits', async () => {
  const pictures = await paint({ precision: 'fp16' });
  for (const [i, picture] of pictures.entries()) {
    const ratio = psnr(picture, exact[i] ?? picture);
    assert.ok(ratio >= 40 && ratio < 90, `${PROMPTS[i]}: ${ratio.toFixed(1)} dB`);
  }
});

test('what is kept in 16 bits stays below 32,000 over twenty prompts', async () => {
  const largest = new Map<string, number>();
  const onPeaks: RuntimeOptions['onPeaks'] = (graph, peaks) => {
    for (const [name, value] of peaks) {
      assert.ok(value < 32_000, `${graph} ${name} reaches ${value}`);
      largest.set(graph, Math.max(largest.get(graph) ?? 0, value));
    }
  };
  await paint({ precision: 'fp16', onPeaks }, TWENTY_PROMPTS);
  const graphs = ['clip-text', 'decoder', 'decoder-conditioning', 'prior', 'prior-conditioning', 'vqgan-decode-pixels'];
  assert.deepEqual([...largest.keys()].sort(), graphs);
  assert.ok([...largest.values()].every((value) => value > 0));
});

/** Graphs of every network of a model folder, in a precision, over weights that are not prepared. */
async function graphsIn(dir: string, precision: Precision): Promise<Record<string, GraphBuilder[]>> {
  const at = async (path: string) => (await Component.open(join(dir, path))).in(precision);
  const both = ({ conditioning, step }: { conditioning: GraphBuilder | null; step: GraphBuilder }) =>
    conditioning ? [conditioning, step] : [step];
  return {
    prior: both(priorGraphs(await at('wuerstchen-prior/prior'), ALL_FOLDS)),
    decoder: both(decoderGraphs(await at('wuerstchen/decoder'), ALL_FOLDS)),
    vqgan: [decodeGraph(await at('wuerstchen/vqgan'), ALL_FOLDS, { output: 'pixels' })],
    text: [clipTextGraph(await at('wuerstchen-prior/text_encoder'), ALL_FOLDS)],
  };
}

test('linear layers inside blocks are in 16 bits; norms, their sums, the residual stream and timesteps in 32', async () => {
  const narrow: Record<string, string[]> = {};
  for (const [name, graphs] of Object.entries(await graphsIn(COCKTAIL, 'fp16'))) {
    const nodes = graphs.flatMap(({ parts }) => parts.nodes);
    const halves = nodes.filter(({ outputs }) => outputs[0]?.dtype === 'f16');
    narrow[name] = [...new Set(halves.map(({ op }) => op))].sort();
    const wide = (op: string) => nodes.filter((node) => node.op === op && node.outputs[0]?.dtype === 'f32').length;
    const all = (op: string) => nodes.filter((node) => node.op === op).length;
    for (const op of ['LayerNormalization', 'MatMul', 'Sqrt', 'ReduceMean', 'Conv', 'Add'])
      assert.equal(wide(op), all(op), `${op} of ${name}`);
  }
  assert.deepEqual(narrow, {
    prior: ['Cast', 'Concat', 'Gelu', 'Gemm', 'Mul', 'MultiHeadAttention', 'Reshape', 'Slice', 'Split'],
    decoder: ['Cast', 'Concat', 'Gelu', 'Gemm', 'Mul', 'MultiHeadAttention', 'Reshape', 'Slice', 'Split'],
    vqgan: ['Cast', 'Gelu', 'Gemm', 'Mul'],
    text: ['Cast', 'Gemm', 'MultiHeadAttention', 'QuickGelu', 'Reshape', 'Split'],
  });
});

/** Multiply-adds of the linear layers of a picture's step, and how many of them have 8-bit weights. */
function multiplyAdds(graphs: readonly GraphBuilder[], sides: Readonly<Record<string, number>>) {
  const rows = ({ shape }: Value) =>
    String(shape[0])
      .split('*')
      .reduce((product, dim) => product * (sides[dim] ?? Number(dim)), 1);
  let [all, int8] = [0, 0];
  for (const { op, inputs, outputs } of graphs.flatMap(({ parts }) => parts.nodes)) {
    const [x] = inputs;
    const [y] = outputs;
    if (!x || !y || (op !== 'Gemm' && op !== 'MatMulIntegerToFloat')) continue;
    const count = rows(y) * Number(x.shape[1]) * Number(y.shape[1]);
    assert.ok(count > 0, `${op} of ${y.shape}`);
    all += count;
    if (op === 'MatMulIntegerToFloat') int8 += count;
  }
  return { all, int8 };
}

/** A checkpoint of the published sizes whose weights are holes in its files: enough to write its graphs. */
async function hollowFullSize(dir: string): Promise<void> {
  for (const part of NEEDED) await writeHollow(dir, part);
}

async function writeHollow(dir: string, part: Part): Promise<void> {
  await mkdir(join(dir, part.folder), { recursive: true });
  await writeFile(join(dir, part.folder, 'config.json'), JSON.stringify(part.config));
  let at = 0;
  const entries = part.plan.map(({ name, shape }) => {
    const from = at;
    at += 4 * shape.reduce((product, dim) => product * dim, 1);
    return [name, { dtype: 'F32', shape, data_offsets: [from, at] }];
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = await open(join(dir, fileOf(part, 'F32')), 'w');
  await file.writeFile(Buffer.concat([length, json]));
  await file.truncate(8 + json.length + at);
  await file.close();
}

test('at least 80 % of the linear multiply-adds have 8-bit weights, in every network that denoises or decodes', async () => {
  const hollow = join(folder, 'full-size');
  await hollowFullSize(hollow);
  const side = (latent: number) =>
    Object.fromEntries([0, 1, 2, 3].flatMap((i) => ['h', 'w'].map((d) => [d + i, latent / 2 ** i])));
  const doubled = (latent: number) => ({ h: latent, w: latent, "h'": latent * 2, "w'": latent * 2 });
  const sizes = {
    [COCKTAIL]: { prior: { h: 8, w: 8, t: 32 }, decoder: { ...side(32), t: 32 }, vqgan: doubled(64) },
    [hollow]: { prior: { h: 24, w: 24, t: 77 }, decoder: { ...side(128), t: 77 }, vqgan: doubled(256) },
  };
  for (const [dir, networks] of Object.entries(sizes)) {
    const graphs = await graphsIn(dir, 'int8');
    for (const [name, dims] of Object.entries(networks)) {
      const { all, int8 } = multiplyAdds(graphs[name] ?? [], { b: 1, ...dims });
      assert.ok(int8 / all >= 0.8, `${name} of ${dir}: ${((100 * int8) / all).toFixed(1)} %`);
    }
  }
});

/** @param blocked no weights can be prepared */
async function hollowNetworks(blocked: boolean) {
  const dir = join(folder, `auto-${blocked}`);
  await hollowFullSize(dir);
  const paths = ['wuerstchen-prior/prior', 'wuerstchen/vqgan'].map((path) => join(dir, path)) as [string, string];
  if (blocked) for (const path of paths) await writeFile(join(path, 'prepared'), 'not a folder');
  return paths;
}

test('auto stays in 32 bits, and says so, where prepared weights cannot be written; asked for, that is an error', async () => {
  const [prior] = await hollowNetworks(true);
  const runtime = await Runtime.create({ provider: 'cpu', precision: 'auto' });
  const network = await WuerstchenPrior.load(prior, runtime);
  assert.equal(network.component.precision, 'fp32');
  assert.equal(runtime.notes.length, runtime.preference.precision === 'int8' ? 1 : 0);
  for (const note of runtime.notes) assert.match(note, /^Cannot write int8 weights into .*\. They stay in 32 bits\.$/);
  await assert.rejects(WuerstchenPrior.load(prior, { provider: 'cpu', precision: 'int8' }), {
    code: 'prepared_not_writable',
  });
});

test('auto takes fewer bits where they pay: 16 on GPUs that have them, 8 on processors for them, large networks only', async () => {
  assert.equal(preferredPrecision('cuda', true).precision, 'fp16');
  assert.equal(preferredPrecision('webgpu', true).precision, 'fp16');
  assert.deepEqual(preferredPrecision('webgpu', false), {
    precision: 'fp32',
    reason: 'webgpu has no 16-bit floats here',
  });
  assert.equal(preferredPrecision('cpu', false, true).precision, 'int8');
  assert.equal(preferredPrecision('cpu', false, false).precision, 'fp32');
  assert.equal(has8BitDotProducts('flags : fpu avx2 avx512_vnni'), true);
  assert.equal(has8BitDotProducts('flags : fpu avx2'), false);
  const runtime = await Runtime.create({ provider: 'cpu', precision: 'auto' });
  assert.equal(runtime.precisionFor(5e6), 'fp32');
  assert.equal(runtime.precisionFor(1e9), runtime.preference.precision);
});
