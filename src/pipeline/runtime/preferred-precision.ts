import { readFileSync } from 'node:fs';
import type { Precision } from '../checkpoint/weight-recipe.ts';
import type { Provider } from './providers.ts';

/** A component smaller than this gains nothing from fewer bits. */
const WORTH_IT = 15_000_000;

/** What a provider computes best in, and why. */
export interface Preference {
  readonly precision: Precision;
  readonly reason: string;
}

/**
 * The precision that `auto` stands for: 16 bits on GPUs that have them, 8 on processors with instructions for them, else 32.
 *
 * @param hasHalf whether the provider has 16-bit floats
 */
export function preferredPrecision(provider: Provider, hasHalf: boolean, cpu = has8BitDotProducts()): Preference {
  if (provider === 'cpu') {
    return cpu
      ? { precision: 'int8', reason: 'this processor multiplies 8-bit numbers faster than 32-bit ones' }
      : { precision: 'fp32', reason: 'this processor has no instructions for products of 8-bit numbers (VNNI)' };
  }
  return hasHalf
    ? { precision: 'fp16', reason: `${provider} has 16-bit floats here` }
    : { precision: 'fp32', reason: `${provider} has no 16-bit floats here` };
}

/** Whether a component is big enough for another precision than 32 bits to pay. */
export function isWorthPreparing(parameters: number): boolean {
  return parameters >= WORTH_IT;
}

/** On Linux the kernel says so; elsewhere only ARM processors are known to have them. */
export function has8BitDotProducts(cpuinfo = readCpuInfo()): boolean {
  if (cpuinfo === null) return process.arch === 'arm64';
  return /\b(avx512_vnni|avx_vnni|asimddp)\b/.test(cpuinfo);
}

function readCpuInfo(): string | null {
  try {
    return readFileSync('/proc/cpuinfo', 'latin1');
  } catch {
    // Not Linux.
    return null;
  }
}
