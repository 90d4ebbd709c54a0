import { UserError } from '../../system/errors.ts';
import { t, translatable } from '../../texts/translate.ts';

/** What a picture that somebody gives may be. */
export const PICTURE_KINDS = ['png', 'jpeg', 'webp', 'gif', 'avif', 'tiff'] as const;
export type PictureKind = (typeof PICTURE_KINDS)[number];

/** Bytes of the largest file that is taken. */
export const MAX_PICTURE_BYTES = 20 * 2 ** 20;
/** Pixels of the largest picture that is taken, whatever its file says in how few bytes. */
export const MAX_PICTURE_PIXELS = 2 ** 26;
/** Pixels of the shorter side of the smallest one. */
export const MIN_PICTURE_SIDE = 8;
/** Enough to tell what a file is. */
export const HEAD_BYTES = 512;

/** Types of ISO media files by their brand. */
const BRANDS: Readonly<Record<string, 'avif' | 'HEIC'>> = {
  avif: 'avif',
  avis: 'avif',
  heic: 'HEIC',
  heix: 'HEIC',
  mif1: 'HEIC',
};
const OTHERS: readonly (readonly [string, RegExp])[] = [
  [
    translatable('Expected a picture, got an SVG drawing.'),
    /^\s*(?:<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE[^>]*>|\s)*<(?:\w+:)?svg[\s>]/is,
  ],
  [translatable('Expected a picture, got a web page.'), /^\s*<(?:!doctype html|html)/i],
  [translatable('Expected a picture, got a PDF.'), /^%PDF/],
  [translatable('Expected a picture, got a BMP picture.'), /^BM/],
  [translatable('Expected a picture, got an archive.'), /^PK/],
];

/**
 * What a file is by its first bytes, whatever its name says. Nothing else ever reaches a decoder.
 *
 * @throws UserError `picture_kind_unknown`
 */
export function pictureKind(head: Uint8Array): PictureKind {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, HEAD_BYTES));
  const text = bytes.toString('latin1');
  if (text.startsWith('\u0089PNG\r\n\u001a\n')) return 'png';
  if (text.startsWith('\u00ff\u00d8\u00ff')) return 'jpeg';
  if (/^GIF8[79]a/.test(text)) return 'gif';
  if (/^RIFF....WEBP/s.test(text)) return 'webp';
  if (/^(?:II\*\0|MM\0\*)/.test(text)) return 'tiff';
  const brand = text.slice(4, 8) === 'ftyp' ? (BRANDS[text.slice(8, 12)] ?? 'video') : undefined;
  if (brand === 'avif') return brand;
  const taken = t('Give a PNG, JPEG, WebP, GIF, AVIF or TIFF file.');
  const hint = brand === 'HEIC' ? `${taken} ${t('A phone can share its photos as JPEG.')}` : taken;
  throw new UserError('picture_kind_unknown', insteadOfPicture(brand, text, bytes.length === 0), { hint });
}

function insteadOfPicture(brand: 'HEIC' | 'video' | undefined, text: string, isEmpty: boolean): string {
  if (brand === 'HEIC') return t('Expected a picture, got an HEIC photo.');
  if (brand === 'video') return t('Expected a picture, got a video.');
  if (isEmpty) return t('Expected a picture, got an empty file.');
  const readable = text.replace(/^\u00ef\u00bb\u00bf/, '').replaceAll('\0', '');
  const other = OTHERS.find(([, form]) => form.test(readable))?.[0];
  return other === undefined ? t('Expected a picture, got a file that is none.') : t(other);
}

/** @throws UserError `picture_too_many_bytes` or `picture_kind_unknown` */
export function checkBytes(bytes: number): void {
  if (bytes <= MAX_PICTURE_BYTES) return;
  throw new UserError(
    'picture_too_many_bytes',
    t('Expected a picture of at most {most} MB, got one of {size} MB.', {
      most: MAX_PICTURE_BYTES / 2 ** 20,
      size: Math.round((10 * bytes) / 2 ** 20) / 10,
    }),
    { hint: t('A JPEG of 2048 × 2048 pixels is large enough for every picture that is made here.') },
  );
}
