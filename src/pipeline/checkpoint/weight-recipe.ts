import { size } from '../math/tensor.ts';

/**
 * How the weights of a network are kept and multiplied. `fp16`: linear layers in 16 bits; norms, their sums, the
 * residual stream and the timestep embedding in 32. `int8`: the linear layers inside blocks with 8-bit weights, one scale
 * for each output, and activations quantised token by token, as they come; all else in 32 bits.
 */
export type Precision = 'fp32' | 'fp16' | 'int8';
export const PRECISIONS: readonly Precision[] = ['fp32', 'fp16', 'int8'];

/**
 * A matrix that is computed once from tensors of the checkpoint, and written beside it. `int8` is written transposed, with a
 * scale for each row in `<name>.scale`.
 */
export interface WeightRecipe {
  /** In the prepared file. */
  readonly name: string;
  readonly as: 'f32' | 'f16' | 'int8';
  /** Rows of one follow those of the other. */
  readonly parts: readonly RecipePart[];
}

/** Rows that one tensor of the checkpoint gives, seen as a matrix of its first dimension and all others. */
export interface RecipePart {
  /** In the checkpoint, with the shape that it must have. */
  readonly from: string;
  readonly shape: readonly number[];
  /** The order that its dimensions are brought into first, and the rows of the matrix that this gives. @default as they are */
  readonly order?: { readonly axes: readonly number[]; readonly rows: number };
  /** What each row is made of, side by side. */
  readonly row: readonly RowPiece[];
}

export interface RowPiece {
  /** Columns that are taken: from (inclusive), to (exclusive). */
  readonly columns: readonly [number, number];
  /** What they are multiplied with, in float32: a tensor of the checkpoint, read as a matrix of as many rows as there are columns. */
  readonly times?: Factor;
}

export interface Factor {
  readonly from: string;
  readonly shape: readonly number[];
}

/** One tensor of the prepared file. */
export interface PreparedTensor {
  readonly name: string;
  readonly dtype: 'F32' | 'F16' | 'I8';
  readonly shape: readonly number[];
}

export const scaleOf = (name: string): string => `${name}.scale`;

/** What a recipe writes. */
export function outputsOf({ name, as, parts }: WeightRecipe): PreparedTensor[] {
  const [only] = parts;
  const rows = parts.reduce((sum, part) => sum + rowsOf(part), 0);
  const width = only ? widthOf(only) : 0;
  if (as === 'int8') {
    return [
      { name, dtype: 'I8', shape: [width, rows] },
      { name: scaleOf(name), dtype: 'F32', shape: [rows] },
    ];
  }
  const shape = only && parts.length === 1 && isWhole(only) ? only.shape : [rows, width];
  return [{ name, dtype: as === 'f16' ? 'F16' : 'F32', shape }];
}

/** Whether a part is its tensor as it is. */
export function isWhole({ shape, order, row }: RecipePart): boolean {
  const [piece] = row;
  if (order || !piece || row.length > 1 || piece.times) return false;
  return piece.columns[1] - piece.columns[0] === columnsOf(shape);
}

/** Rows that a part gives. */
export function rowsOf({ shape, order }: RecipePart): number {
  return order?.rows ?? shape[0] ?? 0;
}

/** Columns that a part gives. */
export function widthOf({ row }: RecipePart): number {
  return row.reduce((sum, piece) => sum + pieceWidth(piece), 0);
}

export function pieceWidth({ columns: [from, to], times }: RowPiece): number {
  return times ? size(times.shape) / (to - from) : to - from;
}

/** The tensors of the checkpoint that a part is computed from. */
export function sourcesOf({ from, shape, row }: RecipePart): Factor[] {
  return [{ from, shape }, ...row.flatMap(({ times }) => (times ? [times] : []))];
}

/** Columns of a tensor seen as a matrix. */
export function columnsOf(shape: readonly number[]): number {
  return size(shape.slice(1));
}
