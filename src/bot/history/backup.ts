import { constants } from 'node:fs';
import { copyFile, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { OperatorError } from '../../system/errors.ts';
import { ifThere } from '../../system/if-there.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { keepPrivate } from '../../system/private-file.ts';
import { t } from '../../texts/translate.ts';
import type { Database } from './database.ts';
import { explainDatabaseError } from './database-error.ts';
import { ImageFiles } from './image-files.ts';

export interface BackupReport {
  readonly folder: string;
  /** Pictures copied. */
  readonly images: number;
  /** Pictures removed while the copy ran; their recipes are in the backup. */
  readonly lost: number;
}

export const DATABASE_FILE = 'wuerst.db';
export const IMAGE_FOLDER = 'images';

/**
 * Copies a data folder, while it is in use, to a new folder that can be used in its place. The database comes first:
 * a picture finished meanwhile is an extra file, never a row without its file. The folder gets its name last, so a
 * folder with that name is complete.
 *
 * @param beside folders of files of whoever runs the bot, which go along; they may be missing
 */
export async function backUp(
  { database, files, beside }: { database: Database; files: ImageFiles; beside: readonly string[] },
  destination: string,
): Promise<BackupReport> {
  const folder = resolve(destination);
  const part = `${folder}.part`;
  await expectFree(folder);
  try {
    await rm(part, { recursive: true, force: true });
    makeFolder(part, 0o700);
    database.copyTo(join(part, DATABASE_FILE));
    keepPrivate(join(part, DATABASE_FILE));
    const counts = await copyImages(files, new ImageFiles(join(part, IMAGE_FOLDER)));
    for (const path of beside) await copyFiles(path, join(part, basename(path)));
    await flush(join(part, DATABASE_FILE));
    // An empty folder at the destination is replaced.
    await rename(part, folder);
    return { folder, ...counts };
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw explainDatabaseError(error, folder);
  }
}

async function copyImages(from: ImageFiles, to: ImageFiles): Promise<{ images: number; lost: number }> {
  const counts = { images: 0, lost: 0 };
  for await (const hash of from.list()) {
    const target = to.path(hash);
    makeFolder(dirname(target), 0o700);
    try {
      // A copy on write where the file system can do that; else a plain one.
      await copyFile(from.path(hash), target, constants.COPYFILE_FICLONE);
      keepPrivate(target);
      counts.images += 1;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      counts.lost += 1;
    }
  }
  return counts;
}

async function copyFiles(from: string, to: string): Promise<void> {
  const names = (await ifThere(readdir(from))) ?? [];
  if (names.length > 0) makeFolder(to, 0o700);
  for (const name of names) {
    const found = await ifThere(stat(join(from, name)));
    if (found?.isFile() !== true) continue;
    await copyFile(join(from, name), join(to, name));
    keepPrivate(join(to, name));
  }
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function expectFree(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw explainDatabaseError(error, folder);
  });
  if (names.length > 0) {
    throw new OperatorError('backup_exists', () => t('The folder {folder} is not empty.', { folder }), {
      hint: () => t('Name a folder that does not exist yet, e.g. one with the date in its name.'),
    });
  }
}
