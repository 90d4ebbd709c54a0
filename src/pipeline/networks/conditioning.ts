import type { Adapter } from '../lora/adapter.ts';
import { concatRows, isSameTensor, pickTensorRows, type Tensor } from '../math/tensor.ts';

type Named = Readonly<Record<string, Tensor>>;

/** What a network sees at every step of a picture. */
export interface Conditioning {
  readonly rows: number;
  /** Row i of each tensor belongs to row i of the batch. */
  readonly perRow: Named;
  readonly shared: Named;
  /** The network's when this was made; the steps use it, too. */
  readonly adapter: Adapter | null;
}

/** The given rows of a batch, as a batch. */
export function pickRows({ perRow, ...rest }: Conditioning, indices: readonly number[]): Conditioning {
  const picked = Object.entries(perRow).map(([name, tensor]) => [name, pickTensorRows(tensor, indices)] as const);
  return { ...rest, rows: indices.length, perRow: Object.fromEntries(picked) };
}

/** The rows of several batches that differ in nothing else, as one batch. */
export function joinRows(batches: readonly Conditioning[]): Conditioning {
  const [first] = batches;
  if (!first) throw new RangeError('Expected at least one conditioning to join.');
  const names = Object.keys(first.perRow);
  const joined = (name: string) => concatRows(batches.flatMap(({ perRow }) => perRow[name] ?? []));
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0);
  return { ...first, rows, perRow: Object.fromEntries(names.map((name) => [name, joined(name)])) };
}

export function isSameConditioning(a: Conditioning, b: Conditioning): boolean {
  return a === b || (isSameShared(a, b) && areSame(a.perRow, b.perRow));
}

/** Whether two differ in their rows alone. */
export function isSameShared(a: Conditioning, b: Conditioning): boolean {
  return a.adapter?.id === b.adapter?.id && areSame(a.shared, b.shared);
}

function areSame(one: Named, other: Named): boolean {
  return Object.entries(one).every(([name, tensor]) => isSameTensor(tensor, other[name]));
}
