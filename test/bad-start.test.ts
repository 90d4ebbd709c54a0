import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { History } from '../src/bot/history/history.ts';
import { readConfig } from '../src/config.ts';
import { startBot } from '../src/main.ts';
import { openSqlite } from '../src/system/sqlite.ts';
import { temporaryFolder } from './bot-process.ts';

const ENGINE = new URL('./bot/slow-engine.ts', import.meta.url).href;
const OPTIONS = { engine: ENGINE, logger: pino({ level: 'silent' }), watchProcess: false };

/** Spoils the database of a data folder; returns the way to mend it. */
type Spoil = (path: string) => () => void;

const CASES: readonly (readonly [what: string, code: string, hint: RegExp, spoil: Spoil])[] = [
  [
    'corrupt',
    'database_corrupt',
    /newest backup/,
    (path) => {
      rmSync(path);
      writeFileSync(path, 'x'.repeat(8192));
      return () => rmSync(path);
    },
  ],
  [
    'from a newer version',
    'database_newer',
    /newer program/,
    (path) => {
      const version = (change: (now: number) => number) => {
        const sqlite = openSqlite(path);
        sqlite.pragma(`user_version = ${change(Number(sqlite.pragma('user_version', { simple: true })))}`);
        sqlite.close();
      };
      version((now) => now + 1);
      return () => version((now) => now - 1);
    },
  ],
  [
    'locked',
    'database_locked',
    /Stop the other program/,
    (path) => {
      const sqlite = openSqlite(path);
      sqlite.exec('BEGIN EXCLUSIVE');
      return () => sqlite.close();
    },
  ],
  [
    'not writable',
    'database_unwritable',
    /right to write/,
    (path) => {
      rmSync(path);
      mkdirSync(path);
      return () => rmSync(path, { recursive: true });
    },
  ],
];

for (const [what, code, hint, spoil] of CASES) {
  test(`a database that is ${what} is refused in a sentence, and the bot starts once that is mended`, async (t) => {
    const folder = temporaryFolder(t);
    History.open({ folder }).close();
    const config = readConfig({ WUERST_DATA: folder, WUERST_WEB_PORT: '0' });
    const mend = spoil(join(folder, 'wuerst.db'));
    await assert.rejects(startBot(config, OPTIONS), { name: 'OperatorError', code, hint });
    mend();
    const bot = await startBot(config, OPTIONS);
    assert.equal((await fetch(new URL('readyz', bot.url ?? ''))).status, 200);
    await bot.stop();
  });
}

test('a bot that could not store pictures does not start', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'images'), 'a file, not a folder');
  const config = readConfig({ WUERST_DATA: folder, WUERST_WEB_PORT: '0' });
  await assert.rejects(startBot(config, OPTIONS), {
    name: 'OperatorError',
    code: 'data_folder_unusable',
    message: /^The folder .*images cannot be written to: "EEXIST/,
  });
  rmSync(join(folder, 'images'));
  await (await startBot(config, OPTIONS)).stop();
  assert.deepEqual(readdirSync(join(folder, 'images')), []);
});

test('a bot that cannot start the pipeline process says so, and why', async (t) => {
  const config = readConfig({ WUERST_DATA: temporaryFolder(t), WUERST_WEB_PORT: '0' });
  await assert.rejects(startBot(config, { ...OPTIONS, execArgv: ['--no-such-option'] }), {
    name: 'OperatorError',
    code: 'pipeline_not_started',
    message: /cannot start the process that paints: .*bad option: --no-such-option/,
  });
});
