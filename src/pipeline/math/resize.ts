/** Keys' coefficient of Pillow's and of torch's antialiased bicubic kernel (torch's plain one has -0.75). */
const A = -0.5;

export interface ResizeOptions {
  /** `false` keeps everything in its place, edges included. @default true, as the networks were trained with */
  readonly alignCorners?: boolean;
}

/**
 * The weights of one axis of `torch.nn.functional.interpolate(mode='bicubic', antialias=True, align_corners=True)`:
 * [to, from], row-major, so that a resized image is `My · x · Mxᵀ`.
 *
 * `align_corners` changes the scale there but not the centres, so corners do not align and the matrix is not even
 * symmetric; equal sizes give the identity.
 *
 * @see https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/cpu/UpSampleKernel.cpp
 */
export function bicubicMatrix(from: number, to: number, { alignCorners = true }: ResizeOptions = {}): Float32Array {
  if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 1 && to >= 1)) {
    throw new RangeError(`Expected sizes >= 1 to resize between, got ${from} and ${to}.`);
  }
  const scale = alignCorners ? (to > 1 ? (from - 1) / (to - 1) : 0) : from / to;
  const stretch = Math.max(scale, 1);
  const support = 2 * stretch;
  const matrix = new Float32Array(to * from);
  for (let row = 0; row < to; row++) {
    const centre = scale * (row + 0.5);
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), from);
    const weights = Array.from({ length: end - first }, (_, j) => keys((first + j - centre + 0.5) / stretch));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    weights.forEach((weight, j) => {
      matrix[row * from + first + j] = weight / total;
    });
  }
  return matrix;
}

/**
 * The weights of both axes, `rows` [H, h] and `columns` [W, w].
 *
 * torch's loop over rows runs over the innermost dimension when the result is one column wide, and then gives every row
 * the weights of the first. Pictures so narrow that a level of Stage B is one column wide depend on it.
 */
export function bicubicMatrices(
  [h, w]: readonly [number, number],
  [H, W]: readonly [number, number],
  options: ResizeOptions = {},
): { rows: Float32Array; columns: Float32Array } {
  const rows = bicubicMatrix(h, H, options);
  if ((options.alignCorners ?? true) && W === 1 && h !== H) {
    for (let row = 1; row < H; row++) rows.copyWithin(row * h, 0, h);
  }
  return { rows, columns: bicubicMatrix(w, W, options) };
}

/** Resizes row-major [n, c, h, w] values to [n, c, H, W]. The graphs apply the same matrices as two products. */
export function resizeBicubic(
  values: Float32Array,
  [n, c, h, w]: readonly [number, number, number, number],
  [H, W]: readonly [number, number],
  options: ResizeOptions = {},
): Float32Array {
  if (values.length !== n * c * h * w) {
    throw new RangeError(`Expected ${n * c * h * w} values for dims [${[n, c, h, w]}], got ${values.length}.`);
  }
  const { rows, columns } = bicubicMatrices([h, w], [H, W], options);
  const wide = multiplyRows(values, n * c * h, w, columns);
  const result = new Float32Array(n * c * H * W);
  for (let plane = 0; plane < n * c; plane++) {
    for (let y = 0; y < H; y++) {
      for (let x = 0; x < W; x++) {
        let sum = 0;
        for (let j = 0; j < h; j++) sum += (rows[y * h + j] ?? 0) * (wide[(plane * h + j) * W + x] ?? 0);
        result[(plane * H + y) * W + x] = sum;
      }
    }
  }
  return result;
}

/** Each of `count` rows of length `from`, times the transposed [to, from] matrix. */
function multiplyRows(values: Float32Array, count: number, from: number, matrix: Float32Array): Float32Array {
  const to = matrix.length / from;
  const result = new Float32Array(count * to);
  for (let row = 0; row < count; row++) {
    for (let x = 0; x < to; x++) {
      let sum = 0;
      for (let i = 0; i < from; i++) sum += (matrix[x * from + i] ?? 0) * (values[row * from + i] ?? 0);
      result[row * to + x] = sum;
    }
  }
  return result;
}

/** Keys' cubic convolution kernel; zero from distance 2 on. */
function keys(signedDistance: number): number {
  const x = Math.abs(signedDistance);
  if (x < 1) return ((A + 2) * x - (A + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * A;
  return 0;
}
