import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { addressKey, addressSet, clientAddress } from '../../../src/adapters/web/server/client-address.ts';
import type { WebAdapterOptions } from '../../../src/adapters/web/server/options.ts';
import { WrongTokens } from '../../../src/adapters/web/server/wrong-tokens.ts';
import { WebAccounts } from '../../../src/bot/history/web-accounts.ts';
import { PERSON_BOUNDS } from '../../../src/bot/person-bounds.ts';
import { RateLimit } from '../../../src/bot/rate-limit.ts';
import { UserError } from '../../../src/system/errors.ts';
import { appOverFake, optionsFrom } from './serve-fake.ts';

const SHARED = 'the-token-that-everybody-has';
const TRIES = 10_000;

/** A chat with a token, whose requests seem to come from an address. */
async function privateChat(t: TestContext, options: Partial<WebAdapterOptions> = {}) {
  const accounts = WebAccounts.inMemory();
  const { app, core } = await appOverFake(t, { token: SHARED, accounts, ...options });
  const as = (bearer: string, path: string, { from = '192.0.2.1', ...headers }: Record<string, string> = {}) =>
    app.request(
      path,
      { headers: { authorization: `Bearer ${bearer}`, ...headers } },
      { incoming: { socket: { remoteAddress: from } } },
    );
  const tokenOf = (name: string) => {
    accounts.claim(name, { admin: false });
    return accounts.addToken(name, 'a script');
  };
  return { app, core, accounts, as, tokenOf };
}

function counted(statuses: readonly number[]): Record<number, number> {
  return Object.fromEntries(
    [...new Set(statuses)].map((status) => [status, statuses.filter((s) => s === status).length]),
  );
}

test('the bounds that people read are those that hold', () => {
  const { requests, positions, exports, eventStreams, roomsPerStream, questions, claims, wrongTokens } = PERSON_BOUNDS;
  const { devices, tokens, invitations, ownMachineRequests, forms, pictures, pictureBytes } = PERSON_BOUNDS;
  const text = readFileSync(join(import.meta.dirname, '../../../docs/web-chat.md'), 'utf8');
  for (const bound of [
    `${requests.atOnce} at once, ${requests.perSecond} a second |`,
    `${ownMachineRequests.atOnce} at once, ${ownMachineRequests.perSecond} a second |`,
    `| ${forms}, one after the other |`,
    `${pictures.atOnce} at once, one each ${1 / pictures.perSecond} seconds;`,
    ` ${pictureBytes.atOnce / 2 ** 20} MiB at once, ${pictureBytes.perSecond / 2 ** 20} MiB a second |`,
    `| ${eventStreams}, ${roomsPerStream} |`,
    `${positions.atOnce} at once, ${positions.perSecond} a second;`,
    `${exports.atOnce} at once, one each ${1 / exports.perSecond / 60} minutes |`,
    `| ${questions.count}, together ${questions.characters / 1e6} million characters;`,
    `| ${claims.atOnce} at once, one an hour |`,
    `| ${wrongTokens.free}, then a wait of a minute, twice as long each time up to an hour |`,
    `| ${devices}, ${tokens} |`,
    `| ${invitations} |`,
  ]) {
    assert.ok(text.includes(bound), bound);
  }
  assert.deepEqual(
    [wrongTokens.firstWaitMs, wrongTokens.longestWaitMs, claims.perSecond],
    [60_000, 3_600_000, 1 / 3600],
  );
});

test('ten thousand wrong tokens are refused after the first ones; a right one from the same address never is', async (t) => {
  const { as, tokenOf } = await privateChat(t);
  const ann = tokenOf('ann');
  const statuses: number[] = [];
  for (let k = 0; k < TRIES; k++) {
    statuses.push((await as(`guess-${k}`, '/api/session')).status);
    if (k % 1000 === 0) {
      for (const right of [ann, SHARED]) assert.equal((await as(right, '/api/session')).status, 200);
    }
  }
  assert.deepEqual(counted(statuses), { 401: 10, 429: TRIES - 10 });
  const refused = await as('one more', '/api/session');
  assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
});

