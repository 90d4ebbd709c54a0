import { type FileHandle, open, stat } from 'node:fs/promises';
import { isDiskFull } from '../../system/disk.ts';
import { OperatorError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { Component, LocatedTensor, Prepared } from '../checkpoint/checkpoint.ts';
import {
  columnsOf,
  type Factor,
  outputsOf,
  type PreparedTensor,
  type RecipePart,
  type WeightRecipe,
} from '../checkpoint/weight-recipe.ts';
import { toFloats } from '../math/number-formats.ts';
import { size as elements } from '../math/tensor.ts';
import { convert, type Rows, type Source } from './convert.ts';
import { type DerivedFileOptions, makeOnce, readFully, writeDerivedFile } from './derived-file.ts';
import { describeSources, hashRecipes, openPrepared, type PreparedRecord, preparedFile } from './prepared.ts';
import { Products } from './products.ts';

/** Bytes of one tensor that are read at a time. */
const PIECE_BYTES = 8 * 2 ** 20;
const BYTES = { F32: 4, F16: 2, I8: 1 };

/**
 * Writes the weights that graphs over `planned` asked for beside its checkpoint, one tensor after the other: memory stays at the largest
 * 8-bit weight, or kernel that is reordered, and a few pieces of 8 MiB. The file appears under its name only when it is whole; a stopped run
 * is continued by the next one. One process at a time prepares a component; the others wait and find it done.
 *
 * @throws OperatorError `weight_not_finite`, `weight_too_large`, `disk_full`, `prepared_not_writable`
 */
export async function prepare(planned: Component, options: DerivedFileOptions = {}): Promise<Prepared> {
  const file = preparedFile(planned);
  const finished = async () => (await openPrepared(planned)) ?? undefined;
  try {
    return await makeOnce(file, options.signal, finished, async () => {
      await write(planned, file, options);
      const made = await openPrepared(planned);
      if (!made)
        throw new OperatorError('checkpoint_changed', () =>
          t('The checkpoint {dir} changed while it was prepared.', { dir: planned.dir }),
        );
      return made;
    });
  } catch (error) {
    throw explain(error, planned);
  }
}

async function write(planned: Component, file: string, options: DerivedFileOptions): Promise<void> {
  const recipes = hashRecipes(planned.recipes);
  const sources = await describeSources(planned);
  const { header, offsets, size } = layOut(planned.recipes);
  const reader = new Reader(planned);
  const products = new Products();
  async function* pieces(recipe: WeightRecipe, isFirst: boolean) {
    if (isFirst) yield { at: 0, bytes: header };
    for await (const { name, offset, bytes } of convert(recipe, reader, products.multiply)) {
      yield { at: (offsets.get(name) ?? 0) + offset, bytes };
    }
  }
  const all = planned.recipes.map((recipe, i) => ({ done: i + 1, pieces: () => pieces(recipe, i === 0) }));
  const derived = {
    ...{ file, size, total: all.length },
    key: JSON.stringify([recipes, sources]),
    parts: (done: number) => all.slice(done),
  };
  try {
    await writeDerivedFile(derived, options, async (sha256) => {
      const { mtimeMs } = await stat(file);
      return { recipes, sources, size, mtimeMs, sha256 } satisfies PreparedRecord;
    });
  } finally {
    await Promise.all([reader.close(), products.release()]);
  }
}

/** Reads tensors of a checkpoint by rows. */
class Reader implements Source {
  readonly #component: Component;
  readonly #files = new Map<string, FileHandle>();

  constructor(component: Component) {
    this.#component = component;
  }

  async *rows({ from, shape, order }: RecipePart): AsyncGenerator<Rows> {
    if (order) {
      yield { first: 0, data: reordered(await this.whole({ from, shape }), shape, order.axes) };
      return;
    }
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

  async whole({ from, shape }: Factor): Promise<Float32Array> {
    const entry = this.#component.tensor(from, shape);
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
    await readFully(file, entry.file, entry.offset + from, bytes);
    return toFloats(dtype, bytes.buffer);
  }
}

/** A tensor with its dimensions in the order of `axes`. */
function reordered(data: Float32Array, shape: readonly number[], axes: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => elements(shape.slice(axis + 1)));
  const result = new Float32Array(data.length);
  let at = 0;
  const walk = (depth: number, from: number) => {
    const axis = axes[depth];
    if (axis === undefined) {
      result[at] = data[from] ?? 0;
      at += 1;
      return;
    }
    const [length = 1, stride = 1] = [shape[axis], strides[axis]];
    for (let i = 0; i < length; i += 1) walk(depth + 1, from + i * stride);
  };
  walk(0, 0);
  return result;
}

interface Layout {
  readonly header: Uint8Array;
  /** Byte in the file, by tensor. */
  readonly offsets: ReadonlyMap<string, number>;
  readonly size: number;
}

/** Header and places of a safetensors file; wide numbers first, so that all are aligned. */
function layOut(recipes: readonly WeightRecipe[]): Layout {
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

function explain(error: unknown, { dir, precision }: Component): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (isDiskFull(error)) {
    return new OperatorError(
      'disk_full',
      () => t('The disk of {dir} is full: {precision} weights could not be prepared.', { dir, precision }),
      {
        hint: () => t('Free some space, or use precision fp32, which needs none.'),
        cause: error,
      },
    );
  }
  if (/^(EACCES|EPERM|EROFS|EEXIST|ENOTDIR|SQLITE_CANTOPEN|SQLITE_READONLY)/.test(code ?? '')) {
    return new OperatorError(
      'prepared_not_writable',
      () => t('Cannot write {precision} weights into {dir} ({code}).', { precision, dir, code: code ?? '' }),
      {
        hint: () => t('Make the model folder writable for one start, or use precision fp32.'),
        cause: error,
      },
    );
  }
  return error;
}
