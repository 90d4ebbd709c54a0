import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type Sqlite from 'better-sqlite3';
import { OperatorError } from './errors.ts';
import { makeFolder } from './make-folder.ts';

export interface FolderLockOptions {
  /** Wait until the other process is done instead of failing. @default false */
  readonly wait?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` while no other process, and nothing else in this one, holds the lock of the same folder.
 *
 * Node has no file locks, SQLite does: an exclusive transaction on an empty database is a lock of the operating
 * system, which also a killed process gives back, so there is no stale lock to guess about.
 *
 * @throws OperatorError `folder_busy` when somebody else holds it and `wait` isn't set.
 */
export async function withFolderLock<T>(
  folder: string,
  options: FolderLockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const release = await lockFolder(folder, options);
  try {
    return await work();
  } finally {
    release();
  }
}

/** As {@link withFolderLock}, for generators: call what it returns when done. */
export async function lockFolder(
  folder: string,
  { wait = false, signal }: FolderLockOptions = {},
): Promise<() => void> {
  // Never deleted: deleting a lock file that somebody else has just opened would let two in.
  const locks = join(dirname(folder), '.locks');
  makeFolder(locks);
  // Loaded here: a picture in the terminal takes no lock, and its first step would wait for the library.
  const { default: Database } = await import('better-sqlite3');
  const database = new Database(join(locks, basename(folder)), { timeout: 0 });
  try {
    while (!begin(database)) {
      if (!wait) {
        throw new OperatorError('folder_busy', `another process is working on ${folder}`, {
          hint: 'Wait until it is done, then run the command again.',
        });
      }
      await sleep(200, undefined, signal ? { signal } : {});
    }
  } catch (error) {
    database.close();
    throw error;
  }
  return () => database.close();
}

function begin(database: Sqlite.Database): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'SQLITE_BUSY') return false;
    throw error;
  }
}
