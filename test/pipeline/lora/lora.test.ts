import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { readSafetensorsHeader } from '../../../src/pipeline/checkpoint/safetensors.ts';
import {
  type Precision,
  type RuntimeOptions,
  type Tensor,
  TorchGenerator,
  UserError,
  WuerstchenCombinedPipeline,
} from '../../../src/pipeline/index.ts';
import { type LayerShape, writeRandomLora } from '../random-lora.ts';
import { readSafetensors } from '../read-safetensors.ts';
import { type RawTensor, writeSafetensors } from '../write-safetensors.ts';

const COCKTAIL = join(import.meta.dirname, '../../../data/models/cocktail');
const folder = mkdtempSync(join(tmpdir(), 'wuerst-lora-'));
const model = join(folder, 'cocktail');
const at = (name: string) => join(folder, `${name}.safetensors`);
after(() => rmSync(folder, { recursive: true }));

const PROMPT = 'a panda on a green background';

before(async () => {
  cpSync(COCKTAIL, model, { recursive: true, filter: (path) => !path.endsWith('prepared') });
  const prior = await layersOf('prior', 'wuerstchen-prior/prior');
  const text = await layersOf('text_encoder', 'wuerstchen-prior/text_encoder');
  const attention = prior.filter(([layer]) => layer.includes('.attention.'));
  await writeRandomLora(at('sketch'), attention, { seed: 1 });
  await writeRandomLora(at('ink'), attention, { seed: 2, rank: 2 });
  await writeRandomLora(at('everything'), prior, { seed: 3, size: 0.1 });
  await writeRandomLora(at('words'), text, { seed: 4 });
});

/** The layers of a part of the embedded model, under the names of a LoRA. */
async function layersOf(part: string, dir: string): Promise<LayerShape[]> {
  const { layers } = await Component.open(join(COCKTAIL, dir));
  return [...layers].map(([layer, shape]) => [`${part}.${layer}`, shape]);
}

function open(options: RuntimeOptions = {}): Promise<WuerstchenCombinedPipeline> {
  return WuerstchenCombinedPipeline.fromPretrained(model, { provider: 'cpu', ...options });
}

/** What Stage C makes of a few steps. */
async function embed({ prior }: WuerstchenCombinedPipeline): Promise<Tensor> {
  const { imageEmbeddings } = await prior.generate({
    ...{ prompt: PROMPT, negativePrompt: 'blurry', numInferenceSteps: 4, guidanceScale: 4, width: 256, height: 256 },
    generator: new TorchGenerator(7),
  });
  return imageEmbeddings;
}

/** One step of Stage C. */
async function predict({ prior }: WuerstchenCombinedPipeline): Promise<Tensor> {
  const { c_in, c_cond } = prior.prior.config;
  const draw = (seed: number, dims: number[]) => ({ data: new TorchGenerator(seed).randn(dims), dims });
  return prior.prior.run(draw(1, [2, c_in, 5, 3]), Float32Array.of(0.9, 0.3), draw(2, [2, 7, c_cond]));
}

function encodePrompt({ prior }: WuerstchenCombinedPipeline): Promise<Tensor> {
  return prior.text.encode([PROMPT]);
}

function distance(a: Tensor, b: Tensor): number {
  return Math.sqrt(a.data.reduce((sum, value, i) => sum + (value - (b.data[i] ?? 0)) ** 2, 0) / a.data.length);
}

describe('in every precision', () => {
  const exact = new Map<string, Tensor>();
  for (const precision of ['fp32', 'fp16', 'int8'] as const satisfies readonly Precision[]) {
    test(`${precision}: LoRAs of all layers and of the words change the numbers as in 32 bits, and the checkpoint's files stay`, async () => {
      const files = () => readdirSync(model, { recursive: true, encoding: 'utf8' }).sort();
      const pipeline = await open({ precision });
      const networks = { everything: predict, words: encodePrompt };
      const base = { everything: await predict(pipeline), words: await encodePrompt(pipeline) };
      const before = files();
      for (const name of ['everything', 'words'] as const) {
        await pipeline.loadLora(at(name));
        const found = await networks[name](pipeline);
        const effect = distance(found, base[name]);
        assert.ok(effect > 0.05, `${name} moves the numbers by ${effect}`);
        const wanted = exact.get(name) ?? found;
        exact.set(name, wanted);
        const off = distance(found, wanted);
        assert.ok(off < 0.15 * effect, `${name} is off by ${off} where it moves by ${effect}`);
      }
      pipeline.setAdapters({});
      assert.deepEqual((await predict(pipeline)).data, base.everything.data);
      assert.deepEqual(files(), before);
      await pipeline.release();
    });
  }
});

