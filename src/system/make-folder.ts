import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { leaveToFolderOwner } from './private-file.ts';

/**
 * Makes a folder and those above it, unless they exist. What root makes in a folder of somebody else is theirs. Node's own
 * recursive `mkdir` never returns in a folder such as /proc, which refuses new folders with ENOENT.
 *
 * @param mode permissions of the new folders, whatever the umask. @default 0o777, less the umask
 * @throws the system's error: ENOENT, EACCES, EEXIST for a file …
 */
export function makeFolder(path: string, mode?: number): void {
  if (isFolder(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path), mode);
  try {
    mkdirSync(path, mode);
    if (mode !== undefined) chmodSync(path, mode);
    leaveToFolderOwner(path);
  } catch (error) {
    // Another process may have made it meanwhile.
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
