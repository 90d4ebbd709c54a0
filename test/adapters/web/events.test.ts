import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { EventEncoder } from '../../../src/adapters/web/server/event-json.ts';
import { EventStream } from '../../../src/adapters/web/server/event-stream.ts';
import { LiveEvents } from '../../../src/adapters/web/server/live-events.ts';
import type { JobEvent } from '../../../src/bot/job.ts';
import { readEvents } from './event-reader.ts';
import { appOverFake, fakeCore, serveFake } from './serve-fake.ts';

test('Last-Event-ID replays what was missed, once each and in order, and goes on live', async (t) => {
  const { app, core } = await appOverFake(t);
  const first = await core.request('fox 0');
  for (let k = 1; k < 130; k++) await core.request(`fox ${k}`, k % 3 === 0 ? 'other' : 'r');
  const response = await app.request('/api/rooms/r/events', { headers: { 'last-event-id': '1' } });
  // Something durable happens while the replay is still under way.
  core.start(first.id);
  const events = await readEvents(response, (read) => read.some(({ type }) => type === 'started'));
  const ids = events.flatMap(({ id }) => (id === null ? [] : [id]));
  const expected = core.eventsSince('web', 'r', 1, 1000).map(({ seq }) => seq);
  assert.deepEqual(ids, expected);
  assert.equal(events[0]?.data.replays, true);
});

test('without Last-Event-ID a page gets what comes next, and the latest live state of what runs', async (t) => {
  const { app, core } = await appOverFake(t);
  const job = await core.request('a fox');
  core.start(job.id);
  core.step(job.id, 1);
  core.step(job.id, 2);
  const response = await app.request('/api/rooms/r/events');
  core.finish(job.id);
  const other = await core.request('another fox');
  core.wait(other.id, 3);
  const events = await readEvents(response, (read) => read.at(-1)?.data.job?.position === 3);
  assert.deepEqual(
    events.map(({ type, id }) => [type, id]),
    [
      ['hello', null],
      ['step', null],
      ['done', 3],
      ['queued', 4],
      ['queued', null],
    ],
  );
});

test('who watches a room hears at once that a request was erased, by its id alone', async (t) => {
  const { app, core } = await appOverFake(t);
  const job = await core.request('a fox');
  core.start(job.id);
  core.step(job.id, 1);
  core.finish(job.id);
  const response = await app.request('/api/rooms/r/events');
  core.erase(job.id);
  const events = await readEvents(response, (read) => read.at(-1)?.type === 'erased');
  assert.deepEqual(events.at(-1)?.data, { type: 'erased', seq: null, job: { id: job.id, room: 'r' } });
  const later = await app.request('/api/rooms/r/events');
  await core.request('another');
  const seen = await readEvents(later, (read) => read.length === 2);
  assert.deepEqual(
    seen.map(({ type }) => type),
    ['hello', 'queued'],
  );
});

test('of live steps only the latest waits for a page', async (t) => {
  const { app, core } = await appOverFake(t, { liveIntervalMs: 5 });
  const job = await core.request('a fox');
  const response = await app.request('/api/rooms/r/events');
  core.start(job.id);
  for (let step = 1; step <= 10; step++) core.step(job.id, step);
  const events = await readEvents(response, (read) => read.some(({ data }) => data.step === 10));
  assert.equal(events.filter(({ type }) => type === 'step').length, 1);
});

test('one stream carries several rooms', async (t) => {
  const { app, core } = await appOverFake(t);
  const response = await app.request('/api/rooms/a/events?also=b&after=0');
  await core.request('in a', 'a');
  await core.request('in b', 'b');
  await core.request('in c', 'c');
  await core.request('in a again', 'a');
  const events = await readEvents(response, (read) => read.at(-1)?.id === 4);
  assert.deepEqual(
    events.slice(1).map(({ data }) => data.job.request.prompt),
    ['in a', 'in b', 'in a again'],
  );
});

test('a page that never reads its events has little encoded for it, however much happens', async (t) => {
  const { core } = await fakeCore(t);
  let encoded = 0;
  const encoder = new (class extends EventEncoder {
    override encode(event: JobEvent): Uint8Array {
      encoded += 1;
      return super.encode(event);
    }
  })(core);
  const live = new LiveEvents(core);
  const stream = new EventStream({
    core,
    live,
    encoder,
    rooms: ['r'],
    after: 0,
    liveIntervalMs: 0,
    heartbeatMs: 60_000,
    onStalled: () => undefined,
    onEnd: () => undefined,
  });
  for (let k = 0; k < 500; k++) {
    const job = await core.request(`a fox ${'x'.repeat(5000)}`);
    core.start(job.id);
    for (let step = 1; step <= 10; step++) core.step(job.id, step);
  }
  assert.ok(encoded < 10, `${encoded} of 6000 events were encoded`);
  stream.end();
  live.close();
});

test('a page that never reads its events loses its connection', async (t) => {
  const { core, url } = await serveFake(t, { heartbeatMs: 30, liveIntervalMs: 0, maxStreams: 1 });
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write('GET /api/rooms/r/events HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(socket, 'data');
  socket.pause();
  const job = await core.request(`a fox ${'x'.repeat(100_000)}`);
  core.start(job.id);
  const flood = setInterval(() => core.step(job.id, 1), 0);
  const next = new AbortController();
  await openWhenFree(url, next.signal);
  next.abort();
  clearInterval(flood);
  socket.destroy();
});

test('a stream that its page closes leaves nothing behind', async (t) => {
  const { core, adapter, url } = await serveFake(t, { maxStreams: 1 });
  for (let k = 0; k < 3; k++) {
    const page = new AbortController();
    await openWhenFree(url, page.signal);
    assert.equal((await fetch(`${url}api/rooms/r/events`)).status, 429);
    page.abort();
  }
  assert.equal(core.listeners, 1);
  await adapter.stop(200);
  assert.equal(core.listeners, 0);
});

/** For servers with `maxStreams: 1`: asks until the only stream is to be had. */
async function openWhenFree(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}api/rooms/r/events`, { signal });
    if (response.status === 200) return;
    await response.arrayBuffer();
  }
}

test('a stream that asks for it tells when the queue is different in any room, at most once in a while', async (t) => {
  const { app, core } = await appOverFake(t, { liveIntervalMs: 10 });
  const [watching, quiet] = [
    await app.request('/api/rooms/r/events?queue=1'),
    await app.request('/api/rooms/r/events'),
  ];
  for (let k = 0; k < 20; k++) await core.request('a panda', 'elsewhere');
  await core.request('a cake', 'r');
  const isEnough = (read: readonly { type: string }[]) => read.at(-1)?.type === 'queued';
  const [told, untold] = await Promise.all([readEvents(watching, isEnough), readEvents(quiet, isEnough)]);
  assert.equal(told.filter(({ type }) => type === 'queue').length <= 1, true);
  const again = await app.request('/api/rooms/r/events?queue=1');
  await core.request('a panda', 'elsewhere');
  const events = await readEvents(again, (read) => read.some(({ type }) => type === 'queue'));
  assert.deepEqual(
    events.map(({ type, id }) => [type, id]),
    [
      ['hello', null],
      ['queue', null],
    ],
  );
  assert.deepEqual(
    untold.map(({ type }) => type),
    ['hello', 'queued'],
  );
});
