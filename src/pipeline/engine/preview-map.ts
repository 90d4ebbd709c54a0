import * as z from 'zod';
import type { RgbImage } from '../images/image-file.ts';
import { Ridge } from '../math/ridge.ts';
import { rowSize, type Tensor } from '../math/tensor.ts';

export interface PreviewShape {
  /** Of the latents. */
  readonly channels: number;
  /** Cells per side of the neighbourhood that a cell's colours are predicted from: 1 or 3. */
  readonly context: 1 | 3;
  /** Colours per side of a cell. */
  readonly parts: number;
}

/** A finished picture and the clean latents it came from. */
export interface PreviewSample {
  /** [1, C, h, w] */
  readonly latents: Tensor;
  /** As Stage A made it, not cropped, so that its sides match those of the latents. */
  readonly picture: RgbImage;
}

const schema = z.object({
  channels: z.int().positive(),
  context: z.literal([1, 3]),
  parts: z.int().positive(),
  pictures: z.int().nonnegative(),
  ridge: z.unknown(),
});
export type PreviewMapJson = z.infer<typeof schema>;

/**
 * What a latent cell will look like: a linear map from the cell (with its neighbours, if the shape says so) to the mean
 * colours of `parts` × `parts` pieces of the picture, fitted on finished pictures by ridge regression.
 *
 * @example
 * const map = new PreviewMap({ channels: 16, context: 3, parts: 4 });
 * map.fit([{ latents, picture }]);
 * const small = map.paint(predictedClean);
 */
export class PreviewMap {
  readonly shape: PreviewShape;
  /** Pictures seen so far. */
  #pictures = 0;
  #ridge: Ridge;

  constructor(shape: PreviewShape) {
    this.shape = shape;
    this.#ridge = new Ridge(shape.channels * shape.context ** 2, 3 * shape.parts ** 2);
  }

  /** @throws z.ZodError or RangeError when `json` is not what `toJson` gave */
  static fromJson(json: unknown): PreviewMap {
    const { ridge, pictures, ...shape } = schema.parse(json);
    const map = new PreviewMap(shape);
    const { inputs, outputs } = map.#ridge;
    map.#ridge = Ridge.fromJson(ridge);
    if (map.#ridge.inputs !== inputs || map.#ridge.outputs !== outputs) {
      throw new RangeError(
        `Expected ${inputs} × ${outputs} weights, got ${map.#ridge.inputs} × ${map.#ridge.outputs}.`,
      );
    }
    map.#pictures = pictures;
    return map;
  }

  /** All state, so that fitting can continue. */
  toJson(): PreviewMapJson {
    return { ...this.shape, pictures: this.#pictures, ridge: this.#ridge.toJson() };
  }

  get pictures(): number {
    return this.#pictures;
  }

  /** Learns from more pictures, in addition to earlier ones. */
  fit(samples: Iterable<PreviewSample>): void {
    for (const { latents, picture } of samples) {
      const [, , h = 0, w = 0] = latents.dims;
      const { parts } = this.shape;
      const colours = meanColours(picture, w * parts, h * parts);
      const piece = new Float32Array(this.#ridge.outputs);
      for (let y = 0; y < h; y++) {
        for (let x = 0; x < w; x++) {
          eachPart(parts, w, x, y, (inPiece, inPicture) => {
            for (let c = 0; c < 3; c++) piece[inPiece + c] = colours[inPicture + c] ?? 0;
          });
          this.#ridge.add(this.#cell(latents.data, h, w, x, y), piece);
        }
      }
      this.#pictures += 1;
    }
  }

  /**
   * The pictures that clean latents [N, C, h, w] point at, each of w · parts by h · parts pixels.
   *
   * @throws RangeError for latents of other channels
   */
  paint(latents: Tensor): RgbImage[] {
    const [n = 0, channels, h = 0, w = 0] = latents.dims;
    const { parts } = this.shape;
    if (channels !== this.shape.channels)
      throw new RangeError(`Expected ${this.shape.channels} channels, got ${channels}.`);
    const size = rowSize(latents.dims);
    return Array.from({ length: n }, (_, row) => {
      const values = latents.data.subarray(row * size, (row + 1) * size);
      const data = new Uint8ClampedArray(3 * w * h * parts ** 2);
      for (let y = 0; y < h; y++) {
        for (let x = 0; x < w; x++) {
          const piece = this.#ridge.predict(this.#cell(values, h, w, x, y));
          eachPart(parts, w, x, y, (inPiece, inPicture) => {
            for (let c = 0; c < 3; c++) data[inPicture + c] = (piece[inPiece + c] ?? 0) * 255;
          });
        }
      }
      return { width: w * parts, height: h * parts, data: new Uint8Array(data.buffer) };
    });
  }

  /** The channels of a cell and its neighbours; the edge is repeated beyond itself. */
  #cell(values: Float32Array, h: number, w: number, x: number, y: number): Float32Array {
    const { channels, context } = this.shape;
    const reach = (context - 1) / 2;
    const cell = new Float32Array(channels * context ** 2);
    let i = 0;
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        const at = clamp(y + dy, h) * w + clamp(x + dx, w);
        for (let c = 0; c < channels; c++, i++) cell[i] = values[c * h * w + at] ?? 0;
      }
    }
    return cell;
  }
}

/** Where each part of cell (x, y) begins: in the cell's own colours, and in a picture of w cells a row. */
function eachPart(
  parts: number,
  w: number,
  x: number,
  y: number,
  visit: (inPiece: number, inPicture: number) => void,
): void {
  for (let py = 0; py < parts; py++) {
    for (let px = 0; px < parts; px++) {
      visit(3 * (py * parts + px), 3 * ((y * parts + py) * w * parts + x * parts + px));
    }
  }
}

function clamp(i: number, length: number): number {
  return Math.min(Math.max(i, 0), length - 1);
}

/** Mean colours of `columns` × `rows` pieces of a picture, 0 to 1. */
export function meanColours({ width, height, data }: RgbImage, columns: number, rows: number): Float32Array {
  const sums = new Float32Array(3 * columns * rows);
  const counts = new Float32Array(columns * rows);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * rows) / height) * columns;
    for (let x = 0; x < width; x++) {
      const piece = row + Math.floor((x * columns) / width);
      const at = 3 * (y * width + x);
      counts[piece] = (counts[piece] ?? 0) + 255;
      for (let c = 0; c < 3; c++) sums[3 * piece + c] = (sums[3 * piece + c] ?? 0) + (data[at + c] ?? 0);
    }
  }
  return sums.map((sum, i) => sum / Math.max(1, counts[Math.floor(i / 3)] ?? 1));
}
