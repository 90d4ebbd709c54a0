import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Database } from '../../../src/bot/history/database.ts';
import { History } from '../../../src/bot/history/history.ts';
import { openSqlite } from '../../../src/system/sqlite.ts';
import { latestSeq, newJob, openHistory, rowsOf, temporaryFolder } from './history-fixture.ts';

const MIGRATIONS = new URL('../../../src/bot/history/migrations/', import.meta.url);
const FILES = readdirSync(MIGRATIONS).sort();

test('an empty folder becomes a database of the newest version that only its owner can read', (t) => {
  const { history, folder } = openHistory(t);
  assert.equal(history.database.pragma('user_version'), FILES.length);
  assert.equal(history.database.pragma('journal_mode'), 'wal');
  assert.equal(history.database.pragma('foreign_keys'), 1);
  // No folder for temporary files is needed.
  assert.equal(history.database.pragma('temp_store'), 2);
  assert.equal(statSync(join(folder, 'wuerst.db')).mode & 0o077, 0);
});

test('a database of any older version is brought forward with its content', (t) => {
  for (const version of FILES.keys()) {
    const folder = temporaryFolder(t);
    const old = openSqlite(join(folder, 'wuerst.db'));
    for (const file of FILES.slice(0, version)) old.exec(readFileSync(new URL(file, MIGRATIONS), 'utf8'));
    old.pragma(`user_version = ${version}`);
    if (version > 0) old.exec("INSERT INTO users VALUES ('web', 'ann', 'Ann', 1, 2)");
    const hadInstallations =
      old.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'installations'").get() !== undefined;
    if (hadInstallations) old.exec(`INSERT INTO installations VALUES ('slack', 'T1', '{"token": "xoxb-secret"}')`);
    old.close();

    const { history } = openHistory(t, { folder });
    assert.equal(history.database.pragma('user_version'), FILES.length);
    const person: unknown = JSON.parse(history.personalData.export('web', 'ann').json);
    assert.match(JSON.stringify(person), version > 0 ? /"name":"Ann"/ : /"name":null/);
    history.close();
    assert.ok(
      !readFileSync(join(folder, 'wuerst.db')).includes('xoxb-secret'),
      'a table that goes takes its tokens along',
    );
  }
});

test('a migration that fails leaves the version before it', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'wuerst.db');
  openHistory(t, { folder }).history.close();
  const next = join(folder, 'migrations');
  cpSync(MIGRATIONS, next, { recursive: true });
  const number = String(FILES.length + 1).padStart(3, '0');
  writeFileSync(join(next, `${number}-broken.sql`), 'CREATE TABLE half (a); INSERT INTO nowhere VALUES (1);');
  const migrations = pathToFileURL(`${next}/`);
  assert.throws(() => Database.open({ path, migrations }), { code: 'database_failed', message: /nowhere/ });
  const sqlite = openSqlite(path);
  assert.equal(sqlite.pragma('user_version', { simple: true }), FILES.length);
  assert.equal(sqlite.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").pluck().get(), 0);
  sqlite.close();

  writeFileSync(join(next, `${number}-broken.sql`), 'CREATE TABLE half (a);');
  const forward = Database.open({ path, migrations });
  assert.equal(forward.pragma('user_version'), FILES.length + 1);
  forward.close();
  assert.throws(() => History.open({ folder }), {
    code: 'database_newer',
    message: new RegExp(`has version ${FILES.length + 1}; this program knows versions up to ${FILES.length}`),
    hint: /newer program/,
  });
});

test('an installation without migrations says so', (t) => {
  const folder = temporaryFolder(t);
  const migrations = pathToFileURL(`${folder}/`);
  assert.throws(() => Database.open({ path: join(folder, 'wuerst.db'), migrations }), {
    code: 'installation_incomplete',
  });
});

test('a file that is no database, or a damaged one, is refused with what to do', (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'wuerst.db');
  writeFileSync(path, 'This is a text file, and a long one too, so that it might have a header. '.repeat(100));
  const corrupt = { name: 'OperatorError', code: 'database_corrupt', hint: /wuerst backup/ };
  assert.throws(() => History.open({ folder }), corrupt);

  const damaged = openHistory(t);
  for (let count = 0; count < 300; count += 1) damaged.history.jobs.accept(newJob({ notes: ['x'.repeat(500)] }));
  damaged.history.close();
  const file = join(damaged.folder, 'wuerst.db');
  const whole = readFileSync(file);
  // Pages after the schema, whose reading alone would not show it.
  writeFileSync(file, Buffer.from(whole).fill(0xa5, Math.floor(whole.length * 0.6)));
  assert.throws(() => History.open({ folder: damaged.folder }), corrupt);
  writeFileSync(file, whole);
  truncateSync(file, Math.floor(whole.length / 2));
  assert.throws(() => History.open({ folder: damaged.folder }), corrupt);
  writeFileSync(file, whole);
  assert.equal(openHistory(t, { folder: damaged.folder }).history.jobs.waiting().length, 300);
});

