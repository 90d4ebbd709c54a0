/** Keys' cubic kernel with a = −0.5, which torch uses where it antialiases. */
function keys(x: number): number {
  const a = -0.5;
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  if (t < 2) return ((t - 5) * t + 8) * t * a - 4 * a;
  return 0;
}

/**
 * The matrix [to, from] that resizes one axis as torch's `interpolate(mode="bicubic", antialias=True,
 * align_corners=True)` does: the scale is that of aligned corners, the centres are not.
 *
 * @see https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/cpu/UpSampleKernel.cpp
 */
export function bicubicMatrix(from: number, to: number): Float32Array {
  const scale = to > 1 ? (from - 1) / (to - 1) : 0;
  const stretch = Math.max(scale, 1);
  const support = 2 * stretch;
  const matrix = new Float32Array(to * from);
  for (let i = 0; i < to; i += 1) {
    const center = scale * (i + 0.5);
    const low = Math.max(Math.trunc(center - support + 0.5), 0);
    const high = Math.min(Math.trunc(center + support + 0.5), from);
    const weights = Array.from({ length: high - low }, (_, j) => keys((j + low - center + 0.5) / stretch));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    weights.forEach((weight, j) => {
      matrix[i * from + low + j] = weight / total;
    });
  }
  return matrix;
}
