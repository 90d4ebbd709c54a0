import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { Redis } from 'ioredis';
import { OperatorError } from '../../src/system/errors.ts';
import { checkRedis, failureOf, redisConnection } from '../../src/workers/redis.ts';
import { readRedisAddress } from '../../src/workers/redis-address.ts';
import { redisProblem } from '../../src/workers/redis-problem.ts';
import { ROLL, registration, registrationKey } from '../../src/workers/roll.ts';
import { RedisServer } from './redis-server.ts';
import { endsOf, openWorkshop } from './workshop.ts';

const read = (text: string, plainHosts: readonly string[] = []) =>
  readRedisAddress(text, { setting: 'WUERST_REDIS', plainHosts, plainSetting: 'WUERST_PLAIN_HOSTS' });

test('an address of another machine needs encryption and a password, unless its host is allowed by name', () => {
  const codeOf = (text: string, hosts?: readonly string[]) => {
    try {
      return read(text, hosts).shown;
    } catch (error) {
      assert.ok(error instanceof OperatorError);
      assert.doesNotMatch(`${error.message} ${error.hint}`, /geheim/);
      return error.code;
    }
  };
  assert.equal(codeOf('redis://127.0.0.1:7000'), '127.0.0.1:7000');
  assert.equal(codeOf('redis://localhost'), 'localhost:6379');
  assert.equal(codeOf('redis://[::1]:7000/2'), '[::1]:7000');
  assert.equal(codeOf('rediss://ann:geheim@cache.example:6380'), 'cache.example:6380');
  assert.match(read('REDISS://ann:geheim@cache.example').url, /^rediss:/, 'its client reads small letters alone');
  assert.equal(codeOf('redis://ann:geheim@cache.example'), 'redis_unencrypted');
  assert.equal(codeOf('redis://ann:geheim@CACHE.example', ['cache.example']), 'cache.example:6379');
  assert.equal(codeOf('redis://valkey', ['valkey']), 'valkey:6379');
  assert.equal(codeOf('redis://valkey', ['other', 'Valkey']), 'valkey:6379');
  assert.equal(codeOf('redis://valkey', ['other']), 'redis_unencrypted');
  assert.equal(codeOf('rediss://cache.example'), 'redis_unprotected');
  assert.equal(codeOf('http://ann:geheim@cache.example'), 'redis_address_invalid');
  assert.equal(codeOf('geheim'), 'redis_address_invalid');
  assert.equal(codeOf('rediss://ann:100%geheim@cache.example'), 'redis_address_invalid');
  assert.equal(codeOf('rediss://ann:geheim@cache.example/first'), 'redis_address_invalid');
});

/** What is said of a Redis with these lines in its configuration, signed in as this user. */
async function said(server: RedisServer, user = ''): Promise<string> {
  const address = server.addressAs(user);
  const redis = redisConnection(address, { patient: false });
  try {
    await redis.connect();
    await checkRedis(redis, address);
    return 'fine';
  } catch (error) {
    const problem = redisProblem(failureOf(redis, error), address.shown);
    assert.match(problem.message, /^Redis at 127\.0\.0\.1:\d+ .*\.$/);
    return problem.code;
  } finally {
    redis.disconnect();
  }
}

test('what is wrong with Redis is a sentence for each', async (t) => {
  const evicting = await RedisServer.start(endsOf(t), ['maxmemory 100mb', 'maxmemory-policy allkeys-lru']);
  assert.equal(await said(evicting), 'redis_evicts');
  const replica = await RedisServer.start(endsOf(t), [`replicaof 127.0.0.1 ${evicting.port}`]);
  assert.equal(await said(replica), 'redis_readonly');
  const guarded = await RedisServer.start(endsOf(t), [
    'user default off',
    'user wuerst on >password ~wuerst:* &wuerst:* +@all -@admin -@dangerous +info',
    'user reader on >password ~wuerst:* +@read',
  ]);
  assert.equal(await said(guarded, 'wuerst:password@'), 'fine');
  assert.equal(await said(guarded, 'wuerst:wrong@'), 'redis_sign_in_refused');
  assert.equal(await said(guarded), 'redis_sign_in_refused');
  assert.equal(await said(guarded, 'reader:password@'), 'redis_not_permitted');
  await guarded.kill();
  assert.equal(await said(guarded, 'wuerst:password@'), 'redis_away');
});

