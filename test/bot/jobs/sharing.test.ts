import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Job, JobEvent } from '../../../src/bot/job.ts';
import type { Painters } from '../../../src/bot/jobs/painters.ts';
import { caller } from '../history/history-fixture.ts';
import { openStudio } from '../studio/studio-fixture.ts';
import { FakePainter, INFO } from './fake-painter.ts';

const guild = (name: string) =>
  caller({ user: `user of ${name}`, guild: name, payer: `discord:guild:${name}`, room: name });

async function studioWith(t: TestContext, count: number) {
  const opened = await openStudio(t);
  const more = Array.from({ length: count - 1 }, (_, index) => new FakePainter(`painter ${index + 2}`));
  for (const painter of more) opened.painters.join(painter);
  return { ...opened, all: [opened.painter, ...more] };
}

const hashes = ({ images }: Job) => images.map(({ index, hash }) => [index, hash]);
const indices = ({ requests }: FakePainter) => requests.map(({ images }) => images.map(({ index }) => index));
const typesOf = (events: readonly JobEvent[], id: string) =>
  events.filter(({ job, seq }) => job.id === id && seq !== null).map(({ type }) => type);
/** Resolves when so many painters wait in the middle of a request. */
async function inTheMiddle(events: readonly JobEvent[], id: string, count: number) {
  const steps = () => events.filter((event) => event.type === 'step' && event.job.id === id && event.step === 1);
  while (steps().length < count) await new Promise(setImmediate);
}

async function idle(painters: Painters, count: number) {
  while (painters.free().length < count) await new Promise(setImmediate);
}

test('painters that have nothing to do share the pictures of a request, which ends as if one had made them', async (t) => {
  const alone = await studioWith(t, 1);
  const wanted = await alone.make('long panda seed:5 n:4');
  const { make, all, events, history } = await studioWith(t, 4);
  const job = await make('long panda seed:5 n:4');
  assert.deepEqual(all.map(indices), [[[0]], [[1]], [[2]], [[3]]]);
  assert.deepEqual(hashes(job), hashes(wanted));
  assert.deepEqual(typesOf(events, job.id), ['queued', 'started', 'image', 'image', 'image', 'image', 'done']);
  assert.deepEqual(job.notes, wanted.notes, 'what each of them says is said once');
  const today = history.usage.today('user', 'web', 'ann').seconds;
  assert.ok(Math.abs(today - 4 * 0.9) < 1e-9, `each painter's time counts: ${today}`);
  const fractions = events.flatMap((event) => (event.type === 'step' ? [event.fraction] : []));
  assert.deepEqual(fractions, fractions.toSorted(), 'the progress never goes back');
});

test('more pictures than painters are dealt out evenly, and one picture is never divided', async (t) => {
  const { make, all } = await studioWith(t, 3);
  await make('panda seed:5 n:7');
  assert.deepEqual(all.map(indices), [[[0, 1, 2]], [[3, 4]], [[5, 6]]]);
  await make('panda seed:5 n:1');
  assert.equal(all.flatMap(({ requests }) => requests).length, 4);
});

test('while anybody waits, a request has one painter', async (t) => {
  const { ask, all, events, ended } = await studioWith(t, 2);
  const first = await ask('wait panda seed:1 n:2', guild('a'));
  await inTheMiddle(events, first.id, 2);
  assert.deepEqual(all.map(indices), [[[0]], [[1]]], 'nobody else was there');
  const second = await ask('panda seed:2 n:2', guild('b'));
  const third = await ask('panda seed:3 n:2', guild('c'));
  for (const painter of all) painter.release();
  for (const { id } of [first, second, third]) assert.equal((await ended(id)).state, 'done');
  const later = all.flatMap(({ requests }) => requests.slice(1)).filter(({ images }) => images.length === 2);
  assert.ok(later.length >= 1, 'the second began while the third waited');
});

test('a painter that has done its part takes the next request, while the others go on', async (t) => {
  const { ask, all, events, started, ended, studio } = await studioWith(t, 2);
  const shared = await ask('wait panda seed:1 n:2', guild('a'));
  await inTheMiddle(events, shared.id, 2);
  const next = await ask('wait rocket seed:2', guild('b'));
  all[1]?.release();
  await started(next.id);
  assert.equal(studio.job(shared.id)?.state, 'running');
  assert.deepEqual(
    studio.job(shared.id)?.images.map(({ index }) => index),
    [1],
  );
  assert.deepEqual(studio.jobReply(studio.job(shared.id) ?? shared).images, [], 'pictures are shown in their order');
  all[0]?.release();
  const { images } = await ended(shared.id);
  assert.deepEqual(
    images.map(({ index }) => index),
    [0, 1],
  );
  all[1]?.release();
  assert.equal((await ended(next.id)).state, 'done');
});

