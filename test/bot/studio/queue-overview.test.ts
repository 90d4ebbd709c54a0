import assert from 'node:assert/strict';
import { test } from 'node:test';
import { caller } from '../history/history-fixture.ts';
import { openStudio } from './studio-fixture.ts';

const away = { room: 'attic', guild: 'attic', payer: 'attic' };
const bob = caller({ user: 'bob', name: 'Bob', ...away });
const admin = caller({ user: 'root', name: 'Root', moderator: true });

test('the queue shows the requests of one’s own and of the room, and of others only that they wait', async (t) => {
  const { studio, ask } = await openStudio(t, { still: true });
  const first = await ask('a panda on a green background n:2', caller({ user: 'eve', name: 'Eve' }));
  const own = await ask('a cake', caller(away));
  const other = await ask('a lion at sunset', bob);
  const { count, running, waiting } = studio.queueOverview(caller());
  assert.equal(count, 3);
  assert.deepEqual(running, []);
  const seen = waiting.map(({ id, prompt, user, room, mayCancel }) => ({ id, prompt, user, room, mayCancel }));
  assert.deepEqual(
    seen.toSorted((a, b) => String(a.prompt).localeCompare(String(b.prompt))),
    [
      { id: own.id, prompt: 'a cake', user: 'Ann', room: 'attic', mayCancel: true },
      { id: first.id, prompt: 'a panda on a green background', user: 'Eve', room: 'lobby', mayCancel: false },
      { id: null, prompt: null, user: null, room: null, mayCancel: false },
    ],
  );
  const text = JSON.stringify(waiting);
  for (const secret of [other.id, 'lion', 'Bob']) assert.ok(!text.includes(secret), secret);
});

test('an admin of the page sees every room, and of other platforms only that somebody waits there', async (t) => {
  const { studio, ask } = await openStudio(t, { still: true });
  await ask('a lion at sunset', bob);
  const chat = { surface: 'discord', user: '1', name: 'Zoe', room: '2', guild: '3', payer: 'discord:guild:3' } as const;
  const far = await ask('a panda', caller(chat));
  const { waiting } = studio.queueOverview(admin);
  assert.deepEqual(
    waiting.map(({ prompt, user, mayCancel }) => [prompt, user, mayCancel]),
    [
      ['a lion at sunset', 'Bob', true],
      [null, null, true],
    ],
  );
  assert.equal(waiting[1]?.id, far.id);
});

test('the queue tells why a request waits: how many of the same person and of others come first, and who paints', async (t) => {
  const { studio, painter, ask, started } = await openStudio(t);
  const running = await ask('wait here');
  await started(running.id);
  await ask('a cake');
  await ask('a lion at sunset', bob);
  await ask('a strawberry');
  const overview = studio.queueOverview(admin);
  assert.deepEqual(
    overview.running.map(({ id, painters, position }) => [id, painters, position]),
    [[running.id, [painter.name], null]],
  );
  assert.deepEqual(
    overview.waiting.map(({ prompt, position, ahead }) => [prompt, position, ahead.own, ahead.others]),
    [
      ['a lion at sunset', 1, 0, 0],
      ['a cake', 2, 0, 1],
      ['a strawberry', 3, 1, 1],
    ],
  );
  assert.deepEqual(overview.painters, [{ name: painter.name, ready: true, busy: true }]);
  painter.release();
});

test('a prompt that the rules have forbidden since is in no queue', async (t) => {
  const { studio, ask, say } = await openStudio(t, { still: true });
  await ask('a panda on a green background');
  await say('settings blocked-words panda', admin);
  const [entry] = studio.queueOverview(caller()).waiting;
  assert.deepEqual([entry?.prompt, entry?.own, entry?.mayCancel], [null, true, true]);
});
