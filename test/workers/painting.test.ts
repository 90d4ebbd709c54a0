import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { PREFIX, queueName, ROLL, registration, registrationKey } from '../../src/workers/roll.ts';
import { told } from '../../src/workers/said.ts';
import { caller } from '../bot/history/history-fixture.ts';
import { RedisServer } from './redis-server.ts';
import { sketch } from './sketch-engine.ts';
import { QUICK } from './worker-process.ts';
import { endsOf, openWorkshop } from './workshop.ts';

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
    assert.deepEqual(readFileSync(path), Buffer.from(sketch(job.request, seed)));
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

test('who is erased is gone from Redis: a job that waited there, one that was painted, and one that had ended', async (t) => {
  const shop = await openWorkshop(t, { leaseMs: 60_000 });
  const worker = await shop.worker('gpu-1');
  const redis = new Redis(shop.redis.port);
  endsOf(t).after(() => redis.disconnect());
  const person = caller({ user: 'rosalind-7', name: 'Rosalind F.' });
  const ask = async (text: string) => {
    const outcome = await shop.studio.command(`${text} size:128x128`, person);
    assert.ok(outcome.kind === 'job');
    return outcome.job;
  };
  const done = await shop.ended((await ask('marzipan')).id);
  const painted = await ask('endless marzipan');
  await shop.steps(painted.id);
  // One that never takes what is handed over to it.
  const idle = 'f'.repeat(16);
  const said = registration.parse(JSON.parse((await redis.get(registrationKey(worker.id))) ?? ''));
  await redis.set(registrationKey(idle), JSON.stringify({ ...said, attempts: [], id: idle, name: 'idle' }));
  await redis.sadd(ROLL, idle);
  const waiting = await ask('marzipan cake');
  const jobsOf = async (id: string) => (await redis.keys(`wuerst:${queueName(id)}:*`)).filter(isOfJob);
  while (!t.signal.aborted && (await jobsOf(idle)).length === 0);
  assert.ok((await jobsOf(worker.id)).length > 0);
  const secrets = [
    'marzipan',
    'rosalind',
    'Rosalind',
    done.id,
    painted.id,
    waiting.id,
    ...done.images.map(({ id }) => id),
  ];
  const found = async () => {
    const all = await shop.redis.contents();
    return secrets.filter((secret) => all.includes(secret));
  };
  assert.deepEqual(await found(), [], 'not even before');

  for (const { id } of [waiting, painted]) await shop.studio.act(`cancel:${id}`, person);
  for (const { id } of [waiting, painted]) await shop.ended(id);
  await shop.studio.act('erase:me', person);
  assert.equal(shop.studio.job(done.id), null);
  while (!t.signal.aborted && (await jobsOf(idle)).length + (await jobsOf(worker.id)).length > 0);
  assert.deepEqual(await found(), []);
});

test('what whoever asked can mend, and may have quoted, is not told of the worker', async (t) => {
  const shop = await openWorkshop(t);
  const worker = await shop.worker('gpu-1');
  const redis = new Redis(shop.redis.port);
  endsOf(t).after(() => redis.disconnect());
  const said = async () => registration.parse(JSON.parse((await redis.get(registrationKey(worker.id))) ?? ''));
  for (const [text, code, lastError] of [
    ['refuse marzipan', 'refused', undefined],
    ['stumble', 'internal', 'stumbled'],
  ] as const) {
    const job = await shop.ended((await shop.ask(`${text} size:128x128`)).id);
    assert.equal(job.error?.code, code);
    const { age } = await said();
    let now = await said();
    while (!t.signal.aborted && (now.age <= age || now.attempts.length > 0)) now = await said();
    assert.equal(now.lastError && told(now.lastError).slice(0, 8), lastError);
  }
});

test('what the pipeline process says at great length reaches the bot without its end, and the job ends once', async (t) => {
  const shop = await openWorkshop(t);
  await shop.worker('gpu-1');
  const done = await shop.ended((await shop.ask('chatty size:128x128')).id);
  assert.deepEqual([done.state, done.notes.join().length], ['done', 10_000]);
  const failed = await shop.ended((await shop.ask('stumble size:128x128')).id);
  assert.deepEqual([failed.state, failed.error?.code], ['failed', 'internal']);
  assert.equal(shop.events.filter(({ type }) => type === 'started').length, 2);
});

