import { constants, copyFile, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkSpace, explainDiskError, isDiskFull } from '../../system/disk.ts';
import { OperatorError } from '../../system/errors.ts';
import { hashFile } from '../../system/file-hash.ts';
import { type FileLock, lockFolder } from '../../system/file-lock.ts';
import { ifThere } from '../../system/if-there.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { t } from '../../texts/translate.ts';
import type { Style } from '../derived-weights/styles.ts';
import { chooseFiles } from './choose-files.ts';
import { download } from './download.ts';
import type { Hub, HubFile } from './hub.ts';
import { type LockedFile, type LockFile, readLock, writeLock } from './lock-file.ts';
import type { Repository } from './repository.ts';

export interface PullOptions {
  readonly model: { readonly name: string; readonly repositories: readonly Repository[] };
  /** Folder of this model, e.g. `data/models/wuerstchen-v2`; made when missing. */
  readonly folder: string;
  readonly hub: Hub;
  /** @default ['interpolated'] */
  readonly styles?: readonly Style[];
  /** Also what requests need that start from pictures. @default false */
  readonly imageEncoder?: boolean | undefined;
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
  /** A repository that isn't stored: its weights are already part of another one, or the hub lacks them (`reason`). */
  | { readonly type: 'twin'; readonly folder: string; readonly twin: string; readonly reason?: string }
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
  /** Identifies the content: sha256, or git's blob id. */
  readonly id: string;
}

interface Landed {
  readonly path: string;
  readonly locked: LockedFile;
}

/**
 * Fetches a model or repairs one: files on disk are kept when their bytes are what the hub lists. A file gets its final
 * name only after its hash has been checked. Until then its bytes lie in the `.pull` folder of the model under the name
 * of that hash, where the next pull goes on.
 *
 * @throws OperatorError if the hub or the disk refuses, or the bytes are wrong; the lock file then lists the finished files
 */
export async function* pullModel(options: PullOptions): AsyncGenerator<PullEvent> {
  const { folder, signal } = options;
  let lock: FileLock | undefined;
  try {
    lock = await lockFolder(folder, { signal });
    yield* pullLocked(options);
  } catch (error) {
    throw explainDiskError(error, folder);
  } finally {
    lock?.release();
  }
}

/** As {@link pullModel}, where the caller holds a lock. */
export async function* pullLocked(options: PullOptions): AsyncGenerator<PullEvent> {
  const { model, folder, hub, variant, signal } = options;
  const before = await readLock(folder);
  const wanted = yield* plan(options);
  // By content: finished files with these bytes.
  const landed = new Map<string, Landed>();
  const kept = new Map<Wanted, LockedFile>();
  for (const item of wanted) {
    const locked = yield* keep(folder, item, signal);
    if (!locked) continue;
    kept.set(item, locked);
    landed.set(item.id, { path: item.path, locked });
  }
  const missing = wanted.filter((item) => !kept.has(item));
  const toFetch = new Map(missing.filter(({ id }) => !landed.has(id)).map(({ id, file }) => [id, file.size]));
  const parts = join(folder, '.pull');
  const started = await bytesStarted(toFetch, parts);
  const bytes = sum(toFetch.values()) - started;
  yield { type: 'plan', files: wanted.length, bytes: sum(wanted.map(({ file }) => file.size)), toFetch: bytes };
  await checkSpace(folder, sum(missing.map(({ file }) => file.size)) - started, options.freeBytes);

  const lock: LockFile = { version: 1, model: model.name, endpoint: hub.endpoint, repositories: {} };
  if (variant !== undefined) lock.variant = variant;
  Object.assign(lock.repositories, before?.repositories);
  for (const { repository, commit } of wanted) {
    const unfinished = missing.some((item) => item.repository === repository);
    lock.repositories[repository.folder] = {
      repo: repository.repo,
      revision: commit,
      ...(unfinished && { unfinished }),
      files: [],
    };
  }
  for (const [{ repository }, locked] of kept) lock.repositories[repository.folder]?.files.push(locked);
  // From now on some files may be of an older revision. A new folder stays empty until its first file is finished.
  if (before && missing.length > 0) await writeLock(folder, lock);

  const remaining = new Set(missing);
  for (const item of missing) {
    signal?.throwIfAborted();
    const { path, id, file, repository } = item;
    const same = landed.get(id);
    const locked = yield* land(options, item, join(parts, `${id}.part`), same);
    landed.set(id, { path, locked });
    remaining.delete(item);
    const entry = lock.repositories[repository.folder];
    entry?.files.push(locked);
    if (entry && ![...remaining].some((other) => other.repository === repository)) delete entry.unfinished;
    await writeLock(folder, lock);
    yield { type: 'landed', path, size: file.size, how: same ? 'copied' : 'fetched' };
  }
  await writeLock(folder, lock);
  await rm(parts, { recursive: true, force: true });
}

/** The hub answers 401 for names that do not exist too. A token that it refuses has failed at an earlier repository. */
export const LACKING: readonly string[] = ['repository_incomplete', 'hub_not_found', 'hub_unauthorized'];

