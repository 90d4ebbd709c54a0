import type { Precision } from '../checkpoint/weight-recipe.ts';
import type { DecoderConfig } from '../graph/decoder-plan.ts';
import type { PriorConfig } from '../graph/prior.ts';
import type { VqganConfig } from '../graph/vqgan.ts';
import type { Provider } from './providers.ts';

/**
 * What pictures need, in bytes: written down for the 3.1-billion-parameter networks, by provider and precision, each with
 * its source. `LearnedMemory` corrects it by what a process has really taken.
 *
 * - *Weights*: once, in the precision in use. onnxruntime drops the mapped file pages as it repacks a matrix, so there
 *   are never two copies of all (Stage B in fp32: 4.22 GB on disk, 3.92 GB loaded, 4.6 GB while it loads).
 * - *Working memory*: a number of activations as wide as the network's widest level, counting what the allocator keeps
 *   because it grows in powers of two.
 */

/** While a session is created, part of its weights is in memory twice. */
export const LOADING = 1.15;
/** Node, onnxruntime and its thread pools. */
export const BASE_BYTES = 200e6;
/**
 * What `sequential` takes where there is room for more; measured with the published model at 1024×1024: 1.1 to 1.3 GB of
 * anonymous memory in 32 bits and in 8. Larger groups would hardly save time, as all weights are loaded again
 * whatever their number, and would take memory from the files that the system keeps, out of which they are loaded.
 */
const SEQUENTIAL_BYTES = 1.3e9;
/** The same for decoding a tile. */
export const SEQUENTIAL_DECODE_BYTES = SEQUENTIAL_BYTES - BASE_BYTES;
/**
 * The largest blocks of the published networks: the table of words of Stage C's text encoder in 32 bits (0.25 GB), and the keys
 * and values of all of Stage C's blocks in 16 (0.30).
 */
const LARGEST_BLOCK_BYTES = 0.3e9;
/** Below this share of what one network at a time needs, one block at a time is worth its time. */
const MUCH_LESS = 0.75;

const FLOAT = 4;
type ByPrecision = Readonly<Record<Provider, Readonly<Record<Precision, number>>>>;

/**
 * Activations of c channels in 32 bits that are alive at once in Stages C and B.
 *
 * - *cpu*: measured. x, its norm, 4c before and 4c after GELU, and half again; in `int8` a layer's output is there before and
 *   after it is scaled.
 * - *cuda*: in `fp16` what onnxruntime 1.29 asks the driver for, on a stand-in that counts it: Stage B takes 2.00 GiB at
 *   1024×1024 and 3.01 at 2048×2048, weights and all, so that activations grow by 1.01 (1.04 by this). In `fp32` by
 *   arithmetic: what is in 16 bits there, both sides of GELU, takes twice as much.
 * - *webgpu*: not measured, so that it has the CPU's in 32 bits.
 */
const ACTIVATIONS: ByPrecision = {
  cpu: { fp32: 16, fp16: 16, int8: 19 },
  cuda: { fp32: 24, fp16: 16, int8: 24 },
  webgpu: { fp32: 16, fp16: 16, int8: 16 },
};
/**
 * The same for Stage A.
 *
 * - *cpu*: measured. What the allocator keeps besides is between nothing and a third, by size and in no order: 12.3 of its
 *   widest activations at 1024×1024 (2.47 GB) and 15.4 at 2048×2048, in `int8` 16.6 and 21.7.
 * - *cuda*: what onnxruntime 1.29 asks the driver for, on a stand-in that counts it: in `fp16` 2.06 GiB at 1024×1024, 4.06 at
 *   1536×1024 and 8.13 at 2048×2048, in `fp32` 3.9 at 1024×1024, with 0.04 and 0.07 GiB of weights. Its arena grows to powers of
 *   two, which these become.
 * - *webgpu*: not measured, so that it has the CPU's in 32 bits.
 */