test('a weight of 0 is the checkpoint bit by bit, and so is none', async () => {
  const pipeline = await open();
  const base = await embed(pipeline);
  await pipeline.loadLora(at('everything'), { name: 'a' });
  await pipeline.loadLora(at('words'), { name: 'b' });
  assert.notDeepEqual((await embed(pipeline)).data, base.data);
  for (const weights of [{ a: 0, b: 0 }, {}]) {
    pipeline.setAdapters(weights);
    assert.deepEqual((await embed(pipeline)).data, base.data);
  }
  await pipeline.release();
});

test('two LoRAs add up: a LoRA beside its opposite is the checkpoint, and two halves are the whole', async () => {
  const pipeline = await open();
  const base = await embed(pipeline);
  await pipeline.loadLora(at('sketch'), { name: 'one' });
  await pipeline.loadLora(at('sketch'), { name: 'other' });
  pipeline.setAdapters({ one: 1 });
  const whole = await embed(pipeline);
  const effect = distance(whole, base);
  pipeline.setAdapters({ one: 0.5, other: 0.5 });
  assert.ok(distance(await embed(pipeline), whole) < 1e-3 * effect);
  pipeline.setAdapters({ one: 1, other: -1 });
  assert.ok(distance(await embed(pipeline), base) < 1e-3 * effect);
  await pipeline.release();
});

test('the newest LoRA is the one in use until others are named; every style has it', async () => {
  const pipeline = await open();
  await pipeline.loadLora(at('sketch'));
  await pipeline.loadLora(at('ink'), { name: 'pen' });
  assert.deepEqual(pipeline.prior.adapters, { pen: 1 });
  assert.deepEqual(pipeline.prior.loras, ['sketch', 'pen']);
  pipeline.setAdapters({ sketch: 0.8 });
  const options = { ...{ prompt: PROMPT, priorNumInferenceSteps: 2, numInferenceSteps: 1, width: 256, height: 256 } };
  const paint = async () => {
    const { imageEmbeddings } = await pipeline.generate({
      ...options,
      style: 'base',
      generator: new TorchGenerator(1),
    });
    return imageEmbeddings.data;
  };
  const sketched = await paint();
  pipeline.setAdapters({});
  assert.notDeepEqual(await paint(), sketched);
  pipeline.unloadLora('sketch');
  assert.deepEqual(pipeline.prior.loras, ['pen']);
  assert.throws(() => pipeline.setAdapters({ sketch: 1 }), { code: 'lora_unknown' });
  assert.throws(() => pipeline.setAdapters({ pen: Number.NaN }), { code: 'lora_weight_invalid' });
  await assert.rejects(pipeline.loadLora(at('ink'), { name: 'pen' }), { code: 'lora_name_taken' });
  await pipeline.release();
});

test('another LoRA of the same layers, or another weight, needs no other session; the network is never loaded twice', async () => {
  let [created, open32] = [0, 0];
  const pipeline = await open({
    onReturned: ({ kind, graph }) => {
      if (kind === 'create' && graph.startsWith('prior')) created += 1;
    },
  });
  await pipeline.loadLora(at('sketch'));
  await pipeline.loadLora(at('ink'));
  pipeline.setAdapters({ sketch: 1 });
  await embed(pipeline);
  open32 = created;
  for (const weights of [{ ink: 1 }, { sketch: 0.3 }, { sketch: 1, ink: -0.5 }]) {
    pipeline.setAdapters(weights);
    assert.ok(pipeline.prior.prior.isLoaded);
    await embed(pipeline);
    assert.equal(created, open32);
  }
  pipeline.setAdapters({});
  assert.ok(!pipeline.prior.prior.isLoaded);
  await embed(pipeline);
  assert.equal(created, 2 * open32);
  await pipeline.release();
});

