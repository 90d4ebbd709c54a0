import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRequest } from '../../../src/bot/command/format.ts';
import { helpReply } from '../../../src/bot/replies/help-reply.ts';
import { DEFAULT_LIMITS, modelLimits } from '../../../src/bot/request-limits.ts';
import { recommendedBy } from '../../../src/pipeline/images/generation-config.ts';
import { imagine, parse } from './parsing.ts';

const recommended = recommendedBy({
  ...{ steps: 6, guidance: 2.5, decoderSteps: 3, decoderGuidance: 1.5 },
  nativeSizes: [
    [512, 512],
    [512, 768],
  ],
  ideas: ['a cat on grass'],
  words: ['a', 'the', 'cat', 'on', 'grass', 'wolf', 'pony', 'box', 'cherries', 'T', 'rex', 'mouse', 'snowman'],
});
const limits = { ...DEFAULT_LIMITS, ...modelLimits('doodle', recommended) };
const notesOn = (text: string) => imagine(text, { limits }).notes;

test('a request that names nothing gets what the model recommends, and what is named wins', () => {
  const { request } = imagine('a cat', { limits });
  assert.deepEqual(
    [request.width, request.height, request.steps, request.guidance, request.decoderSteps, request.decoderGuidance],
    [512, 512, 6, 2.5, 3, 1.5],
  );
  const named = imagine('a cat steps:9 guidance:4 decoder-steps:5 decoder-guidance:0 ar:2:3', { limits }).request;
  assert.deepEqual(
    [named.width, named.height, named.steps, named.guidance, named.decoderSteps, named.decoderGuidance],
    [512, 768, 9, 4, 5, 0],
  );
});

test('timesteps of the model are part of the request, and can be written and read again', () => {
  const own = { ...limits, recommended: recommendedBy({ timesteps: [1, 0.5, 0.25, 0] }) };
  const { request } = imagine('a cat', { limits: own });
  assert.deepEqual(request.steps, [1, 0.5, 0.25, 0]);
  assert.deepEqual(imagine(formatRequest(request)).request, request);
  assert.equal(imagine('a cat steps:4', { limits: own }).request.steps, 4);
});

test("the reference's own schedule can be asked for, and an old request keeps it", () => {
  const old = imagine('a cat').request;
  assert.equal(old.steps, null);
  assert.deepEqual(imagine(formatRequest(old, recommended.steps), { limits }).request, old);
  const { prompt: _prompt, ...defaults } = old;
  assert.equal(imagine('a dog', { limits, defaults }).request.steps, null);
  assert.equal(imagine('a dog steps:6', { limits, defaults }).request.steps, 6);
});

test('one note tells of sizes and words that the model was not trained on', () => {
  assert.deepEqual(notesOn('a cat on the grass'), []);
  assert.deepEqual(notesOn('a zeppelin size:1024x1024 seed:7'), [
    'Doodle paints best at 512×512; it does not know "zeppelin".',
  ]);
  assert.deepEqual(notesOn('a cat ar:9:16'), ['Doodle paints best at 512×768.']);
  assert.deepEqual(notesOn('a zeppelin'), ['Doodle does not know "zeppelin".']);
  const many = parse('a {cat, zeppelin} and a {wolf, dirigible} size:1024x1536', { limits });
  assert.deepEqual('notes' in many && many.notes, [
    'Doodle paints best at 512×768; it does not know "dirigible" or "zeppelin".',
  ]);
});

test('plurals, capitals, punctuation, hyphens, numbers and settings are no unknown words', () => {
  assert.deepEqual(
    notesOn("Cats, wolves & 3 ponies (on boxes)! A T-Rex's cherry; the snowmen… 4k --no text --seed 7"),
    [],
  );
  assert.deepEqual(notesOn('a cat’s cafés'), ['Doodle does not know "cafés".']);
  assert.deepEqual(notesOn('赤い狐'), ['Doodle does not know "赤い狐".']);
});

test('a model without words or sizes never complains, and a place that forbids its sizes is not told of them', () => {
  assert.deepEqual(imagine('a zeppelin size:640x512').notes, []);
  const small = { ...limits, maxPixels: 256 * 256 };
  assert.deepEqual(imagine('a cat', { limits: small }).notes, []);
});

test('help names what is usual for the model, and one of its prompts', () => {
  const { fields, code } = helpReply(limits);
  assert.match(code ?? '', /^\/wuerst a cat on grass /);
  const usual = fields.map(({ value }) => /\((.*) unless given\)/.exec(value)?.[1]).filter((value) => value);
  assert.deepEqual(usual, ['512', '512', '1', '6', '3', '2.5', '1.5', '0.6']);
});
