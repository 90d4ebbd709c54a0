import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { OperatorError } from '../../../system/errors.ts';

/** Bytes per file where the interaction names no other limit. */
export const DEFAULT_FILE_LIMIT = 10 * 1024 * 1024;
/** Bytes per request, less what the message itself and the multipart framing take. */
export const REQUEST_LIMIT = 25 * 1024 * 1024 - 256 * 1024;
/** Files per message. */
export const MAX_FILES = 10;

interface UploadFile {
  readonly name: string;
  readonly data: Buffer;
}

interface Step {
  readonly extension: 'webp' | 'jpg';
  readonly encode: (png: Buffer) => Promise<Buffer>;
}

/** From hardly visible loss to clearly visible; tried in order until one fits. */
const LADDER: readonly Step[] = [
  { extension: 'webp', encode: (png) => sharp(png).webp({ lossless: true }).toBuffer() },
  { extension: 'webp', encode: (png) => sharp(png).webp({ quality: 90 }).toBuffer() },
  { extension: 'jpg', encode: (png) => sharp(png).jpeg({ quality: 85 }).toBuffer() },
  { extension: 'jpg', encode: (png) => sharp(png).jpeg({ quality: 60 }).toBuffer() },
  {
    extension: 'jpg',
    encode: (png) => sharp(png).resize({ width: 1024, height: 1024, fit: 'inside' }).jpeg({ quality: 60 }).toBuffer(),
  },
];

/** The PNG itself where it has at most `limit` bytes, else the best re-encoding that does. */
async function fit(name: string, png: Buffer, limit: number): Promise<UploadFile> {
  if (png.length <= limit) return { name, data: png };
  for (const { extension, encode } of LADDER) {
    const data = await encode(png);
    if (data.length <= limit) return { name: name.replace(/\.png$/, `.${extension}`), data };
  }
  throw new OperatorError('file_too_large', `${name} does not fit into ${limit} bytes in any format.`);
}

/**
 * Reads PNG files and makes them small enough: each at most `limit` bytes, all together at most
 * `REQUEST_LIMIT`. Where the sum is too large, every file gets an equal share of it.
 */
export async function prepareFiles<Picture extends { readonly name: string; readonly path: string }>(
  pictures: readonly Picture[],
  limit: number,
): Promise<readonly (Picture & UploadFile)[]> {
  const pngs: (Picture & UploadFile)[] = [];
  for (const picture of pictures.slice(0, MAX_FILES)) pngs.push({ ...picture, data: await readFile(picture.path) });

  const share = Math.floor(REQUEST_LIMIT / Math.max(1, pngs.length));
  const total = pngs.reduce((sum, { data }) => sum + Math.min(data.length, limit), 0);
  const cap = total > REQUEST_LIMIT ? Math.min(limit, share) : Math.min(limit, REQUEST_LIMIT);
  const files: (Picture & UploadFile)[] = [];
  for (const png of pngs) files.push({ ...png, ...(await fit(png.name, png.data, cap)) });
  return files;
}
