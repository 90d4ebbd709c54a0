import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type * as z from 'zod';
import { handOver, registration, verdict } from '../../src/workers/roll.ts';
import { packImage, unpackImage, wireEnd, wireImage, wireRequest, wireStep } from '../../src/workers/wire.ts';

const HASH = 'a'.repeat(64);
const ATTEMPT = `${randomUUID()}.7`;
const SETTINGS = {
  ...{ prompt: 'a panda', negative: '', width: 128, height: 64, style: 'base', steps: null, decoderSteps: 12 },
  ...{ guidance: 4, decoderGuidance: 0, weighted: true, judge: true, language: 'de', files: [HASH] },
  loras: [{ name: 'ink', weight: 1, hash: HASH }],
  start: { pictures: [{ hash: HASH, weight: 1 }], strength: 0.5, mask: HASH },
};
const EMBEDDING = { dims: [1], data: Buffer.alloc(4).toString('base64') };
const SOURCES = [
  { kind: 'words', seed: '7' },
  { kind: 'mix', seed: '7', mixes: [{ seed: '8', strength: 0.5 }] },
  { kind: 'embedding', embedding: EMBEDDING },
  { kind: 'enlarge', embedding: EMBEDDING, seed: '7', strength: 0.5 },
];
const SAID = { text: 'The worker was stopped.', values: { name: 'gpu-1' } };

const WEIGHTS = {
  ...{ checkpoint: HASH, formerCheckpoints: [HASH] },
  further: { base: { checkpoint: HASH, formerCheckpoints: [HASH] } },
};
/** One good example of each message, with all of its fields. */
const MESSAGES: Readonly<Record<string, readonly [schema: z.ZodType, example: unknown]>> = {
  'what is handed over': [handOver, { path: `/workers/jobs/${randomUUID()}/attempts/7/${'a'.repeat(43)}`, ...WEIGHTS }],
  'a registration': [
    registration,
    {
      ...{
        id: 'a'.repeat(16),
        name: 'gpu-1',
        version: '0.1.0',
        bot: 'b'.repeat(32),
        age: 1,
        model: 'm',
        ready: true,
      },
      ...{ ...WEIGHTS, provider: 'cpu-fp32', device: 'd', hardware: 'h', styles: ['base'] },
      ...{ mixesStyles: true, loras: [HASH], startsFromPictures: true, classifier: 'c', stepSeconds: { prior: 1 } },
      sizes: { minSide: 64, maxSide: 1024, maxPixels: 1024 ** 2, gridStep: 64 },
      ...{ together: 4, attempts: [ATTEMPT], style: 'base', leaving: false, lastError: SAID },
    },
  ],
  'a verdict': [verdict, { state: 'refused', reason: SAID }],
  'a request': [
    wireRequest,
    {
      ...SETTINGS,
      images: SOURCES.map((source, index) => ({ index, source, stageBSeed: '7', metadata: { seed: '7' } })),
    },
  ],
  'a step': [
    wireStep,
    {
      ...{ type: 'step', stage: 'prior', image: 0, step: 1, total: 3, timestep: 0.5, preview: 'AAAA' },
      ...{ previewOf: [0], share: 0.5 },
    },
  ],
  'the end of a job that is done': [
    wireEnd,
    { kind: 'done', timings: { prior: 3 }, warnings: ['careful'], share: 0.5 },
  ],
  'the end of one that failed': [
    wireEnd,
    { kind: 'failed', error: { kind: 'user', code: 'c', message: 'm', hint: 'h', stack: 's' } },
  ],
  'the end of one that was too much': [
    wireEnd,
    { kind: 'crashed', ending: { reason: 'exit', code: 1, signal: 'SIGABRT', call: 'prior.run', output: 'o' } },
  ],
  'the end of one that is given back': [wireEnd, { kind: 'given-back', reason: SAID, leaving: true }],
  'the head of a picture': [
    wireImage,
    {
      ...{ metadata: { seed: '7' }, dims: [1], embeddingBytes: 4 },
      verdict: {
        ...{ classifier: 'c', explicit: false },
        shares: { drawing: 0.25, hentai: 0, neutral: 0.75, porn: 0, sexy: 0 },
      },
    },
  ],
};

type Path = readonly (string | number)[];

/** The paths of everything in a value. */
function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const inside = Object.entries(value).flatMap(([key, part]) => pathsOf(part, [...path, key]));
  return path.length === 0 ? inside : [path, ...inside];
}

function changed(value: unknown, [key, ...rest]: Path, to: unknown): unknown {
  if (key === undefined) return to;
  const copy = structuredClone(value) as Record<string | number, unknown>;
  copy[key] = changed(copy[key], rest, to);
  return copy;
}

for (const [name, [schema, example]] of Object.entries(MESSAGES)) {
  test(`every field of ${name} is read, and no other`, () => {
    assert.equal(schema.safeParse(example).error, undefined);
    for (const path of pathsOf(example)) {
      const wrong = changed(example, path, { nothing: ['of the kind'] });
      assert.ok(!schema.safeParse(wrong).success, path.join('.'));
    }
    assert.ok(!schema.safeParse(changed(example, ['more'], 1)).success, 'a field that nobody knows');
    for (const nothing of [null, [], 'text', 7]) assert.ok(!schema.safeParse(nothing).success);
  });
}

test('an upload whose head, lengths or embedding are not what they say is none', () => {
  const good = packImage({ metadata: {}, embedding: { dims: [2], data: Float32Array.of(1, 2) }, png: Buffer.of(1) });
  assert.ok(unpackImage(good) !== undefined);
  const headed = (head: unknown, rest = Buffer.alloc(8)) => {
    const text = Buffer.from(typeof head === 'string' ? head : JSON.stringify(head));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    return Buffer.concat([length, text, rest]);
  };
  const head = { metadata: {}, dims: [2], embeddingBytes: 8 };
  assert.ok(unpackImage(headed(head)) !== undefined);
  for (const bad of [
    ...[Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(4), Buffer.alloc(4, 0xff), headed('{'), headed('null')],
    ...[headed({ ...head, dims: [3] }), headed({ ...head, dims: [2 ** 31, 2 ** 31] }), headed({ ...head, dims: [-2] })],
    ...[
      headed({ ...head, embeddingBytes: 9 }),
      headed({ ...head, embeddingBytes: 2 ** 40 }),
      headed(head, Buffer.alloc(7)),
    ],
    headed({ ...head, metadata: { text: 'x'.repeat(2 ** 20) } }),
  ]) {
    assert.equal(unpackImage(bad), undefined, bad.subarray(0, 60).toString('latin1'));
  }
});
