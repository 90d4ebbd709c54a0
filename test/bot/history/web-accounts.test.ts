import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Access } from '../../../src/adapters/web/server/access.ts';
import { DATABASE_FILE } from '../../../src/bot/history/history.ts';
import { readSecret, WebAccounts } from '../../../src/bot/history/web-accounts.ts';
import { PERSON_BOUNDS } from '../../../src/bot/person-bounds.ts';
import { caller, newJob, openHistory, ROOT } from './history-fixture.ts';

const DAY_MS = 86_400_000;

function accountsAt(start = 1_790_000_000_000) {
  const clock = { now: start };
  const accounts = WebAccounts.inMemory(() => clock.now);
  const pass = (ms: number) => {
    clock.now += ms;
  };
  return { accounts, pass };
}

test('a name belongs to whoever had it first, in every spelling that looks the same', () => {
  const { accounts } = accountsAt();
  accounts.claim('Anna Lena', { admin: false });
  for (const other of [
    'Anna Lena',
    'anna lena',
    'AnnaLena',
    'Аnna Lena',
    'Anna\u200bLena',
    'Ａｎｎａ Lena',
    'Ánna Lena',
  ]) {
    assert.throws(() => accounts.claim(other, { admin: false }), { code: 'name_taken' }, other);
  }
  for (const other of ['Anna', 'Anne Lena', 'Hannelore', '安娜']) accounts.claim(other, { admin: false });
});

test('a secret is right only as a whole, for its own kind, and while it is kept', () => {
  const { accounts } = accountsAt();
  accounts.claim('ann', { admin: false });
  const token = accounts.addToken('ann', 'a script');
  assert.equal(accounts.keyOfSecret(token)?.account, 'ann');
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.constantFrom(...'abcxyz0189_ '), (at, letter) => {
      const wrong = token.slice(0, at) + letter + token.slice(at + 1);
      return wrong === token || accounts.keyOfSecret(wrong) === null;
    }),
  );
  assert.equal(accounts.keyOfSecret(token.replace('wuerst_', 'invite_')), null);
  const { id = '' } = readSecret(token) ?? {};
  assert.equal(accounts.removeKey('bob', id), false);
  assert.equal(accounts.removeKey('ann', id), true);
  assert.equal(accounts.keyOfSecret(token), null);
});

test('an invitation works once, within a week, and keeps its name free for whom it is for', () => {
  const { accounts, pass } = accountsAt();
  const secret = accounts.invite({ name: 'ann', admin: true }, ROOT);
  assert.throws(() => accounts.claim('ann', { admin: false }), { code: 'name_taken' });
  const invitation = accounts.keyOfSecret(secret);
  assert.ok(invitation);
  assert.deepEqual(accounts.redeem(invitation, 'somebody else').name, 'ann');
  assert.equal(accounts.get('ann')?.admin, true);
  assert.equal(accounts.keyOfSecret(secret), null);

  const open = accounts.keyOfSecret(accounts.invite({ admin: false }, ROOT));
  assert.ok(open);
  assert.throws(() => accounts.redeem(open, undefined), { code: 'name_missing' });
  assert.throws(() => accounts.redeem(open, 'ann'), { code: 'name_taken' });
  assert.equal(accounts.redeem(open, 'bob').admin, false);

  const late = accounts.invite({ admin: false }, ROOT);
  pass(7 * DAY_MS);
  assert.equal(accounts.keyOfSecret(late), null);
});

test('a further invitation to a name takes no rights from it', () => {
  const { accounts } = accountsAt();
  accounts.invite({ name: 'ann', admin: true }, ROOT);
  accounts.invite({ name: 'ann', admin: false }, ROOT);
  assert.equal(accounts.get('ann')?.admin, true);
});

test('devices, tokens and invitations are bounded, in 10,000 tries', () => {
  const { accounts } = accountsAt();
  accounts.claim('ann', { admin: false });
  const expiresAt = Number.MAX_SAFE_INTEGER;
  for (let tries = 0; tries < 10_000; tries++) accounts.addDevice('ann', { admin: false, label: '', expiresAt });
  const newest = accounts.addDevice('ann', { admin: false, label: '', expiresAt });
  assert.equal(accounts.keysOf('ann').length, PERSON_BOUNDS.devices);
  assert.ok(accounts.device(newest));
  const granted = (make: () => void) => {
    let count = 0;
    for (let tries = 0; tries < 10_000; tries++) {
      try {
        make();
        count += 1;
      } catch (error) {
        assert.match((error as { code: string }).code, /^too_many_/);
      }
    }
    return count;
  };
  assert.equal(
    granted(() => void accounts.addToken('ann', 'x')),
    PERSON_BOUNDS.tokens,
  );
  assert.equal(
    granted(() => void accounts.invite({ admin: false }, ROOT)),
    PERSON_BOUNDS.invitations,
  );
});

test('no secret stands in the database, and a removed name leaves none of its keys', (t) => {
  const { history, folder } = openHistory(t);
  const { webAccounts: accounts } = history;
  const invitation = accounts.invite({ name: 'ann', admin: false }, ROOT);
  const token = accounts.addToken('ann', 'a script');
  const id = accounts.addDevice('ann', { admin: false, label: 'Firefox', expiresAt: Number.MAX_SAFE_INTEGER });
  history.database.emptyLog();
  const bytes = readFileSync(join(folder, DATABASE_FILE));
  for (const secret of [invitation, token]) assert.equal(bytes.includes(secret.split('_')[2] ?? secret), false);
  assert.equal(accounts.remove('ann'), true);
  assert.deepEqual([accounts.device(id), accounts.keyOfSecret(token), accounts.get('ann')], [null, null, null]);
});

test('names that were used while nobody signed in are opened by an invitation alone, twins too', (t) => {
  const { history } = openHistory(t);
  const { webAccounts: accounts } = history;
  for (const user of ['ann', 'Ann', 'bob']) history.jobs.accept(newJob({ caller: caller({ user }) }));
  history.jobs.accept(newJob({ caller: caller({ user: 'eve', surface: 'slack' }) }));
  assert.ok(new Access({ accounts }).open);
  assert.deepEqual(accounts.all(), [], 'without a token they stay free');

  const token = 'the-token-that-everybody-has';
  for (let start = 0; start < 2; start += 1) {
    const access = new Access({ token, adminToken: 'that-of-the-admins', accounts });
    for (const user of ['ann', 'Ann', 'bob', 'aNN', 'bоb']) {
      assert.throws(() => access.signIn(token, user), { code: 'name_taken' }, user);
      assert.throws(() => access.take(user, { user: null, admin: false }, '10.0.0.1'), { code: 'name_taken' }, user);
    }
    assert.throws(() => access.mayRead('ann', { user: null, admin: false }), { code: 'name_taken' });
  }
  const access = new Access({ token, accounts });
  assert.equal(access.signIn(token, 'eve').identity.user, 'eve');
  for (const name of ['ann', 'Ann', 'bob']) {
    const { identity } = access.signIn(accounts.invite({ name, admin: false }, ROOT), undefined);
    assert.deepEqual(identity, { user: name, admin: false });
  }
  history.personalData.erase('web', 'eve');
  assert.equal(accounts.get('eve'), null);
});
