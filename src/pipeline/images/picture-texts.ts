import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { exifTexts } from './exif-texts.ts';
import { decodeText } from './text-encodings.ts';
import { xmpTexts } from './xmp-texts.ts';

/** The texts in a picture file, by keyword of a PNG or name of an EXIF field. */
export interface PictureTexts {
  readonly texts: ReadonlyMap<string, string>;
  /** Sentences about what could not be read. */
  readonly problems: readonly string[];
}

/** What all compressed texts of a file may become together: a few bytes can claim to be gigabytes. */
const MOST_INFLATED = 32 * 2 ** 20;
/** Of a PNG's text chunk with an XMP packet. */
export const XMP_KEYWORD = 'XML:com.adobe.xmp';

const inflateSync: typeof import('node:zlib').inflateSync = (...given) =>
  process.getBuiltinModule('node:zlib').inflateSync(...given);

/**
 * Reads every text of a PNG, JPEG or WebP file, wherever in it and in whatever encoding it is, also from a file that was
 * cut off or whose checksums are wrong.
 *
 * @throws UserError `not_an_image`
 */
export function pictureTexts(file: Buffer): PictureTexts {
  const reader = new Reader();
  if (file.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n') readPng(file, reader);
  else if (file.toString('latin1', 0, 2) === '\xff\xd8') readJpeg(file, reader);
  else if (file.toString('latin1', 0, 4) === 'RIFF' && file.toString('latin1', 8, 12) === 'WEBP') {
    readWebp(file, reader);
  } else throw new UserError('not_an_image', t('Expected a PNG, WebP or JPEG file, got something else.'));
  return reader;
}

class Reader implements PictureTexts {
  readonly texts = new Map<string, string>();
  readonly problems: string[] = [];
  #inflated = 0;

  /** The first text of a name counts. */
  add(name: string, text: string): void {
    if (name === XMP_KEYWORD) this.addAll(xmpTexts(text));
    else if (name.startsWith('Raw profile type ')) this.#addProfile(name, text);
    else if (text !== '' && !this.texts.has(name)) this.texts.set(name, text);
  }

  addAll(texts: ReadonlyMap<string, string>): void {
    for (const [name, text] of texts) this.add(name, text);
  }

  inflate(name: string, data: Buffer): Buffer {
    const { Z_SYNC_FLUSH } = process.getBuiltinModule('node:zlib').constants;
    try {
      const maxOutputLength = MOST_INFLATED - this.#inflated;
      const bytes = inflateSync(data, { maxOutputLength, finishFlush: Z_SYNC_FLUSH });
      this.#inflated += bytes.length;
      return bytes;
    } catch (error) {
      const tooMuch = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
      this.problems.push(
        tooMuch
          ? t('The compressed text "{name}" would unpack to more than {most} MiB and was left out.', {
              ...{ name, most: MOST_INFLATED / 2 ** 20 },
            })
          : t('The compressed text "{name}" is damaged and was left out.', { name }),
      );
      return Buffer.alloc(0);
    }
  }

  cutOff(): void {
    this.problems.push(t('The file is cut off: what it says may not be all.'));
  }

  /** How ImageMagick keeps EXIF and XMP in a PNG: a name, a length and hexadecimal digits. */
  #addProfile(name: string, text: string): void {
    const bytes = Buffer.from(text.replace(/^\s*\S+\s+\d+\s/, '').replace(/\s+/g, ''), 'hex');
    this.addAll(name.endsWith('xmp') ? xmpTexts(decodeText(bytes)) : exifTexts(bytes));
  }
}

function readPng(file: Buffer, reader: Reader): void {
  let at = 8;
  while (at + 8 <= file.length) {
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    if (type === 'IEND') return;
    const data = file.subarray(at + 8, at + 8 + length);
    if (type === 'eXIf') reader.addAll(exifTexts(data));
    else if (type === 'tEXt' || type === 'zTXt' || type === 'iTXt') readTextChunk(type, data, reader);
    at += 12 + length;
  }
  reader.cutOff();
}

function readTextChunk(type: 'tEXt' | 'zTXt' | 'iTXt', data: Buffer, reader: Reader): void {
  const end = data.indexOf(0);
  if (end < 0) return;
  const name = data.toString('latin1', 0, end);
  const rest = data.subarray(end + 1);
  // Latin-1 by the standard; many programs write UTF-8.
  if (type === 'tEXt') reader.add(name, decodeText(rest));
  // A byte for the method, of which there is one.
  else if (type === 'zTXt') reader.add(name, decodeText(reader.inflate(name, rest.subarray(1))));
  else {
    const language = rest.indexOf(0, 2);
    const translated = language < 0 ? -1 : rest.indexOf(0, language + 1);
    if (translated < 0) return;
    const text = rest.subarray(translated + 1);
    reader.add(name, decodeText(rest[0] === 1 ? reader.inflate(name, text) : text));
  }
}

const EXIF_HEADER = 'Exif\0\0';
const XMP_HEADER = 'http://ns.adobe.com/xap/1.0/\0';
const XMP_EXTENSION = 'http://ns.adobe.com/xmp/extension/\0';
/** Of an extension: a hash, the whole length, and where this part belongs. */
const EXTENSION_BYTES = XMP_EXTENSION.length + 32 + 4 + 4;

function readJpeg(file: Buffer, reader: Reader): void {
  const extension: Buffer[] = [];
  let at = 2;
  let atPixels = false;
  while (at + 4 <= file.length && file[at] === 0xff && !atPixels) {
    const marker = file[at + 1] ?? 0;
    if (marker === 0xff) at += 1;
    else if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) at += 2;
    else if (marker === 0xda || marker === 0xd9) atPixels = true;
    else {
      const next = at + 2 + Math.max(2, file.readUInt16BE(at + 2));
      const data = file.subarray(at + 4, next);
      if (marker === 0xfe) reader.add('Comment', decodeText(data));
      else if (marker === 0xe1 && begins(data, EXIF_HEADER)) reader.addAll(exifTexts(data));
      else if (marker === 0xe1 && begins(data, XMP_HEADER)) {
        reader.addAll(xmpTexts(decodeText(data.subarray(XMP_HEADER.length))));
      } else if (marker === 0xe1 && begins(data, XMP_EXTENSION)) extension.push(data.subarray(EXTENSION_BYTES));
      at = next;
    }
  }
  if (extension.length > 0) reader.addAll(xmpTexts(decodeText(Buffer.concat(extension))));
  if (!atPixels) reader.cutOff();
}

function readWebp(file: Buffer, reader: Reader): void {
  let at = 12;
  while (at + 8 <= file.length) {
    const type = file.toString('latin1', at, at + 4);
    const length = file.readUInt32LE(at + 4);
    const data = file.subarray(at + 8, at + 8 + length);
    if (type === 'EXIF') reader.addAll(exifTexts(data));
    else if (type === 'XMP ') reader.addAll(xmpTexts(decodeText(data)));
    // Chunks begin at even positions.
    at += 8 + length + (length % 2);
  }
  if (file.length < file.readUInt32LE(4) + 8) reader.cutOff();
}

function begins(data: Buffer, text: string): boolean {
  return data.toString('latin1', 0, text.length) === text;
}