test('if one of several painters dies, what the others make is kept, and only the rest is made again', async (t) => {
  const text = 'wait panda seed:5 n:4';
  const alone = await studioWith(t, 1);
  const asked = await alone.ask(text);
  await inTheMiddle(alone.events, asked.id, 1);
  alone.painter.release();
  const wanted = await alone.ended(asked.id);
  const { ask, all, events, ended, history } = await studioWith(t, 2);
  const job = await ask(text);
  await inTheMiddle(events, job.id, 2);
  all[1]?.crash();
  all[0]?.release();
  await inTheMiddle(events, job.id, 3);
  for (const painter of all) painter.release();
  const done = await ended(job.id);
  assert.deepEqual(hashes(done), hashes(wanted));
  assert.deepEqual(
    all.flatMap(indices).toSorted(),
    [
      [0, 1],
      [2, 3],
      [2, 3],
    ],
    'by one alone, since it may have been what the other died of',
  );
  assert.equal(typesOf(events, job.id).filter((type) => type === 'done').length, 1);
  assert.equal(history.jobs.starts(job.id), 2);
});

test('what is wrong with a request ends it on every painter', async (t) => {
  const { make, all } = await studioWith(t, 2);
  const job = await make('too-big panda n:2');
  assert.deepEqual([job.state, job.error?.code, all.map(indices)], ['failed', 'too_big', [[[0]], [[1]]]]);
  const next = await make('panda n:2');
  assert.equal(next.state, 'done');
});

test('a cancelled request is cancelled on every painter, which then take the next', async (t) => {
  const { ask, all, events, studio, painters } = await studioWith(t, 2);
  const job = await ask('wait panda seed:5 n:2');
  await inTheMiddle(events, job.id, 2);
  await studio.act(`cancel:${job.id}`, caller());
  await idle(painters, 2);
  const next = await ask('wait rocket n:2');
  await inTheMiddle(events, next.id, 2);
  assert.equal(studio.job(job.id)?.state, 'cancelled');
  assert.deepEqual(all.map(indices), [
    [[0], [0]],
    [[1], [1]],
  ]);
  for (const painter of all) painter.release();
});

test('painters that compute otherwise do not share a request', async (t) => {
  const { make, painters, all } = await studioWith(t, 2);
  painters.leave('painter 2');
  const other = new FakePainter('other');
  other.status = { info: { ...INFO, provider: 'cuda-fp16' } };
  painters.join(other);
  await make('panda n:4');
  assert.deepEqual(
    [all[0], other].map((painter) => painter && indices(painter).flat()),
    [[0, 1, 2, 3], []],
  );
});

test('painters on GPUs of different models do not share a request, those on equal ones do', async (t) => {
  const { make, painters, all } = await studioWith(t, 2);
  const on = (device: string) => ({ info: { ...INFO, provider: 'cuda-fp16', device } });
  for (const painter of all) painter.status = on('NVIDIA L4');
  const other = new FakePainter('other');
  other.status = on('NVIDIA T4');
  for (const { id } of all) painters.changed(id);
  painters.join(other);
  await make('panda n:4');
  assert.deepEqual([...all, other].map(indices), [[[0, 1]], [[2, 3]], []]);
  // Whoever begins, it shares with its like.
  for (const { id } of all) painters.leave(id);
  await make('panda n:4');
  assert.deepEqual(indices(other), [[0, 1, 2, 3]]);
});

test('a request goes to the painter that has its Stage C loaded, and to any rather than wait for it', async (t) => {
  const { make, ask, all, started, painters } = await studioWith(t, 3);
  const prompts = () => all.map(({ requests }) => requests.map(({ prompt, style }) => `${prompt} ${style}`));
  const one = await ask('wait a style:base');
  await started(one.id);
  const two = await ask('wait b style:aesthetic');
  await started(two.id);
  for (const painter of all) painter.release();
  await idle(painters, 3);
  await make('c style:aesthetic');
  await idle(painters, 3);
  await make('d style:interpolated');
  await idle(painters, 3);
  const long = await ask('wait e style:aesthetic');
  await started(long.id);
  await make('f style:aesthetic');
  for (const painter of all) painter.release();
  const [first = [], second = [], third = []] = prompts();
  assert.deepEqual(second.slice(0, 3), ['wait b aesthetic', 'c aesthetic', 'wait e aesthetic']);
  assert.equal([...first, ...third].filter((text) => text === 'f aesthetic').length, 1);
});

