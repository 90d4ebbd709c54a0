import { createHash } from 'node:crypto';
import type { RgbImage } from '../pipeline/images/image-file.ts';
import { type Spectrum, transform } from './fourier.ts';

/**
 * A pattern of 128 × 128 that is added to the brightness over and over, and found by correlation whatever was cut off: the
 * scheme of T. Kalker, G. Depovere, J. Haitsma and M. Maes, "A Video Watermarking System for Broadcast Monitoring", SPIE
 * 3657, 1999. It says one thing: this program made the picture.
 */
const SIDE = 128;
const AREA = SIDE * SIDE;

/** Cycles per pixel: what is slower shows, what is faster does not survive halving. */
const BAND = { from: 1 / 20, to: 1 / 5.5 };

/** Root mean square of what is added, in grey levels: 46 dB. */
const STRENGTH = 1.25;
/** How much more busy places bear than plain ones. */
const MOST_OVER_LEAST = 4;
/** Pixels. */
const REACH = 4;

/** All installations have the same, so that every one finds it. */
const KEY = 'wuerst watermark 1';

/** Where the peak stands out of the noise by so many standard deviations, it is none of it: see `bench/watermark.ts`. */
export const THRESHOLD = 7;

/** The same for the place alone where it was put, of a whole picture and of one tile. */
const IN_PICTURE = 5;
const IN_TILE = 4;

/** By how much a picture may have been reduced, as thumbnails and screens do it; 0.5 is one that was enlarged to the double. */
const REDUCTIONS: readonly number[] = [1, 2, 1.5, 4 / 3, 1.25, 0.5];

/** How a pattern is found: the phases of its spectrum, zero outside of the band. */
export interface Pattern {
  readonly key: string;
  /** With a mean square of 1. */
  readonly tile: Float64Array;
  readonly phases: Spectrum;
  /** Of the pattern as a mirror shows it. */
  readonly mirrored: Spectrum;
}

let ownPattern: Pattern | undefined;

/** The pattern of this program. */
export function programPattern(): Pattern {
  ownPattern ??= patternOf(KEY);
  return ownPattern;
}

/** Waves within the band, each with a phase that follows from the key. */
export function patternOf(key: string): Pattern {
  const random = createHash('shake256', { outputLength: 4 * AREA })
    .update(key)
    .digest();
  const phases = { re: new Float64Array(AREA), im: new Float64Array(AREA) };
  for (let y = 0; y < SIDE; y += 1) {
    for (let x = 0; x < SIDE; x += 1) {
      const [i, mirror] = [y * SIDE + x, ((SIDE - y) % SIDE) * SIDE + ((SIDE - x) % SIDE)];
      if (!inBand(x, y) || mirror < i) continue;
      const angle = (2 * Math.PI * random.readUInt32LE(4 * i)) / 2 ** 32;
      phases.re[i] = Math.cos(angle);
      phases.im[i] = Math.sin(angle);
      phases.re[mirror] = Math.cos(angle);
      phases.im[mirror] = -Math.sin(angle);
    }
  }
  const wave = { re: phases.re.slice(), im: phases.im.slice() };
  transform(wave, SIDE, true);
  const rms = Math.sqrt(wave.re.reduce((sum, value) => sum + value * value, 0) / AREA);
  return { key, tile: wave.re.map((value) => value / rms), phases, mirrored: mirrorImage(phases) };
}

/** Left for right. */
function mirrorImage({ re, im }: Spectrum): Spectrum {
  const from = (i: number) => i - (i % SIDE) + ((SIDE - (i % SIDE)) % SIDE);
  return { re: re.map((_, i) => re[from(i)] ?? 0), im: im.map((_, i) => im[from(i)] ?? 0) };
}

function inBand(x: number, y: number): boolean {
  const cycles = Math.hypot(Math.min(x, SIDE - x), Math.min(y, SIDE - y)) / SIDE;
  return cycles >= BAND.from && cycles <= BAND.to;
}

/**
 * The picture with the pattern in it: weaker where it is plain, so that it is seen nowhere. Where it is already, as in what was kept
 * of a given picture, it is not added again: it would show after a few times.
 */
export function watermarked(image: RgbImage, pattern: Pattern = programPattern()): RgbImage {
  const { width, height, data } = image;
  const { tile } = pattern;
  const hasMark = markedTiles(image, pattern);
  const across = Math.ceil(width / SIDE);
  const weights = busyness(image);
  let sum = 0;
  for (let i = 0, y = 0; y < height; y += 1) {
    const row = (y % SIDE) * SIDE;
    for (let x = 0; x < width; x += 1, i += 1) {
      const added = (weights[i] ?? 0) * (tile[row + (x % SIDE)] ?? 0);
      weights[i] = hasMark[Math.floor(y / SIDE) * across + Math.floor(x / SIDE)] ? 0 : added;
      sum += added * added;
    }
  }
  const scale = STRENGTH / Math.sqrt(sum / (width * height) || 1);
  const marked = new Uint8ClampedArray(data.length);
  for (let i = 0, at = 0; at < data.length; i += 1, at += 3) {
    const added = (weights[i] ?? 0) * scale;
    for (let channel = at; channel < at + 3; channel += 1) marked[channel] = (data[channel] ?? 0) + added;
  }
  return { width, height, data: new Uint8Array(marked.buffer) };
}

