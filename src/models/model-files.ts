import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import {
  type Contents,
  contentsOf,
  HALVES,
  type HalfName,
  missingIn,
  within,
} from '../pipeline/checkpoint/contents.ts';
import { isFolder, layoutOf, snapshotOf } from '../pipeline/checkpoint/layout.ts';
import { isOutdated, type LockFile } from '../pipeline/hub/lock-file.ts';
import type { Repository } from '../pipeline/hub/repository.ts';
import { ifThere } from '../system/if-there.ts';

/** What a model has to hold in one of its folders. */
export interface Needed extends Contents {
  /** In the lock file, and in what people read. */
  readonly folder: string;
  /** Where it lies. */
  readonly dir: string;
}

const HALF_NAMES: readonly HalfName[] = ['prior', 'decoder'];

/**
 * What a model in a folder needs: the repositories of the manifest that are no style and no optional part, or have been begun, wherever they lie.
 *
 * @param repositories of the manifest. @default both halves
 */
export function neededIn(folder: string, repositories: readonly Repository[] = []): Needed[] {
  const layout = layoutOf(folder);
  const halves = HALF_NAMES.map((half) => {
    const placed = layout[half];
    const contents = contentsOf(half, placed?.prefix);
    if (placed) return { ...contents, folder: pathFrom(folder, placed.dir), dir: placed.dir, half };
    const { repository } = HALVES[half];
    return { ...contents, folder: repository, dir: join(folder, repository), half };
  });
  if (repositories.length === 0) return halves;
  return repositories.flatMap((repository): Needed[] => {
    const dir = join(folder, repository.folder);
    if (isFolder(dir)) return [{ ...repository, dir: snapshotOf(dir) }];
    if (repository.style !== undefined || repository.part !== undefined) return [];
    const half = halves.find((one) => HALVES[one.half].repository === repository.folder);
    return [half ?? { ...repository, dir }];
  });
}

function pathFrom(folder: string, dir: string): string {
  return relative(folder, dir).split(sep).join('/') || '.';
}

/** Paths relative to the model folder. */
export async function missingFiles(needed: Needed, lock: LockFile | undefined): Promise<string[]> {
  const missing = await missingIn(needed.dir, needed, (path) => !isOutdated(lock, needed.folder, path));
  return missing.map((path) => within(needed.folder, path));
}

/**
 * Bytes of the files of a folder, by their paths, relative with forward slashes. Links are followed. Hidden files (unfinished pulls)
 * are no part of a model.
 */
export async function fileSizes(folder: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  const visit = async (prefix: string, above: readonly string[]): Promise<void> => {
    const dir = await ifThere(realpath(join(folder, prefix)));
    // A link to a folder above it would never end.
    if (dir === undefined || above.includes(dir)) return;
    for (const name of (await ifThere(readdir(dir))) ?? []) {
      if (name.startsWith('.')) continue;
      const found = await ifThere(stat(join(dir, name)));
      if (found?.isDirectory()) await visit(`${prefix}${name}/`, [...above, dir]);
      else if (found) sizes.set(prefix + name, found.size);
    }
  };
  await visit('', []);
  return sizes;
}

/** Bytes that deleting a folder sets free: not those that links lead to, nor those of files with another name elsewhere. */
export async function bytesFreed(path: string): Promise<number> {
  const found = await ifThere(lstat(path));
  if (found?.isFile()) return found.nlink > 1 ? 0 : found.size;
  if (!found?.isDirectory()) return 0;
  let bytes = 0;
  for (const name of await readdir(path)) bytes += await bytesFreed(join(path, name));
  return bytes;
}
