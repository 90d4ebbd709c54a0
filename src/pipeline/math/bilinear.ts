/** Interleaved bytes, row by row. */
interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Where a row or column of the result lies between two of the source. */
interface Between {
  readonly from: number;
  readonly to: number;
  /** Of the second one, 0 to 1. */
  readonly share: number;
}

/**
 * An RGB picture on a square of other sides, from 0 to 1, [3, side, side]: TensorFlow's bilinear resize with aligned corners, which
 * takes four pixels for each, however many there are.
 *
 * @see https://github.com/tensorflow/tfjs/blob/master/tfjs-backend-cpu/src/kernels/ResizeBilinear.ts
 */
export function bilinearSquare({ data, width, height }: Pixels, side: number): Float32Array {
  const rows = betweens(height, side);
  const columns = betweens(width, side);
  const result = new Float32Array(3 * side * side);
  for (const [y, row] of rows.entries()) {
    for (const [x, column] of columns.entries()) {
      for (let c = 0; c < 3; c += 1) {
        const at = (line: number, place: number) => data[(line * width + place) * 3 + c] ?? 0;
        const top = mix(at(row.from, column.from), at(row.from, column.to), column.share);
        const bottom = mix(at(row.to, column.from), at(row.to, column.to), column.share);
        result[(c * side + y) * side + x] = mix(top, bottom, row.share) / 255;
      }
    }
  }
  return result;
}

function betweens(count: number, side: number): readonly Between[] {
  const step = side > 1 ? (count - 1) / (side - 1) : 0;
  return Array.from({ length: side }, (_, index) => {
    const place = index * step;
    const from = Math.floor(place);
    return { from, to: Math.min(count - 1, Math.ceil(place)), share: place - from };
  });
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
