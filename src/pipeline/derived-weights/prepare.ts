import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkSpace, isDiskFull } from '../../system/disk.ts';
import { OperatorError } from '../../system/errors.ts';
import { hashFile } from '../../system/file-hash.ts';
import { withFolderLock } from '../../system/file-lock.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { writeAll } from '../../system/write-all.ts';
import { writeJson } from '../../system/write-json.ts';
import type { Component, LocatedTensor, Prepared } from '../checkpoint/checkpoint.ts';
import { columnsOf, outputsOf, type PreparedTensor, type Recipe } from '../checkpoint/weight-recipe.ts';
import { z } from '../checkpoint/zod-mini.ts';
import { toFloats } from '../math/number-formats.ts';
import { size as elements } from '../math/tensor.ts';
import { convert, type Rows } from './convert.ts';
import { describeSources, hashRecipes, openPrepared, preparedFile } from './prepared.ts';

export interface PrepareOptions {
  readonly signal?: AbortSignal | undefined;
  /** Recipes that are carried out, of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Bytes that can be written at a path. @default those of the file system */
  readonly freeBytes?: ((path: string) => Promise<number>) | undefined;
}

/** Bytes of one tensor that are read at a time. */
const PIECE_BYTES = 8 * 2 ** 20;
/** After so many new bytes they are forced to the disk and written down as safe to go on from. */
const SAFE_BYTES = 256 * 2 ** 20;
const BYTES = { F32: 4, F16: 2, I8: 1 };
const stateSchema = z.object({ key: z.string(), done: z.int() });

/**
 * Writes the weights that graphs over `planned` asked for beside its checkpoint, one tensor after the other: memory stays at the largest
 * 8-bit weight and a few pieces of 8 MiB. The file appears under its name only when it is whole; a run that was
 * stopped is gone on with by the next one. One process at a time prepares a component, others wait and find it done.
 *
 * @throws OperatorError `weight_not_finite`, `weight_too_large`, `disk_full`, `prepared_not_writable`
 */
export async function prepare(planned: Component, options: PrepareOptions = {}): Promise<Prepared> {
  const file = preparedFile(planned);
  try {
    makeFolder(dirname(file));
    return await withFolderLock(file, { waitMs: Number.POSITIVE_INFINITY, signal: options.signal }, async () => {
      const finished = await openPrepared(planned);
      if (finished) return finished;
      await write(planned, file, options);
      const made = await openPrepared(planned);
      if (!made) throw new OperatorError('checkpoint_changed', `${planned.dir} changed while it was prepared`);
      return made;
    });
  } catch (error) {
    throw explain(error, planned);
  }
}

async function write(planned: Component, file: string, options: PrepareOptions): Promise<void> {
  const { signal, onProgress, freeBytes } = options;
  const { recipes } = planned;
  const sources = await describeSources(planned);
  const layout = layOut(recipes);
  const part = `${file}.part`;
  const key = JSON.stringify([hashRecipes(recipes), sources]);
  const resumed = await resume(part, key);
  await checkSpace(dirname(file), layout.size - ((await sizeOf(part)) ?? 0), freeBytes);
  const reader = new Reader(planned);
  const out = await open(part, resumed > 0 ? 'r+' : 'w');
  let done = resumed;
  const keepState = async () => {
    await out.datasync();
    await writeJson(`${part}.json`, { key, done });
  };
  try {
    if (resumed === 0) await writeAll(out, layout.header, 0);
    let fresh = 0;
    for (const recipe of recipes.slice(resumed)) {
      signal?.throwIfAborted();
      const right = recipe.right ? await reader.whole(recipe.right.from, recipe.right.shape) : null;
      for await (const { name, offset, bytes } of convert(recipe, reader.rows(recipe), right)) {
        await writeAll(out, bytes, (layout.offsets.get(name) ?? 0) + offset);
        fresh += bytes.length;
      }
      done += 1;
      onProgress?.(done, recipes.length);
      if (fresh >= SAFE_BYTES) {
        await keepState();
        fresh = 0;
      }
    }
    await out.sync();
  } catch (error) {
    // Of a bad checkpoint nothing can be kept, and a full disk gets the room back. Else what is written so far is right.
    const useless = error instanceof OperatorError || isDiskFull(error);
    if (!useless) await keepState().catch(() => {});
    await out.close();
    if (useless) await discard(part);
    throw error;
  } finally {
    await reader.close();
  }
  await out.close();
  const { sha256 } = await hashFile(part, layout.size, signal);
  await rename(part, file);
  // The record last: a file without one counts as not made, but an old one must never get a new record.
  const { mtimeMs } = await stat(file);
  await writeJson(`${file}.json`, { recipes: hashRecipes(recipes), sources, size: layout.size, mtimeMs, sha256 });
  await rm(`${part}.json`, { force: true });
}

