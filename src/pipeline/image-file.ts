import { crc32 } from 'node:zlib';
import { UserError } from '../errors.ts';
import type { RgbImage } from './decoder-pipeline.ts';

export type ImageFormat = 'png' | 'webp' | 'jpeg';
export const IMAGE_FORMATS: readonly ImageFormat[] = ['png', 'webp', 'jpeg'];

export interface EncodeOptions {
  /** @default 'png' */
  readonly format?: ImageFormat | undefined;
  /** Text by keyword: text chunks of a PNG, one EXIF comment of the others. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Keyword of the EXIF comment's JSON object, which holds every keyword and text. */
const COMMENT = 'wuerst-metadata:';
const SIGNATURE_AND_HEADER = 8 + 25;

// sharp is loaded when the first picture is there: it costs start-up time that the first step would wait for.
const loadSharp = async () => (await import('sharp')).default;

/** Reduces a picture until it just covers the size, then cuts out its centre. */
export async function cropTo(image: RgbImage, width: number, height: number): Promise<RgbImage> {
  if (image.width === width && image.height === height) return image;
  const cropped = await (await open(image))
    .resize(width, height, { fit: 'cover', position: 'centre', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  return { width, height, data: new Uint8Array(cropped) };
}

/** A picture as a file. PNG is without loss; WebP and JPEG are at a quality where a loss is hard to see. */
export async function encodeImage(
  image: RgbImage,
  { format = 'png', metadata = {} }: EncodeOptions = {},
): Promise<Buffer> {
  const picture = await open(image);
  if (format === 'png') return withTextChunks(await picture.png({ compressionLevel: 6 }).toBuffer(), metadata);
  const commented = picture.withExif({ IFD0: { ImageDescription: COMMENT + asciiJson(metadata) } });
  return format === 'webp' ? commented.webp({ quality: 92 }).toBuffer() : commented.jpeg({ quality: 92 }).toBuffer();
}

/**
 * The texts that `encodeImage` put into a file.
 *
 * @throws UserError `not_an_image`
 */
export async function readMetadata(file: Buffer): Promise<Record<string, string>> {
  const sharp = await loadSharp();
  try {
    const { format, exif, comments = [] } = await sharp(file).metadata();
    if (format === 'png') return Object.fromEntries(comments.map(({ keyword, text }) => [keyword, text]));
    return readComment(exif);
  } catch (cause) {
    throw new UserError('not_an_image', `expected a PNG, WebP or JPEG file: ${(cause as Error).message}`, { cause });
  }
}

async function open({ width, height, data }: RgbImage) {
  const sharp = await loadSharp();
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** iTXt chunks (UTF-8) behind the header, where readers that stop at the pixels find them. */
function withTextChunks(png: Buffer, metadata: Readonly<Record<string, string>>): Buffer {
  const chunks = Object.entries(metadata).map(([keyword, text]) => {
    // Keyword, then: not compressed, no language, no translated keyword.
    const body = Buffer.concat([Buffer.from(`iTXt${keyword}\0\0\0\0\0`, 'latin1'), Buffer.from(text, 'utf8')]);
    const chunk = Buffer.alloc(body.length + 8);
    chunk.writeUInt32BE(body.length - 4, 0);
    body.copy(chunk, 4);
    chunk.writeUInt32BE(crc32(body), body.length + 4);
    return chunk;
  });
  return Buffer.concat([png.subarray(0, SIGNATURE_AND_HEADER), ...chunks, png.subarray(SIGNATURE_AND_HEADER)]);
}

/** EXIF text is ASCII: everything else is escaped. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function readComment(exif: Buffer | undefined): Record<string, string> {
  const text = exif?.toString('latin1') ?? '';
  const start = text.indexOf(COMMENT);
  if (start < 0) return {};
  const end = text.indexOf('\0', start);
  const found: unknown = JSON.parse(text.slice(start + COMMENT.length, end < 0 ? undefined : end));
  const entries = Object.entries(found ?? {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(entries);
}
