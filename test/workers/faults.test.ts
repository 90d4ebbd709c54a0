import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { EMBEDDED_MODELS } from '../../src/models/model-folder.ts';
import { systemClock } from '../../src/system/clock.ts';
import { registrationKey } from '../../src/workers/roll.ts';
import { ChildLines } from '../child-lines.ts';
import { WUERST } from '../program.ts';
import { freePort, RedisServer } from './redis-server.ts';
import { SilentProxy } from './silent-proxy.ts';
import { QUICK } from './worker-process.ts';
import { endsOf, folderOf, Log, openWorker, openWorkshop } from './workshop.ts';

const SIZE = 'size:128x128';

test('a lock is renewed while a call into the network blocks, so that the picture is painted once', async (t) => {
  const shop = await openWorkshop(t);
  const worker = await shop.worker('gpu-1', { timing: { ...QUICK, lockMs: 4000 } });
  const job = await shop.ask(`a panda hold ${SIZE}`);
  await shop.steps(job.id);
  // As such a call does, for as long as is wanted.
  process.kill(worker.pid ?? Number.NaN, 'SIGSTOP');
  const redis = new Redis(shop.redis.port);
  endsOf(t).after(() => redis.disconnect());
  const [lock = ''] = await redis.keys('wuerst:*:lock');
  for (let last = Number.POSITIVE_INFINITY, renewed = 0; renewed < 2; ) {
    const left = await redis.pttl(lock);
    assert.ok(left > 0, 'the lock is there');
    if (left > last) renewed += 1;
    last = left;
  }
  process.kill(worker.pid ?? Number.NaN, 'SIGCONT');
  writeFileSync(join(shop.folder, 'go'), '');
  assert.equal((await shop.ended(job.id)).state, 'done');
  assert.equal(startsOf(shop, job.id), 1);
});

for (const keepData of [true, false]) {
  test(`Redis goes away and comes back ${keepData ? 'with' : 'without'} its data: what is painted arrives, what waits is painted later`, async (t) => {
    const shop = await openWorkshop(t);
    await shop.worker('gpu-1');
    const running = await shop.ask(`a panda hold ${SIZE}`);
    await shop.steps(running.id);
    await shop.redis.kill();
    const waiting = await shop.ask(`a cat ${SIZE}`, 'bob');
    await shop.log.line('redis_away');
    writeFileSync(join(shop.folder, 'go'), '');
    assert.equal((await shop.ended(running.id)).state, 'done', 'pictures come over HTTP');
    assert.equal(shop.studio.job(waiting.id)?.state, 'queued');
    await shop.redis.start({ keepData });
    assert.equal((await shop.ended(waiting.id)).state, 'done');
    for (const { id } of [running, waiting]) assert.equal(startsOf(shop, id), 1);
  });
}

test('a lock that is lost stops the painting, and its work is thrown away', async (t) => {
  const shop = await openWorkshop(t);
  await shop.worker('gpu-1');
  const job = await shop.ask(`a panda hold ${SIZE}`);
  await shop.steps(job.id);
  await shop.redis.kill();
  await shop.redis.start({ keepData: false });
  await shop.log.line('The lock of the job was lost.');
  writeFileSync(join(shop.folder, 'go'), '');
  const done = await shop.ended(job.id);
  assert.equal(done.state, 'done');
  assert.equal(done.images.length, 1);
  assert.equal(startsOf(shop, job.id), 2);
});

test('a start that ends because Redis was away is none of those after which a request is given up', async (t) => {
  const shop = await openWorkshop(t);
  await shop.worker('gpu-1', { timing: { ...QUICK, lockMs: 600 } });
  const job = await shop.ask(`a panda hold ${SIZE}`);
  await shop.steps(job.id);
  await shop.redis.kill();
  await shop.log.line('redis_away');
  await shop.redis.start({ keepData: false });
  await shop.log.line('The lock of the job was lost.');
  await shop.steps(job.id, 2);
  assert.equal(shop.history.jobs.starts(job.id), 1);
});

test('connections to Redis that fall silent are given up, and jobs go on over new ones', async (t) => {
  const redis = await RedisServer.start(endsOf(t));
  const proxy = await SilentProxy.start(endsOf(t), redis.port);
  const address = redis.addressAs('', proxy.port);
  const shop = await openWorkshop(t, { redis, address });
  await shop.worker('gpu-1', { redis: address });
  assert.equal((await shop.ended((await shop.ask(`a panda ${SIZE}`)).id)).state, 'done');
  proxy.silence();
  assert.equal((await shop.ended((await shop.ask(`a cat ${SIZE}`)).id)).state, 'done');
});

