import { readFile } from 'node:fs/promises';
import { readHeader, type TensorEntry } from '../../src/pipeline/checkpoint/safetensors.ts';
import { toFloats } from '../../src/pipeline/math/number-formats.ts';

export interface LoadedTensor {
  readonly dtype: string;
  readonly shape: number[];
  /** Half and bfloat16 values are widened to float32. */
  readonly data: Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array;
}

/** Every tensor of a small safetensors file. */
export async function readSafetensors(path: string): Promise<Map<string, LoadedTensor>> {
  const entries = await readHeader(path);
  const bytes = await readFile(path);
  return new Map(
    [...entries].map(([name, entry]) => [
      name,
      { dtype: entry.dtype, shape: [...entry.shape], data: decode(entry, bytes) },
    ]),
  );
}

function decode({ name, dtype, offset, length }: TensorEntry, bytes: Buffer): LoadedTensor['data'] {
  // A copy at offset 0: typed arrays need aligned memory, safetensors only promises byte offsets.
  const { buffer } = new Uint8Array(bytes.subarray(offset, offset + length));
  switch (dtype) {
    case 'F32':
    case 'F16':
    case 'BF16':
      return toFloats(dtype, buffer);
    case 'F64':
      return new Float64Array(buffer);
    case 'I64':
      return new BigInt64Array(buffer);
    case 'I32':
      return new Int32Array(buffer);
    case 'U8':
    case 'BOOL':
      return new Uint8Array(buffer);
    default:
      throw new Error(`Tensor "${name}" has dtype ${dtype}, which is not read here.`);
  }
}
