import { readFile } from 'node:fs/promises';
import { type Encoding, type Marker, type OutgoingPicture, UNMARKED } from '../../../marking/marker.ts';
import { OperatorError } from '../../../system/errors.ts';
import { t } from '../../../texts/translate.ts';

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

interface MarkedPng extends UploadFile {
  readonly picture: OutgoingPicture;
}

/** From hardly visible loss to clearly visible; tried in order until one fits. */
const LADDER: readonly Encoding[] = [
  { format: 'webp', lossless: true },
  { format: 'webp', quality: 90 },
  { format: 'jpeg', quality: 85 },
  { format: 'jpeg', quality: 60 },
  { format: 'jpeg', quality: 60, within: { width: 1024, height: 1024 } },
];

/** The PNG itself where it has at most `limit` bytes, else the best re-encoding that does. */
async function fit({ name, data: png, picture }: MarkedPng, limit: number): Promise<UploadFile> {
  if (png.length <= limit) return { name, data: png };
  for (const step of LADDER) {
    const data = await picture.file(step);
    const extension = step.format === 'jpeg' ? 'jpg' : step.format;
    if (data.length <= limit) return { name: name.replace(/\.png$/, `.${extension}`), data };
  }
  throw new OperatorError('file_too_large', () =>
    t('{name} does not fit into {limit} bytes in any format.', { name, limit }),
  );
}

/**
 * Reads PNG files and makes them small enough: each at most `limit` bytes, all together at most
 * `REQUEST_LIMIT`. Where the sum is too large, every file gets an equal share of it.
 */
export async function prepareFiles<Picture extends { readonly name: string; readonly path: string }>(
  pictures: readonly Picture[],
  limit: number,
  marker: Marker = UNMARKED,
): Promise<readonly (Picture & UploadFile)[]> {
  const pngs: (Picture & MarkedPng)[] = [];
  for (const one of pictures.slice(0, MAX_FILES)) {
    const picture = marker.open(await readFile(one.path));
    pngs.push({ ...one, picture, data: await picture.file() });
  }

  const share = Math.floor(REQUEST_LIMIT / Math.max(1, pngs.length));
  const total = pngs.reduce((sum, { data }) => sum + Math.min(data.length, limit), 0);
  const cap = total > REQUEST_LIMIT ? Math.min(limit, share) : Math.min(limit, REQUEST_LIMIT);
  const files: (Picture & UploadFile)[] = [];
  for (const png of pngs) files.push({ ...png, ...(await fit(png, cap)) });
  return files;
}