test('a job that kills painters is given up after two, with the reason', async (t) => {
  const shop = await openWorkshop(t);
  const workers = await Promise.all([shop.worker('gpu-1'), shop.worker('gpu-2')]);
  const before = workers.map(({ pid }) => pid);
  const job = await shop.ended((await shop.ask(`a panda that makes you die ${SIZE}`)).id);
  assert.equal(job.state, 'failed');
  assert.equal(job.error?.code, 'pipeline_crashed');
  assert.match(job.error?.message ?? '', /died 2 times over this request/);
  assert.ok(
    workers.every(({ pid }, i) => pid !== before[i]),
    'each died once',
  );
  assert.equal((await shop.ended((await shop.ask(`a cat ${SIZE}`)).id)).state, 'done', 'the painters are back');
});

test('a worker of another version, or with other weights, is refused with a sentence', async (t) => {
  const shop = await openWorkshop(t);
  await shop.worker('gpu-1');
  const near = { redis: shop.redis.address, bot: new URL(shop.force.url) };
  const older = await openWorker(t, { ...near, name: 'older', version: '0.0.9' });
  await assert.rejects(older.stopped, { code: 'worker_refused', message: /older runs wuerst 0\.0\.9, and this bot/ });
  const other = await openWorker(t, { ...near, name: 'other', load: { model: 'other' } });
  await assert.rejects(other.stopped, {
    message: /other has other weights \(other\) than this bot and its workers paint with \(sketch\)/,
  });
  assert.deepEqual(
    shop.painters.all.map(({ painter }) => painter.name),
    ['gpu-1'],
  );
});

test('weights that are alike in the pieces by which large ones are first told apart are others all the same', async (t) => {
  const shop = await openWorkshop(t);
  await shop.worker('gpu-1', { load: { model: 'tuned-a' } });
  const near = { redis: shop.redis.address, bot: new URL(shop.force.url) };
  const other = await openWorker(t, { ...near, name: 'other', load: { model: 'tuned-b' } });
  await assert.rejects(other.stopped, {
    message: /other has other weights \(tuned-b\) than this bot and its workers paint with \(tuned-a\)/,
  });
  // Of which the hash of all bytes is not known yet.
  await shop.worker('gpu-2', { load: { model: 'tuned' } });
});

test('a worker with other weights of a further style or of the image encoder than any other is refused', async (t) => {
  const shop = await openWorkshop(t);
  const near = { redis: shop.redis.address, bot: new URL(shop.force.url) };
  const refuses = async (name: string, model: string, message: RegExp) => {
    const worker = await openWorker(t, { ...near, name, load: { model } });
    await assert.rejects(worker.stopped, { code: 'worker_refused', message });
  };
  await shop.worker('gpu-1', { load: { model: 'sketch aesthetic=a' } });
  await refuses(
    'other',
    'sketch aesthetic=b',
    /other has other weights of aesthetic \(b\) than this bot and its workers paint with \(a\)/,
  );
  await shop.worker('gpu-2', { load: { model: 'sketch image-encoder=c' } });
  await refuses('third', 'sketch aesthetic=a image-encoder=d', /third has other weights of image-encoder \(d\) than/);
  const log = new Log();
  await shop.worker('gpu-3', { load: { model: 'sketch aesthetic=a base=e image-encoder=c' }, logger: log.logger });
  assert.doesNotMatch(await log.line('this worker is ready'), /image-encoder/, 'the line is not full of hashes');
});

test('two workers that believe they own one job: the one that was given up delivers nothing', async (t) => {
  const shop = await openWorkshop(t, { leaseMs: 400 });
  // Its signs of life come too late.
  await shop.worker('slow', { timing: { ...QUICK, beatMs: 60_000 } });
  const job = await shop.ask(`a panda hold n:2 ${SIZE}`);
  await shop.log.line('handed over again');
  await shop.worker('quick', { timing: { ...QUICK, beatMs: 50 } });
  await shop.steps(job.id, 2);
  writeFileSync(join(shop.folder, 'go'), '');
  const done = await shop.ended(job.id);
  assert.equal(done.state, 'done');
  assert.equal(done.images.length, 2);
  assert.equal(shop.events.filter(({ type }) => type === 'image').length, 2);
  const [slow, quick] = shop.force.workers
    .map(({ registration, painted }) => [registration?.name, painted])
    .sort()
    .reverse();
  assert.deepEqual(
    [slow, quick],
    [
      ['slow', 0],
      ['quick', 1],
    ],
  );
});

test('a job that is lost with its worker is counted, also where that is gone from the roll before', async (t) => {
  const shop = await openWorkshop(t, { leaseMs: 1500 });
  const gone = await shop.worker('gone', { timing: { ...QUICK, beatMs: 60_000, registerMs: 60_000 } });
  const job = await shop.ask(`a panda hold ${SIZE}`);
  await shop.steps(job.id);
  const redis = new Redis(shop.redis.port);
  endsOf(t).after(() => redis.disconnect());
  await redis.del(registrationKey(gone.id));
  await shop.log.line('handed over again');
  await shop.worker('there');
  writeFileSync(join(shop.folder, 'go'), '');
  assert.equal((await shop.ended(job.id)).state, 'done');
  assert.deepEqual(shop.workerEnds, ['gone lost', 'there done']);
});

