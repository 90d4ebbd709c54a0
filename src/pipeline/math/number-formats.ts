/** IEEE 754 half and bfloat16, as they lie in checkpoints, to and from float32. */

const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);

function bitsOf(value: number): number {
  FLOAT[0] = value;
  return BITS[0] ?? 0;
}

/** IEEE 754 half of a float32, rounded to nearest even; too large ones become infinity. */
export function floatToHalf(value: number): number {
  const bits = bitsOf(value);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // Exponent bias 127 to 15, then the 13 lowest bits away; a carry into the exponent is what rounding up means.
    const rebiased = magnitude - (112 << 23);
    return sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
  }
  // Half's subnormals are multiples of 2^-24, the spacing of float32 just above 0.5: adding rounds to them.
  return sign | (bitsOf(Math.abs(value) + 0.5) - bitsOf(0.5));
}

export function bfloatToFloat(bits: number): number {
  BITS[0] = bits << 16;
  return FLOAT[0] ?? 0;
}

/** bfloat16 of a float32, rounded to nearest even. */
export function floatToBfloat(value: number): number {
  const bits = bitsOf(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let table: Float32Array | undefined;

/** Every half there is, by its bits: 256 kB, filled at the first use, an order of magnitude faster than computing. */
export function halves(): Float32Array {
  table ??= Float32Array.from({ length: 65_536 }, (_, bits) => halfToFloat(bits));
  return table;
}

/** Numbers of a checkpoint, F32, F16 or BF16, as float32. `buffer` is used, not copied, where it can be. */
export function toFloats(dtype: 'F32' | 'F16' | 'BF16', buffer: ArrayBuffer): Float32Array<ArrayBuffer> {
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer);
    case 'F16': {
      const floats = halves();
      const bits = new Uint16Array(buffer);
      const result = new Float32Array(bits.length);
      for (let i = 0; i < bits.length; i += 1) result[i] = floats[bits[i] ?? 0] ?? 0;
      return result;
    }
    case 'BF16': {
      const bits = new Uint16Array(buffer);
      const result = new Uint32Array(bits.length);
      for (let i = 0; i < bits.length; i += 1) result[i] = (bits[i] ?? 0) << 16;
      return new Float32Array(result.buffer);
    }
  }
}
