import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isLfsPointerFile } from '../pipeline/checkpoint/lfs-pointer.ts';
import { readMixRecord } from '../pipeline/derived-weights/mix.ts';
import { readPreparedRecord } from '../pipeline/derived-weights/prepared.ts';
import { type LockFile, readLock } from '../pipeline/hub/lock-file.ts';
import { OperatorError } from '../system/errors.ts';
import { hashFile } from '../system/file-hash.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { t } from '../texts/translate.ts';
import type { ModelEntry } from './manifest.ts';
import { fileSizes, missingFiles, neededIn } from './model-files.ts';
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
  /** What the model should consist of. @default both halves of a model */
  readonly model?: ModelEntry | undefined;
  readonly signal?: AbortSignal;
  /** Is told of bytes that were read, of all that are to be: weights are read twice. */
  readonly onProgress?: (read: { readonly path: string; readonly done: number; readonly bytes: number }) => void;
}

/** Reads every file of a model: compares hashes with the lock file, and finds missing files and weights that are not finite. */
export async function* verifyModel(options: VerifyOptions): AsyncGenerator<VerifyFinding> {
  const { folder, model } = options;
  const lock = await readLock(folder);
  const present = await fileSizes(folder);
  const reading = readingOf(options, present);
  const listed = new Set<string>();
  for (const { path, size, sha256 } of lockedFiles(lock)) {
    listed.add(path);
    yield await checkFile(folder, path, present.get(path), { size, sha256 }, reading);
  }
  for (const needed of neededIn(folder, model?.repositories)) {
    for (const path of await missingFiles(needed, lock)) {
      if (listed.has(path)) continue;
      listed.add(path);
      if (!present.has(path)) yield { path, state: 'missing' };
      else if (await isLfsPointerFile(join(folder, path))) {
        yield { path, state: 'damaged', detail: t('it is a Git LFS pointer, not the file itself') };
      } else yield { path, state: 'outdated', detail: t('the last pull was cut') };
    }
  }
  for (const path of present.keys()) {
    if (!listed.has(path) && isWeights(path)) yield await checkUnlisted(folder, path, reading);
  }
}

/** How files are read. */
interface Reading {
  readonly signal: AbortSignal | undefined;
  readonly onRead: (path: string, bytes: number) => void;
}

function readingOf({ signal, onProgress }: VerifyOptions, present: ReadonlyMap<string, number>): Reading {
  const bytes = [...present].reduce((sum, [path, size]) => sum + size * (isWeights(path) ? 2 : 1), 0);
  let done = 0;
  return {
    signal,
    onRead(path, count) {
      done = Math.min(bytes, done + count);
      onProgress?.({ path, done, bytes });
    },
  };
}

function isWeights(path: string): boolean {
  return path.endsWith('.safetensors');
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
  reading: Reading,
): Promise<VerifyFinding> {
  if (size === undefined) return { path, state: 'missing' };
  if (size !== wanted.size) {
    return {
      path,
      state: 'wrong size',
      detail: t('expected {wanted} bytes, found {size}', { wanted: wanted.size, size }),
    };
  }
  const { sha256 } = await hashFile(join(folder, path), size, reading.signal, (bytes) => reading.onRead(path, bytes));
  if (sha256 !== wanted.sha256) {
    return {
      path,
      state: 'wrong hash',
      detail: t('expected sha256 {wanted}, found {found}', { wanted: wanted.sha256, found: sha256 }),
    };
  }
  const damage = isWeights(path) ? await damageOf(folder, path, reading) : undefined;
  return damage === undefined ? { path, state: 'ok' } : { path, state: 'damaged', detail: damage };
}

/** Weights that were mixed or prepared here have a record of what their bytes should be. */
async function checkUnlisted(folder: string, path: string, reading: Reading): Promise<VerifyFinding> {
  const file = join(folder, path);
  const mix = await readMixRecord(file);
  const made = mix ? { size: mix.base.size, sha256: mix.sha256 } : await readPreparedRecord(file);
  if (!made) {
    const damage = await damageOf(folder, path, reading);
    return damage === undefined ? { path, state: 'unlisted' } : { path, state: 'damaged', detail: damage };
  }
  const finding = await checkFile(folder, path, (await stat(file)).size, made, reading);
  return finding.state === 'ok'
    ? finding
    : { ...finding, detail: t('{detail}; delete it, and it is made again', { detail: finding.detail ?? '' }) };
}

async function damageOf(folder: string, path: string, { signal, onRead }: Reading): Promise<string | undefined> {
  try {
    const found = await findNotFinite(join(folder, path), signal, (bytes) => onRead(path, bytes));
    if (found === null) return undefined;
    const { tensor, index } = found;
    return t('tensor "{tensor}" has a weight that is not finite, its number {index}', { tensor, index });
  } catch (error) {
    signal?.throwIfAborted();
    return error instanceof OperatorError ? error.told.message : reasonOf(error);
  }
}
