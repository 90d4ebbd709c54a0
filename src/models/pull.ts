import { constants, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OperatorError } from '../errors.ts';
import { chooseFiles } from './choose-files.ts';
import { checkSpace, explainDiskError } from './disk.ts';
import { download } from './download.ts';
import { hashFile } from './file-hash.ts';
import { lockFolder } from './folder-lock.ts';
import type { Hub, HubFile } from './hub.ts';
import { type LockedFile, type LockFile, readLock, writeLock } from './lock-file.ts';
import type { ModelEntry, Repository, Style } from './manifest.ts';

export interface PullOptions {
  readonly model: ModelEntry;
  /** Folder of this model, e.g. `data/models/wuerstchen-v2`; made when missing. */
  readonly folder: string;
  readonly hub: Hub;
  /** @default ['interpolated'] */
  readonly styles?: readonly Style[];
  /** Precision of the weights, e.g. `fp16`. @default the plain files */
  readonly variant?: string | undefined;
  /** Branch, tag or commit for every repository, instead of the manifest's. */
  readonly revision?: string | undefined;
  readonly signal?: AbortSignal;
  /** Bytes that can be written at a path. @default those of the file system */
  readonly freeBytes?: (path: string) => Promise<number>;
}

export type PullEvent =
  | { readonly type: 'plan'; readonly files: number; readonly bytes: number; readonly toFetch: number }
  /** A repository whose weights are already part of another one. */
  | { readonly type: 'twin'; readonly folder: string; readonly twin: string }
  | { readonly type: 'progress'; readonly path: string; readonly done: number; readonly size: number }
  | { readonly type: 'checking'; readonly path: string; readonly size: number }
  | {
      readonly type: 'landed';
      readonly path: string;
      readonly size: number;
      readonly how: 'fetched' | 'copied' | 'kept';
    };

interface Wanted {
  readonly repository: Repository;
  readonly commit: string;
  readonly file: HubFile;
  /** Relative to the model folder. */
  readonly path: string;
  /** What names the content: sha256, or git's blob id. */
  readonly id: string;
  /** Known when the right bytes already lie at the path. */
  readonly kept: LockedFile | undefined;
}

/**
 * Fetches a model. A file gets its final name only after its hash was found right; until then its bytes lie in the
 * `.pull` folder of the model under the name of that hash, where the next pull goes on.
 *
 * @throws OperatorError with what the hub, the disk or the bytes refused; the lock file then lists what has landed.
 */
export async function* pullModel(options: PullOptions): AsyncGenerator<PullEvent> {
  const { folder, signal } = options;
  let release: () => void = () => {};
  try {
    release = await lockFolder(folder, { signal });
    yield* pullLocked(options);
  } catch (error) {
    throw explainDiskError(error, folder);
  } finally {
    release();
  }
}

async function* pullLocked(options: PullOptions): AsyncGenerator<PullEvent> {
  const { model, folder, hub, variant, signal } = options;
  const lock: LockFile = (await readLock(folder)) ?? { version: 1, model: model.name, endpoint: '', repositories: {} };
  const { wanted, twins } = await plan(options, lock);
  for (const { folder: name, twin } of twins) yield { type: 'twin', folder: name, twin: twin ?? '' };

  const parts = join(folder, '.pull');
  const missing = wanted.filter(({ kept }) => !kept);
  const toFetch = await bytesToFetch(missing, parts);
  yield { type: 'plan', files: wanted.length, bytes: sum(wanted.map(({ file }) => file.size)), toFetch };
  const distinct = new Map(missing.map(({ id, file }) => [id, file.size]));
  const copies = sum(missing.map(({ file }) => file.size)) - sum([...distinct.values()]);
  await checkSpace(folder, toFetch + copies, options.freeBytes);

  lock.endpoint = hub.endpoint;
  if (variant !== undefined) lock.variant = variant;
  else delete lock.variant;
  for (const { repository, commit } of wanted) {
    lock.repositories[repository.folder] = { repo: repository.repo, revision: commit, files: [] };
  }
  const landed = new Map<string, { path: string; locked: LockedFile }>();
  for (const item of [...wanted.filter(({ kept }) => kept), ...missing]) {
    signal?.throwIfAborted();
    const { path, id, file, repository } = item;
    const same = landed.get(id);
    let locked = item.kept;
    if (!locked) {
      const part = join(parts, `${id}.part`);
      await mkdir(parts, { recursive: true });
      await mkdir(dirname(join(folder, path)), { recursive: true });
      if (same) {
        // A copy, not a hard link: onnxruntime refuses weights with several links. Some file systems share the blocks.
        await copyFile(join(folder, same.path), part, constants.COPYFILE_FICLONE);
        locked = { ...same.locked, path: file.path };
      } else {
        locked = yield* fetchChecked(options, item, part);
      }
      await rename(part, join(folder, path));
    }
    landed.set(id, { path, locked });
    lock.repositories[repository.folder]?.files.push(locked);
    if (!item.kept) await writeLock(folder, lock);
    yield { type: 'landed', path, size: file.size, how: item.kept ? 'kept' : same ? 'copied' : 'fetched' };
  }
  await writeLock(folder, lock);
  await rm(parts, { recursive: true, force: true });
}

