import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PictureReader } from '../pipeline/images/picture-reader.ts';
import { UserError } from '../system/errors.ts';
import { type Brightness, THRESHOLD, watermarkScore } from './watermark.ts';

/** Pixels of the largest picture that is looked into. */
const MOST_PIXELS = 2 ** 24;
/** Pixels of a side: the middle of a larger picture is enough. */
const LONGEST_SIDE = 1024;

/**
 * Whether the watermark is in a picture of unknown origin, which is read in a process of its own. `undefined` where the picture is
 * damaged, or larger than 16 megapixels.
 */
export async function hasWatermark(file: Uint8Array): Promise<boolean | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'wuerst-verify-'));
  try {
    const path = join(folder, 'picture');
    await writeFile(path, file, { mode: 0o600 });
    const reader = new PictureReader();
    const { width, height } = await reader.inspect(path);
    if (width * height > MOST_PIXELS) return undefined;
    const [data] = await reader.frames(path, [{ width, height, of: 'brightness' }]);
    return data && (await watermarkScore(middleOf({ width, height, data }))) > THRESHOLD;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function middleOf({ width, height, data }: Brightness): Brightness {
  const [w, h] = [Math.min(width, LONGEST_SIDE), Math.min(height, LONGEST_SIDE)];
  if (w === width && h === height) return { width, height, data };
  const [left, top] = [(width - w) >> 1, (height - h) >> 1];
  const middle = new Uint8Array(w * h);
  for (let y = 0; y < h; y += 1) {
    const start = (top + y) * width + left;
    middle.set(data.subarray(start, start + w), y * w);
  }
  return { width: w, height: h, data: middle };
}
