import type { Tensor } from '../math/tensor.ts';

/** One axis of a tile, in latents: what is decoded (`start` to `end`), and the part of it that is kept. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

/** A part of a picture that is decoded by itself. */
export interface Tile {
  readonly y: Span;
  readonly x: Span;
}

/** Tiles are not cut smaller than this: with the context around them, most of the work would be done twice and more. */
export const SMALLEST_TILE = 32;

/**
 * Cuts a picture of `h`×`w` latents into tiles whose working memory fits, all of one size, as few as possible. Each
 * is decoded with `context` latents around it, which is all that its pixels depend on: the seams are exact. Tiles at
 * the border have more context on their inner side instead.
 *
 * @param working bytes that decoding h×w latents takes
 * @returns one tile when the whole picture fits, or is no larger than the smallest tile
 */
export function tilesOf(
  [h, w]: readonly [number, number],
  context: number,
  working: (h: number, w: number) => number,
  budget: number,
): Tile[] {
  for (let cuts = 1; ; cuts += 1) {
    const [cutsY, cutsX] = shares(h, w, cuts);
    const [ys, xs] = [spans(h, cutsY, context), spans(w, cutsX, context)];
    const [first] = ys;
    const [second] = xs;
    if (!first || !second) return [];
    const smallest = Math.min(h / cutsY, w / cutsX) <= SMALLEST_TILE;
    if (!smallest && working(first.end - first.start, second.end - second.start) > budget) continue;
    return ys.flatMap((y) => xs.map((x) => ({ y, x })));
  }
}

/** Cuts of both sides so that tiles are about square: `cuts` of the longer one. */
function shares(h: number, w: number, cuts: number): [number, number] {
  const other = Math.max(1, Math.round((cuts * Math.min(h, w)) / Math.max(h, w)));
  return h >= w ? [cuts, other] : [other, cuts];
}

function spans(side: number, cuts: number, context: number): Span[] {
  const length = Math.min(side, Math.ceil(side / cuts) + 2 * context);
  return Array.from({ length: cuts }, (_, i) => {
    const [from, to] = [i, i + 1].map((k) => Math.round((k * side) / cuts)) as [number, number];
    const start = Math.min(Math.max(0, from - context), side - length);
    return { start, end: start + length, from, to };
  });
}

/** A plane's values under a tile, of each of `planes` planes of h×w. */
function cutTile(data: Float32Array, planes: number, [h, w]: readonly [number, number], { y, x }: Tile): Float32Array {
  const [rows, columns] = [y.end - y.start, x.end - x.start];
  const part = new Float32Array(planes * rows * columns);
  for (let plane = 0; plane < planes; plane += 1) {
    for (let row = 0; row < rows; row += 1) {
      const at = (plane * h + y.start + row) * w + x.start;
      part.set(data.subarray(at, at + columns), (plane * rows + row) * columns);
    }
  }
  return part;
}

/** How a decoded picture lies in memory. */
export interface TileLayout {
  /** Separate planes; 1 for each picture where pixels are interleaved. */
  readonly planes: number;
  /** Values per pixel of a plane. */
  readonly values: number;
  /** Pixels per latent, each way. */
  readonly factor: number;
}

/** Decodes latents [B, C, h, w] tile by tile and puts the picture together. */
export async function decodeTiles<T extends Float32Array | Uint8Array>(
  { data, dims }: Tensor,
  tiles: readonly Tile[],
  layout: TileLayout,
  decode: (part: Tensor) => Promise<T>,
): Promise<T> {
  const [b = 0, c = 0, h = 0, w = 0] = dims;
  let picture: T | undefined;
  for (const tile of tiles) {
    const { y, x } = tile;
    const part = await decode({
      data: cutTile(data, b * c, [h, w], tile),
      dims: [b, c, y.end - y.start, x.end - x.start],
    });
    picture ??= new (part.constructor as new (length: number) => T)(
      layout.planes * h * w * layout.factor ** 2 * layout.values,
    );
    placeTile(picture, w * layout.factor, part, tile, layout);
  }
  if (!picture) throw new RangeError(`Expected latents with an area, got [${dims}].`);
  return picture;
}

/** Copies what is kept of a decoded tile to its place in the picture. */
function placeTile<T extends Float32Array | Uint8Array>(
  picture: T,
  width: number,
  part: T,
  { y, x }: Tile,
  { planes, values, factor }: TileLayout,
): void {
  const [tileWidth, tileHeight] = [(x.end - x.start) * factor * values, (y.end - y.start) * factor];
  const height = picture.length / planes / width / values;
  const skip = (x.from - x.start) * factor * values;
  const length = (x.to - x.from) * factor * values;
  for (let plane = 0; plane < planes; plane += 1) {
    for (let row = y.from * factor; row < y.to * factor; row += 1) {
      const source = (plane * tileHeight + row - y.start * factor) * tileWidth + skip;
      const target = (plane * height + row) * width * values + x.from * factor * values;
      picture.set(part.subarray(source, source + length), target);
    }
  }
}
