import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { OperatorError } from '../../system/errors.ts';
import { foreignWords } from '../../system/foreign-words.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { keepPrivate, makePrivate } from '../../system/private-file.ts';
import { openSqlite, type SqliteDatabase } from '../../system/sqlite.ts';
import { t } from '../../texts/translate.ts';
import { explainDatabaseError } from './database-error.ts';

/** What SQLite stores and returns here. */
export type Value = string | number | bigint | null | Uint8Array;

type Prepared = ReturnType<SqliteDatabase['prepare']>;

/** A prepared statement that changes rows. */
export interface Statement {
  run(...values: Value[]): ReturnType<Prepared['run']>;
}

/** A prepared statement that finds rows, each of them checked. */
export interface Query<Row> {
  get(...values: Value[]): Row | undefined;
  all(...values: Value[]): readonly Row[];
}

export interface DatabaseOptions {
  /** The database file; its folder is made if it is missing. `:memory:` for one that is never written to disk. */
  readonly path: string;
  /** Folder of the numbered SQL files. @default the one beside this code */
  readonly migrations?: URL;
  /** Milliseconds to wait for another process's lock; the event loop stands still meanwhile. @default 2000 */
  readonly busyTimeoutMs?: number;
}

/** Rows that are read at once. */
const BLOCK = 100;

/** Up to `most` rows of a query that ends in `LIMIT ? OFFSET ?`, read only as far as they are asked for. */
export function* inBlocks<Row>(query: Query<Row>, most: number, ...values: Value[]): Generator<Row, void> {
  for (let from = 0; from < most; from += BLOCK) {
    const rows = query.all(...values, Math.min(BLOCK, most - from), from);
    yield* rows;
    if (rows.length < BLOCK) return;
  }
}

const MIGRATIONS = new URL('./migrations/', import.meta.url);

/**
 * One SQLite file, opened, checked and brought up to date. Every failure of SQLite leaves here as an
 * `OperatorError` that says what to do (`database_locked`, `database_unwritable`, `database_corrupt`,
 * `database_newer`, `disk_full`, `database_failed`).
 */
export class Database {
  readonly path: string;
  /** The text of every prepared statement. A test asks SQLite how it would run each. */
  readonly sources: string[] = [];
  readonly #busyTimeoutMs: number;
  readonly #sqlite: SqliteDatabase;
  readonly #transaction;

  private constructor(path: string, sqlite: SqliteDatabase, busyTimeoutMs: number) {
    this.path = path;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#sqlite = sqlite;
    this.#transaction = sqlite.transaction((work: () => unknown) => work());
  }

  static open(options: DatabaseOptions): Database {
    const { path, busyTimeoutMs = 2000 } = options;
    let sqlite: SqliteDatabase | undefined;
    try {
      if (path !== ':memory:') keepForOwner(path);
      sqlite = openSqlite(path, { timeout: busyTimeoutMs });
      configure(sqlite);
      migrate(sqlite, path, options.migrations ?? MIGRATIONS);
      check(sqlite, path);
      return new Database(path, sqlite, busyTimeoutMs);
    } catch (error) {
      sqlite?.close();
      throw explainDatabaseError(error, path);
    }
  }

  statement(sql: string): Statement {
    const statement = this.#prepare(sql);
    return { run: (...values) => this.#run(() => statement.run(...values)) };
  }

  /** @param read checks a row and gives it its type; it throws `OperatorError` for one that is damaged. */
  query<Row>(sql: string, read: (row: unknown) => Row): Query<Row> {
    return this.#query(this.#prepare(sql), read);
  }

  /** As `query`, for the first column alone. */
  column<T>(sql: string, read: (value: unknown) => T): Query<T> {
    return this.#query(this.#prepare(sql).pluck(), read);
  }

  /**
   * Runs `work` (synchronous) in a transaction that holds the write lock from its start; a throw undoes everything.
   * Inside another `write`, it is a savepoint of that one.
   */
  write<T>(work: () => T): T {
    // better-sqlite3 hands on what `work` returned.
    return this.#run(() => this.#transaction.immediate(work)) as T;
  }

  /** SQLite's settings and measures, e.g. `page_count`; for maintenance and tests. */
  pragma(text: string): unknown {
    return this.#run(() => this.#sqlite.pragma(text, { simple: true }));
  }

  /**
   * Moves everything into the database file and empties the log. SQLite does not wait for another connection's
   * checkpoint by itself.
   *
   * @param waitMs for others that use the log. @default the busy timeout
   * @returns `false` if another connection still uses the log, which is left as it is
   */
  emptyLog(waitMs = this.#busyTimeoutMs): boolean {
    const sleep = new Int32Array(new SharedArrayBuffer(4));
    const until = performance.now() + waitMs;
    while (this.pragma('wal_checkpoint(TRUNCATE)') !== 0) {
      if (performance.now() >= until) return false;
      Atomics.wait(sleep, 0, 0, 10);
    }
    return true;
  }

  /** Copies the database, consistently and while others use it, to a new file. */
  copyTo(path: string): void {
    try {
      this.#sqlite.prepare<[string]>('VACUUM INTO ?').run(path);
    } catch (error) {
      throw explainDatabaseError(error, path);
    }
  }

  close(): void {
    this.#run(() => this.#sqlite.close());
  }

  #prepare(sql: string): Prepared {
    this.sources.push(sql);
    // A statement that does not fit the tables shows here: a damaged schema is the operator's matter.
    return this.#run(() => this.#sqlite.prepare<Value[]>(sql));
  }

