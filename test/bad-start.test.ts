import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Sqlite from 'better-sqlite3';
import { pino } from 'pino';
import { History } from '../src/bot/history/history.ts';
import { readConfig } from '../src/config.ts';
import { startBot } from '../src/main.ts';
import { temporaryFolder } from './bot-process.ts';

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
        const sqlite = new Sqlite(path);
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
      const sqlite = new Sqlite(path);
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
    const options = {
      engine: new URL('./bot/slow-engine.ts', import.meta.url).href,
      logger: pino({ level: 'silent' }),
      watchProcess: false,
    };
    const mend = spoil(join(folder, 'wuerst.db'));
    await assert.rejects(startBot(config, options), { name: 'OperatorError', code, hint });
    mend();
    const bot = await startBot(config, options);
    assert.equal((await fetch(new URL('readyz', bot.url ?? ''))).status, 200);
    await bot.stop();
  });
}
