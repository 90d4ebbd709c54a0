import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { dayOf } from '../../../src/bot/history/usage.ts';
import { callerOfKey } from '../../../src/bot/keys/api-key.ts';
import { ROOT } from '../../bot/history/history-fixture.ts';
import { openApi } from './open-api.ts';

interface Refusal {
  readonly status: number;
  /** What the client may do by itself. */
  readonly shouldRetry: string | null;
  readonly retryAfter: string | null;
  readonly text: string;
}

/** Asks for a picture by each interface in turn, for the same quotas. */
async function openAll(t: TestContext, limits: string) {
  const api = await openApi(t, { limits });
  const { post, history, secret, web } = api;
  for (const limit of limits.split(',')) {
    const [name = '', value] = limit.split('=');
    const key = name === 'user-jobs' ? 'userJobs' : 'userSeconds';
    history.settings.set({ surface: 'web', guild: 'r' }, key, Number(value), ROOT);
  }
  const read = async (answer: Response): Promise<Refusal> => {
    const { status, headers } = answer;
    const [retryAfter, shouldRetry] = [headers.get('retry-after'), headers.get('x-should-retry')];
    return { status, retryAfter, shouldRetry, text: await answer.text() };
  };
  const ask = {
    openai: async (prompt: string) => read(await post('/v1/images/generations', { prompt })),
    a1111: async (prompt: string) => read(await post('/sdapi/v1/txt2img', { prompt })),
    web: async (text: string) => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ text, user: 'ann' });
      return read(await web.app.request('/api/rooms/r/commands', { method: 'POST', headers, body }));
    },
  };
  const key = history.apiKeys.admit(secret);
  assert.ok(key);
  const people = [callerOfKey(key), { surface: 'web', user: 'ann', guild: 'r' } as const];
  return { ...api, ask, people };
}

test('a quota of the day that is used up is 429, with the time that its sentence says', async (t) => {
  const { ask, people, history, clock } = await openAll(t, 'user-seconds=100');
  for (const { surface, user, guild } of people)
    history.usage.charge({ surface, user, guild }, dayOf(clock.now()), 100_000);
  clock.advance(23 * 3_600_000 + 90_000);
  for (const [name, one] of Object.entries(ask)) {
    const { status, retryAfter, shouldRetry, text } = await one('a panda');
    assert.deepEqual([name, status, retryAfter], [name, 429, String(3600 - 90)]);
    assert.match(text, /midnight UTC, in 59 min;/, name);
    if (name === 'openai') assert.equal(shouldRetry, 'false', 'the client would sleep for an hour');
  }
});

test('too many unfinished requests are 429, with the time until there is room', async (t) => {
  const { ask, people, painter, events, ended } = await openAll(t, 'user-jobs=1');
  // What was measured of it says when others should be done.
  await ask.a1111('a panda');
  const before = events.length;
  const waiting = Promise.all(
    Object.values(ask)
      .slice(1)
      .map((one) => one('wait panda')),
  );
  const queued = () => new Set(events.slice(before).flatMap(({ type, job }) => (type === 'queued' ? [job.id] : [])));
  while (queued().size < people.length) await new Promise(setImmediate);
  for (const [name, one] of Object.entries(ask)) {
    const { status, retryAfter, shouldRetry, text } = await one('a panda');
    assert.deepEqual([name, status], [name, 429]);
    assert.match(text, new RegExp(`is done, in about ${retryAfter} s\\.`), name);
    if (name === 'openai') assert.equal(shouldRetry, null);
  }
  const ends = [...queued()].map(ended);
  let isDone = false;
  void Promise.all(ends).then(() => {
    isDone = true;
  });
  for (; !isDone; await new Promise(setImmediate)) painter.release();
  await waiting;
});

test('what is more than a whole quota is 400: waiting would not help', async (t) => {
  const { ask } = await openAll(t, 'user-seconds=1,user-jobs=1');
  for (const [name, one] of Object.entries(ask)) {
    const text = name === 'web' ? 'a panda steps:200' : 'a panda';
    const { status, retryAfter } = await one(text);
    assert.deepEqual([name, status, retryAfter], [name, 400, null]);
  }
  const many = await ask.web('a {red, green} panda');
  assert.equal(many.status, 200, 'it asks first');
});

test('while the bot is restarted it is 503, with a time to come again', async (t) => {
  const { ask, studio } = await openAll(t, 'user-jobs=1');
  await studio.close(0);
  for (const [name, one] of Object.entries(ask)) {
    const { status, retryAfter, shouldRetry } = await one('a panda');
    assert.deepEqual([name, status, retryAfter, shouldRetry], [name, 503, '10', null]);
  }
});
