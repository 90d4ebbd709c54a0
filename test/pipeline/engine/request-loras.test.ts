import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { copyFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Component } from '../../../src/pipeline/checkpoint/checkpoint.ts';
import { createEngine } from '../../../src/pipeline/engine/engine.ts';
import type { LoraUse } from '../../../src/pipeline/images/imagine-request.ts';
import { LoraFolder } from '../../../src/pipeline/lora/lora-folder.ts';
import type { EngineRequest } from '../../../src/pipeline/process/protocol.ts';
import { writeRandomLora } from '../random-lora.ts';

const MODEL = join(import.meta.dirname, '../../../data/models/cocktail');
const loras = mkdtempSync(join(tmpdir(), 'wuerst-loras-'));
const shelf = new LoraFolder(loras);
const engine = createEngine({ previewEveryMs: Number.POSITIVE_INFINITY });
after(() => rmSync(loras, { recursive: true }));

before(async () => {
  const { layers } = await Component.open(join(MODEL, 'wuerstchen-prior/prior'));
  const attention = [...layers].flatMap(([layer, shape]) =>
    layer.includes('.attention.') ? [[`prior.${layer}`, shape] as const] : [],
  );
  for (const [seed, name] of ['sketch', 'ink'].entries()) {
    await writeRandomLora(join(loras, `${name}.safetensors`), attention, { seed });
  }
  const context = { announce: async () => {} };
  await engine.load({ model: MODEL, provider: 'cpu', precision: 'fp32', loras }, context);
});

/** The embedding of one picture, and the stages that were told of. */
async function paint(used: readonly LoraUse[] | undefined, change: Partial<EngineRequest> = {}) {
  const request: EngineRequest = {
    ...{ prompt: 'a panda on a green background', negative: '', width: 256, height: 256, style: 'interpolated' },
    ...{ steps: 2, decoderSteps: 1, guidance: 4, decoderGuidance: 0 },
    images: [{ index: 0, source: { kind: 'words', seed: 7n }, stageBSeed: 7n, metadata: {} }],
    ...(used ? { loras: used } : {}),
    ...change,
  };
  const stages = new Set<string>();
  let embedding = new Float32Array();
  const { signal } = new AbortController();
  for await (const event of engine.generate(request, { signal, announce: async () => {} })) {
    if (event.type === 'step') stages.add(event.stage);
    if (event.type === 'image') embedding = event.embedding.data.slice();
  }
  return { embedding, stages };
}

async function use(name: string, weight: number): Promise<LoraUse> {
  return { name, weight, hash: await shelf.hashOf(await shelf.find(name)) };
}

test('each request has its own LoRAs, and a request without any is painted as ever', async () => {
  const plain = (await paint(undefined)).embedding;
  const sketch = await paint([await use('sketch', 0.8)]);
  assert.notDeepEqual(sketch.embedding, plain);
  assert.ok(sketch.stages.has('load'));
  const ink = await paint([await use('ink', 0.8)]);
  assert.notDeepEqual(ink.embedding, sketch.embedding);
  assert.ok(!ink.stages.has('load'));
  const both = await paint([await use('ink', 0.4), await use('Sketch', -1)]);
  assert.notDeepEqual(both.embedding, ink.embedding);
  assert.deepEqual((await paint([await use('sketch', 0.8)])).embedding, sketch.embedding);
  assert.deepEqual((await paint([await use('sketch', 0)])).embedding, plain);
  assert.deepEqual((await paint(undefined)).embedding, plain);
});

test('another style has the LoRA too', async () => {
  const plain = (await paint(undefined, { style: 'base' })).embedding;
  const sketched = (await paint([await use('sketch', 0.8)], { style: 'base' })).embedding;
  assert.notDeepEqual(sketched, plain);
  assert.deepEqual((await paint(undefined, { style: 'base' })).embedding, plain);
});

test('a file that is gone or another one is said so', async () => {
  const used = await use('ink', 1);
  const path = join(loras, 'ink.safetensors');
  await copyFile(join(loras, 'sketch.safetensors'), path);
  await assert.rejects(paint([used]), { code: 'lora_changed', message: /ink/ });
  await rm(path);
  await assert.rejects(paint([used]), { code: 'lora_missing', message: /There is no LoRA "ink" here\./ });
});
