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

test('while nobody can paint, requests wait and say so, without a time; the operator is told once, and it ends by itself', async (t) => {
  const { ask, make, say, painter, painters, ended, studio, clock, events, problems } = await openStudio(t);
  // So that times are known.
  await make('a panda');
  painter.status = { info: INFO, ready: false };
  painters.changed('fake');
  const jobs = [await ask('a panda on a green background'), await ask('a lion at sunset')];
  const shown = () => jobs.map(({ id }) => events.findLast((event) => event.type === 'queued' && event.job.id === id));
  clock.advance(300);
  for (const event of shown())
    assert.deepEqual(event?.type === 'queued' && [event.eta, event.lack], [null, { what: 'painter' }]);
  const sentence = 'Nobody can paint right now. The request is kept and starts by itself as soon as somebody can.';
  for (const job of jobs) {
    const { progress, eta } = studio.jobReply(job);
    assert.deepEqual([progress?.label, eta], [sentence, null]);
  }
  const { lines, fields } = await say('queue');
  assert.deepEqual(lines, [
    'Nobody is ready to paint: requests wait until a painter is.',
    'Unfinished requests from this place: 2.',
  ]);
  assert.equal(fields[0]?.value, sentence);
  clock.advance(60_000);
  assert.deepEqual(problems, [
    'Requests wait for a painter: none is there. They start by themselves when one comes.: ',
  ]);
  painters.join(new FakePainter('next'));
  for (const { id } of jobs) assert.equal((await ended(id)).state, 'done');
});

test('a request that none of those who are there can make says what is missing, lets others pass and waits for one who can', async (t) => {
  const { ask, make, painter, painters, ended, studio, clock, events, problems } = await openStudio(t, {
    others: true,
  });
  await make('a panda');
  painter.status = { info: INFO, ready: false };
  painters.changed('fake');
  const other = new FakePainter('other');
  other.status = { info: { ...INFO, styles: ['interpolated', 'base'] } };
  painters.join(other);
  const job = await ask('a lion style:aesthetic', guild('a'));
  assert.equal((await make('a cake', guild('b'))).state, 'done');
  clock.advance(300);
  const last = events.findLast((event) => event.job.id === job.id);
  const told = last?.type === 'queued' && [last.position, last.eta, last.lack];
  assert.deepEqual(told, [1, null, { what: 'style', name: 'aesthetic' }]);
  const { progress } = studio.jobReply(job);
  assert.match(progress?.label ?? '', /^No painter that is there has the style aesthetic\. The request is kept/);
  const [entry] = studio.queueOverview(guild('a')).waiting;
  assert.deepEqual([entry?.lack, entry?.start, entry?.end], [progress?.label, null, null]);
  assert.equal(studio.queueOverview(guild('b')).waiting[0]?.lack, null, 'it is a part of the request');
  clock.advance(10_000);
  assert.match(problems.join(), /^Requests wait for a painter with the style aesthetic: none is there/);
  painters.join(new FakePainter('third'));
  assert.equal((await ended(job.id)).state, 'done');
});

test('painters of which all bytes are known to differ never both work, whoever is like either as far as is known', () => {
  const known = (checkpoint: string) => ({ checkpoint, formerCheckpoints: ['pieces'] });
  for (const infoOf of [
    (checkpoint: string) => ({ ...INFO, ...known(checkpoint) }),
    (checkpoint: string) => ({ ...INFO, further: { aesthetic: known(checkpoint) } }),
  ]) {
    const of = (id: string, checkpoint: string) =>
      Object.assign(new FakePainter(id), { status: { info: infoOf(checkpoint) } });
    const first = of('a', 'pieces');
    const painters = new Painters([first, of('b', 'tuned'), of('c', 'tuned otherwise'), of('d', 'pieces')]);
    const working = () => painters.working.map(({ id }) => id).join();
    assert.equal(working(), 'a,b,d');
    first.status = { info: infoOf('tuned otherwise') };
    painters.changed('a');
    assert.equal(working(), 'a,c,d');
  }
});

test('weights are compared by names that they have, not by those that every object has', () => {
  const odd = new FakePainter('odd');
  odd.status = { info: { ...INFO, further: { constructor: { checkpoint: 'a' } } } };
  const plain = new FakePainter('plain');
  plain.status = { info: { ...INFO, further: {} } };
  assert.deepEqual(new Painters([odd, plain]).working, [odd, plain]);
});