test('TLS that only one side speaks is a sentence, too', async (t) => {
  const problemAt = async (url: string) => {
    const address = read(url);
    const redis = redisConnection(address, { patient: false, silenceMs: 300 });
    try {
      const error = await redis.connect().then(undefined, (error: unknown) => error);
      const { code, hint } = redisProblem(failureOf(redis, error), address.shown);
      return `${code}: ${hint}`;
    } finally {
      redis.disconnect();
    }
  };
  const plain = await RedisServer.start(endsOf(t));
  assert.match(await problemAt(`rediss://127.0.0.1:${plain.port}`), /^redis_no_tls: .* may speak no TLS/);
  const answers = async (server: Server) => {
    endsOf(t).after(() => server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  };
  const refusing = await answers(createServer((socket) => socket.on('error', () => {}).end('-DENIED\r\n')));
  assert.match(await problemAt(`rediss://${refusing}`), /^redis_no_tls: /);
  const encrypted = await answers(createTlsServer());
  for (const user of ['', 'ann:password@']) {
    assert.match(await problemAt(`redis://${user}${encrypted}`), /^redis_hung_up: .* write rediss:\/\//);
  }
});

test('what another program has put where the workers are is told as it is, until it is gone', async (t) => {
  const shop = await openWorkshop(t);
  const redis = new Redis(shop.redis.port);
  endsOf(t).after(() => redis.disconnect());
  await redis.set(ROLL, 'something else');
  const line = await shop.log.line('redis_failed');
  assert.match(line, /What was asked of Redis at .* failed: .*WRONGTYPE/);
  await redis.del(ROLL);
  await shop.worker('gpu-1');
  assert.ok(shop.force.seesRedis);
});

test('the rights that docs/workers.md gives are enough to hand over and to paint', async (t) => {
  const redis = await RedisServer.start(endsOf(t), [
    'user default off',
    'user wuerst on >password ~wuerst:* &wuerst:* +@all -@admin -@dangerous +info',
  ]);
  const address = redis.addressAs('wuerst:password@');
  const shop = await openWorkshop(t, { redis, address });
  await shop.worker('gpu-1', { redis: address });
  assert.equal((await shop.ended((await shop.ask('a panda size:128x128')).id)).state, 'done');
});

test('a Redis whose memory is full, or that has become a replica, loses no job', async (t) => {
  const shop = await openWorkshop(t);
  const admin = new Redis(shop.redis.port);
  endsOf(t).after(() => admin.disconnect());
  await shop.worker('gpu-1');
  await admin.config('SET', 'maxmemory', '1');
  const job = await shop.ask('a panda size:128x128');
  await shop.log.line('redis_full');
  // However often it is looked at.
  const refusals = async () => Number(/errorstat_OOM:count=(\d+)/.exec(await admin.info('errorstats'))?.[1] ?? 0);
  while (!t.signal.aborted && (await refusals()) < 8);
  assert.equal(shop.studio.job(job.id)?.state, 'queued');
  assert.equal(shop.log.lines.filter((line) => line.includes('redis_full')).length, 1, 'it is told once');
  await admin.config('SET', 'maxmemory', '0');
  assert.equal((await shop.ended(job.id)).state, 'done');

  await admin.replicaof('127.0.0.1', '1');
  const second = await shop.ask('a cat size:128x128');
  await shop.log.line('redis_readonly');
  await admin.replicaof('NO', 'ONE');
  assert.equal((await shop.ended(second.id)).state, 'done');
});

test('a job that Redis does not take is not tried with one worker after the other', async (t) => {
  const shop = await openWorkshop(t);
  const worker = await shop.worker('gpu-1');
  const admin = new Redis(shop.redis.port);
  endsOf(t).after(() => admin.disconnect());
  const said = registration.parse(JSON.parse((await admin.get(registrationKey(worker.id))) ?? ''));
  for (const id of ['1', '2', '3', '4', '5'].map((digit) => digit.repeat(16))) {
    await admin.set(registrationKey(id), JSON.stringify({ ...said, id, name: 'idle' }));
    await admin.sadd(ROLL, id);
  }
  await shop.when(() => (shop.painters.working.length === 6 ? true : undefined));
  await shop.redis.kill();
  const job = await shop.ask('a panda size:128x128');
  await shop.log.line('redis_away');
  await shop.redis.start({ keepData: false });
  assert.equal((await shop.ended(job.id)).state, 'done');
  assert.ok(shop.events.filter(({ type }) => type === 'started').length < 5);
  assert.equal(shop.history.jobs.starts(job.id), 1, 'only what somebody has begun is a start');
});
