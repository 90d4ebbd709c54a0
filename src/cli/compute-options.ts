import { Option } from 'commander';
import { PRECISIONS } from '../pipeline/checkpoint/weight-recipe.ts';
import { MOST_THREADS } from '../pipeline/runtime/host-threads.ts';
import { PROVIDERS } from '../pipeline/runtime/providers.ts';
import { UserError } from '../system/errors.ts';

/** Options of every command that computes in the terminal. */
export const modelOption = (): Option =>
  new Option('--model <model>', 'name of a model, or its folder; the one chosen with "wuerst models use" otherwise');

export const providerOption = (): Option =>
  new Option('--provider <name>', 'where to compute')
    .choices(['auto', ...PROVIDERS])
    .default('auto')
    .env('WUERST_PROVIDER');

export const precisionOption = (what: string): Option =>
  new Option('--precision <name>', what)
    .choices(['auto', ...PRECISIONS])
    .default('auto')
    .env('WUERST_PRECISION');

export const deviceOption = (): Option =>
  new Option('--device <number>', 'which GPU CUDA computes on').env('WUERST_DEVICE').argParser(Number);

export const readThreads = count('--threads or WUERST_THREADS', MOST_THREADS);

export const threadsOption = (): Option =>
  new Option('--threads <count>', 'processor threads; one for each processor, within the CPU quota, otherwise')
    .env('WUERST_THREADS')
    .argParser(readThreads);

/** Reads a whole number from 1 to `most`. */
export function count(option: string, most: number): (typed: string) => number {
  return (typed) => {
    const number = Number(typed);
    if (/^\d+$/.test(typed) && number >= 1 && number <= most) return number;
    throw new UserError('count_invalid', `Expected ${option} to be a whole number from 1 to ${most}, got ${typed}.`);
  };
}
