import type { Adapter } from '../lora/adapter.ts';
import { isSameTensor, pickTensorRows, type Tensor } from '../math/tensor.ts';

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

export function isSameConditioning(a: Conditioning, b: Conditioning): boolean {
  if (a === b) return true;
  const areSame = (one: Named, other: Named) =>
    Object.entries(one).every(([name, tensor]) => isSameTensor(tensor, other[name]));
  return a.adapter?.id === b.adapter?.id && areSame(a.perRow, b.perRow) && areSame(a.shared, b.shared);
}
