import type { Exif } from 'sharp';
import { expected } from '../../system/errors.ts';
import { pictureTexts, XMP_KEYWORD } from './picture-texts.ts';

export type ImageFormat = 'png' | 'webp' | 'jpeg';
export const IMAGE_FORMATS: readonly ImageFormat[] = ['png', 'webp', 'jpeg'];

/** A format's name, in any case; `null` for what is none. */
export function imageFormat(name: string): ImageFormat | null {
  const lower = name.toLowerCase();
  return IMAGE_FORMATS.find((format) => format === (lower === 'jpg' ? 'jpeg' : lower)) ?? null;
}

export interface EncodeOptions {
  /** @default 'png' */
  readonly format?: ImageFormat | undefined;
  /** Of a WebP or JPEG, from 1 to 100. @default 92 */
  readonly quality?: number | undefined;
  /** A WebP with the very pixels. @default false */
  readonly lossless?: boolean | undefined;
  /** Pixels that the sides have at most; the shape stays. @default as large as it is */
  readonly within?: { readonly width: number; readonly height?: number } | undefined;
  /**
   * Text by keyword: text chunks of a PNG. The others have an EXIF description with all of it, and `parameters` as
   * their user comment, which is where other programs look.
   */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** An XMP packet. @default none */
  readonly xmp?: string | undefined;
}

/** Keyword of the EXIF description's JSON object, which holds every keyword and text. */
const DESCRIPTION = 'wuerst-metadata:';
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
  { format = 'png', quality = 92, lossless = false, within, metadata = {}, xmp }: EncodeOptions = {},
): Promise<Buffer> {
  const picture = await open(image);
  if (within) picture.resize({ ...within, fit: 'inside', withoutEnlargement: true });
  // In the time that level 6 takes without them, row filters make files a fifth smaller.
  if (format === 'png') {
    const texts = { ...metadata, ...(xmp === undefined ? {} : { [XMP_KEYWORD]: xmp }) };
    return withTextChunks(await picture.png({ compressionLevel: 3, adaptiveFiltering: true }).toBuffer(), texts);
  }
  const texts = exifTexts(metadata);
  for (const { sign } of texts) picture.withExifMerge(sign);
  if (xmp !== undefined) picture.withXmp(xmp);
  const encoded = format === 'webp' ? picture.webp({ quality, lossless }) : picture.jpeg({ quality });
  const file = await encoded.toBuffer();
  for (const text of texts) replace(file, text);
  return file;
}

/** The pixels of a PNG that this program wrote. */
export async function decodeImage(png: Buffer): Promise<RgbImage> {
  const sharp = await loadSharp();
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

/**
 * The texts of a picture, of this program or another: by keyword of a PNG, else by the names of EXIF's fields.
 *
 * @throws UserError `not_an_image`
 */
export async function readMetadata(file: Buffer): Promise<Record<string, string>> {
  return ownTexts(pictureTexts(file).texts);
}

/** Texts of this program's own description by their keywords; texts of other programs as they are. */
export function ownTexts(texts: ReadonlyMap<string, string>): Record<string, string> {
  const description = texts.get('ImageDescription');
  return (description?.startsWith(DESCRIPTION) && readDescription(description)) || Object.fromEntries(texts);
}

async function open({ width, height, data }: RgbImage) {
  const sharp = await loadSharp();
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** A PNG with texts by keyword: in chunks behind the header, where readers that stop at the pixels find them. */
export function withTextChunks(png: Buffer, metadata: Readonly<Record<string, string>>): Buffer {
  const chunks = Object.entries(metadata).map(([keyword, text]) => {
    const body = textChunk(keyword, text);
    const chunk = Buffer.alloc(body.length + 8);
    chunk.writeUInt32BE(body.length - 4, 0);
    body.copy(chunk, 4);
    chunk.writeUInt32BE(process.getBuiltinModule('node:zlib').crc32(body), body.length + 4);
    return chunk;
  });
  return Buffer.concat([png.subarray(0, SIGNATURE_AND_HEADER), ...chunks, png.subarray(SIGNATURE_AND_HEADER)]);
}

/** Type and data: the chunk that every reader knows for ASCII, the one in UTF-8 for everything else. */
function textChunk(keyword: string, text: string): Buffer {
  if (/^[\n -~]*$/.test(text)) return Buffer.from(`tEXt${keyword}\0${text}`, 'latin1');
  // Keyword, then: not compressed, no language, no translated keyword.
  return Buffer.concat([Buffer.from(`iTXt${keyword}\0\0\0\0\0`, 'latin1'), Buffer.from(text, 'utf8')]);
}

/** What sharp is told to write, how that looks in the file, and what belongs in its place. */
interface ExifText {
  readonly sign: Exif;
  readonly written: Buffer;
  readonly wanted: Buffer;
}

/**
 * The description in UTF-8, and `parameters` as a user comment in UTF-16. sharp writes EXIF texts in ASCII only: it is
 * given as many signs as there are bytes, which then make way for them.
 */
function exifTexts(metadata: Readonly<Record<string, string>>): ExifText[] {
  const text = (content: Buffer, prefix: string, written: string, sign: (text: string) => Exif): ExifText => {
    const hidden = '#'.repeat(content.length);
    return {
      sign: sign(hidden),
      written: Buffer.from(written + hidden, 'latin1'),
      wanted: Buffer.concat([Buffer.from(prefix, 'latin1'), content]),
    };
  };
  const { parameters } = metadata;
  const texts: ExifText[] = [];
  if (Object.keys(metadata).length > 0) {
    const json = Buffer.from(JSON.stringify(metadata), 'utf8');
    texts.push(
      text(json, DESCRIPTION, DESCRIPTION, (hidden) => ({ IFD0: { ImageDescription: DESCRIPTION + hidden } })),
    );
  }
  if (parameters) {
    const comment = Buffer.from(parameters, 'utf16le').swap16();
    texts.push(text(comment, 'UNICODE\0', 'ASCII\0\0\0', (hidden) => ({ IFD2: { UserComment: hidden } })));
  }
  return texts;
}

function replace(file: Buffer, { written, wanted }: ExifText): void {
  const at = file.indexOf(written);
  if (at >= 0) wanted.copy(file, at);
  else throw expected('metadata_too_long', 'texts that fit into 64 kB of EXIF', `${wanted.length} bytes`);
}

/** @returns `null` for what was damaged */
function readDescription(description: string): Record<string, string> | null {
  try {
    const found: unknown = JSON.parse(description.slice(DESCRIPTION.length));
    const entries = Object.entries(found ?? {}).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    );
    return Object.fromEntries(entries);
  } catch {
    return null;
  }
}

/** A picture as rows of RGB bytes. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}
