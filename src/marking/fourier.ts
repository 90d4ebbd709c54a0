/** Complex numbers, real and imaginary parts apart. */
export interface Spectrum {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/**
 * Fourier transform of a square of `side × side` numbers, in place.
 *
 * @param side a power of two
 * @param inverse without the factor 1 / side²
 */
export function transform({ re, im }: Spectrum, side: number, inverse = false): void {
  const rowRe = new Float64Array(side);
  const rowIm = new Float64Array(side);
  for (const [step, stride] of [
    [side, 1],
    [1, side],
  ] as const) {
    for (let line = 0; line < side; line += 1) {
      for (let i = 0; i < side; i += 1) {
        rowRe[i] = re[line * step + i * stride] ?? 0;
        rowIm[i] = im[line * step + i * stride] ?? 0;
      }
      transformLine(rowRe, rowIm, inverse);
      for (let i = 0; i < side; i += 1) {
        re[line * step + i * stride] = rowRe[i] ?? 0;
        im[line * step + i * stride] = rowIm[i] ?? 0;
      }
    }
  }
}

const tables = new Map<number, Spectrum>();

/** The roots of one: `n / 2` of them. */
function rootsOf(n: number): Spectrum {
  const known = tables.get(n);
  if (known) return known;
  const angles = Array.from({ length: n / 2 }, (_, k) => (-2 * Math.PI * k) / n);
  const roots = { re: Float64Array.from(angles, Math.cos), im: Float64Array.from(angles, Math.sin) };
  tables.set(n, roots);
  return roots;
}

/** Cooley and Tukey's algorithm. */
function transformLine(re: Float64Array, im: Float64Array, inverse: boolean): void {
  const n = re.length;
  const roots = rootsOf(n);
  for (let i = 1, j = 0; i < n; i += 1) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      swap(re, i, j);
      swap(im, i, j);
    }
  }
  for (let length = 2; length <= n; length *= 2) {
    const half = length / 2;
    const step = n / length;
    for (let k = 0; k < half; k += 1) {
      const cos = roots.re[k * step] as number;
      const sin = (inverse ? -1 : 1) * (roots.im[k * step] as number);
      for (let i = k; i < n; i += length) {
        const j = i + half;
        const a = re[j] as number;
        const b = im[j] as number;
        const x = a * cos - b * sin;
        const y = a * sin + b * cos;
        const c = re[i] as number;
        const d = im[i] as number;
        re[j] = c - x;
        im[j] = d - y;
        re[i] = c + x;
        im[i] = d + y;
      }
    }
  }
}

function swap(values: Float64Array, i: number, j: number): void {
  const value = values[i] ?? 0;
  values[i] = values[j] ?? 0;
  values[j] = value;
}
