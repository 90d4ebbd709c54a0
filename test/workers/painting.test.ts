import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { sketch } from './sketch-engine.ts';
import { openWorkshop } from './workshop.ts';

test('a worker paints what is asked for, in order, and the bot keeps its pictures', async (t) => {
  const shop = await openWorkshop(t);
  const worker = await shop.worker('gpu-1');
  const job = await shop.ended((await shop.ask('a panda on a green background seed:7 n:3 size:128x192')).id);
  assert.equal(job.state, 'done', JSON.stringify(job.error));
  assert.deepEqual(
    job.images.map(({ seed, width, height }) => [seed, width, height]),
    [
      [7n, 128, 192],
      [8n, 128, 192],
      [9n, 128, 192],
    ],
  );
  for (const { id, seed } of job.images) {
    const path = await shop.studio.imagePath(id);
    assert.ok(path !== null);
    assert.deepEqual(readFileSync(path), Buffer.from(sketch({ ...job.request, images: [] }, seed)));
  }
  const steps = shop.events.filter(({ type }) => type === 'step');
  assert.ok(steps.length >= 3, 'progress is told');
  const [view] = shop.force.workers;
  assert.equal(view?.registration?.name, 'gpu-1');
  assert.equal(view?.id, worker.id);
  assert.equal(view?.painted, 1);
});

test('Redis never holds a prompt, and nothing of a job once it has ended', async (t) => {
  const shop = await openWorkshop(t);
  const worker = await shop.worker('gpu-1');
  const latch = join(shop.folder, 'go');
  const secret = 'marzipan';
  const job = await shop.ask(`${secret} hold size:128x128`);
  await shop.steps(job.id);
  const all = () =>
    execFileSync('redis-cli', ['-p', String(shop.redis.port), 'KEYS', '*'], { encoding: 'utf8' })
      .trim()
      .split('\n');
  const during = all();
  assert.ok(during.some((key) => key.endsWith(':lock')));
  assert.ok(
    during.every((key) => key.startsWith('wuerst:')),
    String(during),
  );
  assert.ok(!readFileSync(appendOnly(shop.redis.folder), 'latin1').includes(secret));
  writeFileSync(latch, '');
  await shop.ended(job.id);
  await worker.drain();
  assert.ok(during.some((key) => isOfJob(key)));
  assert.deepEqual(all().filter(isOfJob), []);
  assert.ok(!shop.log.lines.join('').includes(secret), 'nor does the log');
});

/** They have the attempt in their names. */
function isOfJob(key: string): boolean {
  return /[0-9a-f-]{36}\.\d/.test(key);
}

function appendOnly(folder: string): string {
  const files = [1, 2].map((n) => join(folder, 'appendonlydir', `appendonly.aof.${n}.incr.aof`));
  const path = files.find((file) => existsSync(file));
  if (path === undefined) throw new Error('expected an append-only file');
  return path;
}

test('a job that is cancelled while a worker paints it ends there too, and the worker is free again', async (t) => {
  const shop = await openWorkshop(t);
  await shop.worker('gpu-1');
  const job = await shop.ask('a panda endless size:128x128');
  await shop.steps(job.id);
  await shop.studio.act(`cancel:${job.id}`, { ...job.caller });
  assert.equal((await shop.ended(job.id)).state, 'cancelled');
  const next = await shop.ended((await shop.ask('a cat size:128x128', 'bob')).id);
  assert.equal(next.state, 'done');
});

test('a job whose worker says nothing any more is painted by another one, once', async (t) => {
  const shop = await openWorkshop(t, { leaseMs: 300 });
  // Its signs of life come too late.
  const silent = await shop.worker('silent', { timing: { beatMs: 60_000, registerMs: 250 } });
  const job = await shop.ask('a panda endless size:128x128');
  await shop.steps(job.id);
  await shop.log.line('handed over again');
  assert.equal(shop.studio.job(job.id)?.state === 'failed', false);
  await silent.giveBack();
});

test('the first request to stop lets a worker finish its job, the second gives the job back at once', async (t) => {
  const shop = await openWorkshop(t);
  const first = await shop.worker('first');
  const latch = join(shop.folder, 'go');
  const job = await shop.ask(`a panda hold size:128x128`);
  await shop.steps(job.id);
  const drained = first.drain();
  // Until the bot has read that, it may still hand over a job.
  await shop.log.line('"state":"draining"');
  const later = await shop.ask('a cat endless size:128x128', 'bob');
  writeFileSync(latch, '');
  assert.equal((await shop.ended(job.id)).state, 'done');
  await drained;
  await first.stopped;
  assert.equal(shop.studio.job(later.id)?.state, 'queued', 'it takes no new job');

  const second = await shop.worker('second');
  await shop.steps(later.id);
  await second.giveBack();
  await second.stopped;
  const third = await shop.worker('third');
  await shop.steps(later.id, 2);
  const starts = shop.events.filter(({ type, job }) => type === 'started' && job.id === later.id);
  assert.equal(starts.length, 2);
  assert.deepEqual(
    shop.force.workers.map(({ id }) => id),
    [third.id],
  );
});
