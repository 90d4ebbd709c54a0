import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { ALL_FOLDS, type Folds, NO_FOLDS } from '../../../src/pipeline/graph/blocks.ts';
import type { GraphBuilder } from '../../../src/pipeline/graph/builder.ts';
import { clipTextGraph } from '../../../src/pipeline/graph/clip-text.ts';
import { decoderGraphs } from '../../../src/pipeline/graph/decoder.ts';
import { decoderConfig, injectedLevels } from '../../../src/pipeline/graph/decoder-plan.ts';
import { priorGraphs } from '../../../src/pipeline/graph/prior.ts';
import { decodeGraph, encodeGraph } from '../../../src/pipeline/graph/vqgan.ts';
import { bicubicMatrices } from '../../../src/pipeline/math/resize.ts';
import { timestepEmbedding } from '../../../src/pipeline/math/timestep-embedding.ts';
import { PaellaVQModel } from '../../../src/pipeline/networks/paella-vq-model.ts';
import { type LoadedTensor, readSafetensors } from '../read-safetensors.ts';
import { foldersIn, REFERENCE } from '../reference.ts';
import { temporaryFolder } from '../temporary-folder.ts';

interface Found {
  readonly data: ArrayLike<number | bigint>;
  readonly dims: readonly number[];
}
/** What a call gives, by the reference's name of the output. */
type Outputs = Readonly<Record<string, Found | undefined>>;
/** One call of a case. */
interface Call {
  readonly component: Component;
  readonly folds: Folds;
  readonly input: (name: string) => LoadedTensor;
  /** Whether the reference has this output. */
  readonly wants: (name: string) => boolean;
}

interface Report {
  readonly calls_report: { readonly outputs: Readonly<Record<string, { tolerance_abs?: number; exact?: boolean }>> }[];
}

const NETWORKS: Readonly<Record<string, (call: Call) => Promise<Outputs>>> = {
  text_encoder: encodeText,
  prior: predict,
  decoder: predictWithParts,
  vqgan: decodeAndEncode,
};

let compared = 0;
for (const [network, outputsOf] of Object.entries(NETWORKS)) {
  for (const dir of foldersIn(network)) {
    for (const [name, folds] of Object.entries({ folded: ALL_FOLDS, plain: NO_FOLDS })) {
      compared += 1;
      test(`${network}/${basename(dir)}: the ${name} graph gives the reference's numbers`, () =>
        compareCase(dir, folds, outputsOf));
    }
  }
}

test('the reference set has networks to compare with', () => {
  assert.ok(compared > 0, `no case in ${REFERENCE}`);
});

const prefixed = (dir: string) => join(dir, 'model.prefixed.safetensors');
for (const dir of foldersIn('text_encoder').filter((one) => existsSync(prefixed(one)))) {
  test(`text_encoder/${basename(dir)}: keys with the prefix text_model. are the same weights`, async (t) => {
    const other = await temporaryFolder(t);
    await copyFile(prefixed(dir), join(other, 'model.safetensors'));
    for (const name of ['config.json', 'case.json', 'io.safetensors'])
      await copyFile(join(dir, name), join(other, name));
    await compareCase(other, ALL_FOLDS, encodeText);
  });
}

async function compareCase(dir: string, folds: Folds, outputsOf: (call: Call) => Promise<Outputs>): Promise<void> {
  const io = await readSafetensors(join(dir, 'io.safetensors'));
  const report = JSON.parse(await readFile(join(dir, 'case.json'), 'utf8')) as Report;
  const calls = new Set([...io.keys()].map((key) => key.split('.')[0]));
  assert.equal(calls.size, report.calls_report.length, `${dir}: calls with numbers`);
  const component = await Component.open(dir);
  for (const [i, { outputs }] of report.calls_report.entries()) {
    const wanted = [...io.keys()].flatMap((key) => key.match(`^call${i}\\.out\\.(.+)$`)?.[1] ?? []);
    assert.ok(wanted.length > 0, `${dir} call ${i} has outputs`);
    const input = (name: string): LoadedTensor => {
      const found = io.get(`call${i}.in.${name}`);
      assert.ok(found, `${dir} lacks call${i}.in.${name}`);
      return found;
    };
    const found = await outputsOf({ component, folds, input, wants: (name) => wanted.includes(name) });
    for (const name of wanted) {
      const expected = io.get(`call${i}.out.${name}`);
      assert.ok(expected);
      agree(found[name], expected, outputs[name] ?? {}, `${dir} call ${i} ${name}`);
    }
  }
}

