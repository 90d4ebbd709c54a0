import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { History } from '../../../src/bot/history/history.ts';
import { hashOf } from '../../../src/bot/history/image-files.ts';
import { caller, newJob, openHistory, request } from './history-fixture.ts';

const HOUR = 3_600_000;
const GIVEN = Buffer.from('a picture');
const HASH = hashOf(GIVEN);

const started = (hash: string, change: Parameters<typeof caller>[0] = {}) =>
  newJob({ caller: caller(change), request: request({ start: { pictures: [{ hash, weight: 1 }], strength: 0.5 } }) });

function done(history: History, input: Parameters<History['jobs']['accept']>[0]): string {
  const { job } = history.jobs.accept(input);
  history.jobs.start(job.id);
  history.jobs.finish(job.id, { seconds: 1 });
  return job.id;
}

test('a given picture is stored by its content, and its job knows what it starts from', async (t) => {
  const { history, folder } = openHistory(t);
  assert.equal(await history.images.give(GIVEN), HASH);
  const start = { pictures: [{ hash: HASH, weight: 2.5 }], strength: 0.25, mask: HASH };
  const { job } = history.jobs.accept(newJob({ request: request({ start }) }));
  assert.deepEqual(history.jobs.get(job.id)?.request.start, start);
  const path = history.images.givenPath(HASH);
  assert.ok(path?.startsWith(join(folder, 'images')));
  assert.deepEqual(readFileSync(path ?? ''), GIVEN);
});

test('requests without a picture are as they were', (t) => {
  const { history } = openHistory(t);
  const { job } = history.jobs.accept(newJob());
  assert.ok(!('start' in (history.jobs.get(job.id)?.request ?? {})));
});

test('a given picture is exported with the person, and erased unless somebody else starts from it, too', async (t) => {
  const { history } = openHistory(t);
  await history.images.give(GIVEN);
  done(history, started(HASH));
  const bob = done(history, started(HASH, { user: 'bob', name: 'Bob' }));
  const { json, files } = history.personalData.export('web', 'ann');
  assert.deepEqual(
    files.map(({ path }) => readFileSync(path, 'utf8')),
    ['a picture'],
  );
  assert.match(json, new RegExp(HASH));
  history.personalData.erase('web', 'ann');
  assert.ok(history.images.givenPath(HASH));
  assert.ok(history.jobs.get(bob));
  history.personalData.erase('web', 'bob');
  assert.equal(history.images.givenPath(HASH), null);
});

test('old given pictures go by the rules for pictures, but not from under a job that waits', async (t) => {
  const { history, clock } = openHistory(t);
  await history.images.give(GIVEN);
  const { job } = history.jobs.accept(started(HASH));
  clock.now += 100 * HOUR;
  await history.tidy({ maxAgeMs: HOUR });
  const path = history.images.givenPath(HASH) ?? '';
  assert.ok(existsSync(path));
  history.jobs.start(job.id);
  history.jobs.finish(job.id, { seconds: 1 });
  await history.tidy({ maxBytes: 5 });
  assert.equal(history.images.givenPath(HASH), null);
  assert.ok(!existsSync(path));
  assert.deepEqual(history.jobs.get(job.id)?.request.start?.pictures, [{ hash: HASH, weight: 1 }]);
});

test('a given picture that no request names is kept for a while only', async (t) => {
  const { history, clock, folder } = openHistory(t);
  await history.images.give(GIVEN);
  clock.now += HOUR;
  await history.tidy({});
  assert.ok(history.images.givenPath(HASH));
  clock.now += 2 * HOUR;
  await history.tidy({});
  assert.equal(history.images.givenPath(HASH), null);
  assert.deepEqual(
    readdirSync(join(folder, 'images'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.png')),
    [],
  );
});
