import { writeFile } from 'node:fs/promises';

export interface RawTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Writes tensors in the given order. @see https://github.com/huggingface/safetensors#format */
export async function writeSafetensors(path: string, tensors: ReadonlyMap<string, RawTensor>): Promise<void> {
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  await writeFile(path, Buffer.concat([length, json, ...[...tensors.values()].map(({ bytes }) => bytes)]));
}