test('a worker whose clock is an hour off paints like any other', async (t) => {
  const shop = await openWorkshop(t);
  for (const hours of [1, -1]) {
    await shop.worker(`late${hours}`, { clock: { ...systemClock, now: () => Date.now() + hours * 3_600_000 } });
    assert.equal((await shop.ended((await shop.ask(`a panda ${SIZE}`)).id)).state, 'done');
  }
  for (const { registration } of shop.force.workers)
    assert.ok((registration?.age ?? 0) < 3_600_000, 'it came just now');
});

test('a disk that is full when a picture arrives fails the job as without workers, and the worker is free again', async (t) => {
  let full = true;
  const shop = await openWorkshop(t, {
    images: {
      write: async (file, content) => {
        if (full) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        await file.writeFile(content);
      },
    },
  });
  await shop.worker('gpu-1');
  const job = await shop.ended((await shop.ask(`a panda ${SIZE}`)).id);
  assert.deepEqual([job.state, job.error?.code], ['failed', 'disk_full']);
  full = false;
  assert.equal((await shop.ended((await shop.ask(`a cat ${SIZE}`)).id)).state, 'done');
});

test('drain and ban hold for a name: drained it finishes, banned its job goes to another at once', async (t) => {
  const shop = await openWorkshop(t);
  const first = await shop.worker('first');
  const job = await shop.ask(`a panda hold ${SIZE}`);
  await shop.steps(job.id);
  shop.orders.first = 'ban';
  await assert.rejects(first.stopped, {
    message: /^The operator has banned the worker first; "wuerst workers admit first"/,
  });
  const second = await shop.worker('second');
  await shop.steps(job.id, 2);
  shop.orders.second = 'drain';
  writeFileSync(join(shop.folder, 'go'), '');
  assert.equal((await shop.ended(job.id)).state, 'done');
  await second.stopped;
  assert.equal(shop.history.jobs.starts(job.id), 1, 'what the operator ends does not count');
  const troubles = shop.log.lines.filter((line) => line.includes('redis_'));
  assert.deepEqual(troubles, [], 'who leaves takes nobody with them');
});

test('a worker serves the bot that it sends its pictures to, and no other one with the same Redis', async (t) => {
  const shop = await openWorkshop(t);
  await shop.worker('gpu-1');
  const running = await shop.ask(`a panda hold ${SIZE}`);
  await shop.steps(running.id);
  const other = await openWorkshop(t, { redis: shop.redis });
  const theirs = await other.ask(`a dog ${SIZE}`);
  const log = new Log();
  const lost = { logger: log.logger, timing: { ...QUICK, patienceMs: 500 } };
  const elsewhere = await RedisServer.start(endsOf(t));
  await openWorker(t, { redis: elsewhere.address, bot: new URL(other.force.url), name: 'lost', ...lost });
  await log.line('no bot has answered this worker');
  writeFileSync(join(shop.folder, 'go'), '');
  assert.equal((await shop.ended(running.id)).state, 'done');
  assert.equal(startsOf(shop, running.id), 1, 'nobody has cleared its queue');
  assert.deepEqual([startsOf(other, theirs.id), other.force.workers], [0, []]);
});

test('a worker that waits for its bot ends at the first signal', async (t) => {
  const redis = await RedisServer.start(endsOf(t));
  const bot = `http://127.0.0.1:${await freePort()}`;
  const worker = new ChildLines(
    endsOf(t),
    [process.execPath, ...WUERST, 'worker', '--bot', bot, '--log-format', 'json'],
    {
      ...{ WUERST_REDIS: redis.address.url, WUERST_DATA: folderOf(t), WUERST_MODEL: join(EMBEDDED_MODELS, 'cocktail') },
    },
  );
  assert.match((await worker.line('bot_unreachable')) ?? '', /It is tried again\. A bot listens for workers where/);
  worker.child.kill('SIGTERM');
  assert.deepEqual(await worker.ended, { code: 143, signal: null });
});

test('a worker says so when no bot answers it any more', async (t) => {
  const shop = await openWorkshop(t);
  const log = new Log();
  await shop.worker('gpu-1', { logger: log.logger, timing: { ...QUICK, patienceMs: 500 } });
  await log.line('the bot hands jobs over');
  await shop.close();
  await log.line('no bot has answered this worker for 0.5 s');
});

function startsOf({ events }: Pick<Awaited<ReturnType<typeof openWorkshop>>, 'events'>, id: string): number {
  return events.filter(({ type, job }) => type === 'started' && job.id === id).length;
}