test('a request goes only to painters that can make it, those behind it to the others, and to any if none can', async (t) => {
  const { ask, all, started, painters } = await studioWith(t, 1);
  const [big = new FakePainter()] = all;
  const small = new FakePainter('small');
  const sizes = { minSide: 64, maxSide: 1024, maxPixels: 512 * 512, gridStep: 64 };
  small.status = { info: { ...INFO, sizes } };
  painters.join(small);
  const one = await ask('wait a size:1024x1024', guild('a'));
  await started(one.id);
  const two = await ask('wait b size:1024x1024', guild('b'));
  const three = await ask('wait c size:512x512', guild('c'));
  await started(three.id);
  big.release();
  await started(two.id);
  const prompts = ({ requests }: FakePainter) => requests.map(({ prompt }) => prompt);
  assert.deepEqual([prompts(big), prompts(small)], [['wait a', 'wait b'], ['wait c']]);
  for (const painter of [big, small]) painter.release();
  await idle(painters, 2);
  big.status = { info: INFO, ready: false };
  painters.changed('fake');
  const four = await ask('wait d size:1024x1024', guild('a'));
  await started(four.id);
  small.release();
});

test('a painter with other weights gets no work, until it has those of the first', async (t) => {
  const { ask, painters, started, all, studio } = await studioWith(t, 1);
  const other = new FakePainter('other');
  other.status = { info: { ...INFO, checkpoint: 'decaf' } };
  painters.join(other);
  const one = await ask('wait a', guild('a'));
  const two = await ask('wait b', guild('b'));
  await started(one.id);
  assert.equal(studio.job(two.id)?.state, 'queued');
  other.status = { info: { ...INFO, checkpoint: 'new hash', formerCheckpoints: [INFO.checkpoint] } };
  painters.changed('other');
  await started(two.id);
  for (const painter of [...all, other]) painter.release();
});

test('a painter with other weights of one style gets no work, of any kind, whoever has that style besides', async (t) => {
  const { ask, painters, started, all, studio } = await studioWith(t, 1);
  const tuned = (checkpoint: string) => ({ info: { ...INFO, further: { aesthetic: { checkpoint } } } });
  const [second, third] = [new FakePainter('second'), new FakePainter('third')];
  second.status = tuned('tuned');
  third.status = tuned('tuned otherwise');
  for (const painter of [second, third]) painters.join(painter);
  const [one, two, three] = await Promise.all(['a', 'b', 'c'].map((name) => ask(`wait ${name}`, guild(name))));
  await Promise.all([started(one?.id ?? ''), started(two?.id ?? '')]);
  assert.equal(studio.job(three?.id ?? '')?.state, 'queued');
  assert.deepEqual(
    painters.working.map(({ id }) => id),
    [all[0]?.id, 'second'],
  );
  third.status = tuned('tuned');
  painters.changed('third');
  await started(three?.id ?? '');
  for (const painter of [...all, second, third]) painter.release();
});

test('each waiting request is promised the painter that is free first, at its speed', async (t) => {
  const { make, ask, started, painters, studio, clock } = await studioWith(t, 1);
  await make('panda n:1');
  const now = clock.now();
  const middle = (id: string) => {
    const { eta } = studio.queuePosition(id);
    return eta === null ? null : (eta.from + eta.to) / 2 - now;
  };
  const jobs = [];
  for (const name of ['a', 'b', 'c', 'd']) jobs.push(await ask(`wait ${name} n:1`, guild(name)));
  const [a, b, c, d] = jobs.map(({ id }) => id);
  await started(a ?? '');
  const alone = [b, c, d].map((id = '') => middle(id));
  painters.join(new FakePainter('second'));
  await started(b ?? '');
  const together = [c, d].map((id = '') => middle(id));
  for (const [index, ms] of together.entries()) {
    assert.ok(ms !== null && ms < (alone[index + 1] ?? 0) * 0.75, `${together} after ${alone}`);
  }
});
