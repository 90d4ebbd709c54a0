import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { t } from '../texts/translate.ts';
import { type Clock, pause, systemClock } from './clock.ts';
import { OperatorError, type OperatorText } from './errors.ts';
import { makeFolder } from './make-folder.ts';
import { makePrivate } from './private-file.ts';
import type { SqliteDatabase } from './sqlite.ts';

export interface LockOptions {
  /** Milliseconds to wait for another holder to end. @default 0 */
  readonly waitMs?: number;
  /** That another process uses what the lock protects, as a sentence. @default with the lock's path */
  readonly inUse?: OperatorText | undefined;
  /** Ends the waiting, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly clock?: Clock;
}

export interface FileLock {
  release(): void;
}

/** Short, since a new pipeline process waits for it, and cheap: one open file and one system call. */
const RETRY_MS = 50;

/**
 * Takes a lock that at most one process (and one holder in it) has at a time and that the operating system drops
 * when the process dies, however it dies. No file has to be cleaned up: the file that stays behind means nothing.
 *
 * Node has no file locks; SQLite does, on every system it runs on. So the lock is an exclusive transaction on an
 * empty database, held open.
 *
 * @throws OperatorError `lock_held` if another still holds it after `waitMs`, `lock_unusable` if the file cannot be
 *   made or is another kind of file.
 */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<FileLock> {
  const { waitMs = 0, signal, clock = systemClock } = options;
  const inUse = options.inUse ?? (() => t('Another process uses {path}.', { path }));
  // Counted in waits: a machine that slept has not waited.
  for (let left = waitMs; ; left -= RETRY_MS) {
    signal?.throwIfAborted();
    const lock = await tryLock(path);
    if (lock) return lock;
    if (left <= 0) {
      // SQLite calls both a lock that is held and a file system that cannot lock "busy".
      if (!(await canLock(dirname(path)))) throw noLocks(path);
      throw new OperatorError(
        'lock_held',
        () => [inUse(), ...(waitMs > 0 ? [t('Waited {waitMs} ms for it to end.', { waitMs })] : [])].join(' '),
        {
          hint: () =>
            t(
              'Stop the other process, or give this one a data folder of its own (WUERST_DATA). On a network share it may run on another machine, or have left a lock behind when that machine failed: a folder on a disk of this machine avoids both.',
            ),
        },
      );
    }
    await pause(clock, Math.min(RETRY_MS, left), signal);
  }
}

export type FolderLockOptions = Pick<LockOptions, 'waitMs' | 'signal'>;

/**
 * Takes the lock of a file or folder that is about to be made or deleted; it need not exist.
 *
 * @throws OperatorError `folder_busy` if another process, or something else in this one, holds it.
 */
export async function lockFolder(folder: string, options: FolderLockOptions = {}): Promise<FileLock> {
  // Never deleted: deleting a lock file that somebody else has just opened would let two in.
  const locks = join(dirname(folder), '.locks');
  makeFolder(locks);
  try {
    return await acquireLock(join(locks, basename(folder)), options);
  } catch (error) {
    if (!(error instanceof OperatorError && error.code === 'lock_held')) throw error;
    throw new OperatorError('folder_busy', () => t('Another process is working on {folder}.', { folder }), {
      hint: () =>
        t('Wait until it is done, then run the command again. On a network share it may run on another machine.'),
    });
  }
}

/** Runs `work` while holding the lock of {@link lockFolder}. */
export async function withFolderLock<T>(
  folder: string,
  options: FolderLockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const lock = await lockFolder(folder, options);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

/** Whether a file that is new, and so used by nobody, can be locked in a folder. */
async function canLock(folder: string): Promise<boolean> {
  const path = join(folder, `.lock-test-${randomBytes(6).toString('hex')}`);
  try {
    const lock = await tryLock(path);
    lock?.release();
    return lock !== undefined;
  } catch {
    // Nothing new can be made here: that says nothing about locks.
    return true;
  } finally {
    rmSync(path, { force: true });
  }
}

function noLocks(path: string, cause?: unknown): OperatorError {
  return new OperatorError(
    'lock_unusable',
    () =>
      t('Files in {path} cannot be locked, so nothing would keep two processes from working there at once.', {
        path: dirname(path),
      }),
    {
      hint: () =>
        t(
          'Network shares often have no working locks: use a folder on a disk of this machine, or mount the share with locks.',
        ),
      cause,
    },
  );
}

async function tryLock(path: string): Promise<FileLock | undefined> {
  // Loaded here: a picture in the terminal takes no lock, and its first step would wait for the library.
  const { openSqlite, SqliteError } = await import('./sqlite.ts');
  let database: SqliteDatabase | undefined;
  try {
    makeFolder(dirname(path));
    makePrivate(path);
    database = openSqlite(path, { timeout: 0 });
    // In rollback mode an exclusive lock excludes readers as well; nothing is written, so no journal is left.
    database.pragma('journal_mode = MEMORY');
    database.exec('BEGIN EXCLUSIVE');
    const held = database;
    return { release: () => void held.close() };
  } catch (cause) {
    database?.close();
    if (cause instanceof SqliteError && /^SQLITE_(BUSY|LOCKED)/.test(cause.code)) return undefined;
    if (cause instanceof SqliteError && /^SQLITE_IOERR_.*LOCK/.test(cause.code)) throw noLocks(path, cause);
    throw new OperatorError('lock_unusable', () => t('The lock file {path} cannot be used.', { path }), {
      hint: () =>
        t(
          'Give the user that runs the bot the right to write this file and its folder; if it is another kind of file, move it away.',
        ),
      cause,
    });
  }
}
