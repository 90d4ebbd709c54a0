import { Option } from 'commander';
import { PROVIDERS } from '../pipeline/runtime/providers.ts';

/** Options of every command that computes in the terminal. */
export const modelOption = (): Option =>
  new Option('--model <folder>', 'model folder; the one chosen with "wuerst models use" otherwise');

export const providerOption = (): Option =>
  new Option('--provider <name>', 'where to compute')
    .choices(['auto', ...PROVIDERS])
    .default('auto')
    .env('WUERST_PROVIDER');

export const deviceOption = (): Option =>
  new Option('--device <number>', 'which GPU CUDA computes on').env('WUERST_DEVICE');

export const threadsOption = (): Option => new Option('--threads <count>', 'processor threads; all otherwise');
