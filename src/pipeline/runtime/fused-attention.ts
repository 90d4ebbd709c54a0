import { commandOutput } from '../../system/command-output.ts';
import type { Provider } from './providers.ts';

/**
 * Whether the attention operator keeps its matrix of scores (heads × positions²: 10.8 GB in one layer of Stage B at
 * 2048×2048) in pieces by itself. WebGPU's and CUDA's do. The CPU's does if it knows the size of the second-level
 * cache, which the C library tells it; on Linux, ARM processors often keep it to themselves.
 *
 * @param l2 bytes of that cache, 0 if unknown
 */
export function attendsInPieces(provider: Provider, env: NodeJS.ProcessEnv = process.env, l2 = cacheBytes): boolean {
  if (provider !== 'cpu') return true;
  return env.ORT_DISABLE_FLASH_ATTENTION !== '1' && l2() > 0;
}

function cacheBytes(): number {
  // Elsewhere onnxruntime asks the system, which knows it; x64 processors report it themselves.
  if (process.platform !== 'linux' || process.arch === 'x64') return 1;
  return Number.parseInt(commandOutput('getconf', ['LEVEL2_CACHE_SIZE']) ?? '', 10) || 0;
}
