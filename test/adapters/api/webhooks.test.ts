import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { PictureLinks } from '../../../src/adapters/api/serving/picture-links.ts';
import { isPublicAddress, publicLookup, type Resolve } from '../../../src/adapters/api/webhooks/public-address.ts';
import { webhookSecret } from '../../../src/adapters/api/webhooks/signature.ts';
import { Webhooks } from '../../../src/adapters/api/webhooks/webhooks.ts';
import { callerOfKey } from '../../../src/bot/keys/api-key.ts';
import { ROOT } from '../../bot/history/history-fixture.ts';
import { openStudio } from '../../bot/studio/studio-fixture.ts';
import { GUILD } from './open-api.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server on this machine that answers with the statuses in their order, and 204 from then on. */
async function receiver(t: TestContext, statuses: number[] = []) {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    const status = statuses.shift() ?? 204;
    response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const until = async (count: number) => {
    while (received.length < count) await new Promise(setImmediate);
  };
  return { received, until, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}

const SECRET = Buffer.alloc(32, 5);

async function openWebhooks(t: TestContext, url: string, options: { allowPrivate?: boolean; resolve?: Resolve } = {}) {
  const studio = await openStudio(t);
  const { history, clock } = studio;
  const key = history.apiKeys.admit(history.apiKeys.create({ name: 'program', ...GUILD, limits: {} }, ROOT));
  assert.ok(key !== null);
  history.apiKeys.setWebhook(key.id, url, ROOT);
  const warnings: string[] = [];
  const warn = (data: object) => void warnings.push('reason' in data ? String(data.reason) : '');
  const logger = { debug() {}, info() {}, warn, error: warn };
  const open = () => {
    const webhooks = new Webhooks({
      ...{ keys: history.apiKeys, messages: history.webhookMessages, secret: SECRET, links: new PictureLinks(SECRET) },
      ...{ baseUrl: 'http://localhost:3210/', allowPrivate: true, logger, clock, ...options },
    });
    webhooks.start(studio.studio);
    t.after(() => webhooks.stop());
    return webhooks;
  };
  const failed = async (count: number) => {
    while (warnings.length < count) await new Promise(setImmediate);
  };
  const left = () => history.webhookMessages.nextDue(key.id);
  const none = async () => {
    while (left() !== undefined) await new Promise(setImmediate);
  };
  return { ...studio, key, caller: callerOfKey(key), open, warnings, failed, left, none };
}

/** As Standard Webhooks says. */
function isSigned({ headers, body }: Received, secret: string): boolean {
  const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return headers['webhook-signature'] === `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
}

test('a program is told of the end of its request, in a message that it can check', async (t) => {
  const { received, until, url } = await receiver(t);
  const { open, make, caller, key, none, clock } = await openWebhooks(t, url);
  open();
  const job = await make('a panda n:2', caller);
  await make('somebody else', { ...caller, user: 'ann', payer: 'discord:user:ann' });
  await until(1);
  await none();
  const [message] = received;
  assert.ok(message !== undefined && isSigned(message, webhookSecret(SECRET, key.id)));
  assert.ok(!isSigned(message, webhookSecret(SECRET, 'another')));
  assert.equal(Number(message.headers['webhook-timestamp']), Math.floor(clock.now() / 1000));
  const { type, data } = JSON.parse(message.body) as {
    type: string;
    data: { request: string; pictures: { url: string }[] };
  };
  assert.deepEqual([type, data.request, data.pictures.length], ['request.done', job.id, 2]);
  assert.match(data.pictures[0]?.url ?? '', /^http:\/\/localhost:3210\/v1\/images\/files\/\w+\.png\?expires=/);
  assert.equal(received.length, 1);
});

test('a message that is not taken comes again after growing pauses, also after a restart, with the same id', async (t) => {
  const { received, until, url } = await receiver(t, [500, 302, 429]);
  const { open, make, caller, failed, left, none, clock } = await openWebhooks(t, url);
  const before = open();
  await make('a panda', caller);
  await failed(1);
  assert.equal(left(), clock.now() + 5000);
  clock.advance(4999);
  assert.equal(received.length, 1);
  clock.advance(1);
  await failed(2);
  assert.equal(received.length, 2, 'a redirection is not followed');
  await before.stop();
  clock.advance(3_600_000);
  assert.equal(received.length, 2);
  open();
  await failed(3);
  assert.equal(left(), clock.now() + 300_000);
  clock.advance(300_000);
  await until(4);
  await none();
  assert.equal(new Set(received.map(({ headers }) => headers['webhook-id'])).size, 1);
  assert.equal(new Set(received.map(({ headers }) => headers['webhook-timestamp'])).size, 4);
});

test('what ended while nobody could be told is told at the start, and once', async (t) => {
  const { received, until, url } = await receiver(t);
  const { open, make, caller, none, studio } = await openWebhooks(t, url);
  const job = await make('too-big', caller);
  const first = open();
  await until(1);
  await none();
  assert.equal(JSON.parse(received[0]?.body ?? '{}').type, 'request.failed');
  studio.markDelivered(job.id);
  await first.stop();
  open();
  await make('a panda', caller);
  await until(2);
  await none();
  assert.equal(received.length, 2);
});

test('messages go with their key, with what they are about, and when nobody wants more', async (t) => {
  const { received, until, url } = await receiver(t, [500, 410]);
  const { open, make, caller, failed, left, none, history, key, clock } = await openWebhooks(t, url);
  open();
  await make('a panda', caller);
  await failed(1);
  clock.advance(5000);
  await until(2);
  await none();
  history.webhookMessages.add({ id: 'msg_x', keyId: key.id, jobId: 'unknown' }, clock.now() + 60_000);
  history.apiKeys.revoke(key.id, ROOT);
  assert.equal(left(), undefined);
  assert.equal(received.length, 2);
});

test('addresses that are not of the internet are not reached, whatever a name resolves to', async (t) => {
  const { received, url } = await receiver(t);
  for (const [target, addresses] of [
    [url, []],
    [url.replace('127.0.0.1', 'hook.example'), ['127.0.0.1']],
    [url.replace('127.0.0.1', 'hook.example'), ['93.184.216.34', '10.0.0.8']],
    [url.replace('127.0.0.1', 'hook.example'), ['::ffff:127.0.0.1']],
    [url.replace('127.0.0.1', '[::1]'), []],
    [url.replace('127.0.0.1', 'localhost.'), []],
    [url.replace('127.0.0.1', '2130706433'), []],
  ] as const) {
    const resolve: Resolve = (_name, _options, done) =>
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    const { open, make, caller, failed, warnings } = await openWebhooks(t, target, { allowPrivate: false, resolve });
    open();
    await make('a panda', caller);
    await failed(1);
    assert.match(warnings[0] ?? '', /not an address of the internet/);
  }
  assert.equal(received.length, 0);
});

test('which addresses are of the internet', () => {
  for (const open of ['93.184.216.34', '1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1']) {
    assert.ok(isPublicAddress(open), open);
  }
  for (const closed of [
    ...[
      '127.0.0.1',
      '10.1.2.3',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '169.254.169.254',
      '100.64.0.1',
      '0.0.0.0',
    ],
    ...['224.0.0.1', '255.255.255.255', '198.18.0.1', '::', '::1', 'fe80::1', 'fc00::1', 'fd12::1', 'ff02::1'],
    ...[
      '::ffff:10.0.0.1',
      '::ffff:a00:1',
      '64:ff9b::a00:1',
      '2002:a00:1::1',
      '2001::1',
      '2001:db8::1',
      'localhost',
      '',
    ],
  ]) {
    assert.ok(!isPublicAddress(closed), closed);
  }
});

test('what was checked is what is connected to', (_t, done) => {
  const found = [{ address: '93.184.216.34', family: 4 }];
  publicLookup((_name, _options, answer) => answer(null, found))('hook.example', { all: true }, (error, addresses) => {
    assert.deepEqual([error, addresses], [null, found]);
    done();
  });
});
