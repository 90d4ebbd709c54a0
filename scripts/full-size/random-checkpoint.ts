import { open, rename, rm, stat } from 'node:fs/promises';
import { TorchGenerator } from '../../src/pipeline/math/generator.ts';
import { floatToHalf } from '../../src/pipeline/math/number-formats.ts';
import { writeAll } from '../../src/system/write-all.ts';
import type { Fill, TensorPlan } from './layout.ts';

export type WeightDtype = 'F32' | 'F16';

const WIDTH: Readonly<Record<WeightDtype | 'I64', number>> = { F32: 4, F16: 2, I64: 8 };
/** Numbers written at a time; memory does not depend on the checkpoint. */
const CHUNK = 1 << 22;
/** Standard normal numbers that all others are drawn from: 16 random bits pick one, which takes two nanoseconds. */
const TABLE = 1 << 16;

function count(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

export function parametersOf(plan: readonly TensorPlan[]): number {
  return plan.reduce((sum, { shape, buffer }) => sum + (buffer ? 0 : count(shape)), 0);
}

function dtypeOf({ buffer }: TensorPlan, dtype: WeightDtype): WeightDtype | 'I64' {
  return buffer === 'int64' ? 'I64' : dtype;
}

function sorted(plan: readonly TensorPlan[]): TensorPlan[] {
  return plan.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function header(plan: readonly TensorPlan[], dtype: WeightDtype): { bytes: Buffer; total: number } {
  const entries: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let at = 0;
  for (const tensor of sorted(plan)) {
    const own = dtypeOf(tensor, dtype);
    const end = at + count(tensor.shape) * WIDTH[own];
    entries[tensor.name] = { dtype: own, shape: tensor.shape, data_offsets: [at, end] };
    at = end;
  }
  const text = JSON.stringify(entries);
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return { bytes: Buffer.concat([length, json]), total: 8 + json.length + at };
}

/** Bytes of the file that {@link writeRandomCheckpoint} writes. */
export function bytesOf(plan: readonly TensorPlan[], dtype: WeightDtype): number {
  return header(plan, dtype).total;
}

/** Writes a safetensors file that has its header and its size, and holes for all numbers. */
export async function writeSparseCheckpoint(
  path: string,
  plan: readonly TensorPlan[],
  dtype: WeightDtype,
): Promise<void> {
  const { bytes, total } = header(plan, dtype);
  const file = await open(path, 'w');
  try {
    await writeAll(file, bytes, 0);
    await file.truncate(total);
  } finally {
    await file.close();
  }
}

/**
 * Writes a safetensors file of seeded random numbers, in constant memory, under its final name only when it is whole.
 * A file of the right size that is there already is left alone.
 *
 * @returns whether it was written
 */
export async function writeRandomCheckpoint(
  path: string,
  plan: readonly TensorPlan[],
  options: { readonly dtype: WeightDtype; readonly seed: number },
): Promise<boolean> {
  const { dtype, seed } = options;
  const { bytes, total } = header(plan, dtype);
  if ((await stat(path).catch(() => undefined))?.size === total) return false;
  const normals = new TorchGenerator(seed).randn([TABLE]);
  const part = `${path}.part`;
  const file = await open(part, 'w');
  try {
    await writeAll(file, bytes, 0);
    let position = bytes.length;
    const random = xorshift(seed);
    const buffer = Buffer.alloc(CHUNK * WIDTH[dtype]);
    for (const tensor of sorted(plan)) {
      const { shape, fills } = tensor;
      if (dtypeOf(tensor, dtype) === 'I64') {
        position += WIDTH.I64;
        await file.truncate(position);
        continue;
      }
      for (const fill of fills) {
        const table = scaled(normals, fill, dtype);
        for (let left = count(shape) / fills.length; left > 0; left -= CHUNK) {
          const numbers = Math.min(left, CHUNK);
          draw(random, table, buffer, numbers);
          const chunk = buffer.subarray(0, numbers * WIDTH[dtype]);
          await writeAll(file, chunk, position);
          position += chunk.length;
        }
      }
    }
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await rename(part, path);
  return true;
}

function scaled(normals: Float32Array, { mean, std }: Fill, dtype: WeightDtype): Float32Array | Uint16Array {
  const numbers = normals.map((x) => mean + std * x);
  return dtype === 'F32' ? numbers : Uint16Array.from(numbers, floatToHalf);
}

/** State of Marsaglia's 128-bit xorshift. */
function xorshift(seed: number): Uint32Array {
  return Uint32Array.of(seed ^ 0x9e3779b9, 362436069, 521288629, 88675123);
}

function draw(state: Uint32Array, table: Float32Array | Uint16Array, buffer: Buffer, numbers: number): void {
  const out =
    table instanceof Float32Array
      ? new Float32Array(buffer.buffer, buffer.byteOffset, numbers)
      : new Uint16Array(buffer.buffer, buffer.byteOffset, numbers);
  let [x = 0, y = 0, z = 0, w = 0] = state;
  for (let i = 0; i < numbers; i += 2) {
    const t = x ^ (x << 11);
    x = y;
    y = z;
    z = w;
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    out[i] = table[w & 0xffff] ?? 0;
    out[i + 1] = table[w >>> 16] ?? 0;
  }
  state.set([x, y, z, w]);
}
