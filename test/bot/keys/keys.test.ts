import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { dayOf } from '../../../src/bot/history/usage.ts';
import { callerOfKey, formatPlace, isProgram, readKeyName, readPlace } from '../../../src/bot/keys/api-key.ts';
import { formatKeyLimits, readKeyLimits } from '../../../src/bot/keys/key-limits.ts';
import type { UserError } from '../../../src/system/errors.ts';
import { caller, ROOT } from '../history/history-fixture.ts';
import { openStudio } from '../studio/studio-fixture.ts';

const GUILD = { surface: 'discord', guild: '81384788765712384' } as const;

function code(wanted: string) {
  return ({ code }: UserError) => code === wanted;
}

test('a key is shown once: the data folder holds its hash alone, and a wrong letter lets nobody in', async (t) => {
  const { history, folder, clock } = await openStudio(t);
  assert.equal(history.apiKeys.any, false);
  const secret = history.apiKeys.create({ name: 'open webui', ...GUILD, limits: {} }, ROOT);
  assert.match(secret, /^sk-wuerst-[a-z0-9]{12}-[a-z0-9]{32}$/);
  assert.equal(history.apiKeys.any, true);
  history.database.emptyLog();
  assert.ok(!readFileSync(join(folder, 'wuerst.db')).includes(secret.slice(-32)));
  const other = `${secret.slice(0, -1)}${secret.endsWith('a') ? 'b' : 'a'}`;
  for (const wrong of ['', 'sk-wuerst-', other, ` ${secret}`, secret.toUpperCase()]) {
    assert.equal(history.apiKeys.admit(wrong), null, wrong);
  }
  assert.equal(history.apiKeys.all()[0]?.usedAt, null);
  const admitted = history.apiKeys.admit(secret);
  assert.equal(admitted?.name, 'open webui');
  assert.equal(history.apiKeys.all()[0]?.usedAt, clock.now());
  assert.ok(!('hash' in (admitted ?? {})));
});

test('names of keys are one each; a key is revoked by name or id, and lets nobody in from then on', async (t) => {
  const { history } = await openStudio(t);
  const keys = history.apiKeys;
  const secret = keys.create({ name: 'one', ...GUILD, limits: {} }, ROOT);
  assert.throws(() => keys.create({ name: ' one ', ...GUILD, limits: {} }, ROOT), code('key_name_taken'));
  assert.equal(keys.revoke('two', ROOT), null);
  assert.equal(keys.revoke('one', ROOT)?.name, 'one');
  assert.equal(keys.admit(secret), null);
  assert.equal(keys.any, false);
  const again = keys.create({ name: 'one', ...GUILD, limits: {} }, ROOT);
  assert.equal(keys.revoke(keys.admit(again)?.id ?? '', ROOT)?.name, 'one');
});

test('a key keeps to the rules, quotas and blocked words of its guild, and to tighter limits of its own', async (t) => {
  const { studio, history, ask } = await openStudio(t);
  const by = { surface: 'discord', user: 'mod' } as const;
  history.settings.set(GUILD, 'blockedWords', ['banana'], by);
  history.settings.set(GUILD, 'images', 3, by);
  const keyed = (name: string, limits: string) => {
    const key = history.apiKeys.admit(history.apiKeys.create({ name, ...GUILD, limits: readKeyLimits(limits) }, ROOT));
    assert.ok(key !== null);
    return callerOfKey(key);
  };
  const [wide, narrow] = [keyed('wide', 'images=9'), keyed('narrow', 'images=2,user-jobs=1')];
  await assert.rejects(ask('a banana', wide), code('blocked_word'));
  await assert.rejects(ask('a nude', wide), code('nsfw_room'));
  assert.deepEqual([studio.limits(wide).maxImages, studio.limits(narrow).maxImages], [3, 2]);
  await assert.rejects(ask('a panda n:3', narrow), (error: UserError) => /1 to 2/.test(error.message));
  await ask('wait panda', narrow);
  await assert.rejects(ask('a second panda', narrow), code('limit_user_jobs'));
});

test('what a key has painted counts for its guild, and each key pays for itself', async (t) => {
  const { history, make, ask, clock } = await openStudio(t);
  history.settings.set(GUILD, 'guildSeconds', 1000, { surface: 'discord', user: 'mod' });
  const key = (name: string) => {
    const found = history.apiKeys.admit(history.apiKeys.create({ name, ...GUILD, limits: {} }, ROOT));
    assert.ok(found !== null);
    return callerOfKey(found);
  };
  const [one, two] = [key('one'), key('two')];
  assert.notEqual(one.payer, two.payer);
  await make('a panda', one);
  assert.ok(history.usage.today('guild', 'discord', GUILD.guild).seconds > 0);
  assert.ok(history.usage.today('user', 'discord', one.user).seconds > 0);
  assert.equal(history.usage.today('user', 'discord', two.user).seconds, 0);
  history.usage.charge({ ...GUILD, user: 'bob' }, dayOf(clock.now()), 1_000_000);
  await assert.rejects(ask('another panda', two), code('limit_guild_seconds'));
  const member = caller({ ...GUILD, user: 'ann' });
  await assert.rejects(ask('a third panda', member), code('limit_guild_seconds'));
});

test('places, names and limits are read as they are written; mistakes say what is meant', () => {
  for (const place of ['discord:81384788765712384', 'slack:T024BE7LH', 'web:lobby']) {
    assert.equal(formatPlace(readPlace(` ${place} `)), place);
  }
  for (const wrong of ['', 'lobby', 'discord:lobby', 'web:', 'web:a b', 'terminal:x', 'slack:t1', '__proto__:x']) {
    assert.throws(() => readPlace(wrong), code('guild_invalid'), wrong);
  }
  assert.equal(formatKeyLimits(readKeyLimits('images=2, user-seconds=600')), 'images=2 user-seconds=600');
  assert.deepEqual(readKeyLimits(''), {});
  assert.throws(
    () => readKeyLimits('image=2'),
    ({ hint }: UserError) => /Did you mean images\?/.test(hint ?? ''),
  );
  assert.throws(() => readKeyLimits('images=99'), /images to be a whole number from 1 to 10, got "99"/);
  assert.throws(() => readKeyLimits('weight=100'), code('limit_unknown'));
  assert.throws(() => readKeyLimits('everywhere-images=1'), code('limit_unknown'));
  assert.throws(() => readKeyLimits('images'), /Expected a value/);
  for (const wrong of ['images=0', 'images=11', 'images=1.5', 'images=many']) {
    const corrected = ({ code, hint }: UserError) => code === 'setting_value' && / images=\d/.test(hint ?? '');
    assert.throws(() => readKeyLimits(wrong), corrected, wrong);
  }
  for (const wrong of ['', ' ', 'a\nb', '\u202e', 'x'.repeat(65)]) {
    assert.throws(() => readKeyName(wrong), code('key_name_invalid'), JSON.stringify(wrong));
  }
  assert.ok(isProgram({ user: 'key:abc' }) && !isProgram({ user: 'keyboard' }));
});

test('what a key asked for makes no name of the web chat', async (t) => {
  const { history, make } = await openStudio(t);
  const web = { surface: 'web', guild: 'lobby' } as const;
  const key = history.apiKeys.admit(history.apiKeys.create({ name: 'program', ...web, limits: {} }, ROOT));
  assert.ok(key !== null);
  await make('a panda', callerOfKey(key));
  await make('a panda', caller());
  history.webAccounts.bindUsed();
  assert.deepEqual(
    history.webAccounts.all().map(({ name }) => name),
    ['ann'],
  );
});
