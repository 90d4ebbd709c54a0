import Sqlite from 'better-sqlite3';

/**
 * Every object of the library in this process. Node 24.19 and newer end a process in which the garbage collector meets one while no
 * JavaScript runs (github.com/WiseLibs/better-sqlite3/issues/1515), so it never meets any. They are few: databases, and statements that are
 * prepared once. Version 13 of the library does not need this, nor run on Node 20.
 */
const KEPT = new Set<unknown>();

export const { SqliteError } = Sqlite;

function kept<T>(object: T): T {
  KEPT.add(object);
  return object;
}

/** Without what makes objects that cannot be kept. */
export type SqliteDatabase = Omit<Sqlite.Database, 'prepare' | 'backup'> & {
  prepare<Values extends unknown[], Row = unknown>(sql: string): Omit<Sqlite.Statement<Values, Row>, 'iterate'>;
};

/**
 * The file is made where it is missing.
 *
 * @throws SqliteError
 */
export function openSqlite(path: string, options: Sqlite.Options = {}): SqliteDatabase {
  const database = kept(new Sqlite(path, options));
  const prepare = database.prepare.bind(database);
  const pragmas = new Map<string, Sqlite.Statement>();
  const pragma = (text: string, { simple = false } = {}) => {
    // Some settings take effect while they are prepared, each time.
    if (text.includes('=')) return database.exec(`PRAGMA ${text}`);
    const statement = pragmas.get(text) ?? prepare(`PRAGMA ${text}`);
    pragmas.set(text, statement);
    const rows = statement.all();
    return simple ? Object.values(rows[0] ?? {})[0] : rows;
  };
  return Object.assign(database, { pragma, prepare: (sql: string) => kept(prepare(sql)) });
}
