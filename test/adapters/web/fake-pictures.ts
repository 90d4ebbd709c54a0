import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { contactSheet } from '../../../src/pipeline/images/contact-sheet.ts';

/** Soft coloured hills under a sky, different for each seed: something to look at in a page under test. */
export async function paintPicture(folder: string, id: string, width: number, height: number, seed: number) {
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${id}.png`);
  const scene = await sharp(Buffer.from(landscape(seed)))
    .resize(width, height, { fit: 'fill' })
    .png()
    .toBuffer();
  await sharp(scene).toFile(path);
  return path;
}

export function paintPreview(seed: number): Promise<Uint8Array> {
  return paintPreviews([seed]);
}

/** Several on one sheet, as the pipeline shows them. */
export async function paintPreviews(seeds: readonly number[]): Promise<Uint8Array> {
  const previews = await Promise.all(
    seeds.map((seed) =>
      sharp(Buffer.from(landscape(seed)))
        .resize(24, 24, { fit: 'fill' })
        .removeAlpha()
        .raw()
        .toBuffer(),
    ),
  );
  const raw = { width: 24, height: 24, channels: 3 } as const;
  return contactSheet(
    previews.map((data) => ({ ...raw, data })),
    raw,
  );
}

function landscape(seed: number): string {
  const hue = (seed * 47) % 360;
  const hill = (level: number, lightness: number) => {
    const lift = (n: number) => level + Math.sin(seed * 1.7 + n * 2.1 + level) * 9;
    const path = `M0 100 L0 ${lift(0)} C25 ${lift(1)} 40 ${lift(2)} 55 ${lift(3)} S85 ${lift(4)} 100 ${lift(5)} L100 100 Z`;
    return `<path d="${path}" fill="hsl(${(hue + level) % 360} 38% ${lightness}%)"/>`;
  };
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="400" height="400" preserveAspectRatio="none">
    <defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="hsl(${(hue + 190) % 360} 55% 62%)"/>
    <stop offset="1" stop-color="hsl(${(hue + 40) % 360} 80% 84%)"/></linearGradient></defs>
    <rect width="100" height="100" fill="url(#sky)"/><circle cx="${25 + ((seed * 13) % 50)}" cy="32" r="9" fill="hsl(${(hue + 50) % 360} 95% 92%)"/>
    ${hill(58, 58)}${hill(70, 42)}${hill(82, 27)}</svg>`;
}