test('a job in Redis that no bot has written is thrown away, whatever is wrong with it', async (t) => {
  const shop = await openWorkshop(t);
  const worker = await shop.worker('gpu-1');
  const client = new Redis(shop.redis.port);
  endsOf(t).after(() => client.disconnect());
  const queue = new Queue(queueName(worker.id), { connection: client, prefix: PREFIX });
  const uuid = randomUUID();
  const good = { path: `/workers/jobs/${uuid}/attempts/7/${'a'.repeat(43)}`, checkpoint: 'sketch' };
  const bad: readonly (readonly [id: string, data: unknown])[] = [
    [`${uuid}.1`, null],
    [`${uuid}.2`, 'text'],
    [`${uuid}.3`, { ...good, path: `https://elsewhere.example/${uuid}` }],
    [`${uuid}.4`, { ...good, path: `${good.path}/../..` }],
    [`${uuid}.5`, { ...good, checkpoint: 7 }],
    [`${uuid}.6`, { ...good, more: true }],
    ['x'.repeat(300), good],
    ['another name', good],
  ];
  for (const [jobId, data] of bad) await queue.add('paint', data, { jobId, removeOnComplete: true });
  while (!t.signal.aborted && (await queue.getJobCountByTypes('wait', 'active')) > 0);
  assert.equal((await shop.ended((await shop.ask('a cat size:128x128')).id)).state, 'done');
  assert.deepEqual(await queue.getJobCounts('completed', 'failed'), { completed: 0, failed: 0 });
});

test('a picture that a request starts from lies at the worker as long as that is painted, also where one was killed', async (t) => {
  const shop = await openWorkshop(t);
  const lockPath = join(shop.folder, 'gpu-1.lock');
  const files = `${lockPath}.files`;
  mkdirSync(join(files, 'job-killed'), { recursive: true });
  await shop.worker('gpu-1', { lockPath });
  assert.ok(!existsSync(files));
  const ann = caller({ user: 'ann' });
  const given = sketch({ prompt: 'given', width: 64, height: 64 }, 1n);
  const hash = await shop.studio.givePicture(given, ann);
  const ask = async (text: string) => {
    const outcome = await shop.studio.command(text, ann, { pictures: { pictures: [hash] } });
    assert.ok(outcome.kind === 'job');
    return outcome.job;
  };
  const job = await ask('a panda hold size:128x128');
  await shop.steps(job.id);
  const [folder = ''] = readdirSync(files);
  assert.deepEqual(readdirSync(join(files, folder)), [hash]);
  assert.deepEqual(sha256(readFileSync(join(files, folder, hash))), hash);
  writeFileSync(join(shop.folder, 'go'), '');
  assert.equal((await shop.ended(job.id)).state, 'done');
  while (!t.signal.aborted && readdirSync(files).length > 0) await new Promise(setImmediate);
});

const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

test('what a worker and a bot that are both gone have left in Redis is removed by the next bot', async (t) => {
  const redis = await RedisServer.start(endsOf(t));
  const client = new Redis(redis.port);
  endsOf(t).after(() => client.disconnect());
  const gone = 'e'.repeat(16);
  const queue = new Queue(queueName(gone), { connection: client, prefix: PREFIX });
  await queue.add('paint', { path: 'somewhere' }, { jobId: `${randomUUID()}.7` });
  await client.sadd(ROLL, gone, 'nonsense');
  await openWorkshop(t, { redis });
  while (!t.signal.aborted && (await client.keys(`*${gone}*`)).length + (await client.scard(ROLL)) > 0);
});

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

test('a worker that was asked to stop finishes its job, however long that takes', async (t) => {
  const shop = await openWorkshop(t);
  const worker = await shop.worker('gpu-1', { timing: { ...QUICK, releaseMs: 1, closeMs: 1 } });
  const job = await shop.ask('a panda hold size:128x128');
  await shop.steps(job.id);
  const drained = worker.drain();
  await shop.log.line('"state":"draining"');
  writeFileSync(join(shop.folder, 'go'), '');
  assert.equal((await shop.ended(job.id)).state, 'done');
  assert.equal(shop.events.filter(({ type }) => type === 'started').length, 1);
  await drained;
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
  assert.equal(shop.history.jobs.starts(later.id), 1, 'what the operator ends does not count');
  assert.deepEqual(
    shop.force.workers.map(({ id }) => id),
    [third.id],
  );
});
