import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { Component } from '../../src/pipeline/checkpoint.ts';
import { ALL_FOLDS, type Folds, NO_FOLDS } from '../../src/pipeline/graph/blocks.ts';
import type { GraphBuilder } from '../../src/pipeline/graph/builder.ts';
import { clipTextGraph } from '../../src/pipeline/graph/clip-text.ts';
import { decoderConfig, decoderGraphs, injectedLevels } from '../../src/pipeline/graph/decoder.ts';
import { priorGraphs } from '../../src/pipeline/graph/prior.ts';
import { decodeGraph, encodeGraph } from '../../src/pipeline/graph/vqgan.ts';
import { PaellaVQModel } from '../../src/pipeline/networks.ts';
import { rEmbedding } from '../../src/pipeline/r-embedding.ts';
import { bicubicMatrices } from '../../src/pipeline/resize.ts';
import { type LoadedTensor, readSafetensors } from '../../src/pipeline/safetensors.ts';

const REFERENCE = process.env.WUERST_REFERENCE ?? join(import.meta.dirname, '../fixtures/reference');

function cases(network: string): string[] {
  const dir = join(REFERENCE, network);
  const names = readdirSync(dir).filter((name) => existsSync(join(dir, name, 'io.safetensors')));
  assert.ok(names.length > 0, `no case in ${dir}`);
  return names.map((name) => join(dir, name));
}

function embed({ data, shape }: LoadedTensor, component: Component): Tensor {
  assert.ok(data instanceof Float32Array);
  const cR = Number(component.config.c_r);
  return new Tensor('float32', rEmbedding(data, cR), [...shape, cR]);
}

function feed({ data, shape }: LoadedTensor): Tensor {
  if (data instanceof BigInt64Array) return new Tensor('int64', data, shape);
  assert.ok(data instanceof Float32Array);
  return new Tensor('float32', data, shape);
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

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)] ?? Number.NaN);
}

interface Report {
  calls_report: { outputs: Record<string, { tolerance_abs?: number }> }[];
}

async function open(dir: string) {
  const io = await readSafetensors(join(dir, 'io.safetensors'));
  const report = JSON.parse(await readFile(join(dir, 'case.json'), 'utf8')) as Report;
  const get = (key: string): LoadedTensor => {
    const found = io.get(key);
    assert.ok(found, `${dir} lacks ${key}`);
    return found;
  };
  const calls = report.calls_report.map((call, i) => ({ i, outputs: call.outputs }));
  return { io, get, calls, component: await Component.open(dir) };
}

function agree(actual: Tensor | undefined, expected: LoadedTensor, tolerance: number | undefined, what: string): void {
  assert.ok(actual, what);
  assert.ok(tolerance !== undefined, `${what}: no tolerance given`);
  assert.deepEqual([...actual.dims], expected.shape);
  let worst = 0;
  for (let i = 0; i < expected.data.length; i += 1) {
    const difference = Math.abs(Number(actual.data[i]) - Number(expected.data[i]));
    if (!(difference <= worst)) worst = difference;
  }
  assert.ok(worst <= tolerance, `${what}: off by ${worst}, allowed ${tolerance}`);
}

