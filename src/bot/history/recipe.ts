import * as z from 'zod';
import { uint64Text } from '../../pipeline/images/imagine-request.ts';
import { VERBS } from '../job.ts';

export const recipeSchema = z.object({
  /** The image this was derived from, and how; `null` for a picture made from words alone. */
  parentImage: z.string().nullable(),
  verb: z.enum(VERBS).nullable(),
  /** As in `Derivation`. */
  strength: z.number().nullable(),
  stageCSeed: uint64Text,
  stageBSeed: uint64Text,
  /** Hash of the checkpoint's weights. */
  checkpoint: z.string(),
  style: z.string(),
  /** Execution provider and precision, e.g. `cpu-fp32`. */
  provider: z.string(),
  /** Version of this program. */
  version: z.string(),
});

/** Everything, besides the job's request, that makes an image again: also without its parent's file. */
export type Recipe = Readonly<z.output<typeof recipeSchema>>;

/** What Stage C gave Stage B: row-major, NCHW. */
export interface Embedding {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

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
