import { bfloatToFloat, floatToBfloat, floatToHalf, halves } from '../math/number-formats.ts';

/**
 * `(1 - weight) · a + weight · b` in float32 for every number of two equally long pieces of a checkpoint, rounded to
 * nearest even where the checkpoint is F16 or BF16. Writes over `a`.
 *
 * At 0.5 both products are exact, so this is the exact mean, rounded once per float32 operation.
 *
 * @param weight 0 gives `a`, 1 gives `b`
 * @returns false when a result is not a finite number
 */
export type MixNumbers = (a: Uint8Array, b: Uint8Array, weight: number) => boolean;

export const MIX_BY_DTYPE: Readonly<Record<string, MixNumbers>> = {
  F32: exactAtEnds(mixF32),
  F16: exactAtEnds(mixF16),
  BF16: exactAtEnds(mixBF16),
};

/** At the ends the parent keeps every bit: `-0 + 0 · b` would be 0. */
function exactAtEnds(mixInner: MixNumbers): MixNumbers {
  return (a, b, weight) => {
    if (weight === 1) a.set(b);
    return weight === 0 || weight === 1 ? mixInner(a, a, 0) : mixInner(a, b, weight);
  };
}

function mixF32(a: Uint8Array, b: Uint8Array, weight: number): boolean {
  const x = new Float32Array(a.buffer, a.byteOffset, a.byteLength / 4);
  const y = new Float32Array(b.buffer, b.byteOffset, b.byteLength / 4);
  const [keep, take] = weightsOf(weight);
  let finite = true;
  for (let i = 0; i < x.length; i++) {
    const mixed = mix(x[i] ?? 0, y[i] ?? 0, keep, take);
    x[i] = mixed;
    finite &&= Number.isFinite(mixed);
  }
  return finite;
}

function mixF16(a: Uint8Array, b: Uint8Array, weight: number): boolean {
  const x = new Uint16Array(a.buffer, a.byteOffset, a.byteLength / 2);
  const y = new Uint16Array(b.buffer, b.byteOffset, b.byteLength / 2);
  const [keep, take] = weightsOf(weight);
  const floats = halves();
  let finite = true;
  for (let i = 0; i < x.length; i++) {
    const mixed = floatToHalf(mix(floats[x[i] ?? 0] ?? 0, floats[y[i] ?? 0] ?? 0, keep, take));
    x[i] = mixed;
    finite &&= (mixed & 0x7c00) !== 0x7c00;
  }
  return finite;
}

function mixBF16(a: Uint8Array, b: Uint8Array, weight: number): boolean {
  const x = new Uint16Array(a.buffer, a.byteOffset, a.byteLength / 2);
  const y = new Uint16Array(b.buffer, b.byteOffset, b.byteLength / 2);
  const [keep, take] = weightsOf(weight);
  let finite = true;
  for (let i = 0; i < x.length; i++) {
    const mixed = floatToBfloat(mix(bfloatToFloat(x[i] ?? 0), bfloatToFloat(y[i] ?? 0), keep, take));
    x[i] = mixed;
    finite &&= (mixed & 0x7f80) !== 0x7f80;
  }
  return finite;
}

function weightsOf(weight: number): [keep: number, take: number] {
  const take = Math.fround(weight);
  return [Math.fround(1 - take), take];
}

function mix(a: number, b: number, keep: number, take: number): number {
  return Math.fround(Math.fround(keep * a) + Math.fround(take * b));
}
