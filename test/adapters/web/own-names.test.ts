import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Access } from '../../../src/adapters/web/server/access.ts';
import type { WebAdapterOptions } from '../../../src/adapters/web/server/options.ts';
import { sessionKey } from '../../../src/adapters/web/server/session-key.ts';
import { WebAccounts } from '../../../src/bot/history/web-accounts.ts';
import { readEvents } from './event-reader.ts';
import { appOverFake } from './serve-fake.ts';

const SHARED = 'the-token-that-everybody-has';
const ADMIN = 'the-token-that-admins-have';

interface Answered {
  readonly status: number;
  readonly body: unknown;
  readonly code: string | undefined;
  readonly headers: Headers;
  readonly cookie: string;
}

interface Sent {
  readonly bearer?: string;
  readonly cookie?: string;
  readonly body?: object;
  readonly method?: string;
}

/** A chat with tokens, asked as programs and browsers would. */
async function privateChat(t: TestContext, options: Partial<WebAdapterOptions> = {}) {
  const accounts = WebAccounts.inMemory();
  const { app, core } = await appOverFake(t, { token: SHARED, adminToken: ADMIN, accounts, ...options });
  const ask = async (path: string, { bearer, cookie, body, method }: Sent = {}): Promise<Answered> => {
    const response = await app.request(path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(cookie === undefined ? {} : { cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const parsed = response.status === 204 ? null : ((await response.json()) as { error?: { code: string } });
    const setCookie = response.headers.get('set-cookie') ?? '';
    const { status, headers } = response;
    return { status, body: parsed, code: parsed?.error?.code, headers, cookie: setCookie.split(';')[0] ?? '' };
  };
  const signIn = (token: string, user?: string) => ask('/api/session', { body: { token, user } });
  const command = (text: string, sent: Sent, user?: string) =>
    ask('/api/rooms/r/commands', { ...sent, body: { text, user } });
  return { app, core, accounts, ask, signIn, command };
}

test('with the shared token nobody can be somebody: not in the browser, not by a script, in no spelling', async (t) => {
  const { core, ask, signIn, command } = await privateChat(t);
  const ann = await signIn(SHARED, 'ann');
  assert.deepEqual([ann.status, ann.body], [200, { user: 'ann', admin: false, open: false }]);
  await command('a cake', { cookie: ann.cookie });
  const before = core.commands.length;
  for (const user of ['ann', ' ann ', 'Ann', 'аnn', 'a n n']) {
    assert.equal((await signIn(SHARED, user)).code, 'name_taken', user);
    for (const text of ['export', 'erase', 'history', 'a panda on a green background']) {
      assert.equal((await command(text, { bearer: SHARED }, user)).code, 'name_taken', `${text} as ${user}`);
    }
  }
  const acts: readonly [string, Sent][] = [
    ['/api/actions', { bearer: SHARED, body: { action: 'erase:me', user: 'ann' } }],
    ['/api/actions', { bearer: SHARED, body: { action: 'delete:job1', user: 'ann' } }],
    ['/api/jobs/job1?user=ann', { bearer: SHARED, method: 'DELETE' }],
    ['/api/complete?room=r&user=ann&text=', { bearer: SHARED }],
  ];
  for (const [path, sent] of acts) assert.equal((await ask(path, sent)).status, 403, path);
  assert.equal((await command('a cake', { cookie: ann.cookie }, 'bob')).code, 'user_mismatch');
  assert.deepEqual([core.commands.length, core.actions.length], [before, 0]);
});

test('the first request of a script takes its name and gets a token of its own; with that it goes on', async (t) => {
  const { core, ask, command } = await privateChat(t);
  const first = await command('a cake', { bearer: SHARED }, 'nightly');
  assert.equal(first.status, 202);
  const token = first.headers.get('wuerst-personal-token') ?? '';
  assert.match(token, /^wuerst_/);
  assert.equal((await command('a cake', { bearer: SHARED }, 'nightly')).code, 'name_taken');
  for (const user of ['nightly', undefined]) {
    const again = await command('a cake', { bearer: token }, user);
    assert.deepEqual([again.status, again.headers.get('wuerst-personal-token')], [202, null]);
  }
  assert.equal((await command('a cake', { bearer: token }, 'ann')).code, 'user_mismatch');
  assert.deepEqual(
    core.commands.map(({ caller }) => [caller.user, caller.moderator]),
    Array(3).fill(['nightly', false]),
  );
  assert.equal((await ask('/api/session', { bearer: token })).status, 200);
});

test('reading takes no name', async (t) => {
  const { ask, accounts } = await privateChat(t);
  for (const path of ['/api/complete?room=r&user=ann&text=a', '/api/rooms/r/jobs', '/api/model']) {
    assert.equal((await ask(path, { bearer: SHARED })).status, 200, path);
  }
  assert.deepEqual(accounts.all(), []);
});

test('a personal token brings somebody back in any browser; each can be ended alone', async (t) => {
  const { ask, signIn } = await privateChat(t);
  const first = await signIn(SHARED, 'ann');
  const made = await ask('/api/account/tokens', { cookie: first.cookie, body: { label: 'my phone' } });
  assert.equal(made.status, 201);
  const { token } = made.body as { token: string };
  const second = await signIn(token);
  assert.deepEqual(second.body, { user: 'ann', admin: false, open: false });

  type Account = { keys: { id: string; kind: string; label: string; current: boolean }[] };
  const { keys } = (await ask('/api/account', { cookie: second.cookie })).body as Account;
  assert.deepEqual(keys.map(({ kind, label, current }) => [kind, label, current]).sort(), [
    ['device', 'Firefox on Linux', false],
    ['device', 'Firefox on Linux', true],
    ['token', 'my phone', false],
  ]);
  assert.doesNotMatch(JSON.stringify(keys), new RegExp(token.split('_')[2] ?? ''));
  const other = keys.find(({ kind, current }) => kind === 'device' && !current);
  const end = (id = '') => ask(`/api/account/keys/${id}`, { cookie: second.cookie, method: 'DELETE' });
  assert.equal((await end(other?.id)).status, 204);
  assert.equal((await ask('/api/session', { cookie: first.cookie })).status, 401);
  assert.equal((await end(keys.find(({ kind }) => kind === 'token')?.id)).status, 204);
  assert.equal((await ask('/api/session', { bearer: token })).status, 401);
  assert.equal((await ask('/api/session', { cookie: second.cookie })).status, 200);

  const bob = await signIn(SHARED, 'bob');
  const own = (await ask('/api/account', { cookie: bob.cookie })).body as Account;
  assert.equal((await end(own.keys[0]?.id)).status, 404);
});

test('everything kept about somebody is streamed to them, and to nobody else', async (t) => {
  const { app, ask, signIn, command } = await privateChat(t);
  const { cookie } = await signIn(SHARED, 'ann');
  await command('a cake', { cookie });
  const answer = await app.request('/api/export', { headers: { cookie } });
  assert.match(answer.headers.get('content-disposition') ?? '', /^attachment/);
  assert.deepEqual(await answer.json(), { jobs: ['job1'] });
  assert.equal((await ask('/api/export?user=ann', { bearer: SHARED })).code, 'name_not_proven');
  const { cookie: bob } = await signIn(SHARED, 'bob');
  assert.deepEqual((await ask('/api/export?user=ann', { cookie: bob })).body, { jobs: [] });
});

test('who signs out is out, with a copy of the cookie too', async (t) => {
  const { ask, signIn } = await privateChat(t);
  const { cookie } = await signIn(SHARED, 'ann');
  assert.equal((await ask('/api/session', { cookie, method: 'DELETE' })).status, 204);
  assert.equal((await ask('/api/session', { cookie })).status, 401);
});

test('an open event stream ends when its person signs out', async (t) => {
  const { app, ask, signIn } = await privateChat(t, { heartbeatMs: 5 });
  // In place of a server's socket: heartbeats alone keep no process alive.
  const alive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(alive));
  const { cookie } = await signIn(SHARED, 'ann');
  const response = await app.request('/api/rooms/r/events', { headers: { cookie } });
  await ask('/api/session', { cookie, method: 'DELETE' });
  const events = await readEvents(response, () => false);
  assert.equal(events[0]?.type, 'hello');
});

test('only admins invite, to free names, and nobody becomes an admin by asking', async (t) => {
  const { ask, signIn, command, core, accounts } = await privateChat(t);
  const ann = await signIn(SHARED, 'ann');
  const invite = (sent: Sent, body: object) => ask('/api/invitations', { ...sent, body });
  assert.equal((await invite({ cookie: ann.cookie }, {})).code, 'admins_only');
  assert.equal((await invite({ bearer: SHARED }, { user: 'eve', admin: true })).code, 'admins_only');
  assert.equal((await invite({ bearer: ADMIN }, { user: 'ann' })).code, 'name_taken');
  const secretOf = ({ body }: Answered) => (body as { invitation: string }).invitation;

  const toBob = secretOf(await invite({ bearer: ADMIN }, { user: 'bob', admin: true }));
  assert.equal((await signIn(SHARED, 'bob')).code, 'name_taken');
  const bob = await signIn(toBob, 'ignored');
  assert.deepEqual(bob.body, { user: 'bob', admin: true, open: false });
  assert.equal((await signIn(toBob)).code, 'token_wrong');
  await command('a cake', { cookie: bob.cookie });
  assert.equal(core.commands[0]?.caller.moderator, true);

  const toAnybody = secretOf(await invite({ cookie: bob.cookie }, {}));
  assert.equal((await signIn(toAnybody)).code, 'name_missing');
  assert.equal((await signIn(toAnybody, 'ann')).code, 'name_taken');
  assert.deepEqual((await signIn(toAnybody, 'eve')).body, { user: 'eve', admin: false, open: false });
  assert.equal((await ask('/api/session', { bearer: secretOf(await invite({ bearer: ADMIN }, {})) })).status, 401);
  assert.deepEqual(
    accounts.all().map(({ name, admin }) => [name, admin]),
    [
      ['ann', false],
      ['bob', true],
      ['eve', false],
    ],
  );
});

test('rights that came with the token of the admins go with it; a name keeps only its own', async (t) => {
  const { ask, signIn } = await privateChat(t);
  const ann = await signIn(ADMIN, 'ann');
  assert.deepEqual(ann.body, { user: 'ann', admin: true, open: false });
  const { token } = (await ask('/api/account/tokens', { cookie: ann.cookie, body: {} })).body as { token: string };
  assert.deepEqual((await ask('/api/session', { bearer: token })).body, { user: 'ann', admin: false, open: false });
});

test('without a token nobody signs in and any name may be used, as ever', async (t) => {
  const { core, ask, command, signIn } = await privateChat(t, { token: undefined, adminToken: undefined });
  assert.deepEqual((await ask('/api/session')).body, { user: null, admin: true, open: true });
  for (const user of ['ann', 'bob', 'ann']) assert.equal((await command('a cake', {}, user)).status, 202);
  assert.deepEqual((await signIn('', 'ann')).body, { user: 'ann', admin: true, open: true });
  assert.equal(
    core.commands.every(({ caller }) => caller.moderator),
    true,
  );
  assert.equal((await ask('/api/invitations', { body: {} })).code, 'nobody_to_invite');
  assert.equal((await ask('/api/account/tokens', { body: {} })).code, 'name_not_proven');
});

test('changing either token ends the sessions; names and personal tokens stay', () => {
  const accounts = WebAccounts.inMemory();
  const key = new Uint8Array(32).fill(7);
  const opened = (token: string, adminToken: string, sessionKey: Uint8Array = key) =>
    new Access({ token, adminToken, accounts, sessionKey });
  const { cookie } = opened(SHARED, ADMIN).signIn(SHARED, 'ann');
  const personal = accounts.addToken('ann', 'personal link');
  const isIn = (access: Access, credentials: { cookie?: string; authorization?: string }) => {
    try {
      return access.identify({ cookie: undefined, authorization: undefined, ...credentials }).user === 'ann';
    } catch {
      return false;
    }
  };
  // Another process with the same file and database.
  assert.equal(isIn(opened(SHARED, ADMIN), { cookie }), true);
  for (const changed of [
    opened('another-token-for-everybody', ADMIN),
    opened(SHARED, 'another-token-for-admins'),
    opened(SHARED, ADMIN, new Uint8Array(32).fill(8)),
  ]) {
    assert.equal(isIn(changed, { cookie }), false);
    assert.equal(isIn(changed, { authorization: `Bearer ${personal}` }), true);
  }
});

test('the key of the sessions is random, kept in the data folder for its owner only, and no hash of the tokens', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wuerst-key-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const umask = process.umask(0);
  t.after(() => process.umask(umask));
  const [one, other] = [join(folder, 'one.key'), join(folder, 'other.key')];
  const made = sessionKey(one);
  assert.equal(made.length, 32);
  assert.notDeepEqual(sessionKey(other), made);
  assert.deepEqual(sessionKey(one), made);
  assert.equal(statSync(one).mode & 0o777, 0o600);
  writeFileSync(other, readFileSync(one), { mode: 0o644 });
  rmSync(one);
  writeFileSync(one, made, { mode: 0o644 });
  assert.deepEqual(sessionKey(one), made);
  assert.equal(statSync(one).mode & 0o777, 0o600);
  writeFileSync(one, 'cut off');
  assert.throws(() => sessionKey(one), { code: 'session_key_unusable', message: /expected 32 bytes, got 7/ });
});

test('a picture that has to be made again is on the account of the name that is proven, else of the address', async (t) => {
  const { core, ask, signIn, command } = await privateChat(t);
  const { cookie } = await signIn(SHARED, 'ann');
  const { body } = await command('a panda', { cookie });
  const { id } = (body as unknown as { job: { id: string } }).job;
  await core.complete(id);
  core.files.clear();
  await ask(`/images/${id}i0.png`, { cookie });
  await ask(`/images/${id}i0.png`, { bearer: SHARED });
  assert.equal(core.askers[0], 'ann');
  assert.match(core.askers[1] ?? '', /^address /);
});
