import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from './make-folder.ts';

/**
 * Makes a folder, for its owner only, and proves that files in it can be written, flushed to the disk, renamed and
 * deleted. One process does this at a time.
 *
 * @throws the system's error: EACCES, EROFS, ENOSPC, ENOTDIR …
 */
export function proveWritable(folder: string): void {
  makeFolder(folder, 0o700);
  const [part, whole] = ['.write-test.part', '.write-test'].map((name) => join(folder, name)) as [string, string];
  try {
    const file = openSync(part, 'w', 0o600);
    try {
      writeSync(file, 'written at the start to see whether that works\n');
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(part, whole);
  } finally {
    for (const path of [part, whole]) rmSync(path, { force: true });
  }
}
