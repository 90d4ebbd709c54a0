import { type NvidiaSmi, nvidiaSmi } from './device-memory.ts';
import { ownMemory } from './host-memory.ts';
import type { Provider } from './providers.ts';

/** Bytes that this process takes where a provider computes; `null` if nobody says. */
export type MeasureTaken = () => number | null;

export function takenOn(provider: Provider, smi: NvidiaSmi = nvidiaSmi): MeasureTaken {
  if (provider === 'cpu') return () => ownMemory();
  // WebGPU has no question for it.
  return provider === 'cuda' ? () => cudaTaken(smi) : () => null;
}

/** In a container the driver's tool may not know this process by its own number. */
function cudaTaken(smi: NvidiaSmi): number | null {
  const lines = (smi(['--query-compute-apps=pid,used_memory', '--format=csv,noheader,nounits']) ?? '').split('\n');
  const own = lines.map((line) => line.split(',').map(Number)).filter(([pid]) => pid === process.pid);
  const mebibytes = own.reduce((sum, [, used = Number.NaN]) => sum + used, 0);
  return own.length > 0 && Number.isFinite(mebibytes) ? mebibytes * 2 ** 20 : null;
}
