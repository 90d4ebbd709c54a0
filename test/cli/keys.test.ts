import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { History } from '../../src/bot/history/history.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { WUERST } from '../program.ts';

/** `wuerst keys` with a data folder whose history is open, as while the bot runs. */
async function keysBeside(t: TestContext) {
  const folder = await temporaryFolder(t);
  const history = History.open({ folder });
  t.after(() => history.close());
  const keys = (...args: string[]) =>
    spawnSync(process.execPath, [...WUERST, 'keys', ...args, '--data', folder], {
      encoding: 'utf8',
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder },
    });
  return { history, keys };
}

test('keys are made for the bot that runs, listed without their secrets, and revoked', async (t) => {
  const { history, keys } = await keysBeside(t);
  const made = keys('create', '--name', 'open webui', '--guild', 'web:lobby', '--limits', 'images=4');
  assert.equal(made.status, 0, made.stderr);
  const secret = made.stdout.trim();
  const key = history.apiKeys.admit(secret);
  assert.deepEqual([key?.name, key?.surface, key?.guild, key?.limits], ['open webui', 'web', 'lobby', { images: 4 }]);
  const list = keys('list').stdout;
  assert.match(list, /^[a-z0-9]{12} {2}open webui {2}web:lobby {2}images=4 {2}made \S+ {2}last used \S+\n$/);
  assert.ok(!list.includes(secret.slice(-32)));
  assert.equal(JSON.parse(keys('list', '--json').stdout)[0].id, key?.id);
  assert.equal(keys('revoke', 'open webui').stdout, 'open webui is let in no longer.\n');
  assert.equal(history.apiKeys.admit(secret), null);
  assert.equal(keys('list').stdout, '');
});

test('a webhook is set and taken away; its secret is the same each time, and only addresses of the internet are taken', async (t) => {
  const { history, keys } = await keysBeside(t);
  keys('create', '--name', 'x', '--guild', 'web:lobby');
  const set = () => keys('webhook', 'x', 'https://example.org/hooks').stdout;
  const secret = set();
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=\n$/);
  assert.equal(set(), secret);
  assert.equal(history.apiKeys.all()[0]?.webhook, 'https://example.org/hooks');
  assert.match(keys('list').stdout, / {2}tells example\.org {2}/);
  for (const wrong of [
    'http://example.org/',
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://2130706433/',
    'https://a:b@example.org/',
    'x',
  ]) {
    const { status, stderr } = keys('webhook', 'x', wrong);
    assert.equal(status, 2, wrong);
    assert.match(stderr, /https:\/\/ address|not an address of the internet/);
  }
  assert.equal(keys('webhook', 'x', 'off').stdout, 'x is told nothing.\n');
  assert.equal(history.apiKeys.all()[0]?.webhook, undefined);
  assert.equal(keys('webhook', 'nobody', 'off').status, 2);
});

test('mistakes are answered with what is meant', async (t) => {
  const { keys } = await keysBeside(t);
  for (const [args, answer] of [
    [['create', '--name', 'x', '--guild', 'lobby'], /Expected a Discord server.*web:lobby/],
    [['create', '--name', 'x', '--guild', 'web:lobby', '--limits', 'pictures=2'], /no limit "pictures=2".*images/],
    [['create', '--guild', 'web:lobby'], /--name <name>' not specified/],
    [['revoke', 'nobody'], /no key "nobody".*wuerst keys list/],
  ] as const) {
    const { status, stderr } = keys(...args);
    assert.equal(status, 2);
    assert.match(stderr, answer);
  }
});
