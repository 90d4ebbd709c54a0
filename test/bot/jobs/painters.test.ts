import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Painters } from '../../../src/bot/jobs/painters.ts';
import { caller } from '../history/history-fixture.ts';
import { openStudio } from '../studio/studio-fixture.ts';
import { FakePainter, INFO } from './fake-painter.ts';

const guild = (name: string) =>
  caller({ user: `user of ${name}`, guild: name, payer: `discord:guild:${name}`, room: name });

test('who joins, becomes ready, is lost and leaves is told, each once', () => {
  const painters = new Painters();
  const told: string[] = [];
  painters.on('ready', ({ id }) => told.push(`${id} ready`));
  painters.on('lost', ({ id }) => told.push(`${id} lost`));
  const one = new FakePainter('one');
  one.status = { info: null, ready: false };
  painters.join(one);
  assert.deepEqual([told, painters.info], [[], null]);
  one.status = { info: INFO, ready: true };
  painters.changed('one');
  painters.changed('one');
  one.status = { info: INFO, ready: false };
  painters.changed('one');
  painters.join(new FakePainter('two'));
  painters.leave('two');
  painters.leave('two');
  assert.deepEqual(told, ['one ready', 'one lost', 'two ready', 'two lost']);
  painters.leave('one');
  assert.equal(painters.info, INFO, 'what was loaded last');
  assert.throws(() => new Painters([one, one]), /Expected a new painter, got "one"/);
});

test('as many requests are made at a time as there are painters, and more as soon as another joins', async (t) => {
  const { ask, started, painter, painters, studio, ended } = await openStudio(t);
  const second = new FakePainter('second');
  painters.join(second);
  const jobs = [];
  for (const name of ['a', 'b', 'c']) jobs.push(await ask(`wait ${name} seed:1`, guild(name)));
  const [a, b, c] = jobs.map(({ id }) => id);
  await started(a ?? '');
  await started(b ?? '');
  assert.equal(studio.job(c ?? '')?.state, 'queued');
  const third = new FakePainter('third');
  painters.join(third);
  await started(c ?? '');
  assert.deepEqual(
    [painter, second, third].map(({ requests }) => requests.map(({ prompt }) => prompt)),
    [['wait a'], ['wait b'], ['wait c']],
  );
  const waiting = await ask('wait d', guild('d'));
  painters.leave('third');
  third.release();
  assert.equal((await ended(c ?? '')).state, 'done', 'what it had begun it ends');
  assert.equal(studio.job(waiting.id)?.state, 'queued', 'and it gets no more');
  for (const each of [painter, second]) each.release();
  await started(waiting.id);
  for (const each of [painter, second]) each.release();
  assert.equal((await ended(waiting.id)).state, 'done');
});

test('a painter that dies takes only its own request with it, which another one makes', async (t) => {
  const { ask, started, painter, painters, ended, history, events } = await openStudio(t);
  const second = new FakePainter('second');
  painters.join(second);
  const a = await ask('wait a', guild('a'));
  const b = await ask('wait b', guild('b'));
  await started(b.id);
  painter.status = { info: INFO, ready: false };
  painters.changed(painter.id);
  painter.crash();
  second.release();
  assert.equal((await ended(b.id)).state, 'done');
  const again = () => events.filter((event) => event.type === 'step' && event.step === 1 && event.job.id === a.id);
  while (again().length < 2) await new Promise(setImmediate);
  second.release();
  assert.equal((await ended(a.id)).state, 'done');
  assert.deepEqual([history.jobs.starts(a.id), history.jobs.starts(b.id)], [2, 1]);
  assert.deepEqual(
    second.requests.map(({ prompt }) => prompt),
    ['wait b', 'wait a'],
  );
});

test('while no painter is left, requests wait; the next one that joins makes them', async (t) => {
  const { ask, painters, ended, studio } = await openStudio(t);
  painters.leave('fake');
  const job = await ask('a panda on a green background');
  await new Promise(setImmediate);
  assert.equal(studio.job(job.id)?.state, 'queued');
  painters.join(new FakePainter('next'));
  assert.equal((await ended(job.id)).state, 'done');
});
