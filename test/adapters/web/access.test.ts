import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Access, actingUser } from '../../../src/adapters/web/server/access.ts';
import { webOptions } from '../../../src/adapters/web/server/options.ts';
import { answerOf } from './answer.ts';
import { appOverFake, optionsFrom } from './serve-fake.ts';

const TOKEN = 'correct horse battery';
const ADMIN = 'a different admin token';
const JSON_TYPE = { 'content-type': 'application/json' };

function command(user: string | undefined) {
  return { method: 'POST', body: JSON.stringify({ text: 'a fox', user }) };
}

test('a host name that nobody configured is refused, so that a rebound DNS name reaches nothing', async (t) => {
  const { app } = await appOverFake(t, optionsFrom({ hostnames: 'Paint.example.org' }));
  const status = async (host: string) => (await app.request('/api/rooms/r/jobs', { headers: { host } })).status;
  assert.equal(await status('evil.example:3000'), 403);
  assert.equal(await status('localhost.evil.example'), 403);
  assert.equal(await status('localhost:3000'), 200);
  assert.equal(await status('127.0.0.1:3000'), 200);
  assert.equal(await status('[::1]:3000'), 200);
  assert.equal(await status('paint.example.org'), 200);
});

test("another site's page can neither act nor listen", async (t) => {
  const { app, core } = await appOverFake(t);
  const send = async (headers: Record<string, string>) =>
    (
      await app.request('/api/rooms/r/commands', {
        ...command('ann'),
        headers: { ...JSON_TYPE, host: 'localhost:80', ...headers },
      })
    ).status;
  assert.equal(await send({ origin: 'https://evil.example' }), 403);
  assert.equal(await send({ origin: 'null' }), 403);
  assert.equal(await send({ origin: 'http://localhost:8080' }), 403);
  assert.equal(await send({ 'sec-fetch-site': 'cross-site' }), 403);
  assert.equal(core.commands.length, 0);
  assert.equal(await send({ 'sec-fetch-site': 'same-origin' }), 202);
  const events = await app.request('/api/rooms/r/events', { headers: { origin: 'https://evil.example' } });
  assert.equal(events.status, 403);
});

test('the page allows no foreign and no inline script', async (t) => {
  const { app } = await appOverFake(t);
  const page = await app.request('/');
  assert.equal(page.status, 200);
  const policy = page.headers.get('content-security-policy') ?? '';
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /script-src 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
  assert.doesNotMatch(await page.text(), /<script(?![^>]*\bsrc=)|\son[a-z]+=|https?:\/\//);
});

test('without the token nothing but the page and the probes is reachable', async (t) => {
  const { app } = await appOverFake(t, { token: TOKEN, metrics: () => 'x 1\n' });
  for (const path of [
    '/api/rooms/r/jobs',
    '/api/rooms/r/events',
    '/api/jobs/a',
    '/images/a.png',
    '/metrics',
    '/api/complete',
    '/api/everything',
    '/api/session',
  ]) {
    assert.equal((await app.request(path)).status, 401, path);
  }
  for (const path of ['/', '/healthz', '/readyz']) assert.equal((await app.request(path)).status, 200, path);
  const wrong = await app.request('/api/rooms/r/jobs', { headers: { authorization: 'Bearer nope' } });
  assert.equal(wrong.status, 401);
});

test('a token is exchanged for a cookie that scripts of the page cannot read and that is bound to one user', async (t) => {
  const { app, core } = await appOverFake(t, { token: TOKEN, adminToken: ADMIN });
  const signIn = (token: string) =>
    app.request('/api/session', { method: 'POST', body: JSON.stringify({ token, user: 'ann' }), headers: JSON_TYPE });
  const session = await signIn(TOKEN);
  assert.deepEqual(await session.json(), { user: 'ann', admin: false, open: false });
  const setCookie = session.headers.get('set-cookie') ?? '';
  assert.match(setCookie, /HttpOnly/);
  assert.match(setCookie, /SameSite=Strict/);
  assert.doesNotMatch(setCookie, /correct|horse/);
  const cookie = setCookie.split(';')[0] ?? '';
  const send = (user: string | undefined) =>
    app.request('/api/rooms/r/commands', { ...command(user), headers: { ...JSON_TYPE, cookie } });
  assert.equal((await send(undefined)).status, 202);
  assert.equal(core.commands[0]?.caller.user, 'ann');
  assert.equal(core.commands[0]?.caller.moderator, false);
  assert.equal((await send('bob')).status, 403);
  const forged = { cookie: `${cookie.slice(0, -3)}abc` };
  assert.equal((await app.request('/api/session', { headers: forged })).status, 401);
  assert.equal((await answerOf(signIn(ADMIN))).admin, true);
});

test('programs send the token with each request; the admin token makes a moderator', async (t) => {
  const { app, core } = await appOverFake(t, {
    token: TOKEN.replaceAll(' ', '-'),
    adminToken: ADMIN.replaceAll(' ', '-'),
  });
  for (const token of [TOKEN, ADMIN]) {
    const headers = { ...JSON_TYPE, authorization: `Bearer ${token.replaceAll(' ', '-')}` };
    assert.equal((await app.request('/api/rooms/r/commands', { ...command('bob'), headers })).status, 202);
  }
  assert.deepEqual(
    core.commands.map(({ caller }) => caller.moderator),
    [false, true],
  );
});

test('tokens cannot be guessed quickly', async (t) => {
  const { app } = await appOverFake(t, { token: TOKEN });
  const guess = async () =>
    (
      await app.request('/api/session', {
        method: 'POST',
        body: JSON.stringify({ token: 'guess', user: 'eve' }),
        headers: JSON_TYPE,
      })
    ).status;
  const answers: number[] = [];
  for (let k = 0; k < 12; k++) answers.push(await guess());
  assert.deepEqual(answers, [...Array(10).fill(401), 429, 429]);
});

test('sessions end with their time and with their token', () => {
  let now = 0;
  const access = new Access({ token: TOKEN, now: () => now });
  const { cookie } = access.signIn(TOKEN, 'ann');
  const identity = access.identify({ authorization: undefined, cookie });
  assert.equal(actingUser(identity, undefined), 'ann');
  const changed = new Access({ token: 'another token entirely', now: () => now });
  assert.throws(() => changed.identify({ authorization: undefined, cookie }), { code: 'token_missing' });
  now = 31 * 24 * 3600 * 1000;
  assert.throws(() => access.identify({ authorization: undefined, cookie }), { code: 'token_missing' });
});

test('options that would open the chat to everyone are refused before it starts', () => {
  const refused = (typed: Parameters<typeof optionsFrom>[0], why: RegExp) =>
    assert.match(String(webOptions.safeParse(typed).error?.issues.map(({ message }) => message)), why);
  refused({ host: '0.0.0.0' }, /WUERST_WEB_HOST is 0\.0\.0\.0, which others can reach: set WUERST_WEB_TOKEN/);
  refused({ host: '192.168.0.7' }, /WUERST_WEB_HOST is 192\.168\.0\.7/);
  refused({ host: '0.0.0.0', token: 'short' }, /expected at least 16 characters/);
  refused({ host: '0.0.0.0', token: TOKEN, adminToken: TOKEN }, /are the same: everyone would be admin/);
  refused({ adminToken: ADMIN }, /WUERST_WEB_ADMIN_TOKEN needs WUERST_WEB_TOKEN/);
  refused({ port: '70000' }, /expected a port from 0 to 65535/);
});
