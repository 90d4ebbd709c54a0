import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { EngineEvent, EngineRequest, ImagePlan } from '../../src/pipeline/process/protocol.ts';
import { Attempts } from '../../src/workers/bot/attempts.ts';
import { createIntake } from '../../src/workers/bot/intake.ts';
import { quoting } from '../../src/workers/said.ts';
import { packImage, wireDone, wirePlan, wireRequest, wireStep } from '../../src/workers/wire.ts';
import { ManualClock } from '../manual-clock.ts';
import { sketch } from './sketch-engine.ts';

const REQUEST: EngineRequest = {
  ...{ prompt: 'a panda on a green background', negative: '', width: 128, height: 64, style: 'base', steps: null },
  ...{ decoderSteps: 12, guidance: 4, decoderGuidance: 0 },
  images: [
    { index: 0, source: { kind: 'words', seed: 2n ** 64n - 1n }, stageBSeed: 7n, metadata: { seed: '7' } },
    {
      index: 3,
      source: {
        ...{ kind: 'enlarge', seed: 8n, strength: 0.1 },
        embedding: { dims: [1, 2], data: Float32Array.of(0.1, -3) },
      },
      stageBSeed: 8n,
      metadata: {},
    },
  ],
};
const PNG = sketch(REQUEST, 7n);
const UPLOAD = packImage({
  metadata: { seed: '7' },
  embedding: { dims: [2], data: Float32Array.of(0.5, Number.POSITIVE_INFINITY) },
  png: PNG,
  verdict: {
    ...{ classifier: 'tiny 1.0', explicit: false },
    shares: { drawing: 0.25, hentai: 0, neutral: 0.75, porn: 0, sexy: 0 },
  },
});

function open(leaseMs = 1000) {
  const clock = new ManualClock();
  const attempts = new Attempts({ leaseMs, clock });
  const warnings: string[] = [];
  const log = (_: object, message: string) => void warnings.push(message);
  const app = createIntake({ attempts, bot: '', logger: { warn: log, error: log } });
  const attempt = attempts.open(REQUEST);
  const events: EngineEvent[] = [];
  const reading = (async () => {
    for await (const event of attempt.events()) events.push(event);
  })();
  reading.catch(() => {});
  const send = async (path: string, init: RequestInit = {}) => (await app.request(path, init)).status;
  const put = (body: Buffer, hash = sha256(body), path = `${attempt.path}/images/0`) =>
    send(path, { method: 'PUT', body, headers: { 'Wuerst-Sha256': hash } });
  const post = (path: string, message: unknown) =>
    send(attempt.path + path, { method: 'POST', body: JSON.stringify(message) });
  return { clock, attempts, app, attempt, events, reading, send, put, post };
}

const sha256 = (body: Uint8Array) => createHash('sha256').update(body).digest('hex');
const STEP = { type: 'step', stage: 'prior', image: 0, step: 1, total: 3, timestep: 0.5, preview: null };
const DONE = { kind: 'done', timings: { prior: 3 }, warnings: [] };

test('a request arrives as it was, with every bit of its seeds and embeddings', async () => {
  const { app, attempt } = open();
  const answer = await app.request(attempt.path);
  assert.deepEqual(wireRequest.parse(await answer.json()), REQUEST);
});

test('everything that the pipeline process is told and says has its place on the way', () => {
  type Of<T extends EngineEvent['type']> = Extract<EngineEvent, { type: T }>;
  // A field that is new there does not compile here until it is listed, and then fails until it is sent.
  const request: Record<keyof EngineRequest, true> = {
    ...{ prompt: true, negative: true, width: true, height: true, style: true, steps: true, decoderSteps: true },
    ...{ guidance: true, decoderGuidance: true, loras: true, start: true, weighted: true, images: true, files: true },
    judge: true,
    language: true,
  };
  const plan: Record<keyof ImagePlan, true> = { index: true, source: true, stageBSeed: true, metadata: true };
  const step: Record<keyof Of<'step'>, true> = {
    ...{ type: true, stage: true, image: true, step: true, total: true, timestep: true },
    ...{ preview: true, previewOf: true, share: true },
  };
  const done: Record<Exclude<keyof Of<'done'>, 'type' | 'previewMaps'>, true> = {
    ...{ timings: true, warnings: true, share: true },
  };
  const names = (fields: object) => Object.keys(fields).sort();
  assert.deepEqual(names(wireRequest.shape), names(request));
  assert.deepEqual(names(wirePlan.shape), names(plan));
  assert.deepEqual(names(wireStep.shape), names(step));
  assert.deepEqual(names(wireDone.shape), names({ kind: true, ...done }));
});

test('a picture is taken with its embedding, once, however often it is sent', async () => {
  const { put, post, events, reading } = open();
  assert.deepEqual(await Promise.all([put(UPLOAD), put(UPLOAD)]), [204, 204]);
  assert.equal(await put(UPLOAD), 204);
  assert.equal(await post('/end', DONE), 204);
  await reading;
  assert.deepEqual(
    events.map(({ type }) => type),
    ['image', 'done'],
  );
  const [image] = events;
  assert.ok(image?.type === 'image');
  assert.deepEqual(Buffer.from(image.png), Buffer.from(PNG));
  assert.deepEqual([...image.embedding.data], [0.5, Number.POSITIVE_INFINITY]);
  assert.ok(image.verdict !== undefined && 'shares' in image.verdict && image.verdict.shares.drawing === 0.25);
});