/** For each tile, row by row, whether the pattern is in it. */
function markedTiles({ width, height, data }: RgbImage, { phases }: Pattern): readonly boolean[] {
  // Of green, which is most of brightness.
  const green = new Uint8Array(width * height);
  for (let i = 0; i < green.length; i += 1) green[i] = data[3 * i + 1] as number;
  if (scoreInPlace(folded({ width, height, data: green }), phases) < IN_PICTURE) return [];
  const found: boolean[] = [];
  for (let top = 0; top < height; top += SIDE) {
    for (let left = 0; left < width; left += SIDE) {
      const [w, h] = [Math.min(SIDE, width - left), Math.min(SIDE, height - top)];
      const part = new Uint8Array(w * h);
      for (let y = 0; y < h; y += 1) {
        const start = (top + y) * width + left;
        part.set(green.subarray(start, start + w), y * w);
      }
      found.push(scoreInPlace(folded({ width: w, height: h, data: part }), phases) > IN_TILE);
    }
  }
  return found;
}

/** The correlation where a marked picture that nothing was cut off has it, in standard deviations. */
function scoreInPlace({ re, im }: Spectrum, phases: Spectrum): number {
  let [sum, count] = [0, 0];
  for (let i = 0; i < AREA; i += 1) {
    const [c, d] = [phases.re[i] as number, phases.im[i] as number];
    if (c === 0 && d === 0) continue;
    sum += (re[i] as number) * c + (im[i] as number) * d;
    count += 1;
  }
  return sum / Math.sqrt(count);
}

/** From 1 in plain places to `MOST_OVER_LEAST` in busy ones: how much the pixels on both sides differ. */
function busyness({ width, height, data }: RgbImage): Float32Array {
  const weights = new Float32Array(width * height);
  // Of green, which is most of brightness.
  const at = (x: number, y: number) => 3 * (y * width + x) + 1;
  for (let y = 0; y < height; y += 1) {
    const above = at(0, Math.max(0, y - REACH));
    const below = at(0, Math.min(height - 1, y + REACH));
    const row = at(0, y);
    for (let x = 0; x < width; x += 1) {
      const left = row + 3 * Math.max(0, x - REACH);
      const right = row + 3 * Math.min(width - 1, x + REACH);
      const across = Math.abs((data[left] as number) - (data[right] as number));
      const down = Math.abs((data[above + 3 * x] as number) - (data[below + 3 * x] as number));
      weights[y * width + x] = Math.min(MOST_OVER_LEAST, 1 + (across + down) / 12);
    }
  }
  return weights;
}

/** A picture as brightness: rows of bytes. */
export interface Brightness {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * By how many standard deviations the best place of the pattern stands out, over all reductions that are looked for. Above
 * `THRESHOLD`, the watermark is there.
 */
export async function watermarkScore(picture: Brightness, pattern: Pattern = programPattern()): Promise<number> {
  return Math.max(...(await foldings(picture)).map((folding) => scoreOf(folding, pattern)));
}

/** The phases of a picture that is laid over itself tile by tile, for each reduction. */
export async function foldings(picture: Brightness): Promise<readonly Spectrum[]> {
  return Promise.all(REDUCTIONS.map(async (reduction) => folded(await enlarged(picture, reduction))));
}

/** The peak of the correlation at all places of the pattern and its mirror image. */
export function scoreOf(folding: Spectrum, { phases, mirrored }: Pattern): number {
  return Math.max(peakOf(folding, phases), peakOf(folding, mirrored));
}

/** Symmetrical phase-only matched filtering. */
function peakOf(folding: Spectrum, phases: Spectrum): number {
  const product = { re: new Float64Array(AREA), im: new Float64Array(AREA) };
  let count = 0;
  for (let i = 0; i < AREA; i += 1) {
    const c = phases.re[i] ?? 0;
    const d = phases.im[i] ?? 0;
    if (c === 0 && d === 0) continue;
    const a = folding.re[i] ?? 0;
    const b = folding.im[i] ?? 0;
    product.re[i] = a * c + b * d;
    product.im[i] = b * c - a * d;
    count += 1;
  }
  transform(product, SIDE, true);
  const peak = product.re.reduce((most, value) => Math.max(most, value), 0);
  return peak / Math.sqrt(count);
}

async function enlarged(picture: Brightness, factor: number): Promise<Brightness> {
  if (factor === 1) return picture;
  const { default: sharp } = await import('sharp');
  const { width, height, data } = picture;
  const { data: larger, info } = await sharp(data, { raw: { width, height, channels: 1 } })
    .resize(Math.round(width * factor), Math.round(height * factor), { fit: 'fill', kernel: 'cubic' })
    .extractChannel(0)
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: larger };
}

function folded({ width, height, data }: Brightness): Spectrum {
  const sums = { re: new Float64Array(AREA), im: new Float64Array(AREA) };
  const counts = new Float64Array(AREA);
  let total = 0;
  for (let i = 0; i < data.length; i += 1) total += data[i] as number;
  const mean = total / (data.length || 1);
  for (let i = 0, y = 0; y < height; y += 1) {
    const row = (y % SIDE) * SIDE;
    for (let x = 0; x < width; x += 1, i += 1) {
      const tile = row + (x % SIDE);
      sums.re[tile] = (sums.re[tile] as number) + (data[i] as number) - mean;
      counts[tile] = (counts[tile] as number) + 1;
    }
  }
  for (let i = 0; i < AREA; i += 1) sums.re[i] = (sums.re[i] ?? 0) / (counts[i] || 1);
  transform(sums, SIDE);
  for (let i = 0; i < AREA; i += 1) {
    const length = Math.hypot(sums.re[i] ?? 0, sums.im[i] ?? 0) || 1;
    sums.re[i] = (sums.re[i] ?? 0) / length;
    sums.im[i] = (sums.im[i] ?? 0) / length;
  }
  return sums;
}