  #query<Row>(statement: Prepared, read: (row: unknown) => Row): Query<Row> {
    return {
      get: (...values) =>
        this.#run(() => {
          const row = statement.get(...values);
          return row === undefined ? undefined : read(row);
        }),
      all: (...values) => this.#run(() => statement.all(...values).map((row) => read(row))),
    };
  }

  #run<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explainDatabaseError(error, this.path);
    }
  }
}

/** Prompts are private. SQLite gives its logs the permissions of the database when it makes them. */
function keepForOwner(path: string): void {
  makeFolder(dirname(path), 0o700);
  makePrivate(path);
  for (const log of [`${path}-wal`, `${path}-shm`]) keepPrivate(log);
}

function configure(sqlite: SqliteDatabase): void {
  sqlite.pragma('journal_mode = WAL');
  // With a write-ahead log, NORMAL hands every commit to the operating system before it returns, so it survives
  // kill -9 and running out of memory. Only a power cut can undo the last commits (never corrupt): FULL would
  // prevent that with a flush of the disk per commit, during which the event loop and every chat stand still.
  sqlite.pragma('synchronous = NORMAL');
  // 64 MB: a checkpoint flushes the disk while the event loop stands still. The bot has a thread for that, which
  // keeps the log far smaller; this limit is for programs without that thread, and in case it fails.
  sqlite.pragma('wal_autocheckpoint = 16000');
  // In memory: with a root that is read-only there may be no folder for temporary files, and most of them are small.
  sqlite.pragma('temp_store = MEMORY');
  // What a person erases is overwritten, not just unlinked.
  sqlite.pragma('secure_delete = ON');
  sqlite.pragma('journal_size_limit = 67108864');
}

function migrate(sqlite: SqliteDatabase, path: string, folder: URL): void {
  const files = readdirSync(folder)
    .filter((name) => /^\d{3}-[a-z0-9-]+\.sql$/.test(name))
    .sort();
  if (files.length === 0) {
    throw new OperatorError(
      'installation_incomplete',
      () => t('There are no migrations (*.sql) in {folder}.', { folder: folder.pathname }),
      { hint: () => t('Install the program again.') },
    );
  }
  // A migration may have to rebuild a table that others point at; the result is checked below.
  sqlite.pragma('foreign_keys = OFF');
  sqlite
    .transaction(() => {
      // Read under the write lock: two processes may open a new file at once.
      const version = Number(sqlite.pragma('user_version', { simple: true }));
      if (version > files.length) {
        throw new OperatorError(
          'database_newer',
          () =>
            t('{path} has version {version}; this program knows versions up to {known}.', {
              ...{ path, version, known: files.length },
            }),
          { hint: () => t('Start the newer program that wrote it, or restore a backup from before the upgrade.') },
        );
      }
      for (const [index, file] of files.entries()) {
        if (index < version) continue;
        sqlite.exec(readFileSync(new URL(file, folder), 'utf8'));
      }
      // Also where nothing has changed: it shows at once, not with the first job, whether the file can be written.
      sqlite.pragma(`user_version = ${files.length}`);
      if (version < files.length) expectNothing(sqlite, 'foreign_key_check', path);
    })
    .immediate();
  sqlite.pragma('foreign_keys = ON');
}

function check(sqlite: SqliteDatabase, path: string): void {
  const verdict = sqlite.pragma('quick_check(1)', { simple: true });
  if (verdict !== 'ok') throw corrupt(path, String(verdict));
}

function expectNothing(sqlite: SqliteDatabase, pragma: string, path: string): void {
  const rows = sqlite.pragma(pragma);
  if (!Array.isArray(rows) || rows.length > 0) throw corrupt(path, `${pragma}: ${JSON.stringify(rows)}`);
}

function corrupt(path: string, finding: string): OperatorError {
  return new OperatorError(
    'database_corrupt',
    () => t('{path} is damaged: {finding}.', { path, finding: foreignWords(finding.slice(0, 200)) }),
    {
      hint: () => t('Restore the newest backup (`wuerst backup` makes them), or move the file away to start empty.'),
    },
  );
}
