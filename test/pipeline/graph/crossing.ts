import type { Dim, DType, GraphParts, Value } from '../../../src/pipeline/graph/graph-parts.ts';

const WIDTHS: Readonly<Record<DType, number>> = { f32: 4, f16: 2, bf16: 2, i64: 8, i32: 4, u8: 1, i8: 1, bool: 1 };

/** Numbers for the names of dimensions, e.g. `{ b: 2, t: 77 }`. */
export type Sizes = Readonly<Record<string, number>>;

/** Bytes of inputs and outputs that a run copies between host and device. */
export interface Crossing {
  readonly toDevice: number;
  readonly toHost: number;
}

/**
 * What crosses in one run of a graph that is computed on a GPU.
 *
 * @param sizes of all dimensions of its inputs and outputs; products of them follow
 * @param stays names of inputs and outputs that lie on the device before or after
 */
export function crossing(
  { inputs, outputs }: Pick<GraphParts, 'inputs' | 'outputs'>,
  sizes: Sizes,
  stays: ReadonlySet<string> = new Set(),
): Crossing {
  const sum = (values: readonly Value[]) =>
    values.reduce((total, value) => total + (stays.has(value.name) ? 0 : bytesOf(value, sizes)), 0);
  return { toDevice: sum(inputs), toHost: sum(outputs) };
}

/** @throws RangeError for a dimension that `sizes` does not name */
export function bytesOf({ name, dtype, shape }: Value, sizes: Sizes): number {
  const factors = shape.flatMap((dim): Dim[] => (typeof dim === 'string' ? dim.split('*') : [dim]));
  return factors.reduce<number>((bytes, factor) => {
    const size = typeof factor === 'number' ? factor : sizes[factor];
    if (size === undefined) throw new RangeError(`Expected a size for "${factor}" of ${name} [${shape}].`);
    return bytes * size;
  }, WIDTHS[dtype]);
}
