import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { type Clock, pause, systemClock } from './clock.ts';
import { OperatorError } from './errors.ts';
import { makeFolder } from './make-folder.ts';

export interface LockOptions {
  /** Milliseconds to wait for another holder to end. @default 0 */
  readonly waitMs?: number;
  /** What the lock protects, for the message; e.g. `the data folder /srv/wuerst`. @default the lock's path */
  readonly what?: string;
  /** Ends the waiting, with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export interface ProcessLock {
  readonly path: string;
  release(): void;
}

/** Short, since a new pipeline process waits for it, and cheap: one open file and one system call. */
const RETRY_MS = 50;

/**
 * Takes a lock that at most one process (and one holder in it) has at a time and that the operating system drops
 * when the process dies, however it dies: no file has to be cleaned up, and the file left behind means nothing.
 *
 * Node has no file locks; SQLite does, on every system it runs on. So the lock is an exclusive transaction on an
 * empty database, held open.
 *
 * @throws OperatorError `lock_held` if another holds it still after `waitMs`, `lock_unusable` if the file cannot be
 *   made or is something else.
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<ProcessLock> {
  const { waitMs = 0, what = path, signal, clock = systemClock } = options;
  const deadline = clock.now() + waitMs;
  for (;;) {
    signal?.throwIfAborted();
    const lock = tryLock(path, what);
    if (lock !== null) return lock;
    const left = deadline - clock.now();
    if (left <= 0) {
      throw new OperatorError('lock_held', `Another process uses ${what}; waited ${waitMs} ms for it to end.`, {
        hint: 'Stop the other process, or give this one a data folder of its own (WUERST_DATA).',
      });
    }
    await pause(clock, Math.min(RETRY_MS, left), signal);
  }
}

function tryLock(path: string, what: string): ProcessLock | null {
  let database: Sqlite.Database | undefined;
  try {
    makeFolder(dirname(path));
    database = new Sqlite(path, { timeout: 0 });
    // In rollback mode an exclusive lock excludes readers as well; nothing is written, so no journal is left.
    database.pragma('journal_mode = MEMORY');
    database.exec('BEGIN EXCLUSIVE');
    const held = database;
    return { path, release: () => held.close() };
  } catch (cause) {
    database?.close();
    if (cause instanceof Sqlite.SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(cause.code)) return null;
    throw new OperatorError('lock_unusable', `The lock file ${path} for ${what} cannot be used.`, {
      hint: 'Give the user that runs the bot the right to write this file and its folder; if it is something else, move it away.',
      cause,
    });
  }
}
