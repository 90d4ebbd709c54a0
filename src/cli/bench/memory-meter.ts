import type { Provider } from '../../pipeline/index.ts';
import { commandOutput } from '../../system/command-output.ts';

export interface MemoryMeter {
  /** Notes the memory in use now; call it often. */
  look(): void;
  most(): { readonly hostBytes: number; readonly gpuBytes: number | null };
}

const MEBIBYTE = 2 ** 20;
/** Asking about the GPU starts a program, which would be too slow for every call. */
const GPU_EVERY_MS = 1000;

/** The memory of this process on the host, and on a CUDA device where `nvidia-smi` knows it. */
export function memoryMeter(provider: Provider, device: number | undefined): MemoryMeter {
  let hostBytes = 0;
  let gpuBytes: number | null = null;
  let asked = Number.NEGATIVE_INFINITY;
  const look = () => {
    hostBytes = Math.max(hostBytes, process.memoryUsage.rss());
    if (provider !== 'cuda' || performance.now() - asked < GPU_EVERY_MS) return;
    asked = performance.now();
    const used = usedOnGpu(device);
    if (used !== null) gpuBytes = Math.max(gpuBytes ?? 0, used);
  };
  return { look, most: () => ({ hostBytes, gpuBytes }) };
}

/** Bytes of this process, or `null` where `nvidia-smi` is missing or does not know. */
function usedOnGpu(device = 0): number | null {
  const query = ['--query-compute-apps=pid,used_memory', '--format=csv,noheader,nounits', `--id=${device}`];
  for (const line of commandOutput('nvidia-smi', query, 5000)?.split('\n') ?? []) {
    const [pid, used] = line.split(',').map(Number);
    if (pid === process.pid && used !== undefined && Number.isFinite(used)) return used * MEBIBYTE;
  }
  return null;
}
