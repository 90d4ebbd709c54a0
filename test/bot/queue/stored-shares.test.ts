import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSqlite } from '../../../src/system/sqlite.ts';
import { openHistory, temporaryFolder } from '../history/history-fixture.ts';

const MIGRATIONS = new URL('../../../src/bot/history/migrations/', import.meta.url);
/** The last version in which a row of the payers had the clock of its users beside its own tag. */
const VERSION = 4;

test('shares stored by an older version are taken over as they were', (t) => {
  const folder = temporaryFolder(t);
  const old = openSqlite(join(folder, 'wuerst.db'));
  const files = readdirSync(MIGRATIONS).sort().slice(0, VERSION);
  for (const file of files) old.exec(readFileSync(new URL(file, MIGRATIONS), 'utf8'));
  old.pragma(`user_version = ${VERSION}`);
  old.exec(`INSERT INTO queue_shares (payer, user, tag, ticket, clock) VALUES
    ('', '', 0, NULL, 7.5), ('web/guild', '', 9, 3, 2.25), ('web/guild', 'web/ann', 4, 2, 0), ('web/guild', 'web/bob', 5, NULL, 0)`);
  old.close();

  const { history } = openHistory(t, { folder });
  assert.deepEqual(history.shares.all(), [
    { level: '', key: '', tag: 7.5, ticket: null },
    { level: '', key: 'web/guild', tag: 9, ticket: 3 },
    { level: 'web/guild', key: '', tag: 2.25, ticket: null },
    { level: 'web/guild', key: 'web/ann', tag: 4, ticket: 2 },
    { level: 'web/guild', key: 'web/bob', tag: 5, ticket: null },
  ]);
});
