import { size } from '../math/tensor.ts';

/**
 * How the weights of a network are kept and multiplied. `fp16`: linear layers in 16 bits; norms, their sums, the
 * residual stream and the timestep embedding in 32. `int8`: the linear layers inside blocks with 8-bit weights, one scale
 * for each output, and activations quantised token by token, as they come; all else in 32 bits.
 */
export type Precision = 'fp32' | 'fp16' | 'int8';
export const PRECISIONS: readonly Precision[] = ['fp32', 'fp16', 'int8'];

/**
 * A tensor that is computed once from one of the checkpoint's, seen as a matrix of rows (its first dimension) and columns
 * (all others), and written beside the checkpoint.
 */
export interface WeightRecipe {
  /** In the prepared file. */
  readonly name: string;
  /** Tensor of the checkpoint, with the shape that it must have. */
  readonly from: string;
  readonly shape: readonly number[];
  /** Columns that are taken: from (inclusive), to (exclusive). */
  readonly columns: readonly [number, number];
  /**
   * `f32`, `f16`: the columns, in that type. `int8`: the columns, transposed, with a scale for each row in
   * `<name>.scale`. `product`: the columns times the small matrix `right`, in float32.
   */
  readonly as: 'f32' | 'f16' | 'int8' | 'product';
  readonly right?: { readonly from: string; readonly shape: readonly number[] };
}

/** One tensor of the prepared file. */
export interface PreparedTensor {
  readonly name: string;
  readonly dtype: 'F32' | 'F16' | 'I8';
  readonly shape: readonly number[];
}

export const scaleOf = (name: string): string => `${name}.scale`;

/** What a recipe writes. */
export function outputsOf({ name, shape, columns, as, right }: WeightRecipe): PreparedTensor[] {
  const [rows = 0, ...rest] = shape;
  const width = columns[1] - columns[0];
  const whole = width === columnsOf(shape);
  switch (as) {
    case 'int8':
      return [
        { name, dtype: 'I8', shape: [width, rows] },
        { name: scaleOf(name), dtype: 'F32', shape: [rows] },
      ];
    case 'product':
      return [{ name, dtype: 'F32', shape: [rows, size(right?.shape ?? []) / width] }];
    default:
      return [{ name, dtype: as === 'f16' ? 'F16' : 'F32', shape: whole ? [rows, ...rest] : [rows, width] }];
  }
}

/** Columns of a tensor seen as a matrix. */
export function columnsOf(shape: readonly number[]): number {
  return size(shape.slice(1));
}
