import { once } from '../../system/memo.ts';
import type { Adapted } from '../graph/weights.ts';
import type { Adapter } from '../lora/adapter.ts';

/** The graphs of a network without LoRAs, and those for the layers of the adapter that was used last. */
export function adaptedGraphs<T>(
  writePlain: () => T,
  writeAdapted: (layers: Adapted) => T,
): (adapter: Adapter | null) => T {
  const plain = once(writePlain);
  let last: { readonly key: string; readonly graphs: T } | undefined;
  return (adapter) => {
    if (!adapter) return plain();
    if (last?.key !== adapter.key) last = { key: adapter.key, graphs: writeAdapted(adapter.layers) };
    return last.graphs;
  };
}
