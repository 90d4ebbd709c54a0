import { commandOutput } from '../../system/command-output.ts';
import type { FreeMemory } from './host-memory.ts';

/** Runs `nvidia-smi`; its output, or `null` where there is none. Replaced in tests. */
export type NvidiaSmi = (args: readonly string[]) => string | null;

export const nvidiaSmi: NvidiaSmi = (args) => commandOutput('nvidia-smi', args, 5000);

/** How the driver's own tool calls a device that CUDA numbers so; with CUDA_VISIBLE_DEVICES, the position in that list. */
export function visibleDevice(device = 0, visible = process.env.CUDA_VISIBLE_DEVICES): string {
  return visible?.split(',')[device]?.trim() || String(device);
}

/**
 * Free memory of a CUDA device, or `null` if the driver's own tool does not report it.
 */
export function cudaMemory(
  device = 0,
  smi: NvidiaSmi = nvidiaSmi,
  visible = process.env.CUDA_VISIBLE_DEVICES,
): FreeMemory | null {
  const id = visibleDevice(device, visible);
  const text = smi([`--id=${id}`, '--query-gpu=memory.free', '--format=csv,noheader,nounits']);
  const mebibytes = Number.parseInt(text ?? '', 10);
  return Number.isFinite(mebibytes) ? { bytes: mebibytes * 2 ** 20, of: `CUDA device ${id}` } : null;
}

/** Numbers of the CUDA devices, as `cudaMemory` takes them; empty if the driver's own tool does not report them. */
export function cudaDevices(smi: NvidiaSmi = nvidiaSmi, visible = process.env.CUDA_VISIBLE_DEVICES): readonly number[] {
  const listed = visible?.trim() || smi(['--query-gpu=index', '--format=csv,noheader'])?.trim().replaceAll('\n', ',');
  return (listed || '').split(',').flatMap((id, index) => (id.trim() === '' ? [] : index));
}
