import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolder } from '../../system/make-folder.ts';
import { startThread } from '../../system/thread.ts';
import { writeJson } from '../../system/write-json.ts';
import type { Component } from './checkpoint.ts';

/** Beside the model, else in the cache folder. */
const CACHE_NAME = '.fingerprints.json';
/** Components whose hashes are kept: a model has five, and one more for each further style. */
const KEPT = 100;

const THREAD = new URL(
  import.meta.url.endsWith('.ts') ? './content-hash-thread.ts' : './content-hash-thread.js',
  import.meta.url,
);

/**
 * The identity of weights: the SHA-256, in hex, of every tensor's name, type, shape and bytes. Names of files, links, how tensors are
 * spread over shards, their order and the files' times make no difference. All bytes are read once, in a thread; the hashes
 * are then kept in the first of `folders` that can be written.
 *
 * @param options.background the process may end before this is done
 * @throws file system errors of the weights
 */
export async function fingerprint(
  components: readonly Component[],
  folders: readonly string[],
  options: { readonly background?: boolean } = {},
): Promise<string> {
  const known = await hashesKept(components, folders);
  const unknown = components.filter((_, i) => known[i] === undefined);
  const keys = await Promise.all(unknown.map(keyOf));
  const hashes = await hashContents(unknown, options.background ?? false, async (index, hash) => {
    // Weights that were replaced meanwhile are another key next time.
    const [key, component] = [keys[index], unknown[index]];
    if (key && component && key === (await keyOf(component))) await keep(folders, key, hash);
  });
  return combined(known.map((hash) => hash ?? hashes.shift() ?? ''));
}

/** The identity of weights if it is known without reading them. */
export async function knownFingerprint(
  components: readonly Component[],
  folders: readonly string[],
): Promise<string | undefined> {
  const hashes = await hashesKept(components, folders);
  return hashes.every((hash) => hash !== undefined) ? combined(hashes) : undefined;
}

function combined(hashes: readonly (string | undefined)[]): string {
  return createHash('sha256').update(hashes.join('\n')).digest('hex');
}

async function hashContents(
  components: readonly Component[],
  background: boolean,
  onHash: (index: number, hash: string) => Promise<void>,
): Promise<string[]> {
  if (components.length === 0) return [];
  const thread = startThread(
    THREAD,
    components.map((component) => component.contents()),
  );
  if (background) thread.unref();
  const hashes: string[] = [];
  let kept = Promise.resolve();
  await new Promise<void>((resolve, reject) => {
    thread.on('message', ({ index, hash }: { index: number; hash: string }) => {
      hashes[index] = hash;
      kept = kept.then(() => onHash(index, hash));
      if (index === components.length - 1) kept.then(resolve, reject);
    });
    thread.on('error', reject);
    thread.on('exit', () => {
      if (hashes.length < components.length) reject(new Error('The thread that reads the weights ended early.'));
    });
  });
  return hashes;
}

type Cache = Record<string, string>;

async function hashesKept(
  components: readonly Component[],
  folders: readonly string[],
): Promise<(string | undefined)[]> {
  const kept: Cache = Object.assign({}, ...(await Promise.all(folders.map(readCache))));
  return Promise.all(components.map(async (component) => kept[await keyOf(component)]));
}

/** Tells whether files were touched, wherever they lie. */
async function keyOf({ files }: Component): Promise<string> {
  const stats = await Promise.all(files.map((file) => stat(file)));
  return stats
    .map(({ ino, size, mtimeMs, ctimeMs }) => `${ino}-${size}-${mtimeMs}-${ctimeMs}`)
    .sort()
    .join(' ');
}

async function readCache(folder: string): Promise<Cache> {
  try {
    const cache: unknown = JSON.parse(await readFile(join(folder, CACHE_NAME), 'utf8'));
    const entries = Object.entries(cache ?? {}).filter(([, hash]) => /^[0-9a-f]{64}$/.test(String(hash)));
    return Object.fromEntries(entries) as Cache;
  } catch {
    return {};
  }
}

