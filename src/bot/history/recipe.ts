import { z } from 'zod';
import { uint64Text } from '../../pipeline/images/imagine-request.ts';
import { VERBS, type Verb } from '../job.ts';

/** Everything, besides the job's request, that makes an image again: also without its parent's file. */
export interface Recipe {
  /** The image this was derived from, and how; `null` for a picture made from words alone. */
  readonly parentImage: string | null;
  readonly verb: Verb | null;
  /** As in `Derivation`. */
  readonly strength: number | null;
  readonly stageCSeed: bigint;
  readonly stageBSeed: bigint;
  /** Hash of the checkpoint's weights. */
  readonly checkpoint: string;
  readonly style: string;
  /** Execution provider and precision, e.g. `cpu-fp32`. */
  readonly provider: string;
  /** Version of this program. */
  readonly version: string;
}

/** What Stage C gave Stage B: row-major, NCHW. */
export interface Embedding {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

export const recipeSchema: z.ZodType<Recipe> = z.object({
  parentImage: z.string().nullable(),
  verb: z.enum(VERBS).nullable(),
  strength: z.number().nullable(),
  stageCSeed: uint64Text,
  stageBSeed: uint64Text,
  checkpoint: z.string(),
  style: z.string(),
  provider: z.string(),
  version: z.string(),
});

export function embeddingBytes(embedding: Embedding): Uint8Array {
  const { dims, data } = embedding;
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (size !== data.length) {
    throw new RangeError(`Expected ${size} values for an embedding of ${dims.join('×')}, got ${data.length}.`);
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

export function embeddingFrom(dims: readonly number[], bytes: Uint8Array): Embedding {
  // A copy, since bytes out of SQLite need not start at a multiple of four.
  return { dims, data: new Float32Array(Uint8Array.from(bytes).buffer) };
}
