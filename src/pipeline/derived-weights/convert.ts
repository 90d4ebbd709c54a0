import { OperatorError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import {
  type Factor,
  outputsOf,
  pieceWidth,
  type RecipePart,
  rowsOf,
  scaleOf,
  type WeightRecipe,
  widthOf,
} from '../checkpoint/weight-recipe.ts';
import { floatToHalf } from '../math/number-formats.ts';
import { size } from '../math/tensor.ts';

/** Rows of a matrix, as float32 [rows, columns]. */
export interface Rows {
  readonly first: number;
  readonly data: Float32Array;
}

/** Where the tensors of the checkpoint are read, as float32. */
export interface Source {
  /** The matrix that a part's tensor is seen as, some rows at a time. */
  rows(part: RecipePart): AsyncIterable<Rows>;
  whole(tensor: Factor): Promise<Float32Array>;
}

/** [rows, width] · [width, M] */
export type Multiply = (left: Float32Array, right: Float32Array, width: number) => Promise<Float32Array>;

/** Bytes of the prepared file: of the tensor `name`, from `offset` on. */
export interface Written {
  readonly name: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Largest magnitude of an 8-bit weight; −128 stays unused, so that weights are symmetric. */
const INT8_MAX = 127;

/**
 * Carries out a recipe, some rows at a time.
 *
 * @throws OperatorError `weight_not_finite`, `weight_too_large`
 */
export async function* convert(recipe: WeightRecipe, source: Source, multiply: Multiply): AsyncGenerator<Written> {
  const { name, as, parts } = recipe;
  const [output] = outputsOf(recipe);
  const [width, count] = as === 'int8' ? (output?.shape ?? []) : [parts[0] ? widthOf(parts[0]) : 0];
  const whole =
    as === 'int8' ? { weight: new Int8Array((width ?? 0) * (count ?? 0)), scale: new Float32Array(count ?? 0) } : null;
  let before = 0;
  for (const part of parts) {
    for await (const { first, data } of assembled(part, source, multiply)) {
      if (whole) quantise(data, before + first, whole);
      else {
        const numbers = as === 'f16' ? toHalf(part, data) : data;
        const offset = (before + first) * (width ?? 0) * numbers.BYTES_PER_ELEMENT;
        yield { name, offset, bytes: bytesOf(numbers) };
      }
    }
    before += rowsOf(part);
  }
  if (!whole) return;
  yield { name, offset: 0, bytes: bytesOf(whole.weight) };
  yield { name: scaleOf(name), offset: 0, bytes: bytesOf(whole.scale) };
}

/** The rows that a part gives. */
async function* assembled(part: RecipePart, source: Source, multiply: Multiply): AsyncGenerator<Rows> {
  const factors = await Promise.all(
    part.row.map(async ({ times }) => times && finite(times, await source.whole(times))),
  );
  const columns = size(part.shape) / rowsOf(part);
  for await (const { first, data } of source.rows(part)) {
    finite(part, data);
    const pieces: Piece[] = [];
    for (const [i, piece] of part.row.entries()) {
      const [from, to] = piece.columns;
      const taken = cut(data, columns, from, to);
      const factor = factors[i];
      pieces.push({ width: pieceWidth(piece), data: factor ? await multiply(taken, factor, to - from) : taken });
    }
    yield { first, data: besideEachOther(pieces, data.length / columns) };
  }
}

interface Piece {
  readonly width: number;
  readonly data: Float32Array;
}

function besideEachOther(pieces: readonly Piece[], rows: number): Float32Array {
  const [only] = pieces;
  if (only && pieces.length === 1) return only.data;
  const width = pieces.reduce((sum, piece) => sum + piece.width, 0);
  const whole = new Float32Array(rows * width);
  for (let row = 0; row < rows; row += 1) {
    let at = row * width;
    for (const piece of pieces) {
      whole.set(piece.data.subarray(row * piece.width, (row + 1) * piece.width), at);
      at += piece.width;
    }
  }
  return whole;
}

/** Columns `from` to `to` of a matrix. */
function cut(data: Float32Array, columns: number, from: number, to: number): Float32Array {
  if (to - from === columns) return data;
  const width = to - from;
  const rows = data.length / columns;
  const part = new Float32Array(rows * width);
  for (let row = 0; row < rows; row += 1) {
    part.set(data.subarray(row * columns + from, row * columns + to), row * width);
  }
  return part;
}

/** @throws OperatorError `weight_not_finite` */
function finite({ from }: Factor, data: Float32Array): Float32Array {
  // Zero times any finite number is 0.
  let zero = 0;
  for (let i = 0; i < data.length; i += 1) zero += (data[i] ?? 0) * 0;
  if (zero === 0) return data;
  throw new OperatorError(
    'weight_not_finite',
    () => t('Tensor "{from}" holds numbers that are not finite.', { from }),
    {
      hint: () =>
        t('The checkpoint is damaged: run "{command}", then pull it again.', { command: 'wuerst models verify' }),
    },
  );
}

function toHalf({ from }: RecipePart, data: Float32Array): Uint16Array {
  const halves = new Uint16Array(data.length);
  for (let i = 0; i < data.length; i += 1) {
    const half = floatToHalf(data[i] ?? 0);
    if ((half & 0x7c00) === 0x7c00) {
      throw new OperatorError(
        'weight_too_large',
        () => t('Tensor "{from}" holds {value}, but 16 bits end at 65504.', { from, value: data[i] ?? 0 }),
        {
          hint: () => t('Use precision fp32 for this checkpoint.'),
        },
      );
    }
    halves[i] = half;
  }
  return halves;
}

/** Each row of [rows, K] becomes a column of 8-bit numbers [K, N] with a scale of its own [N]. */
function quantise(
  data: Float32Array,
  first: number,
  into: { readonly weight: Int8Array; readonly scale: Float32Array },
): void {
  const count = into.scale.length;
  const width = into.weight.length / count;
  for (let row = 0; row < data.length / width; row += 1) {
    let largest = 0;
    for (let k = 0; k < width; k += 1) {
      const magnitude = Math.abs(data[row * width + k] ?? 0);
      if (magnitude > largest) largest = magnitude;
    }
    // A row of zeros keeps a scale of 1.
    const scale = Math.fround(largest > 0 ? largest / INT8_MAX : 1);
    into.scale[first + row] = scale;
    for (let k = 0; k < width; k += 1) {
      into.weight[k * count + first + row] = Math.round((data[row * width + k] ?? 0) / scale);
    }
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
