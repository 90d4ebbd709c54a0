/** What a signature needs of CBOR, in the shortest forms (RFC 8949, section 4.2.1). */

export function cborInteger(value: number): Buffer {
  return value >= 0 ? head(0, value) : head(1, -1 - value);
}

export function cborBytes(bytes: Uint8Array): Buffer {
  return Buffer.concat([head(2, bytes.length), bytes]);
}

export function cborText(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([head(3, bytes.length), bytes]);
}

/** @param items encoded */
export function cborArray(...items: readonly Uint8Array[]): Buffer {
  return Buffer.concat([head(4, items.length), ...items]);
}

/** @param entries keys and values, encoded */
export function cborMap(...entries: readonly (readonly [Uint8Array, Uint8Array])[]): Buffer {
  return Buffer.concat([head(5, entries.length), ...entries.flat()]);
}

/** @param item encoded */
export function cborTagged(tag: number, item: Uint8Array): Buffer {
  return Buffer.concat([head(6, tag), item]);
}

export const CBOR_NULL = Buffer.from([0xf6]);

function head(majorType: number, value: number): Buffer {
  const type = majorType << 5;
  if (value < 24) return Buffer.from([type | value]);
  if (value < 0x100) return Buffer.from([type | 24, value]);
  const long = value >= 0x10000;
  const bytes = Buffer.alloc(long ? 5 : 3);
  bytes[0] = type | (long ? 26 : 25);
  if (long) bytes.writeUInt32BE(value, 1);
  else bytes.writeUInt16BE(value, 1);
  return bytes;
}
