import { open } from 'node:fs/promises';
import { readHeader, type TensorEntry } from '../pipeline/checkpoint/safetensors.ts';

/** Bytes read at a time: a multiple of the size of every kind of element. */
const PIECE_BYTES = 8 * 2 ** 20;

/** The bits of the exponent. They are all set in infinities and NaNs, and in nothing else. */
const EXPONENTS: Readonly<Record<string, { readonly width: 2 | 4; readonly mask: number }>> = {
  F32: { width: 4, mask: 0x7f800000 },
  F16: { width: 2, mask: 0x7c00 },
  BF16: { width: 2, mask: 0x7f80 },
};

/**
 * Looks for weights that are infinite or NaN, in constant memory.
 *
 * @returns the first tensor that has one and its place in it, or `null`; other dtypes than F32, F16 and BF16 are skipped
 * @throws OperatorError as {@link readHeader}; the signal's reason
 */
export async function findNotFinite(
  path: string,
  signal?: AbortSignal | undefined,
  onRead?: (bytes: number) => void,
): Promise<{ readonly tensor: string; readonly index: number } | null> {
  const entries = await readHeader(path);
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(PIECE_BYTES);
    for (const entry of entries.values()) {
      const format = EXPONENTS[entry.dtype];
      if (!format) continue;
      for (const { at, length } of piecesOf(entry)) {
        signal?.throwIfAborted();
        await readFully(file, buffer, entry.offset + at, length);
        onRead?.(length);
        const index = firstNotFinite(buffer, length, format);
        if (index >= 0) return { tensor: entry.name, index: at / format.width + index };
      }
    }
    return null;
  } finally {
    await file.close();
  }
}

function* piecesOf({ length }: TensorEntry): Generator<{ at: number; length: number }> {
  for (let at = 0; at < length; at += PIECE_BYTES) yield { at, length: Math.min(PIECE_BYTES, length - at) };
}

async function readFully(
  file: Awaited<ReturnType<typeof open>>,
  buffer: Buffer,
  position: number,
  length: number,
): Promise<void> {
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) throw new Error('the file got shorter while it was read');
    done += bytesRead;
  }
}

/** Place of the first element whose exponent has all its bits set, or -1. */
function firstNotFinite(buffer: Buffer, length: number, { width, mask }: { width: 2 | 4; mask: number }): number {
  const { buffer: bytes, byteOffset } = buffer;
  const bits =
    width === 4 ? new Int32Array(bytes, byteOffset, length / 4) : new Uint16Array(bytes, byteOffset, length / 2);
  for (let i = 0; i < bits.length; i += 1) if (((bits[i] ?? 0) & mask) === mask) return i;
  return -1;
}