test('a truncated, altered or wrong upload is refused, and a good one is taken after it', async () => {
  const { put, attempt, events } = open();
  assert.equal(await put(UPLOAD.subarray(0, -20), sha256(UPLOAD)), 422, 'truncated on the way');
  assert.equal(await put(UPLOAD.subarray(0, -20)), 422, 'truncated before it was hashed');
  assert.equal(await put(Buffer.concat([UPLOAD, Buffer.of(0)])), 422, 'something behind it');
  const end = UPLOAD.subarray(-12);
  assert.equal(
    await put(Buffer.concat([UPLOAD, Buffer.from('<script>'), end])),
    422,
    'something behind it that ends as it does',
  );
  assert.equal(await put(Buffer.alloc(0)), 422);
  assert.equal(await put(UPLOAD, 'no hash'), 400);
  const other = { metadata: {}, embedding: { dims: [1], data: Float32Array.of(1) } };
  assert.equal(await put(packImage({ ...other, png: sketch({ ...REQUEST, width: 64 }, 7n) })), 422, 'of another size');
  assert.equal(await put(UPLOAD, undefined, `${attempt.path}/images/1`), 404, 'not asked for');
  assert.deepEqual(events, []);
  assert.equal(await put(UPLOAD), 204);
});

test('only the signed address of a current attempt is heard', async () => {
  const { attempts, attempt, send, put, clock, reading } = open();
  const forged = attempt.path.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  const another = new Attempts({ leaseMs: 1000, clock }).open(REQUEST);
  const next = attempts.open(REQUEST);
  const stolen = next.path.replace(/[^/]+$/, attempt.path.split('/').at(-1) ?? '');
  for (const path of [forged, another.path, stolen, attempt.path.replace(/\/[^/]+$/, '/')]) {
    const status = await send(path);
    assert.ok(status === 403 || status === 404, `${path}: ${status}`);
    assert.ok([403, 404].includes(await put(UPLOAD, undefined, `${path}/images/0`)));
  }
  clock.advance(1500);
  await assert.rejects(reading, { name: 'AttemptLost' });
  attempts.close(attempt);
  assert.equal(await send(attempt.path), 410);
  assert.equal(await put(UPLOAD), 410);
});

test('nothing is read of what comes to an address that is not heard', async () => {
  const { attempts, attempt, app } = open();
  const forged = attempt.path.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  const earlier = attempts.open(REQUEST);
  attempts.close(earlier);
  for (const [path, expected] of [
    [`${forged}/images/0`, 403],
    [`${earlier.path}/images/0`, 410],
    [`${earlier.path}/steps`, 410],
  ] as const) {
    let read = 0;
    const endless = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          read += 1;
          controller.enqueue(new Uint8Array(2 ** 16));
        },
      },
      { highWaterMark: 0 },
    );
    const method = path.endsWith('steps') ? 'POST' : 'PUT';
    const { status } = await app.request(path, { method, body: endless, duplex: 'half' });
    assert.deepEqual([status, read], [expected, 0], path);
  }
});

test('a sign of life keeps an attempt, also while the machine of the bot slept', async () => {
  const { clock, post, attempt } = open(5000);
  for (let i = 0; i < 5; i += 1) {
    clock.advance(4900);
    assert.equal(await post('/beat', {}), 204);
  }
  clock.sleep(3_600_000);
  assert.equal(await post('/beat', {}), 204, 'nobody ran, so nobody is late');
  assert.ok(attempt.isCurrent);
});

test('a cancelled attempt takes nothing more, and ends when the worker says so', async () => {
  const { attempt, app, post, put, reading, events } = open();
  await app.request(attempt.path);
  attempt.cancel(new Error('cancelled'));
  assert.equal(await post('/steps', STEP), 410);
  assert.equal(await put(UPLOAD), 410);
  assert.equal(await post('/end', { kind: 'given-back', reason: quoting('not wanted'), leaving: false }), 204);
  await assert.rejects(reading, /cancelled/);
  assert.deepEqual(events, []);
});

test('messages that do not fit their schema are refused', async () => {
  const { post, send, attempt, events } = open();
  for (const message of [null, [], {}, { ...STEP, stage: 'kitchen' }, { ...STEP, more: 1 }, { ...STEP, image: 11 }]) {
    assert.equal(await post('/steps', message), 422, JSON.stringify(message));
  }
  for (const message of [
    { kind: 'done' },
    { kind: 'crashed' },
    { ...DONE, timings: { prior: -1 } },
    { ...DONE, timings: { x: 1 } },
  ]) {
    assert.equal(await post('/end', message), 422, JSON.stringify(message));
  }
  assert.equal(await send(`${attempt.path}/steps`, { method: 'POST', body: '{' }), 422);
  assert.equal(await send(`${attempt.path}/steps`, { method: 'POST', body: `"${'x'.repeat(3e6)}"` }), 413);
  assert.deepEqual(events, []);
});
