import { OperatorError } from '../../system/errors.ts';
import { columnsOf, scaleOf, type WeightRecipe } from '../checkpoint/weight-recipe.ts';
import { floatToHalf } from '../math/number-formats.ts';

/** Rows of a tensor of the checkpoint, as float32 [rows, columns]. */
export interface Rows {
  readonly first: number;
  readonly data: Float32Array;
}

/** Bytes of the prepared file: of the tensor `name`, from `offset` on. */
export interface Written {
  readonly name: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Largest magnitude of an 8-bit weight; −128 stays unused, so that weights are symmetric. */
const INT8_MAX = 127;

/**
 * Carries out a recipe row by row.
 *
 * @param right the small matrix of a `product`, [columns taken, M]
 * @throws OperatorError `weight_not_finite`, `weight_too_large`
 */
export async function* convert(
  recipe: WeightRecipe,
  rows: AsyncIterable<Rows>,
  right: Float32Array | null,
): AsyncGenerator<Written> {
  const [from, to] = recipe.columns;
  const width = to - from;
  const count = recipe.shape[0] ?? 0;
  const whole = recipe.as === 'int8' ? { weight: new Int8Array(width * count), scale: new Float32Array(count) } : null;
  for await (const { first, data } of rows) {
    const part = cut(data, columnsOf(recipe.shape), from, to);
    if (!allFinite(part)) throw notFinite(recipe);
    const offset = (elements: number, size: number) => first * elements * size;
    switch (recipe.as) {
      case 'f32':
        yield { name: recipe.name, offset: offset(width, 4), bytes: bytesOf(part) };
        break;
      case 'f16':
        yield { name: recipe.name, offset: offset(width, 2), bytes: bytesOf(toHalf(recipe, part)) };
        break;
      case 'product': {
        const m = (right?.length ?? 0) / width;
        yield { name: recipe.name, offset: offset(m, 4), bytes: bytesOf(multiply(part, right ?? part, width, m)) };
        break;
      }
      case 'int8':
        if (whole) quantise(part, width, first, count, whole);
    }
  }
  if (!whole) return;
  yield { name: recipe.name, offset: 0, bytes: bytesOf(whole.weight) };
  yield { name: scaleOf(recipe.name), offset: 0, bytes: bytesOf(whole.scale) };
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

/** Zero times any finite number is 0. */
function allFinite(data: Float32Array): boolean {
  let zero = 0;
  for (let i = 0; i < data.length; i += 1) zero += (data[i] ?? 0) * 0;
  return zero === 0;
}

function toHalf(recipe: WeightRecipe, data: Float32Array): Uint16Array {
  const halves = new Uint16Array(data.length);
  for (let i = 0; i < data.length; i += 1) {
    const half = floatToHalf(data[i] ?? 0);
    if ((half & 0x7c00) === 0x7c00) {
      throw new OperatorError(
        'weight_too_large',
        `Tensor "${recipe.from}" holds ${data[i]}, but 16 bits end at 65504.`,
        {
          hint: 'Use precision fp32 for this checkpoint.',
        },
      );
    }
    halves[i] = half;
  }
  return halves;
}

/** Each row of [rows, width] becomes a column of 8-bit numbers with a scale of its own. */
function quantise(
  data: Float32Array,
  width: number,
  first: number,
  count: number,
  into: { readonly weight: Int8Array; readonly scale: Float32Array },
): void {
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

/** [rows, width] · [width, m], summed in float64. */
function multiply(left: Float32Array, right: Float32Array, width: number, m: number): Float32Array {
  const rows = left.length / width;
  const result = new Float32Array(rows * m);
  const sums = new Float64Array(m);
  for (let row = 0; row < rows; row += 1) {
    sums.fill(0);
    for (let k = 0; k < width; k += 1) {
      const value = left[row * width + k] ?? 0;
      for (let j = 0; j < m; j += 1) sums[j] = (sums[j] ?? 0) + value * (right[k * m + j] ?? 0);
    }
    result.set(sums, row * m);
  }
  return result;
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function notFinite({ from }: WeightRecipe): OperatorError {
  return new OperatorError('weight_not_finite', `Tensor "${from}" holds numbers that are not finite.`, {
    hint: 'The checkpoint is damaged: run "wuerst models verify", then pull it again.',
  });
}
