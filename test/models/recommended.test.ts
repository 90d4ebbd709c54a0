import assert from 'node:assert/strict';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { EMBEDDED_MODELS } from '../../src/models/model-folder.ts';
import { recommendedFor } from '../../src/models/recommended.ts';
import { REFERENCE } from '../../src/pipeline/images/generation-config.ts';
import { temporaryFolder } from '../bot-process.ts';

async function modelWith(t: { after(fn: () => unknown): void }, config: string, name = 'doodle'): Promise<string> {
  const folder = join(temporaryFolder(t), name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'generation_config.json'), config);
  return folder;
}

test('cocktail is asked for few steps, and knows its words', () => {
  const { steps, decoderSteps, words, nativeSizes, ideas } = recommendedFor(join(EMBEDDED_MODELS, 'cocktail'));
  assert.deepEqual([steps, decoderSteps], [12, 4]);
  assert.deepEqual(nativeSizes[0], [1024, 1024]);
  assert.ok(words?.has('fox') && ideas.length >= 4);
});

test('what a file does not say is as in the reference, and so is a model without a file', async (t) => {
  const folder = await modelWith(t, '{ "timesteps": [1, 0.4, 0], "decoderSteps": 6 }');
  assert.deepEqual(recommendedFor(folder), { ...REFERENCE, steps: [1, 0.4, 0], decoderSteps: 6 });
  await rm(join(folder, 'generation_config.json'));
  assert.deepEqual(recommendedFor(folder), REFERENCE);
  assert.deepEqual(recommendedFor(join(folder, 'nothing')), REFERENCE);
});

test('the manifest speaks for a folder of its name, unless the folder has a file', async (t) => {
  const folder = await modelWith(t, '{ "ideas": ["a tulip"] }', 'wuerstchen-v2');
  assert.deepEqual(recommendedFor(folder), { ...REFERENCE, ideas: ['a tulip'] });
  await rm(join(folder, 'generation_config.json'));
  const { steps, decoderSteps, nativeSizes, ideas } = recommendedFor(folder);
  assert.deepEqual([steps, decoderSteps, nativeSizes[1]], [null, 12, [1024, 1536]]);
  assert.notDeepEqual(ideas, REFERENCE.ideas);
  await cp(folder, join(folder, '../own'), { recursive: true });
  const described = { name: 'own', purpose: 'mine', license: 'mine', nativeSizes: [[512, 512]], repositories: [] };
  const entry = { ...described, recommended: { steps: 5, words: ['Tulip'] } };
  await writeFile(join(folder, '../manifest.json'), JSON.stringify({ models: [entry] }));
  const own = recommendedFor(join(folder, '../own'));
  assert.deepEqual([own.steps, own.nativeSizes, [...(own.words ?? [])]], [5, [[512, 512]], ['tulip']]);
  await writeFile(join(folder, '../manifest.json'), '{ "short_name": "another program" }');
  assert.deepEqual(recommendedFor(join(folder, '../own')), REFERENCE);
});

for (const [config, finding] of [
  ['{ "steps": 12', /is not JSON/],
  ['[]', /is wrong: /],
  ['{ "steps": 0 }', /is wrong at steps: expected a whole number from 1 to 200\.$/],
  ['{ "decoderSteps": "4" }', /is wrong at decoderSteps: expected a whole number from 1 to 200\.$/],
  ['{ "guidance": -1 }', /is wrong at guidance: expected a number from 0 to 20\.$/],
  ['{ "timesteps": [1, 1, 0] }', /is wrong at timesteps: expected numbers that fall from/],
  ['{ "steps": 4, "timesteps": [1, 0] }', /is wrong at timesteps: expected one of steps and timesteps, found both\.$/],
  ['{ "nativeSizes": ["1024x1024", "1024"] }', /is wrong at nativeSizes\.1: expected sizes such as "1024x1536"\.$/],
  ['{ "ideas": "a fox" }', /is wrong at ideas: expected a list of prompts\.$/],
  ['{ "words": ["fox", 7] }', /is wrong at words: expected a list of words\.$/],
  ['{ "decoder_steps": 4 }', /is wrong.*decoder_steps/],
] as const) {
  test(`the file ${config} is told in one sentence`, async (t) => {
    const folder = await modelWith(t, config);
    assert.throws(() => recommendedFor(folder), { code: 'generation_config_invalid', message: finding });
  });
}
