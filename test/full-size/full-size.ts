import { join } from 'node:path';

/** The model folder that `npm run test:full-size` has written. */
export function fullSizeModel(): string {
  const dir = process.env.WUERST_FULL_SIZE;
  if (dir === undefined) throw new Error('expected WUERST_FULL_SIZE: start these tests with npm run test:full-size');
  return dir;
}

/** Learned parameters of each network, as torch counts them. */
export const PARAMETERS = {
  'wuerstchen-prior/prior': 993_636_896,
  'wuerstchen-prior/text_encoder': 693_021_440,
  'wuerstchen/decoder': 1_055_365_280,
  'wuerstchen/text_encoder': 352_984_064,
  'wuerstchen/vqgan': 18_406_894,
} as const;

export function folderOf(part: keyof typeof PARAMETERS): string {
  return join(fullSizeModel(), part);
}

/** Numbers of about unit size that are the same in every run. */
export function someNumbers(...dims: number[]): { data: Float32Array; dims: number[] } {
  const count = dims.reduce((product, dim) => product * dim, 1);
  let state = 7;
  const data = Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * Math.sqrt(3);
  });
  return { data, dims };
}

/** Root of the mean square of a difference, as a share of that of the first. */
export function relativeError(a: Float32Array, b: Float32Array): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < a.length; i += 1) {
    difference += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
    size += (a[i] ?? 0) ** 2;
  }
  return Math.sqrt(difference / size);
}