test('a place where no database can be written is refused with what to do', (t) => {
  const folder = temporaryFolder(t);
  const unwritable = { name: 'OperatorError', code: 'database_unwritable', hint: /WUERST_DATA/ };
  mkdirSync(join(folder, 'wuerst.db'));
  assert.throws(() => History.open({ folder }), unwritable);
  writeFileSync(join(folder, 'file'), '');
  assert.throws(() => History.open({ folder: join(folder, 'file') }), unwritable);
  assert.throws(() => History.open({ folder: join(folder, 'file', 'deeper') }), unwritable);
});

test('a database that became read-only fails the write and still reads', (t) => {
  const { history } = openHistory(t);
  const { job } = history.jobs.accept(newJob());
  history.database.pragma('query_only = ON');
  assert.throws(() => history.jobs.start(job.id), { name: 'OperatorError', code: 'database_unwritable' });
  assert.equal(history.jobs.get(job.id)?.state, 'queued');
});

test('a full disk fails the write as a whole, and space makes the next one work', (t) => {
  const { history } = openHistory(t);
  const first = history.jobs.accept(newJob()).job.id;
  history.database.pragma(`max_page_count = ${String(history.database.pragma('page_count'))}`);
  const large = newJob({ notes: ['x'.repeat(1_000_000)], idempotencyKey: 'k' });
  const seq = latestSeq(history);
  assert.throws(() => history.jobs.accept(large), {
    name: 'OperatorError',
    code: 'disk_full',
    message: /the disk is full/,
    hint: /Free some space/,
  });
  assert.deepEqual(
    history.jobs.waiting().map(({ job }) => job.id),
    [first],
  );
  assert.equal(history.usage.today('user', 'web', 'ann').seconds, 10);
  assert.equal(latestSeq(history), seq);
  history.database.pragma('max_page_count = 1000000');
  assert.equal(history.jobs.accept(large).repeated, false);
});

test('a row that something else changed is reported, not passed on', (t) => {
  const { history, folder } = openHistory(t);
  const { job } = history.jobs.accept(newJob());
  const sqlite = openSqlite(join(folder, 'wuerst.db'));
  sqlite.exec(`UPDATE jobs SET notes_json = '{"not": "a list"}'`);
  assert.throws(() => history.jobs.get(job.id), {
    name: 'OperatorError',
    code: 'database_row',
    message: /notes of a job/,
  });
  sqlite.exec(`UPDATE jobs SET notes_json = '{'`);
  assert.throws(() => history.jobs.get(job.id), { code: 'database_row', message: /not JSON/ });
  sqlite.close();
});

test('every statement finds its rows by an index, without a search through a table or sorting', (t) => {
  const { history } = openHistory(t);
  const { sources } = history.database;
  assert.ok(sources.length > 50);
  for (const sql of sources) {
    for (const step of planOf(history, sql)) {
      // In these, SQLite walks an index that holds exactly the wanted rows, or one batch of them in order;
      // queue_shares is read as a whole; an index of words is a table of its own to SQLite.
      const walked =
        /SCAN (queue_shares|gallery_words VIRTUAL TABLE INDEX \d+:M\d|jobs USING (COVERING )?INDEX jobs_(waiting|waiting_by_style|running)|files USING (COVERING )?INDEX files_by_time)\b/.test(
          step,
        );
      assert.ok(walked || !/SCAN|TEMP B-TREE/.test(step), `${step}: ${sql}`);
    }
  }
});

/** How SQLite would run a statement: one line per table visited. Unbound parameters are NULL, which is all that a plan needs. */
function planOf(history: History, sql: string): readonly string[] {
  const nulls = Array<null>((sql.match(/\?/g) ?? []).length).fill(null);
  const steps = rowsOf(history, `EXPLAIN QUERY PLAN ${sql}`, ...nulls) as { detail: string }[];
  return steps.map(({ detail }) => detail);
}
