import { chmodSync, closeSync, constants, fchownSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { t } from '../texts/translate.ts';

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;
const MODE = 0o777;

/** Makes a file that only its owner may read, unless it exists, and takes one that exists away from others. Whatever the umask. */
export function makePrivate(path: string): void {
  try {
    const file = openSync(path, 'wx', OWNER_ONLY);
    giveToFolderOwner(file, path);
    closeSync(file);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  keepPrivate(path);
}

/**
 * Gives a new file to whoever owns its folder, where root has made it: the bot runs as another user, and must read what
 * `sudo wuerst …` leaves in its data folder.
 */
export function giveToFolderOwner(file: number, path: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  if (uid !== 0) fchownSync(file, uid, gid);
}

/** The same for a file or folder that root has just made, by its path. */
export function leaveToFolderOwner(path: string): void {
  if (process.getuid?.() !== 0) return;
  // Whoever owns the folder may have put a link there meanwhile.
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    giveToFolderOwner(file, path);
  } finally {
    closeSync(file);
  }
}

/** Takes a file away from others than its owner. Nothing happens where it is missing, or belongs to somebody else. */
export function keepPrivate(path: string): void {
  if (process.platform === 'win32') return;
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || (found.mode & MODE) === OWNER_ONLY) return;
  try {
    chmodSync(path, OWNER_ONLY);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && /^(?:EPERM|EROFS|ENOENT|ENOTSUP)$/.test(String(error.code))))
      throw error;
  }
}

/** The permissions of a folder or file that others than its owner may use, in octal digits, e.g. `755`; else `undefined`. */
export function openToOthers(path: string): string | undefined {
  const mode = process.platform === 'win32' ? 0 : (statSync(path, { throwIfNoEntry: false })?.mode ?? 0);
  return (mode & OTHERS) === 0 ? undefined : (mode & MODE).toString(8);
}

/** What an operator is told of a data folder that is open. `undefined` where it is not. */
export function openFolderWarning(folder: string): string | undefined {
  const mode = openToOthers(folder);
  if (mode === undefined) return undefined;
  return t(
    'Others on this machine may look into the data folder {folder} (its permissions are {mode}). Close it: {command}',
    { folder, mode, command: `chmod 700 ${folder}` },
  );
}