describe('layouts', () => {
  /** The sketch under other names. */
  async function renamed(
    file: string,
    rename: (name: string) => string,
    more: ReadonlyMap<string, RawTensor> = new Map(),
  ) {
    const tensors = new Map<string, RawTensor>();
    for (const [name, { dtype, shape, data }] of await readSafetensors(at('sketch'))) {
      tensors.set(rename(name), { dtype, shape, bytes: new Uint8Array(data.buffer) });
    }
    await writeSafetensors(at(file), new Map([...tensors, ...more]));
  }
  const LAYOUTS: Readonly<Record<string, (name: string) => string>> = {
    'PEFT with the name of the adapter': (name) => name.replace(/lora_([AB])\./, 'lora_$1.default.'),
    "PEFT's own file": (name) => name.replace('prior.', 'base_model.model.'),
    'no prefix': (name) => name.replace('prior.', ''),
    'diffusers of old': (name) => name.replace('lora_A', 'lora.down').replace('lora_B', 'lora.up'),
    OneTrainer: (name) => {
      const [, layer = '', role] = name.match(/^prior\.(.+)\.lora_([AB])\.weight$/) ?? [];
      return `lora_prior_unet_${layer.replaceAll('.', '_')}.lora_${role === 'A' ? 'down' : 'up'}.weight`;
    },
  };
  for (const [layout, rename] of Object.entries(LAYOUTS)) {
    test(`${layout} gives the same numbers`, async () => {
      await renamed('renamed', rename);
      const pipeline = await open();
      await pipeline.loadLora(at('sketch'));
      const wanted = await embed(pipeline);
      await pipeline.loadLora(at('renamed'));
      assert.deepEqual((await embed(pipeline)).data, wanted.data);
      await pipeline.release();
    });
  }

  test('alpha in the metadata counts as alpha in a tensor does', async () => {
    const bytes = await readFile(at('sketch'));
    const length = Number(bytes.readBigUInt64LE());
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
    const adapter = { 'prior.r': 4, 'prior.lora_alpha': 2 };
    const json = Buffer.from(
      JSON.stringify({ __metadata__: { lora_adapter_metadata: JSON.stringify(adapter) }, ...header }),
    );
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(json.length));
    await writeFile(at('half'), Buffer.concat([size, json, bytes.subarray(8 + length)]));
    assert.ok((await readSafetensorsHeader(at('half'))).metadata.lora_adapter_metadata);
    const pipeline = await open();
    await pipeline.loadLora(at('half'));
    const half = await embed(pipeline);
    await pipeline.loadLora(at('sketch'));
    pipeline.setAdapters({ sketch: 0.5 });
    assert.deepEqual((await embed(pipeline)).data, half.data);
    await pipeline.release();
  });
});

describe('refused', () => {
  const zeros = (...shape: number[]): RawTensor => ({
    ...{ dtype: 'F32', shape },
    bytes: new Uint8Array(4 * shape.reduce((product, side) => product * side, 1)),
  });
  const FILES: Readonly<Record<string, readonly [RegExp, Readonly<Record<string, RawTensor>>]>> = {
    'Stable Diffusion 1': [
      /for Stable Diffusion 1, not/,
      { 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight': zeros(4, 768) },
    ],
    FLUX: [/for FLUX, not/, { 'transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight': zeros(4, 8) }],
    LoKr: [/is a LoKr/, { 'lora_unet_blocks_2_attention_to_q.lokr_w1': zeros(2, 2) }],
    embedding: [/is an embedding/, { emb_params: zeros(1, 32) }],
    checkpoint: [/whole weights/, { 'blocks.0.depthwise.weight': zeros(1, 1, 3, 3) }],
    'other layers': [
      /another model: .*"prior\.blocks\.99/,
      { 'prior.blocks.99.attention.to_q.lora_A.weight': zeros(4, 8) },
    ],
    'a norm': [/another model/, { 'text_encoder.text_model.final_layer_norm.lora_A.weight': zeros(4, 8) }],
    nothing: [/is empty/, {}],
  };
  for (const [kind, [said, tensors]] of Object.entries(FILES)) {
    test(kind, async () => {
      const pipeline = await open();
      await writeSafetensors(at('bad'), new Map(Object.entries(tensors)));
      await assert.rejects(pipeline.loadLora(at('bad')), (error: unknown) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, said);
        assert.match(error.message, /^The file bad\.safetensors [^\n]+\.$/);
        return true;
      });
    });
  }

  test('what is no safetensors file, or none at all', async () => {
    const pipeline = await open();
    await writeFile(at('bad'), 'PK\x03\x04 a pickle');
    await assert.rejects(pipeline.loadLora(at('bad')), {
      code: 'lora_refused',
      message: /not a whole safetensors file/,
    });
    await writeFile(at('bad'), (await readFile(at('sketch'))).subarray(0, -100));
    await assert.rejects(pipeline.loadLora(at('bad')), { code: 'lora_refused' });
    await assert.rejects(pipeline.loadLora(at('none')), { code: 'lora_missing' });
  });
});
