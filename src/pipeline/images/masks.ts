import type { GreyImage } from './frame-source.ts';
import type { RgbImage } from './image-file.ts';

/** Pixels of the shorter side for each pixel of the feather: 16 of 1024. */
const SIDE_PER_FEATHER = 64;

/**
 * A mask whose edge falls to 0 over some pixels outside of it; inside it is as given. Beyond the feather every value is 0.
 *
 * @returns of the same size, 0 (untouched) to 255 (all new)
 */
export function feathered(mask: GreyImage): GreyImage {
  const { width, height } = mask;
  const reach = Math.max(1, Math.round(Math.min(width, height) / SIDE_PER_FEATHER / 2));
  const along = (data: Uint8Array, work: Pass) => {
    const rows = eachLine(data, height, width, 1, width, reach, work);
    return eachLine(rows, width, height, width, 1, reach, work);
  };
  const data = along(along(mask.data, spread), smooth);
  return { width, height, data };
}

type Pass = (from: Uint8Array, to: Uint8Array, start: number, length: number, step: number, reach: number) => void;

/** Works on `lines` lines of `length` values that are `step` apart, `next` from line to line. */
function eachLine(
  from: Uint8Array,
  lines: number,
  length: number,
  step: number,
  next: number,
  reach: number,
  work: Pass,
): Uint8Array {
  const to = new Uint8Array(from.length);
  for (let line = 0; line < lines; line += 1) work(from, to, line * next, length, step, reach);
  return to;
}

const spread: Pass = (from, to, start, length, step, reach) => {
  for (let i = 0; i < length; i += 1) {
    let most = 0;
    const end = Math.min(length - 1, i + reach);
    for (let j = Math.max(0, i - reach); j <= end; j += 1) most = Math.max(most, from[start + j * step] ?? 0);
    to[start + i * step] = most;
  }
};

/** The mean of 2 · reach + 1 values; the border counts as continued. */
const smooth: Pass = (from, to, start, length, step, reach) => {
  const at = (i: number) => from[start + Math.min(length - 1, Math.max(0, i)) * step] ?? 0;
  let sum = 0;
  for (let i = -reach; i <= reach; i += 1) sum += at(i);
  for (let i = 0; i < length; i += 1) {
    to[start + i * step] = Math.round(sum / (2 * reach + 1));
    sum += at(i + reach + 1) - at(i - reach);
  }
};

/** How a picture lies in the grid picture that it is cut from: it shows `visible` of `whole`, from the centre. Pixels. */
export interface Placement {
  readonly visible: { readonly width: number; readonly height: number };
  readonly whole: { readonly width: number; readonly height: number };
}

/** Which cells of a latent a mask touches: 1, the others 0. Rows of `cells[1]` values. */
export function touchedCells(
  mask: GreyImage,
  { visible, whole }: Placement,
  cells: readonly [number, number],
): Float32Array {
  const [rows, columns] = cells;
  const touched = new Float32Array(rows * columns);
  const place = (i: number, side: number, seen: number, all: number, count: number) =>
    Math.floor(((((i + 0.5) / side) * seen + (all - seen) / 2) / all) * count);
  for (let y = 0; y < mask.height; y += 1) {
    const row = place(y, mask.height, visible.height, whole.height, rows);
    for (let x = 0; x < mask.width; x += 1) {
      if (mask.data[y * mask.width + x] === 0) continue;
      touched[row * columns + place(x, mask.width, visible.width, whole.width, columns)] = 1;
    }
  }
  return touched;
}

/** The painted picture inside a mask, the original outside, byte for byte. All of one size. */
export function pasted(painted: RgbImage, original: Uint8Array, mask: GreyImage): RgbImage {
  const data = original.slice();
  mask.data.forEach((share, i) => {
    for (let at = i * 3; share > 0 && at < i * 3 + 3; at += 1) {
      data[at] = Math.round(((painted.data[at] ?? 0) * share + (original[at] ?? 0) * (255 - share)) / 255);
    }
  });
  return { ...painted, data };
}
