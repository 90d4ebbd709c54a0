import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EMBEDDED_MODELS } from '../../src/models/model-folder.ts';
import { Component } from '../../src/pipeline/checkpoint/checkpoint.ts';
import { writeRandomLora } from '../pipeline/random-lora.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import type { FakeHub } from './fake-hub.ts';
import { scene } from './scene.ts';

let fitting: Buffer;
let foreign: Buffer;

const scratch = mkdtempSync(join(tmpdir(), 'wuerst-loras-'));
after(() => rmSync(scratch, { recursive: true }));

before(async () => {
  const { layers } = await Component.open(join(EMBEDDED_MODELS, 'cocktail/wuerstchen-prior/prior'));
  const attention = [...layers].flatMap(([layer, shape]) =>
    layer.endsWith('.to_q') ? [[`prior.${layer}`, shape] as const] : [],
  );
  const write = async (named: typeof attention) => {
    const path = join(scratch, 'lora.safetensors');
    await writeRandomLora(path, named);
    return readFileSync(path);
  };
  fitting = await write(attention);
  foreign = await write(attention.map(([layer]) => [layer, [8, 8]]));
});

function publish(hub: FakeHub, repo: string, files: Readonly<Record<string, Buffer>>): void {
  const entries = Object.entries(files).map(([path, bytes]) => [path, { bytes, large: true }] as const);
  hub.repositories.set(repo, new Map(entries));
}

test('a LoRA is pulled, listed and removed', async (t) => {
  const { hub, modelsDir, models } = await scene(t);
  publish(hub, 'ann/sketch', { 'README.md': Buffer.from('#'), 'pytorch_lora_weights.safetensors': fitting });
  assert.match((await models('list', '--lora')).out, /There are no LoRAs in /);
  const pulled = await models('pull', '--lora', 'ann/sketch');
  assert.equal(pulled.error, undefined);
  assert.match(pulled.out, /The LoRA sketch is in .*loras\nTo use it, write <lora:sketch:0\.8> in a prompt\.\n$/);
  const folder = join(modelsDir, 'loras');
  assert.deepEqual(readdirSync(folder), ['sketch.safetensors']);
  assert.deepEqual(readFileSync(join(folder, 'sketch.safetensors')), fitting);
  assert.match((await models('list')).out, /cocktail[\s\S]*\n\nLoRAs in .*\n {2}sketch {2}\d/);
  const [listed] = JSON.parse((await models('list', '--lora', '--json')).out);
  assert.deepEqual([listed.name, listed.bytes], ['sketch', fitting.length]);

  const again = await models('pull', '--lora', 'ann/sketch');
  assert.equal(again.error, undefined);
  assert.equal(hub.sent('pytorch_lora_weights.safetensors').length, 1);

  assert.match(String((await models('remove', '--lora', 'sketch')).error), /This would delete .*sketch\.safetensors/);
  assert.match((await models('remove', 'sketch', '--yes')).out, /The LoRA sketch was deleted/);
  assert.ok(!existsSync(join(folder, 'sketch.safetensors')));
});

test('of several files one is named; another folder is chosen with WUERST_LORAS', async (t) => {
  const folder = await temporaryFolder(t);
  const { hub, models } = await scene(t, { WUERST_LORAS: folder });
  publish(hub, 'ann/many', { 'ink.safetensors': fitting, 'old/pen.safetensors': fitting });
  const { error } = await models('pull', '--lora', 'ann/many');
  assert.match(
    `${error} ${(error as { hint?: string }).hint}`,
    /one safetensors file in ann\/many, got 2.* --lora ann\/many\/ink/,
  );
  await models('pull', '--lora', 'ann/many/old/pen.safetensors');
  assert.deepEqual(
    readdirSync(folder).filter((name) => !name.startsWith('.')),
    ['pen.safetensors'],
  );
  publish(hub, 'bob/other', { 'pen.safetensors': foreign });
  assert.match(
    String((await models('pull', '--lora', 'bob/other')).error),
    /another LoRA file pen\.safetensors already/,
  );
});

test('one that does not fit the model in use is kept, and said so in a sentence', async (t) => {
  const { hub, models } = await scene(t);
  publish(hub, 'ann/large', { 'large.safetensors': foreign });
  assert.match(
    (await models('pull', '--lora', 'ann/large')).out,
    /cannot be used with the model in use: The file large\.safetensors is a LoRA for a Würstchen of another size/,
  );
});

test('what is no repository, and what is not there', async (t) => {
  const { models } = await scene(t);
  assert.match(String((await models('pull', '--lora', 'https://elsewhere.example/x')).error), /Expected a repository/);
  assert.match(String((await models('pull', '--lora', '../../x')).error), /Expected a repository/);
  assert.match(String((await models('remove', '--lora', 'none', '--yes')).error), /There is no LoRA "none" here/);
});
