import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Installations } from '../src/adapters/slack/connection/installations.ts';
import { SESSION_KEY_FILE, sessionKey } from '../src/adapters/web/server/session-key.ts';
import { presetsCommand } from '../src/cli/presets.ts';
import { readConfig } from '../src/config.ts';
import { startBot } from '../src/main.ts';
import { openCredential } from '../src/marking/credential.ts';
import { CREDENTIAL_FILE } from '../src/marking/credential-file.ts';
import { lockFolder } from '../src/system/file-lock.ts';
import { createLogger } from '../src/system/logging.ts';
import { isReadableOnTheWay } from '../src/system/plain-endpoint.ts';
import { openToOthers } from '../src/system/private-file.ts';
import { finishedJob, openHistory } from './bot/history/history-fixture.ts';
import { temporaryFolder } from './bot-process.ts';

const ENGINE = new URL('./bot/slow-engine.ts', import.meta.url).href;

function withUmask(t: TestContext, mask: number): void {
  const before = process.umask(mask);
  t.after(() => process.umask(before));
}

/** Paths in a folder that others than their owner may use, or that the owner may not. */
function wrongModes(folder: string): readonly string[] {
  const below = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return ['.', ...below].flatMap((name) => {
    const { mode } = statSync(join(folder, name));
    const wanted = statSync(join(folder, name)).isDirectory() ? 0o700 : 0o600;
    return (mode & 0o777) === wanted ? [] : [`${name} ${(mode & 0o777).toString(8)}`];
  });
}

for (const mask of [0o000, 0o022, 0o277]) {
  test(`the data, its backups and its locks are for their owner alone under the umask ${mask.toString(8)}`, async (t) => {
    const root = temporaryFolder(t);
    withUmask(t, mask);
    const folder = join(root, 'data');
    const { history } = openHistory(t, { folder });
    await finishedJob(history, ['a picture', 'another one']);
    mkdirSync(join(folder, 'presets'));
    chmodSync(join(folder, 'presets'), 0o700);
    writeFileSync(join(folder, 'presets', 'styles.csv'), '', { mode: 0o600 });
    chmodSync(join(folder, 'presets', 'styles.csv'), 0o600);
    await history.backup(join(root, 'backup'), [join(folder, 'presets')]);
    const lock = await lockFolder(join(folder, 'something'));
    lock.release();
    new Installations(join(folder, 'slack-installations.sqlite')).close();
    assert.deepEqual(
      wrongModes(folder).filter((path) => !path.startsWith('.locks ')),
      [],
    );
    assert.deepEqual(wrongModes(join(root, 'backup')), []);
  });
}

test("what root makes in another user's data folder is that user's", async (t) => {
  const folder = temporaryFolder(t);
  if (process.getuid?.() === 0) chownSync(folder, 1000, 1000);
  const { uid } = statSync(folder);
  const { history } = openHistory(t, { folder });
  history.close();
  sessionKey(join(folder, SESSION_KEY_FILE));
  await openCredential(join(folder, CREDENTIAL_FILE), new Date());
  writeFileSync(join(folder, 'styles.csv'), 'name,prompt,negative_prompt\nwarm,"{prompt}, warm light",cold\n');
  await presetsCommand().parseAsync(['import', join(folder, 'styles.csv'), '--data', folder], { from: 'user' });
  rmSync(join(folder, 'styles.csv'));
  const made = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => !name.startsWith('.'));
  for (const name of [CREDENTIAL_FILE, 'presets', join('presets', 'styles.csv')]) assert.ok(made.includes(name), name);
  assert.deepEqual(
    made.filter((name) => statSync(join(folder, name)).uid !== uid),
    [],
  );
});

test('files that an older program left open are closed', async (t) => {
  const folder = temporaryFolder(t);
  const { history } = openHistory(t, { folder });
  await finishedJob(history, ['a picture']);
  history.close();
  const store = join(folder, 'slack-installations.sqlite');
  new Installations(store).close();
  for (const name of ['wuerst.db', 'slack-installations.sqlite']) chmodSync(join(folder, name), 0o644);
  openHistory(t, { folder });
  new Installations(store).close();
  assert.deepEqual(
    ['wuerst.db', 'slack-installations.sqlite'].map((name) => openToOthers(join(folder, name))),
    [undefined, undefined],
  );
});

test('the start says that the data folder is open and that a token would travel unencrypted, and goes on', async (t) => {
  const folder = join(temporaryFolder(t), 'data');
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const start = async () => {
    const config = readConfig({ WUERST_DATA: folder, WUERST_WEB_PORT: '0' });
    const logger = createLogger({ level: 'warn', secrets: [], destination });
    const bot = await startBot(config, { engine: ENGINE, logger, watchProcess: false });
    await bot.stop();
  };
  await start();
  assert.deepEqual(lines, []);
  assert.deepEqual(
    wrongModes(folder).filter((path) => !/^\.locks|\.json/.test(path)),
    [],
  );
  chmodSync(folder, 0o755);
  await start();
  assert.match(
    lines.join(''),
    new RegExp(`data folder ${folder} \\(its permissions are 755\\)\\. Close it: chmod 700`),
  );
  assert.equal(statSync(folder).mode & 0o777, 0o755, 'whoever opened it may have meant it');
});

test('a plain http:// address that a token goes to is warned of, on this machine it is not', () => {
  const discord = (base: string) => readConfig({ DISCORD_TOKEN: 'x'.repeat(40), DISCORD_API_BASE: base }).warnings;
  assert.match(
    discord('http://proxy.example/api')[0] ?? '',
    /^DISCORD_API_BASE is a plain http:\/\/ .* DISCORD_TOKEN\./,
  );
  assert.deepEqual(discord('https://proxy.example/api'), []);
  const slack = { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1', SLACK_API_URL: 'http://10.0.0.5/api/' };
  assert.match(readConfig(slack).warnings.join(), /SLACK_API_URL is a plain/);
  assert.deepEqual(readConfig({ DISCORD_API_BASE: 'http://proxy.example/api' }).warnings, [], 'without a token');
  for (const [address, readable] of [
    ['http://127.0.0.1:8080', false],
    ['http://127.8.0.1', false],
    ['http://[::1]:1', false],
    ['http://localhost/api', false],
    ['http://hub.localhost', false],
    ['http://127.0.0.1.example', true],
    ['http://localhost.example', true],
    ['http://192.168.1.2', true],
    ['HTTP://EXAMPLE.COM', true],
    ['https://example.com', false],
  ] as const) {
    assert.equal(isReadableOnTheWay(address), readable, address);
  }
});

test('tokens of a workspace that left are not on the disk any more', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'slack-installations.sqlite');
  const store = new Installations(file);
  t.after(() => store.close());
  const installation = (token: string) =>
    ({
      team: { id: 'T1', name: 'one' },
      enterprise: undefined,
      user: { id: 'U1', token: undefined, scopes: undefined },
      bot: { token, scopes: [], id: 'B', userId: 'U' },
    }) as const;
  const traces = (token: string) =>
    readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(token));
  await store.storeInstallation(installation('xoxb-the-first-one') as never);
  assert.deepEqual(traces('xoxb-the-first-one'), ['slack-installations.sqlite']);
  await store.storeInstallation(installation('xoxb-the-second-one') as never);
  assert.deepEqual(traces('xoxb-the-first-one'), []);
  await store.deleteInstallation({ teamId: 'T1', enterpriseId: undefined, isEnterpriseInstall: false });
  assert.deepEqual(traces('xoxb-the-second-one'), []);
});