/** What cannot be kept is computed again. */
async function keep(folders: readonly string[], key: string, hash: string): Promise<void> {
  for (const folder of folders) {
    try {
      makeFolder(folder);
      const entries = Object.entries(await readCache(folder)).filter(([other]) => other !== key);
      await writeJson(join(folder, CACHE_NAME), Object.fromEntries([...entries, [key, hash]].slice(-KEPT)));
      return;
    } catch {}
  }
}

/** Weights that are read whole before the first picture needs it; larger ones would keep it waiting. */
const SMALL_BYTES = 2 ** 30;

export interface Identity {
  /** {@link fingerprint}; of large weights that were not hashed before, the first of `former`. */
  readonly checkpoint: string;
  /** The fingerprint of large weights, when all of them are read. */
  readonly whole?: Promise<string>;
  /** What the same weights were identified by earlier: {@link sampleFingerprint} by the names of files, and of links to them. */
  readonly former: readonly string[];
}

export interface IdentifyOptions {
  readonly after?: Promise<unknown> | undefined;
  readonly isNew?: boolean;
}

/**
 * Identifies weights without keeping anyone waiting. Hashes that are not known are computed in the background.
 *
 * @param options.waitFor weights of at most so many bytes are read at once. @default 1 GiB
 * @param options.after larger ones are read when this is done. @default at once
 * @param options.isNew nothing knows them by a former hash: none is made of weights that are read at once. @default false
 */
export async function identify(
  components: readonly Component[],
  folders: readonly string[],
  { waitFor = SMALL_BYTES, after, isNew = false }: IdentifyOptions & { readonly waitFor?: number } = {},
): Promise<Identity> {
  const bytes = components.reduce((sum, component) => sum + component.bytes, 0);
  if (isNew && bytes <= waitFor) return { checkpoint: await fingerprint(components, folders), former: [] };
  const files = components.flatMap((component) => component.files);
  const links = await linkNames(components);
  const real = await sampleFingerprint(files);
  const linked = links.size > 0 ? [await sampleFingerprint(files, (path) => links.get(path) ?? basename(path))] : [];
  const former = [real, ...linked];
  const known = await knownFingerprint(components, folders);
  if (known !== undefined) return { checkpoint: known, former };
  if (bytes <= waitFor) return { checkpoint: await fingerprint(components, folders), former };
  const read = () => fingerprint(components, folders, { background: true });
  const whole = after === undefined ? read() : after.then(read, read);
  whole.catch(() => {});
  return { checkpoint: real, former, whole };
}

/** Names that files have in their components' folders, of those that lie elsewhere. */
async function linkNames(components: readonly Component[]): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (const { dir, files } of components) {
    const real = await realpath(dir);
    if (files.every((file) => dirname(file) === real)) continue;
    for (const name of await readdir(dir)) {
      const file = await realpath(join(dir, name)).catch(() => '');
      if (files.includes(file)) names.set(file, name);
    }
  }
  return names;
}

/** Read from each file: its start (where a safetensors header names every tensor) and this many pieces of the rest. */
const HEAD_BYTES = 1 << 20;
const PIECE_BYTES = 4096;
const PIECES = 64;

/**
 * What identified weights before {@link fingerprint} did, and does while that is not known: the SHA-256, in hex, of name, size, header
 * and 64 evenly spread pieces of every file. Takes milliseconds.
 *
 * @param nameOf the name of a file. @default the real one
 */
export async function sampleFingerprint(files: readonly string[], nameOf = basename): Promise<string> {
  const hash = createHash('sha256');
  for (const path of files) {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      hash.update(`${nameOf(path)} ${size}\n`);
      hash.update(await piece(file, 0, Math.min(size, HEAD_BYTES)));
      for (let i = 0; i < PIECES && size > HEAD_BYTES; i += 1) {
        const at = HEAD_BYTES + Math.floor(((size - HEAD_BYTES) * i) / PIECES);
        hash.update(await piece(file, at, Math.min(PIECE_BYTES, size - at)));
      }
    } finally {
      await file.close();
    }
  }
  return hash.digest('hex');
}

async function piece(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