async function plan(
  { model, folder, hub, styles = ['interpolated'], variant, revision, signal }: PullOptions,
  lock: LockFile,
): Promise<{ wanted: Wanted[]; twins: Repository[] }> {
  const wanted: Wanted[] = [];
  const twins: Repository[] = [];
  for (const repository of model.repositories) {
    if (repository.style && !styles.includes(repository.style)) continue;
    const { repo } = repository;
    const commit = await hub.resolveRevision(repo, revision ?? repository.revision, signal);
    const files = chooseFiles(repository, await hub.listFiles(repo, commit, signal), variant);
    if (isTwin(repository, files, wanted)) {
      twins.push(repository);
      continue;
    }
    for (const file of files) {
      const path = `${repository.folder}/${file.path}`;
      const locked = lock.repositories[repository.folder]?.files.find((known) => known.path === file.path);
      const kept = await keep(join(folder, path), file, locked, signal);
      wanted.push({ repository, commit, file, path, id: file.sha256 ?? file.gitOid ?? '', kept });
    }
  }
  return { wanted, twins };
}

function isTwin({ twin }: Repository, files: readonly HubFile[], others: readonly Wanted[]): boolean {
  if (twin === undefined) return false;
  const weights = files.filter(({ path }) => path.endsWith('.safetensors'));
  return weights.every(({ path, sha256 }) =>
    others.some((other) => other.path === `${twin}/${path}` && sha256 !== undefined && other.file.sha256 === sha256),
  );
}

/** @returns the lock file's entry for a file that is already there and right, whoever put it there. */
async function keep(
  path: string,
  file: HubFile,
  locked: LockedFile | undefined,
  signal: AbortSignal | undefined,
): Promise<LockedFile | undefined> {
  if ((await sizeOf(path)) !== file.size) return undefined;
  if (locked && locked.size === file.size && matches(file, { sha256: locked.sha256, gitOid: locked.gitOid ?? '' })) {
    return locked;
  }
  const found = await hashFile(path, file.size, signal);
  return matches(file, found) ? toLocked(file, found.sha256) : undefined;
}

async function* fetchChecked(
  { hub, signal }: PullOptions,
  { repository, commit, file, path }: Wanted,
  part: string,
): AsyncGenerator<PullEvent, LockedFile> {
  const { size } = file;
  for (let attempt = 1; ; attempt++) {
    yield { type: 'progress', path, done: (await sizeOf(part)) ?? 0, size };
    for await (const done of download(hub, { repo: repository.repo, commit, file, part, signal })) {
      yield { type: 'progress', path, done, size };
    }
    yield { type: 'checking', path, size };
    const found = await hashFile(part, size, signal);
    if (matches(file, found)) return toLocked(file, found.sha256);
    await rm(part, { force: true });
    const wanted = file.sha256 ? `sha256 ${file.sha256}` : `git blob ${file.gitOid}`;
    const message = `${path} arrived damaged: expected ${wanted}, got ${file.sha256 ? found.sha256 : found.gitOid}`;
    if (attempt === 2) {
      throw new OperatorError('hub_wrong_bytes', message, {
        hint: 'It was fetched twice and thrown away. Something on the way changes files: try another network or HF_ENDPOINT.',
      });
    }
    hub.onRetry(message);
  }
}

function matches(file: HubFile, found: { readonly sha256: string; readonly gitOid: string }): boolean {
  return file.sha256 ? file.sha256 === found.sha256 : file.gitOid === found.gitOid;
}

function toLocked({ path, size, gitOid }: HubFile, sha256: string): LockedFile {
  return { path, size, sha256, ...(gitOid !== undefined && { gitOid }) };
}

async function bytesToFetch(missing: readonly Wanted[], parts: string): Promise<number> {
  const distinct = new Map(missing.map(({ id, file }) => [id, file.size]));
  let bytes = 0;
  for (const [id, size] of distinct) {
    const have = (await sizeOf(join(parts, `${id}.part`))) ?? 0;
    bytes += have > size ? size : size - have;
  }
  return bytes;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
