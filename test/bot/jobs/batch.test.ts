import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { caller } from '../history/history-fixture.ts';
import { openStudio } from '../studio/studio-fixture.ts';
import { FakePainter, INFO } from './fake-painter.ts';

const guild = (name: string) =>
  caller({ user: `user of ${name}`, guild: name, payer: `discord:guild:${name}`, room: name });

/** A studio with one painter that paints so many pictures of several requests at the same time. */
async function studioWith(t: TestContext, together: number) {
  const painter = new FakePainter();
  painter.status = { info: { ...INFO, together } };
  const opened = await openStudio(t, { painter });
  const isRunning = (id: string) => opened.studio.job(id)?.state === 'running';
  /** Resolves when a job waits in the middle of a request, for the given time. */
  const inTheMiddle = async (id: string, times = 1) => {
    const steps = () =>
      opened.events.filter((event) => event.type === 'step' && event.job.id === id && event.step === 1);
    while (steps().length < times) await new Promise(setImmediate);
    await new Promise(setImmediate);
  };
  /** Whether it waits still, when whatever could have been started has been. */
  const isWaiting = async (id: string) => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
    return opened.studio.job(id)?.state === 'queued';
  };
  return { ...opened, painter, isRunning, isWaiting, inTheMiddle };
}

test('requests that are alike are painted at the same time as far as there is room, and others wait', async (t) => {
  const { ask, inTheMiddle, ended, isWaiting, painter } = await studioWith(t, 3);
  const a = await ask('wait panda seed:1', guild('a'));
  await inTheMiddle(a.id);
  const b = await ask('wait cat seed:2 n:2 guidance:5 steps:20', guild('b'));
  await inTheMiddle(b.id);
  const full = await ask('wait heart seed:3', guild('c'));
  assert.ok(await isWaiting(full.id), 'three pictures at most');
  assert.deepEqual(painter.alongside, ['wait cat']);
  painter.release();
  await inTheMiddle(full.id);
  painter.release();
  for (const { id } of [a, b, full]) assert.equal((await ended(id)).state, 'done');
});

test('another size, style or LoRA is not alike, and nobody passes whoever waits for the batch to end', async (t) => {
  const { ask, inTheMiddle, ended, isWaiting, isRunning, painter } = await studioWith(t, 8);
  const a = await ask('wait panda seed:1', guild('a'));
  await inTheMiddle(a.id);
  const wide = await ask('wait panda seed:2 width:1536', guild('b'));
  assert.ok(await isWaiting(wide.id));
  const late = await ask('wait panda seed:3', guild('c'));
  assert.ok(await isWaiting(late.id), 'it would prolong the batch that the other waits for');
  painter.release();
  assert.equal((await ended(a.id)).state, 'done');
  await inTheMiddle(wide.id);
  assert.ok(!isRunning(late.id));
  painter.release();
  await ended(wide.id);
  await inTheMiddle(late.id);
  const styled = await ask('wait panda seed:4 style:base', guild('d'));
  assert.ok(await isWaiting(styled.id));
  painter.release();
  await inTheMiddle(styled.id);
  painter.release();
  assert.equal((await ended(styled.id)).state, 'done');
});

test('one that is cancelled leaves its place to the next', async (t) => {
  const { ask, inTheMiddle, isWaiting, painter, studio, ended } = await studioWith(t, 2);
  const [a, b] = [await ask('wait panda', guild('a')), await ask('wait cat', guild('b'))];
  await inTheMiddle(b.id);
  const c = await ask('wait heart', guild('c'));
  assert.ok(await isWaiting(c.id));
  await inTheMiddle(a.id);
  await studio.command(`cancel ${a.id}`, guild('a'));
  await inTheMiddle(c.id);
  assert.deepEqual(painter.alongside, ['wait cat', 'wait heart']);
  painter.release();
  for (const { id } of [b, c]) assert.equal((await ended(id)).state, 'done');
});

test('a request that the process died of is made again alone', async (t) => {
  const { ask, inTheMiddle, ended, isWaiting, painter, history } = await studioWith(t, 4);
  const poisoned = await ask('wait panda', guild('a'));
  const other = await ask('wait cat', guild('b'));
  await inTheMiddle(other.id);
  painter.crash();
  assert.equal((await ended(other.id)).state, 'done');
  await inTheMiddle(poisoned.id, 2);
  const late = await ask('wait heart', guild('c'));
  assert.ok(await isWaiting(late.id), 'nobody joins it');
  assert.equal(painter.alongside.length, 1);
  painter.release();
  assert.equal((await ended(poisoned.id)).state, 'done');
  await inTheMiddle(late.id);
  painter.release();
  assert.equal((await ended(late.id)).state, 'done');
  assert.deepEqual([history.jobs.starts(poisoned.id), history.jobs.starts(other.id)], [2, 1]);
});

test('each is charged for its share of the time', async (t) => {
  const { ask, inTheMiddle, ended, painter, history } = await studioWith(t, 2);
  painter.share = 0.5;
  const [a, b] = [await ask('wait panda', guild('a')), await ask('wait cat', guild('b'))];
  await inTheMiddle(b.id);
  painter.release();
  for (const { id } of [a, b]) await ended(id);
  // What the painter says is its share already.
  assert.ok(Math.abs(history.usage.today('user', 'web', 'user of a').seconds - 0.9) < 1e-9);
});

test('a request that waits for a painter who can make it keeps no others apart', async (t) => {
  const able = new FakePainter('able');
  able.status = { info: { ...INFO, together: 4 } };
  const { ask, ended, painters, studio } = await openStudio(t, { painter: able, others: true });
  const painter = new FakePainter('other');
  painter.status = { info: { ...INFO, styles: ['interpolated', 'base'], together: 4 } };
  painters.join(painter);
  able.status = { ...able.status, ready: false };
  painters.changed('able');
  const lacking = await ask('wait lion style:aesthetic', guild('a'));
  const both = [await ask('wait panda', guild('b')), await ask('wait cat', guild('c'))];
  for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
  assert.deepEqual(
    both.map(({ id }) => studio.job(id)?.state),
    ['running', 'running'],
  );
  assert.equal(studio.job(lacking.id)?.state, 'queued');
  painter.release();
  for (const { id } of both) assert.equal((await ended(id)).state, 'done');
});
