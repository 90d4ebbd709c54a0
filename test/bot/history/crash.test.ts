import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { History } from '../../../src/bot/history/history.ts';
import { running } from '../../program.ts';
import { newJob, openHistory, temporaryFolder } from './history-fixture.ts';

const CHILD = new URL('./history-child.ts', import.meta.url);

function child(t: TestContext, what: 'hold' | 'claim' | 'work', folder: string) {
  const spawned = spawn(process.execPath, [...running(CHILD), what, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => spawned.kill('SIGKILL'));
  return spawned;
}

async function linesOf(spawned: ChildProcess & { stdout: NodeJS.ReadableStream }, onLine?: (count: number) => void) {
  const lines: string[] = [];
  for await (const line of createInterface(spawned.stdout)) {
    lines.push(line);
    onLine?.(lines.length);
  }
  return lines;
}

test('a database that another process holds is refused with what to do, and usable when it lets go', async (t) => {
  const { folder, history } = openHistory(t);
  history.close();
  const holder = child(t, 'hold', folder);
  await once(holder.stdout, 'data');
  assert.throws(() => History.open({ folder, busyTimeoutMs: 20 }), {
    name: 'OperatorError',
    code: 'database_locked',
    message: /is locked by another program/,
    hint: /Stop the other program/,
  });
  holder.stdin.end();
  await once(holder, 'exit');
  assert.deepEqual(openHistory(t, { folder }).history.jobs.waiting(), []);
});

test('a lock taken while the bot runs fails the write, loses nothing and passes', async (t) => {
  const { folder, history } = openHistory(t, { busyTimeoutMs: 20 });
  const { job } = history.jobs.accept(newJob());
  const holder = child(t, 'hold', folder);
  await once(holder.stdout, 'data');
  assert.throws(() => history.jobs.start(job.id), { code: 'database_locked' });
  assert.equal(history.jobs.get(job.id)?.state, 'queued', 'reading still works');
  holder.stdin.end();
  await once(holder, 'exit');
  assert.equal(history.jobs.start(job.id)?.job.state, 'running');
});

test('two processes that race for the same keys get the same jobs', async (t) => {
  const { folder, history } = openHistory(t);
  const [a, b] = await Promise.all([1, 2].map(() => linesOf(child(t, 'claim', folder))));
  assert.equal(a?.[0]?.split(' ').length, 60);
  assert.deepEqual(a, b);
  assert.equal(history.jobs.waiting().length, 60);
  assert.equal(history.usage.today('user', 'web', 'ann').seconds, 0, 'the clock of this history is elsewhere');
});

test('kill -9 at any moment loses no promise and leaves a whole database', async (t) => {
  const folder = temporaryFolder(t);
  const promised = new Map<string, string>();
  const hashes: string[] = [];
  for (const lines of [1, 2, 3, 5, 24, 61, 98, 143]) {
    const worker = child(t, 'work', folder);
    const said = await linesOf(worker, (count) => {
      if (count === lines) worker.kill('SIGKILL');
    });
    assert.ok(said.length >= lines);
    for (const line of said) {
      const [what = '', id = '', hash] = line.split(' ');
      if (hash === undefined) promised.set(id, what);
      else hashes.push(`${id} ${hash}`);
    }
    await expectWhole(folder, promised, hashes);
  }
});

const ORDER = ['queued', 'running', 'done', 'cancelled'];

async function expectWhole(folder: string, promised: ReadonlyMap<string, string>, hashes: readonly string[]) {
  const history = History.open({ folder });
  const { lost } = await history.images.sweep();
  assert.equal(lost, 0, 'no row without its file');
  for (const [id, state] of promised) {
    const job = history.jobs.get(id);
    assert.ok(job !== null && ORDER.indexOf(job.state) >= ORDER.indexOf(state), `${id} was ${state}, is ${job?.state}`);
    for (const image of job.images) assert.equal(history.images.file(image.id)?.state, 'present');
  }
  for (const line of hashes) {
    const [id = '', hash] = line.split(' ');
    assert.ok(history.jobs.get(id)?.images.some((image) => image.hash === hash));
  }
  const charged = history.lists
    .page({ surface: 'web', limit: 1000 })
    .reduce((sum, { state }) => sum + { done: 3, queued: 10, running: 10, cancelled: 0, failed: 0 }[state], 0);
  assert.equal(history.usage.today('user', 'web', 'ann').seconds, charged, 'the ledger agrees with the jobs');
  const events = history.events.since('web', 'lobby', 0, 100_000);
  const last = new Map(events.filter(({ type }) => type !== 'image').map((event) => [event.job.id, event.type]));
  for (const [id, type] of last) {
    const { state } = history.jobs.get(id) ?? {};
    assert.equal(type === 'started' ? 'running' : type, state, 'the last event of a job is its state');
  }
  // The next bot takes over what was interrupted.
  for (const { job } of history.jobs.running()) history.jobs.requeue(job.id);
  assert.deepEqual(history.jobs.running(), []);
  for (const { job } of history.jobs.waiting()) history.jobs.start(job.id);
  for (const { job } of history.jobs.running()) history.jobs.finish(job.id, { seconds: 3 });
  history.close();
}
