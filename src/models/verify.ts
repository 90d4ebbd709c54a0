import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readMixRecord } from '../pipeline/derived-weights/mix.ts';
import { readPreparedRecord } from '../pipeline/derived-weights/prepared.ts';
import { missingFiles } from '../pipeline/hub/choose-files.ts';
import { isOutdated, type LockFile, readLock } from '../pipeline/hub/lock-file.ts';
import { hashFile } from '../system/file-hash.ts';
import { ifThere } from '../system/if-there.ts';
import type { ModelEntry } from './manifest.ts';
import { findNotFinite } from './weight-scan.ts';

export interface VerifyFinding {
  /** Relative to the model folder. */
  readonly path: string;
  /**
   * `unlisted`: readable, but no lock file says what its bytes should be. `outdated`: a pull of another revision was
   * interrupted before it reached this file.
   */
  readonly state: 'ok' | 'unlisted' | 'missing' | 'outdated' | 'wrong size' | 'wrong hash' | 'damaged';
  readonly detail?: string;
}

export interface VerifyOptions {
  readonly folder: string;
  /** What the model should consist of; without it only the files that are there are checked. */
  readonly model?: ModelEntry | undefined;
  readonly signal?: AbortSignal;
}

/** Reads every file of a model: compares hashes with the lock file, and finds missing files and weights that are not finite. */
export async function* verifyModel({ folder, model, signal }: VerifyOptions): AsyncGenerator<VerifyFinding> {
  const lock = await readLock(folder);
  const present = await fileSizes(folder);
  const listed = new Set<string>();
  for (const { path, size, sha256 } of lockedFiles(lock)) {
    listed.add(path);
    yield await checkFile(folder, path, present.get(path), { size, sha256 }, signal);
  }
  for (const repository of model?.repositories ?? []) {
    const prefix = `${repository.folder}/`;
    const started = [...present.keys()].some((path) => path.startsWith(prefix));
    if (repository.style && !started) continue;
    const outdated = (name: string) => isOutdated(lock, repository.folder, name);
    for (const name of missingFiles(repository, (name) => present.has(prefix + name) && !outdated(name))) {
      const path = prefix + name;
      if (listed.has(path)) continue;
      listed.add(path);
      yield present.has(path)
        ? { path, state: 'outdated', detail: 'the last pull was cut' }
        : { path, state: 'missing' };
    }
  }
  for (const path of present.keys()) {
    if (!listed.has(path) && path.endsWith('.safetensors')) yield await checkUnlisted(folder, path, signal);
  }
}

function lockedFiles(lock: LockFile | undefined): { path: string; size: number; sha256: string }[] {
  return Object.entries(lock?.repositories ?? {}).flatMap(([folder, { files }]) =>
    files.map(({ path, size, sha256 }) => ({ path: `${folder}/${path}`, size, sha256 })),
  );
}

async function checkFile(
  folder: string,
  path: string,
  size: number | undefined,
  wanted: { readonly size: number; readonly sha256: string },
  signal: AbortSignal | undefined,
): Promise<VerifyFinding> {
  if (size === undefined) return { path, state: 'missing' };
  if (size !== wanted.size) {
    return { path, state: 'wrong size', detail: `expected ${wanted.size} bytes, found ${size}` };
  }
  const { sha256 } = await hashFile(join(folder, path), size, signal);
  if (sha256 !== wanted.sha256) {
    return { path, state: 'wrong hash', detail: `expected sha256 ${wanted.sha256}, found ${sha256}` };
  }
  const damage = path.endsWith('.safetensors') ? await damageOf(join(folder, path), signal) : undefined;
  return damage === undefined ? { path, state: 'ok' } : { path, state: 'damaged', detail: damage };
}

/** Weights that were mixed or prepared here have a record of what their bytes should be. */
async function checkUnlisted(folder: string, path: string, signal: AbortSignal | undefined): Promise<VerifyFinding> {
  const file = join(folder, path);
  const mix = await readMixRecord(file);
  const made = mix ? { size: mix.base.size, sha256: mix.sha256 } : await readPreparedRecord(file);
  if (!made) {
    const damage = await damageOf(file, signal);
    return damage === undefined ? { path, state: 'unlisted' } : { path, state: 'damaged', detail: damage };
  }
  const finding = await checkFile(folder, path, (await stat(file)).size, made, signal);
  return finding.state === 'ok'
    ? finding
    : { ...finding, detail: `${finding.detail}; delete it, and it is made again` };
}

async function damageOf(path: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  try {
    const found = await findNotFinite(path, signal);
    return found ? `tensor "${found.tensor}" has a weight that is not finite, its number ${found.index}` : undefined;
  } catch (error) {
    signal?.throwIfAborted();
    return (error as Error).message;
  }
}

/**
 * Bytes of the files of a folder, by their paths, relative with forward slashes. Hidden ones (unfinished pulls) are no
 * part of a model.
 */
export async function fileSizes(folder: string, prefix = ''): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const entry of (await ifThere(readdir(join(folder, prefix), { withFileTypes: true }))) ?? []) {
    if (entry.name.startsWith('.')) continue;
    const path = prefix + entry.name;
    const found = await ifThere(stat(join(folder, path)));
    if (entry.isDirectory()) for (const [below, size] of await fileSizes(folder, `${path}/`)) sizes.set(below, size);
    else if (found) sizes.set(path, found.size);
  }
  return sizes;
}