const STAGE_A_ACTIVATIONS: ByPrecision = {
  cpu: { fp32: 16, fp16: 16, int8: 22 },
  cuda: { fp32: 20, fp16: 10, int8: 20 },
  webgpu: { fp32: 16, fp16: 16, int8: 16 },
};

export function priorWorking(
  { c }: PriorConfig,
  [h, w]: readonly [number, number],
  rows: number,
  precision: Precision,
  provider: Provider,
): number {
  return rows * h * w * c * FLOAT * ACTIVATIONS[provider][precision];
}

export function decoderWorking(
  config: DecoderConfig,
  [h, w]: readonly [number, number],
  rows: number,
  precision: Precision,
  provider: Provider,
): number {
  const { c_hidden: hidden, patch_size: patch } = config;
  const levels = hidden.map((c, level) => (h * w * c) / (patch * 2 ** level) ** 2);
  // The skips of the levels above are kept for the way up, while the current level has all its parts.
  const kept = levels.reduce((sum, level) => sum + level, 0);
  return rows * FLOAT * (Math.max(...levels) * ACTIVATIONS[provider][precision] + kept);
}

export function vqganWorking(
  { embed_dim, levels }: VqganConfig,
  [h, w]: readonly [number, number],
  precision: Precision,
  provider: Provider,
): number {
  const widest = Math.max(...Array.from({ length: levels }, (_, up) => Math.floor(embed_dim / 2 ** up) * 4 ** up));
  const bytes = h * w * widest * FLOAT * STAGE_A_ACTIVATIONS[provider][precision];
  return provider === 'cuda' ? 2 ** Math.ceil(Math.log2(bytes)) : bytes;
}

/** Bytes of weights by network, in the precision in use. */
export interface WeightBytes {
  readonly priorText: number;
  readonly prior: number;
  readonly decoderText: number;
  readonly decoder: number;
  readonly vqgan: number;
}

/** Working memory by stage. */
export interface WorkingBytes {
  readonly prior: number;
  readonly decoder: number;
  readonly vqgan: number;
}

export interface Needs {
  /** Everything loaded. */
  readonly resident: number;
  /** One network at a time. */
  readonly stage: number;
  /** At least, one block at a time. */
  readonly sequential: number;
}

/** Bytes of weights of a group of blocks whose run takes so many bytes besides. */
export function groupBytes(working: number): number {
  return Math.max(LARGEST_BLOCK_BYTES, (SEQUENTIAL_BYTES - BASE_BYTES - working) / LOADING);
}

/** With whatever takes the least; one block at a time is not used where it saves little. */
export function leastOf(needs: Needs): number {
  return savesMuch(needs) ? needs.sequential : needs.stage;
}

/** Whether one block at a time needs much less than one network at a time. */
export function savesMuch({ stage, sequential }: Needs): boolean {
  return sequential < MUCH_LESS * stage;
}

export function needs(weights: WeightBytes, working: WorkingBytes): Needs {
  const all = Object.values(weights);
  const sum = all.reduce((total, bytes) => total + bytes, 0);
  // While the last network is loaded, part of it is in memory twice, beside all others.
  const resident = sum + (LOADING - 1) * Math.max(...all) + Math.max(working.prior, working.decoder, working.vqgan);
  const stage = Math.max(
    LOADING * weights.priorText,
    LOADING * weights.decoderText,
    Math.max(LOADING * weights.prior, weights.prior + working.prior),
    Math.max(LOADING * weights.decoder, weights.decoder + working.decoder),
    weights.vqgan + working.vqgan,
  );
  const block = (bytes: number) => LOADING * Math.min(bytes, LARGEST_BLOCK_BYTES);
  const sequential = Math.max(
    block(weights.priorText),
    block(weights.decoderText),
    block(weights.prior) + working.prior,
    block(weights.decoder) + working.decoder,
    weights.vqgan + working.vqgan,
  );
  return { resident: resident + BASE_BYTES, stage: stage + BASE_BYTES, sequential: sequential + BASE_BYTES };
}
