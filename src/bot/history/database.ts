import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { OperatorError } from '../../system/errors.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { explainDatabaseError } from './database-error.ts';

/** What SQLite stores and returns here. */
export type Value = string | number | bigint | null | Uint8Array;
export type Statement<Bind extends Value[]> = Sqlite.Statement<Bind, unknown>;

export interface DatabaseOptions {
  /** The database file; its folder is made if it is missing. */
  readonly path: string;
  /** Folder of the numbered SQL files. @default the one beside this code */
  readonly migrations?: URL;
  /** Milliseconds to wait for another process's lock; the event loop stands still meanwhile. @default 2000 */
  readonly busyTimeoutMs?: number;
}

const MIGRATIONS = new URL('./migrations/', import.meta.url);

/**
 * One SQLite file, opened, checked and brought up to date. Every failure of SQLite leaves here as an
 * `OperatorError` that says what to do (`database_locked`, `database_unwritable`, `database_corrupt`,
 * `database_newer`, `disk_full`, `database_failed`).
 */
export class Database {
  readonly path: string;
  /** The text of every statement prepared so far; a test asks SQLite how it would run each. */
  readonly sources: string[] = [];
  readonly #busyTimeoutMs: number;
  readonly #sqlite: Sqlite.Database;
  readonly #transaction: Sqlite.Transaction<(work: () => unknown) => unknown>;

  private constructor(path: string, sqlite: Sqlite.Database, busyTimeoutMs: number) {
    this.path = path;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#sqlite = sqlite;
    this.#transaction = sqlite.transaction((work: () => unknown) => work());
  }

  static open(options: DatabaseOptions): Database {
    const { path, busyTimeoutMs = 2000 } = options;
    let sqlite: Sqlite.Database | undefined;
    try {
      makePrivate(path);
      sqlite = new Sqlite(path, { timeout: busyTimeoutMs });
      configure(sqlite);
      migrate(sqlite, path, options.migrations ?? MIGRATIONS);
      check(sqlite, path);
      return new Database(path, sqlite, busyTimeoutMs);
    } catch (error) {
      sqlite?.close();
      throw explainDatabaseError(error, path);
    }
  }