for (const [name, folds] of [
  ['folded', ALL_FOLDS],
  ['plain', NO_FOLDS],
] as [string, Folds][]) {
  test(`the ${name} text encoder gives the reference's hidden states`, async () => {
    for (const dir of cases('text_encoder')) {
      const { get, calls, component } = await open(dir);
      for (const { i, outputs } of calls) {
        const result = await run(clipTextGraph(component, folds), component, {
          input_ids: feed(get(`call${i}.in.input_ids`)),
          attention_mask: feed(get(`call${i}.in.attention_mask`)),
        });
        const expected = get(`call${i}.out.last_hidden_state`);
        agree(result.last_hidden_state, expected, outputs.last_hidden_state?.tolerance_abs, `${dir} call ${i}`);
      }
      component.assertAllUsed();
    }
  });

  test(`the ${name} prior gives the reference's prediction`, async () => {
    for (const dir of cases('prior')) {
      const { get, calls, component } = await open(dir);
      for (const { i, outputs } of calls) {
        const { conditioning, step } = priorGraphs(component, folds);
        const text = feed(get(`call${i}.in.c`));
        const feeds = { x: feed(get(`call${i}.in.x`)), r: embed(get(`call${i}.in.r`), component) };
        const conditioned = conditioning ? await run(conditioning, component, { text }) : { text };
        const result = await run(step, component, { ...feeds, ...conditioned });
        agree(result.pred, get(`call${i}.out.pred`), outputs.pred?.tolerance_abs, `${dir} call ${i}`);
      }
      component.assertAllUsed();
    }
  });

  test(`the ${name} decoder gives the reference's noise and its parts`, async () => {
    for (const dir of cases('decoder')) {
      const { get, calls, component } = await open(dir);
      const config = decoderConfig(component);
      for (const { i, outputs } of calls) {
        const { conditioning, step } = decoderGraphs(component, folds);
        const x = get(`call${i}.in.x`);
        const effnet = get(`call${i}.in.effnet`);
        const [, , H = 0, W = 0] = x.shape;
        const [, , h = 0, w = 0] = effnet.shape;
        const given: Record<string, Tensor> = { text: feed(get(`call${i}.in.clip`)) };
        for (const level of injectedLevels(config)) {
          const [toH, toW] = [H, W].map((side) => side / config.patch_size / 2 ** level) as [number, number];
          given.effnet = feed(effnet);
          const { rows, columns } = bicubicMatrices([h, w], [toH, toW]);
          given[`my${level}`] = new Tensor('float32', rows, [toH, h]);
          given[`mx${level}`] = new Tensor('float32', transposed(columns, toW, w), [w, toW]);
        }
        const conditioned = conditioning ? await run(conditioning, component, given) : given;
        const result = await run(step, component, {
          x: feed(x),
          r: embed(get(`call${i}.in.r`), component),
          ...conditioned,
        });
        for (const key of Object.keys(outputs).filter((output) => output !== 'r_embed')) {
          agree(result[key], get(`call${i}.out.${key}`), outputs[key]?.tolerance_abs, `${dir} call ${i} ${key}`);
        }
      }
      component.assertAllUsed();
    }
  });

  test(`the ${name} VQGAN gives the reference's pictures, latents and codebook entries`, async () => {
    for (const dir of cases('vqgan')) {
      const { io, get, calls } = await open(dir);
      // Some cases hold one half of the network alone, with the weights of that half.
      const whole = calls.every(({ outputs }) => outputs.decode && outputs.encode);
      for (const { i, outputs } of calls) {
        const check = (key: string, actual: Tensor | undefined) => {
          if (outputs[key])
            agree(actual, get(`call${i}.out.${key}`), outputs[key].tolerance_abs, `${dir} call ${i} ${key}`);
        };
        const latents = outputs.decode && get(`call${i}.in.h`);
        const picture = outputs.encode && get(`call${i}.in.image`);
        if (!whole) {
          const component = await Component.open(dir);
          if (latents)
            check('decode', (await run(decodeGraph(component, folds), component, { latents: feed(latents) })).image);
          if (picture)
            check('encode', (await run(encodeGraph(component, folds), component, { image: feed(picture) })).latents);
          continue;
        }
        assert.ok(latents && picture);
        const vqgan = await PaellaVQModel.load(dir, { provider: 'cpu', folds });
        check('decode', asOrt(await vqgan.decode(plain(latents))));
        const { image, values, indices } = await vqgan.decodeQuantised(plain(latents));
        check('decode_quantised', asOrt(image));
        check('vq_values', asOrt(values));
        const wanted = io.get(`call${i}.out.vq_indices`);
        if (wanted) assert.deepEqual([...indices], [...(wanted.data as BigInt64Array)], `${dir} call ${i} indices`);
        const encoded = await vqgan.encode(plain(picture));
        check('encode', asOrt(encoded));
        check('encode_decode', asOrt(await vqgan.decode(encoded)));
        await vqgan.release();
      }
    }
  });
}

function plain({ data, shape }: LoadedTensor) {
  assert.ok(data instanceof Float32Array);
  return { data, dims: shape };
}

function asOrt({ data, dims }: { data: Float32Array; dims: number[] }): Tensor {
  return new Tensor('float32', data, dims);
}
