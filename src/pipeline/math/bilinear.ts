/** Interleaved bytes, row by row. */
interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/**
 * An RGB picture on a square of other sides, from 0 to 1, [3, side, side]: TensorFlow's bilinear resize with aligned corners, which
 * takes four pixels for each, however many there are.
 *
 * @see https://github.com/tensorflow/tfjs/blob/master/tfjs-backend-cpu/src/kernels/ResizeBilinear.ts
 */
export function bilinearSquare({ data, width, height }: Pixels, side: number): Float32Array {
  const area = side * side;
  const result = new Float32Array(3 * area);
  const rowStep = side > 1 ? (height - 1) / (side - 1) : 0;
  const columnStep = side > 1 ? (width - 1) / (side - 1) : 0;
  for (let y = 0; y < side; y += 1) {
    const row = y * rowStep;
    const top = Math.floor(row);
    const bottom = Math.min(height - 1, Math.ceil(row));
    for (let x = 0; x < side; x += 1) {
      const column = x * columnStep;
      const left = Math.floor(column);
      const right = Math.min(width - 1, Math.ceil(column));
      for (let c = 0; c < 3; c += 1) {
        const above = between(data, (top * width + left) * 3 + c, (top * width + right) * 3 + c, column - left);
        const below = between(data, (bottom * width + left) * 3 + c, (bottom * width + right) * 3 + c, column - left);
        result[c * area + y * side + x] = (above + (below - above) * (row - top)) / 255;
      }
    }
  }
  return result;
}

function between(data: Uint8Array, from: number, to: number, share: number): number {
  const first = data[from] ?? 0;
  return first + ((data[to] ?? 0) - first) * share;
}
