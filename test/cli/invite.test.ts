import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { linkWith, pageUrl } from '../../src/adapters/web/server/links.ts';
import { webOptions } from '../../src/adapters/web/server/options.ts';
import { History } from '../../src/bot/history/history.ts';
import { temporaryFolder } from '../pipeline/temporary-folder.ts';
import { WUERST } from '../program.ts';

const TOKEN = 'a token that many people know';

/** `wuerst` with a data folder whose history is open, as while the bot runs. */
async function wuerstBeside(t: TestContext, settings: Record<string, string> = { WUERST_WEB_TOKEN: TOKEN }) {
  const folder = await temporaryFolder(t);
  const history = History.open({ folder });
  t.after(() => history.close());
  const wuerst = (...args: string[]) =>
    spawnSync(process.execPath, [...WUERST, ...args, '--data', folder], {
      ...{ encoding: 'utf8', cwd: folder },
      env: { PATH: process.env.PATH, HOME: folder, ...settings },
    });
  return { accounts: history.webAccounts, wuerst };
}

test('invite prints a link that the running bot takes, for a name that is bound from then on', async (t) => {
  const { accounts, wuerst } = await wuerstBeside(t);
  const { stdout, status } = wuerst('invite', 'ann', '--admin', '--url', 'https://paint.example.org/chat');
  assert.equal(status, 0);
  const [, secret = ''] = /^https:\/\/paint\.example\.org\/chat#invitation=(invite_\w+)\n$/.exec(stdout) ?? [];
  const invitation = accounts.keyOfSecret(secret);
  assert.ok(invitation);
  assert.deepEqual(
    [accounts.redeem(invitation, undefined), accounts.get('ann')].map((account) => [account?.name, account?.admin]),
    Array(2).fill(['ann', true]),
  );
});

test('a token for scripts is made of a name, and a name can be locked', async (t) => {
  const { accounts, wuerst } = await wuerstBeside(t);
  const token = wuerst('invite', 'nightly', '--token').stdout.trim();
  assert.equal(accounts.keyOfSecret(token)?.account, 'nightly');
  assert.match(wuerst('people', 'list').stdout, /^nightly: 0 devices, 1 tokens\n$/);
  assert.equal(wuerst('people', 'lock', 'nightly').status, 0);
  assert.equal(accounts.keyOfSecret(token), null);
  assert.ok(accounts.get('nightly'));
  const unknown = wuerst('people', 'lock', 'nobody');
  assert.deepEqual([unknown.status, /Nobody has the name "nobody"/.test(unknown.stderr)], [2, true]);
});

test('where nobody signs in, nobody needs an invitation, and the answer says so', async (t) => {
  const { wuerst } = await wuerstBeside(t, {});
  const { status, stderr } = wuerst('invite', 'ann');
  assert.equal(status, 2);
  assert.match(stderr, /asks nobody to sign in.*Set WUERST_WEB_TOKEN/);
});

test('a link leads to where people open the page, with the secret where no server sees it', () => {
  const url = (typed: object) => pageUrl(webOptions.parse({ token: TOKEN, ...typed }) ?? assert.fail());
  assert.equal(url({}), 'http://127.0.0.1:3210/');
  assert.equal(url({ host: '0.0.0.0', port: '80' }), 'http://localhost:80/');
  assert.equal(url({ host: '::1' }), 'http://[::1]:3210/');
  assert.equal(url({ host: '0.0.0.0', hostnames: '192.0.2.7,Paint.example.org' }), 'https://paint.example.org/');
  const link = new URL(linkWith('key', 'wuerst_a_b', 'https://paint.example.org/'));
  assert.deepEqual([link.pathname, link.search, link.hash], ['/', '', '#key=wuerst_a_b']);
});
