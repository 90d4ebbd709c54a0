/**
 * How well the watermark is found, over every picture of some folders:
 *
 *     npx tsx bench/watermark.ts folder… [--keys 100]
 *
 * Give it pictures without a watermark: `WUERST_WATERMARK=off wuerst imagine …`.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp, { type Sharp } from 'sharp';
import { foldings, patternOf, scoreOf, THRESHOLD, watermarked, watermarkScore } from '../src/marking/watermark.ts';
import type { RgbImage } from '../src/pipeline/images/image-file.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { keys: { type: 'string', default: '100' } },
});
const files = positionals.flatMap((path) =>
  statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(?:png|jpe?g|webp)$/.test(name))
        .map((name) => join(path, name))
    : [path],
);

interface Size {
  readonly width: number;
  readonly height: number;
}
type Attack = (picture: Sharp, size: Size) => Sharp;

const crop =
  (share: number): Attack =>
  (picture, { width, height }) => {
    const side = Math.sqrt(1 - share);
    const [w, h] = [Math.round(width * side), Math.round(height * side)];
    return picture.extract({
      left: Math.floor((width - w) / 3),
      top: Math.floor((height - h) * 0.7),
      width: w,
      height: h,
    });
  };
const ATTACKS: Readonly<Record<string, Attack>> = {
  'as it is': (picture) => picture.png(),
  'JPEG 75': (picture) => picture.jpeg({ quality: 75 }),
  halved: (picture, { width }) => picture.resize({ width: Math.round(width / 2) }).png(),
  'halved, JPEG 75': (picture, { width }) => picture.resize({ width: Math.round(width / 2) }).jpeg({ quality: 75 }),
  '10 % cut off': (picture, size) => crop(0.1)(picture, size).png(),
  '10 % cut off, JPEG 75': (picture, size) => crop(0.1)(picture, size).jpeg({ quality: 75 }),
  'WebP 80': (picture) => picture.webp({ quality: 80 }),
  'JPEG 50': (picture) => picture.jpeg({ quality: 50 }),
  ...Object.fromEntries(
    [0.75, 0.8, 2 / 3, 0.9, 0.4, 1.25, 2].map((factor) => [
      `resized to ${Math.round(100 * factor)} %, JPEG 90`,
      (picture: Sharp, { width }: Size) => picture.resize({ width: Math.round(width * factor) }).jpeg({ quality: 90 }),
    ]),
  ),
  mirrored: (picture) => picture.flop().png(),
  'turned by 1°': (picture) => picture.rotate(1, { background: '#888' }).png(),
  'turned by 90°': (picture) => picture.rotate(90).png(),
  'half cut off': (picture, size) => crop(0.5)(picture, size).png(),
  'made grey': (picture) => picture.greyscale().png(),
  'brighter, more contrast': (picture) => picture.linear(1.2, 10).png(),
  blurred: (picture) => picture.blur(1).png(),
};

async function rgb(file: string): Promise<RgbImage> {
  const { data, info } = await sharp(file).flatten().toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: new Uint8Array(data) };
}

async function brightness(file: Buffer) {
  const { data, info } = await sharp(file).greyscale().extractChannel(0).raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

function psnr(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += ((a[i] ?? 0) - (b[i] ?? 0)) ** 2;
  return 10 * Math.log10((255 ** 2 * a.length) / sum);
}

const scores = new Map<string, number[]>(Object.keys(ATTACKS).map((name) => [name, []]));
const [qualities, milliseconds, unmarked, otherKeys]: number[][] = [[], [], [], []];
const keys = Array.from({ length: Number(values.keys) }, (_, i) => patternOf(`another key ${i}`));
for (const file of files) {
  const image = await rgb(file);
  const start = performance.now();
  const marked = watermarked(image);
  milliseconds?.push(((performance.now() - start) * 1e6) / (image.width * image.height));
  qualities?.push(psnr(image.data, marked.data));
  const size = { width: image.width, height: image.height };
  const raw = { raw: { ...size, channels: 3 as const } };
  for (const [name, attack] of Object.entries(ATTACKS)) {
    const hit = await attack(sharp(marked.data, raw), size).toBuffer();
    scores.get(name)?.push(await watermarkScore(await brightness(hit)));
  }
  const plain = await brightness(await sharp(image.data, raw).png().toBuffer());
  unmarked?.push(await watermarkScore(plain));
  const [whole] = await foldings(plain);
  const [ours] = await foldings(await brightness(await sharp(marked.data, raw).png().toBuffer()));
  for (const key of keys) for (const one of [whole, ours]) if (one) otherKeys?.push(scoreOf(one, key));
}

const sorted = (numbers: readonly number[] | undefined) => (numbers ?? []).toSorted((a, b) => a - b);
const at = (numbers: readonly number[] | undefined, share: number) =>
  sorted(numbers)
    .at(Math.min((numbers?.length ?? 1) - 1, Math.floor(share * (numbers?.length ?? 0))))
    ?.toFixed(2);
console.log(`${files.length} pictures, threshold ${THRESHOLD}`);
for (const [name, found] of scores) {
  const share = (100 * found.filter((score) => score > THRESHOLD).length) / found.length;
  console.log(
    `${name.padEnd(28)} found ${share.toFixed(1)} %  least ${at(found, 0)}  5 % ${at(found, 0.05)}  median ${at(found, 0.5)}`,
  );
}
console.log(
  `PSNR: least ${at(qualities, 0)} dB, median ${at(qualities, 0.5)} dB; ${at(milliseconds, 0.5)} ms a megapixel`,
);
console.log(`without watermark: most ${at(unmarked, 1)}`);
console.log(
  `other keys, ${otherKeys?.length} trials: 99 % ${at(otherKeys, 0.99)}  99.9 % ${at(otherKeys, 0.999)}  most ${at(otherKeys, 1)}`,
);