function agree(
  actual: Found | undefined,
  { data, shape }: LoadedTensor,
  { tolerance_abs: tolerance, exact }: { tolerance_abs?: number; exact?: boolean },
  what: string,
): void {
  assert.ok(actual, `${what} is not computed`);
  const allowed = exact ? 0 : tolerance;
  assert.ok(allowed !== undefined, `${what}: no tolerance given`);
  assert.deepEqual([...actual.dims], shape, what);
  let worst = 0;
  for (let i = 0; i < data.length; i += 1) {
    const difference = Math.abs(Number(actual.data[i]) - Number(data[i]));
    if (!(difference <= worst)) worst = difference;
  }
  assert.ok(worst <= allowed, `${what}: off by ${worst}, allowed ${allowed}`);
}

async function encodeText({ component, folds, input }: Call): Promise<Outputs> {
  const result = await run(clipTextGraph(component, folds), component, {
    input_ids: feed(input('input_ids')),
    attention_mask: feed(input('attention_mask')),
  });
  component.assertAllUsed();
  return result as Outputs;
}

async function predict({ component, folds, input }: Call): Promise<Outputs> {
  const { conditioning, step } = priorGraphs(component, folds);
  component.assertAllUsed();
  const text = feed(input('c'));
  const r = embedded(input('r'), component);
  const conditioned = conditioning ? await run(conditioning, component, { text }) : { text };
  const { pred } = await run(step, component, { x: feed(input('x')), r, ...conditioned });
  return { pred, r_embed: r } as Outputs;
}

async function predictWithParts({ component, folds, input }: Call): Promise<Outputs> {
  const { conditioning, step } = decoderGraphs(component, folds);
  component.assertAllUsed();
  const config = decoderConfig(component);
  const [x, effnet] = [input('x'), input('effnet')];
  const [, , H = 0, W = 0] = x.shape;
  const [, , h = 0, w = 0] = effnet.shape;
  const given: Record<string, Tensor> = { text: feed(input('clip')) };
  for (const level of injectedLevels(config)) {
    const [toH, toW] = [H, W].map((side) => side / config.patch_size / 2 ** level) as [number, number];
    given.effnet = feed(effnet);
    const { rows, columns } = bicubicMatrices([h, w], [toH, toW]);
    given[`my${level}`] = new Tensor('float32', rows, [toH, h]);
    given[`mx${level}`] = new Tensor('float32', transposed(columns, toW, w), [w, toW]);
  }
  const r = embedded(input('r'), component);
  const conditioned = conditioning ? await run(conditioning, component, given) : given;
  return { ...(await run(step, component, { x: feed(x), r, ...conditioned })), r_embed: r } as Outputs;
}

/** Some cases hold one half of the network alone; a whole network is asked by its front door. */
async function decodeAndEncode(call: Call): Promise<Outputs> {
  const { component, folds, input, wants } = call;
  if (!component.has('in_block.1.weight') || !component.has('out_block.0.weight')) return halfOf(call);
  const vqgan = await PaellaVQModel.load(component.dir, { provider: 'cpu', folds });
  const latents = plain(input('h'));
  const [batch = 0, , h = 0, w = 0] = latents.dims;
  const quantised = await vqgan.decodeQuantised(latents);
  const encoded = wants('encode') || wants('encode_decode') ? await vqgan.encode(plain(input('image'))) : undefined;
  const outputs = {
    decode: await vqgan.decode(latents),
    decode_quantised: quantised.image,
    vq_values: quantised.values,
    vq_indices: { data: quantised.indices, dims: [batch, h, w] },
    encode: encoded,
    encode_decode: encoded && (await vqgan.decode(encoded)),
  };
  await vqgan.release();
  return outputs;
}

async function halfOf({ component, folds, input, wants }: Call): Promise<Outputs> {
  if (wants('encode')) {
    const { latents } = await run(encodeGraph(component, folds), component, { image: feed(input('image')) });
    return { encode: latents } as Outputs;
  }
  const { image } = await run(decodeGraph(component, folds), component, { latents: feed(input('h')) });
  return { decode: image } as Outputs;
}

async function run(graph: GraphBuilder, component: Component, feeds: Record<string, Tensor>) {
  const session = await InferenceSession.create(graph.toBytes(), {
    extra: { session: { model_external_initializers_file_folder_path: component.weightsDir } },
  });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

function embedded({ data, shape }: LoadedTensor, component: Component): Tensor {
  assert.ok(data instanceof Float32Array);
  const cR = Number(component.config.c_r);
  return new Tensor('float32', timestepEmbedding(data, cR), [...shape, cR]);
}

function feed({ data, shape }: LoadedTensor): Tensor {
  if (data instanceof BigInt64Array) return new Tensor('int64', data, shape);
  assert.ok(data instanceof Float32Array);
  return new Tensor('float32', data, shape);
}

function plain({ data, shape }: LoadedTensor): { data: Float32Array; dims: number[] } {
  assert.ok(data instanceof Float32Array);
  return { data, dims: shape };
}

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)] ?? Number.NaN);
}