  prepare<Bind extends Value[]>(sql: string): Statement<Bind> {
    this.sources.push(sql);
    // SQLite prepares lazily enough that a missing table would show here: a damaged schema is the operator's matter.
    return this.run(() => this.#sqlite.prepare<Bind>(sql) as Statement<Bind>);
  }

  /** Runs reads, turning SQLite's errors into the operator's. */
  run<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw explainDatabaseError(error, this.path);
    }
  }

  /**
   * Runs `work` (synchronous) in a transaction that holds the write lock from its start; a throw undoes everything.
   * Inside another `write`, it is a savepoint of that one.
   */
  write<T>(work: () => T): T {
    let result: { readonly value: T } | undefined;
    this.run(() => {
      this.#transaction.immediate(() => {
        result = { value: work() };
      });
    });
    if (result === undefined) throw new OperatorError('database_failed', 'A transaction ended without a result.');
    return result.value;
  }

  /** SQLite's settings and measures, e.g. `page_count`; for maintenance and tests. */
  pragma(text: string): unknown {
    return this.run(() => this.#sqlite.pragma(text, { simple: true }));
  }

  /**
   * Moves everything into the database file and empties the log. SQLite does not wait for another connection's
   * checkpoint by itself; one that takes longer than the busy timeout leaves the log as it is.
   */
  emptyLog(): void {
    const sleep = new Int32Array(new SharedArrayBuffer(4));
    const until = Date.now() + this.#busyTimeoutMs;
    while (this.pragma('wal_checkpoint(TRUNCATE)') !== 0 && Date.now() < until) Atomics.wait(sleep, 0, 0, 10);
  }

  /** How SQLite would run a statement: one line per table visited. */
  plan(sql: string): readonly string[] {
    return this.run(() => {
      // Unbound parameters are NULL, which is all that a plan needs.
      const named = new Set(sql.match(/[:@$]\w+/g) ?? []).size;
      const count = named > 0 ? named : (sql.match(/\?/g) ?? []).length;
      const rows = this.#sqlite.prepare<Value[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`);
      return rows.all(...Array<null>(count).fill(null)).map((row) => row.detail);
    });
  }

  /** Copies the database, consistently and while it is in use, to a new file. */
  async copyTo(path: string): Promise<void> {
    try {
      await this.#sqlite.backup(path);
    } catch (error) {
      throw explainDatabaseError(error, path);
    }
  }

  close(): void {
    this.run(() => this.#sqlite.close());
  }
}

/** Prompts and installation tokens are nobody else's business: the files are made for their owner only. */
function makePrivate(path: string): void {
  makeFolder(dirname(path), 0o700);
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
}

function configure(sqlite: Sqlite.Database): void {
  sqlite.pragma('journal_mode = WAL');
  // With a write-ahead log, NORMAL hands every commit to the operating system before it returns, so it survives
  // kill -9 and running out of memory. Only a power cut can undo the last commits (never corrupt): FULL would
  // prevent that with a flush of the disk per commit, during which the event loop and every chat stand still.
  sqlite.pragma('synchronous = NORMAL');
  // 64 MB: a checkpoint flushes the disk while the event loop stands still. The bot has a thread for that, which is
  // always far ahead of this; it is for whoever opens the file without one, and for the day that thread fails.
  sqlite.pragma('wal_autocheckpoint = 16000');
  // What a person erases is overwritten, not just unlinked.
  sqlite.pragma('secure_delete = ON');
  sqlite.pragma('journal_size_limit = 67108864');
}

function migrate(sqlite: Sqlite.Database, path: string, folder: URL): void {
  const files = readdirSync(folder)
    .filter((name) => /^\d{3}-[a-z0-9-]+\.sql$/.test(name))
    .sort();
  if (files.length === 0) {
    throw new OperatorError('installation_incomplete', `No migrations (*.sql) in ${folder.pathname}.`, {
      hint: 'Install the program again.',
    });
  }
  // A migration may have to rebuild a table that others point at; the result is checked below.
  sqlite.pragma('foreign_keys = OFF');
  sqlite
    .transaction(() => {
      // Read under the write lock: two processes may open a new file at once. It also shows at once whether the
      // file can be written at all, not with the first job.
      const version = Number(sqlite.pragma('user_version', { simple: true }));
      if (version > files.length) {
        throw new OperatorError(
          'database_newer',
          `${path} has version ${version}; this program knows versions up to ${files.length}.`,
          { hint: 'Start the newer program that wrote it, or restore a backup from before the upgrade.' },
        );
      }
      for (const [index, file] of files.entries()) {
        if (index < version) continue;
        sqlite.exec(readFileSync(new URL(file, folder), 'utf8'));
        sqlite.pragma(`user_version = ${index + 1}`);
      }
      if (version < files.length) expectNothing(sqlite, 'foreign_key_check', path);
    })
    .immediate();
  sqlite.pragma('foreign_keys = ON');
}

function check(sqlite: Sqlite.Database, path: string): void {
  const verdict = sqlite.pragma('quick_check(1)', { simple: true });
  if (verdict !== 'ok') throw corrupt(path, String(verdict));
}

function expectNothing(sqlite: Sqlite.Database, pragma: string, path: string): void {
  const rows = sqlite.pragma(pragma);
  if (!Array.isArray(rows) || rows.length > 0) throw corrupt(path, `${pragma}: ${JSON.stringify(rows)}`);
}

function corrupt(path: string, finding: string): OperatorError {
  return new OperatorError('database_corrupt', `${path} is damaged: ${finding.slice(0, 200)}`, {
    hint: 'Restore the newest backup (`wuerst backup` makes them), or move the file away to start empty.',
  });
}
