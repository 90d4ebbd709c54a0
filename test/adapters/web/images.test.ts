import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { answerOf } from './answer.ts';
import { appOverFake } from './serve-fake.ts';

async function withPicture(t: TestContext) {
  const over = await appOverFake(t);
  const response = await over.app.request('/api/rooms/r/commands', {
    method: 'POST',
    body: JSON.stringify({ text: 'a fox size:400x300', user: 'ann' }),
    headers: { 'content-type': 'application/json' },
  });
  const { job } = await answerOf(response);
  await over.core.complete(job.id);
  return { ...over, jobId: job.id, path: `/images/${job.id}i0.png` };
}

test('a picture is served whole, and kept by browsers for good', async (t) => {
  const { app, path } = await withPicture(t);
  const answer = await app.request(path);
  assert.equal(answer.headers.get('content-type'), 'image/png');
  assert.match(answer.headers.get('cache-control') ?? '', /immutable/);
  const { width, height, format } = await sharp(Buffer.from(await answer.arrayBuffer())).metadata();
  assert.deepEqual({ width, height, format }, { width: 400, height: 300, format: 'png' });
  const etag = answer.headers.get('etag') ?? '';
  assert.equal((await app.request(path, { headers: { 'if-none-match': etag } })).status, 304);
});

test('thumbnails come in the offered widths only', async (t) => {
  const { app, path } = await withPicture(t);
  const small = await app.request(`${path}?w=160`);
  assert.equal(small.headers.get('content-type'), 'image/webp');
  assert.equal((await sharp(Buffer.from(await small.arrayBuffer())).metadata()).width, 160);
  for (const width of ['161', '-1', '1e9', '']) assert.equal((await app.request(`${path}?w=${width}`)).status, 400);
});

test('a deleted picture is gone, also for who has its ETag', async (t) => {
  const { app, core, jobId, path } = await withPicture(t);
  const etag = (await app.request(path)).headers.get('etag') ?? '';
  const job = core.job(jobId);
  assert.ok(job);
  await core.act(`delete:${jobId}`, job.caller);
  assert.equal((await app.request(path, { headers: { 'if-none-match': etag } })).status, 404);
});

test('no path gets out of the pictures', async (t) => {
  const { app } = await withPicture(t);
  for (const path of [
    '/images/..%2f..%2fpackage.json',
    '/images/%2e%2e%2fx.png',
    '/images/x%00.png',
    '/images/.png',
    '/images/%ff.png',
  ]) {
    assert.equal((await app.request(path)).status, 404, path);
  }
});