/** Reads tensors of a checkpoint by rows. */
class Reader {
  readonly #component: Component;
  readonly #files = new Map<string, FileHandle>();

  constructor(component: Component) {
    this.#component = component;
  }

  async *rows({ from, shape }: Recipe): AsyncGenerator<Rows> {
    const entry = this.#component.tensor(from, shape);
    const columns = columnsOf(shape);
    const bytes = entry.length / elements(shape);
    const rowsAtOnce = Math.max(1, Math.floor(PIECE_BYTES / (columns * bytes)));
    const rows = shape[0] ?? 0;
    for (let first = 0; first < rows; first += rowsAtOnce) {
      const count = Math.min(rowsAtOnce, rows - first);
      yield { first, data: await this.#floats(entry, first * columns * bytes, count * columns * bytes) };
    }
  }

  async whole(name: string, shape: readonly number[]): Promise<Float32Array> {
    const entry = this.#component.tensor(name, shape);
    return this.#floats(entry, 0, entry.length);
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await file.close();
  }

  async #floats(entry: LocatedTensor, from: number, length: number): Promise<Float32Array> {
    const { dtype } = entry;
    if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16') throw this.#component.unusableDtype(entry);
    const file = this.#files.get(entry.file) ?? (await open(entry.file, 'r'));
    this.#files.set(entry.file, file);
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await file.read(bytes, done, length - done, entry.offset + from + done);
      if (bytesRead === 0) {
        throw new OperatorError('checkpoint_truncated', `${entry.file} got shorter while it was read`);
      }
      done += bytesRead;
    }
    return toFloats(dtype, bytes.buffer);
  }
}

interface Layout {
  readonly header: Uint8Array;
  /** Byte in the file, by tensor. */
  readonly offsets: ReadonlyMap<string, number>;
  readonly size: number;
}

/** Header and places of a safetensors file; wide numbers first, so that all are aligned. */
function layOut(recipes: readonly Recipe[]): Layout {
  const width = ({ dtype }: PreparedTensor) => BYTES[dtype];
  const tensors = recipes.flatMap(outputsOf).sort((a, b) => width(b) - width(a));
  const entries: Record<string, unknown> = {};
  let at = 0;
  const starts = new Map<string, number>();
  for (const tensor of tensors) {
    const end = at + elements(tensor.shape) * width(tensor);
    entries[tensor.name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [at, end] };
    starts.set(tensor.name, at);
    at = end;
  }
  const json = Buffer.from(JSON.stringify(entries));
  const header = Buffer.alloc(Math.ceil((8 + json.length) / 64) * 64, ' ');
  header.writeBigUInt64LE(BigInt(header.length - 8));
  json.copy(header, 8);
  const offsets = new Map([...starts].map(([name, start]) => [name, header.length + start]));
  return { header, offsets, size: header.length + at };
}

async function resume(part: string, key: string): Promise<number> {
  try {
    const state = stateSchema.parse(JSON.parse(await readFile(`${part}.json`, 'utf8')));
    return state.key === key && (await sizeOf(part)) !== undefined ? state.done : 0;
  } catch {
    // No state, or a damaged one: begin anew.
    return 0;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}

async function discard(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(`${part}.json`, { force: true });
}

function explain(error: unknown, { dir, precision }: Component): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (isDiskFull(error)) {
    return new OperatorError('disk_full', `the disk of ${dir} is full: ${precision} weights could not be prepared`, {
      hint: 'Free some space, or use precision fp32, which needs none.',
      cause: error,
    });
  }
  if (/^(EACCES|EPERM|EROFS|EEXIST|ENOTDIR|SQLITE_CANTOPEN|SQLITE_READONLY)/.test(code ?? '')) {
    return new OperatorError('prepared_not_writable', `cannot write ${precision} weights into ${dir} (${code})`, {
      hint: 'Make the model folder writable for one start, or use precision fp32.',
      cause: error,
    });
  }
  return error;
}