/** Asks the hub for the files. A repository with a twin is not needed if the hub lacks it or has the same bytes. */
async function* plan({
  model,
  hub,
  styles = ['interpolated'],
  imageEncoder = false,
  variant,
  revision,
  signal,
}: PullOptions): AsyncGenerator<PullEvent, Wanted[]> {
  const wanted: Wanted[] = [];
  for (const repository of model.repositories) {
    const { repo, folder, style, part, twin } = repository;
    if ((style && !styles.includes(style)) || (part && !imageEncoder)) continue;
    try {
      const commit = await hub.resolveRevision(repo, revision ?? repository.revision, signal);
      const files = chooseFiles(repository, await hub.listFiles(repo, commit, signal), variant);
      if (twin !== undefined && isTwin(twin, files, wanted)) {
        yield { type: 'twin', folder, twin };
        continue;
      }
      for (const file of files) {
        const path = `${folder}/${file.path}`;
        wanted.push({ repository, commit, file, path, id: file.sha256 ?? file.gitOid ?? '' });
      }
    } catch (error) {
      if (twin === undefined || !(error instanceof OperatorError && LACKING.includes(error.code))) throw error;
      yield { type: 'twin', folder, twin, reason: error.message };
    }
  }
  return wanted;
}

function isTwin(twin: string, files: readonly HubFile[], others: readonly Wanted[]): boolean {
  const weights = files.filter(({ path }) => path.endsWith('.safetensors'));
  return weights.every(({ path, sha256 }) =>
    others.some((other) => other.path === `${twin}/${path}` && sha256 !== undefined && other.file.sha256 === sha256),
  );
}

/** Checks a file that may be there already. @returns its entry for the lock file if its bytes are right */
async function* keep(
  folder: string,
  { file, path }: Wanted,
  signal: AbortSignal | undefined,
): AsyncGenerator<PullEvent, LockedFile | undefined> {
  const { size } = file;
  if ((await sizeOf(join(folder, path))) !== size) return undefined;
  yield { type: 'checking', path, size };
  const found = await hashFile(join(folder, path), size, signal);
  if (!matches(file, found)) return undefined;
  yield { type: 'landed', path, size, how: 'kept' };
  return toLocked(file, found.sha256);
}

/** Fetches or copies the bytes of a file, then gives them its name. */
async function* land(
  options: PullOptions,
  item: Wanted,
  part: string,
  same: Landed | undefined,
): AsyncGenerator<PullEvent, LockedFile> {
  const { folder } = options;
  const target = join(folder, item.path);
  makeFolder(dirname(part));
  makeFolder(dirname(target));
  try {
    const locked = same ? { ...same.locked, path: item.file.path } : yield* fetchChecked(options, item, part);
    if (same) await copyDurably(join(folder, same.path), part);
    await rename(part, target);
    return locked;
  } catch (error) {
    // Makes room on a full disk: the database and the pictures of a running bot may be on it.
    if (isDiskFull(error)) await rm(part, { force: true });
    throw error;
  }
}

/** A copy, not a hard link: onnxruntime refuses weights with several links. Some file systems share the blocks. */
async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  const copy = await open(to, 'r+');
  try {
    await copy.sync();
  } finally {
    await copy.close();
  }
}

/**
 * Fetches a file into its part and checks its bytes, twice if they are wrong.
 *
 * @param wanted `path` is what it is called in events and errors
 */
export async function* fetchChecked(
  { hub, signal }: Pick<PullOptions, 'hub' | 'signal'>,
  {
    repository,
    commit,
    file,
    path,
  }: Pick<Wanted, 'commit' | 'file' | 'path'> & {
    readonly repository: Pick<Repository, 'repo'>;
  },
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
    const message = () =>
      t('The file {path} arrived damaged: expected {wanted}, got {found}.', {
        ...{ path, wanted },
        found: file.sha256 ? found.sha256 : found.gitOid,
      });
    if (attempt === 2) {
      throw new OperatorError('hub_wrong_bytes', message, {
        hint: () =>
          t(
            'It was fetched twice and deleted again. Something on the way changes files: try another network or HF_ENDPOINT.',
          ),
      });
    }
    hub.onRetry(message());
  }
}

/** Whether a file's bytes are those that the hub lists. */
export function matches(file: HubFile, found: { readonly sha256: string; readonly gitOid: string }): boolean {
  return file.sha256 ? file.sha256 === found.sha256 : file.gitOid === found.gitOid;
}

function toLocked({ path, size, gitOid }: HubFile, sha256: string): LockedFile {
  return { path, size, sha256, ...(gitOid !== undefined && { gitOid }) };
}

/** @returns how many bytes of these files an earlier pull has left */
async function bytesStarted(sizes: ReadonlyMap<string, number>, parts: string): Promise<number> {
  let bytes = 0;
  for (const [id, size] of sizes) {
    const have = (await sizeOf(join(parts, `${id}.part`))) ?? 0;
    // A part that is too long is fetched again.
    if (have <= size) bytes += have;
  }
  return bytes;
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await ifThere(stat(path)))?.size;
}

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((total, number) => total + number, 0);
}