test('guesses at one token are slowed from however many addresses they come, and do not lock its owner out', async (t) => {
  const { as, tokenOf } = await privateChat(t);
  const ann = tokenOf('ann');
  const [prefix, id] = ann.split('_');
  const statuses: number[] = [];
  for (let k = 0; k < 1000; k++) {
    const guess = `${prefix}_${id}_${String(k).padStart(32, 'a')}`;
    statuses.push((await as(guess, '/api/session', { from: `198.51.${k >> 8}.${k & 255}` })).status);
  }
  assert.deepEqual(counted(statuses), { 401: 10, 429: 990 });
  assert.equal((await as(ann, '/api/session', { from: '198.51.0.7' })).status, 200);
});

test('the waits after wrong tokens grow to an hour, and are forgotten after a quiet day', () => {
  let now = 0;
  const begun: number[] = [];
  const wrong = new WrongTokens(
    () => void begun.push(now),
    () => now,
  );
  const guess = () => {
    try {
      wrong.attempt(['address 192.0.2.1'], () => {
        throw new UserError('token_wrong', 'Wrong.');
      });
    } catch (error) {
      return (error as { retryAfter?: number }).retryAfter ?? 0;
    }
    return 0;
  };
  const waits: number[] = [];
  for (let round = 0; round < 9; round++) {
    for (let k = 0; k < 10; k++) assert.equal(guess(), 0);
    const wait = guess();
    waits.push(wait);
    now += wait * 1000;
  }
  assert.deepEqual(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
  assert.equal(begun.length, 9);
  now += PERSON_BOUNDS.wrongTokens.forgottenAfterMs + 1;
  for (let k = 0; k < 10; k++) assert.equal(guess(), 0);
  assert.equal(guess(), 60);
});

test('only named proxies are believed where a request comes from', () => {
  const proxies = addressSet(['127.0.0.1', '10.1.0.0/16', 'fd00::/8']);
  const cases: [remote: string | undefined, forwarded: string | undefined, address: string][] = [
    ['203.0.113.9', '192.0.2.7', '203.0.113.9'],
    ['127.0.0.1', '192.0.2.7', '192.0.2.7'],
    ['127.0.0.1', '6.6.6.6, 192.0.2.7', '192.0.2.7'],
    ['127.0.0.1', '6.6.6.6, 192.0.2.7, 10.1.2.3', '192.0.2.7'],
    ['::ffff:127.0.0.1', ' 192.0.2.7 ', '192.0.2.7'],
    ['fd00::1', '2001:db8::5', '2001:db8::5'],
    ['127.0.0.1', undefined, '127.0.0.1'],
    ['127.0.0.1', 'nonsense', '127.0.0.1'],
    ['10.2.0.1', '192.0.2.7', '10.2.0.1'],
    [undefined, '192.0.2.7', 'in process'],
  ];
  for (const [remote, forwarded, address] of cases) {
    assert.equal(clientAddress(remote, forwarded, proxies), address, `${remote} ${forwarded}`);
  }
  assert.equal(addressKey('2001:db8:1:2:3:4:5:6'), addressKey('2001:db8:1:2::9'));
  assert.notEqual(addressKey('2001:db8:1:2::9'), addressKey('2001:db8:1:3::9'));
  for (const wrong of ['proxy.example', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/x', '']) {
    assert.throws(() => addressSet([wrong]), RangeError, wrong);
  }
});

test('behind a named proxy one who guesses slows nobody else', async (t) => {
  const { as } = await privateChat(t, optionsFrom({ token: SHARED, proxies: '10.0.0.1' }));
  const guess = async (from: string) =>
    (await as('wrong', '/api/session', { from: '10.0.0.1', 'x-forwarded-for': from })).status;
  for (let k = 0; k < 50; k++) await guess('192.0.2.66');
  assert.equal(await guess('192.0.2.66'), 429);
  assert.equal(await guess('192.0.2.1'), 401);
});

test('of ten thousand requests at once a person gets a share, and the others notice nothing', async (t) => {
  const { as, tokenOf } = await privateChat(t);
  const [ann, bob] = [tokenOf('ann'), tokenOf('bob')];
  const before = performance.now();
  const statuses: number[] = [];
  for (let k = 0; k < TRIES; k++) statuses.push((await as(ann, '/api/account')).status);
  const { atOnce, perSecond } = PERSON_BOUNDS.requests;
  const most = atOnce + Math.ceil(((performance.now() - before) / 1000) * perSecond) + 1;
  const passed = counted(statuses)[200] ?? 0;
  assert.ok(passed >= atOnce && passed <= most, `${passed} of at most ${most}`);
  assert.equal(passed + (counted(statuses)[429] ?? 0), TRIES);
  assert.equal((await as(bob, '/api/account')).status, 200);
});

test('a long page of the history costs as much as the short ones that it takes the place of', async (t) => {
  const { core, as, tokenOf } = await privateChat(t);
  for (let k = 0; k < 101; k++) core.finish((await core.request(`cake ${k}`)).id);
  const [ann, bob] = [tokenOf('ann'), tokenOf('bob')];
  const { atOnce, perSecond } = PERSON_BOUNDS.requests;
  for (const [token, limit] of [
    [ann, 100],
    [bob, 19],
  ] as const) {
    const before = performance.now();
    const statuses: number[] = [];
    for (let k = 0; k < 700; k++) statuses.push((await as(token, `/api/rooms/r/jobs?limit=${limit}`)).status);
    const most = atOnce + Math.ceil(((performance.now() - before) / 1000) * perSecond) + 1;
    const cost = limit === 100 ? 6 : 1;
    const pages = counted(statuses)[200] ?? 0;
    // Of the requests that are refused each has counted as one.
    assert.ok(pages * cost <= most, `${pages} pages of ${limit} jobs`);
    assert.ok(pages > 0);
  }
});

test('where nobody signs in, ten thousand requests at once are too many all the same', async (t) => {
  const { app } = await appOverFake(t);
  const before = performance.now();
  const statuses: number[] = [];
  for (let k = 0; k < TRIES; k++) statuses.push((await app.request('/api/account')).status);
  const { atOnce, perSecond } = PERSON_BOUNDS.ownMachineRequests;
  const passed = counted(statuses)[200] ?? 0;
  assert.ok(
    passed >= atOnce && passed <= atOnce + ((performance.now() - before) / 1000) * perSecond + 1,
    String(passed),
  );
});

test('a person holds a bounded number of event streams, whatever devices they have', async (t) => {
  const { as, tokenOf } = await privateChat(t);
  const ann = tokenOf('ann');
  const statuses: number[] = [];
  for (let k = 0; k < 200; k++) statuses.push((await as(ann, '/api/rooms/r/events')).status);
  assert.deepEqual(counted(statuses), { 200: PERSON_BOUNDS.eventStreams, 429: 200 - PERSON_BOUNDS.eventStreams });
  assert.equal((await as(tokenOf('bob'), '/api/rooms/r/events')).status, 200);
});

test('by renaming nobody gets more than some names', async (t) => {
  const { app } = await privateChat(t);
  const statuses: number[] = [];
  for (let k = 0; k < TRIES; k++) {
    const request = { text: 'a cake', user: `somebody ${k}` };
    const headers = { authorization: `Bearer ${SHARED}`, 'content-type': 'application/json' };
    const sent = { method: 'POST', headers, body: JSON.stringify(request) };
    statuses.push((await app.request('/api/rooms/r/commands', sent)).status);
  }
  assert.equal(counted(statuses)[202], PERSON_BOUNDS.claims.atOnce);
});

test('positions are computed so often and no more; then an answer leaves them out', async (t) => {
  const { core, as, tokenOf } = await privateChat(t);
  const job = await core.request('a cake');
  core.wait(job.id, 3);
  const ann = tokenOf('ann');
  let computed = 0;
  const real = core.queuePosition.bind(core);
  core.queuePosition = (id) => {
    computed += 1;
    return real(id);
  };
  // Nor does the reply of the job compute one of its own.
  const reply = core.jobReply.bind(core);
  const places: unknown[] = [];
  core.jobReply = (of, place?: unknown) => {
    places.push(place);
    return reply(of);
  };
  for (let k = 0; k < 500; k++) await as(ann, `/api/jobs/${job.id}`);
  assert.equal(places.filter((place) => place === undefined).length, 0);
  assert.equal(places.filter((place) => place !== null).length, computed);
  assert.ok(computed >= 200 && computed < 400, String(computed));
});

test('a bucket fills as time goes by, never over its rim', () => {
  let now = 0;
  const limit = new RateLimit({ atOnce: 3, perSecond: 0.5 }, () => now);
  const taken = () => Array.from({ length: TRIES }, () => limit.take('ann')).filter((wait) => wait === 0).length;
  assert.equal(taken(), 3);
  assert.equal(limit.take('ann'), 2);
  assert.equal(limit.take('bob'), 0);
  now = 2000;
  assert.equal(taken(), 1);
  now = 86_400_000;
  assert.equal(taken(), 3);
});
