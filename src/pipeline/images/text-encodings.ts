/** Texts in pictures name their encoding wrongly or not at all; these functions find out what was meant. */

/** UTF-8 where the bytes are that, else Latin-1. */
export function decodeText(bytes: Buffer): string {
  return decoded('utf-8', bytes) ?? bytes.toString('latin1');
}

const PREFIX_BYTES = 8;

/**
 * EXIF's user comment: eight bytes that name an encoding, and the text.
 *
 * @param bigEndian byte order of the EXIF block; programs write UTF-16 in either order all the same
 */
export function decodeUserComment(bytes: Buffer, bigEndian: boolean): string {
  const prefix = bytes.toString('latin1', 0, PREFIX_BYTES).replace(/[\0 ]+$/, '');
  const body = bytes.subarray(PREFIX_BYTES);
  switch (prefix.toUpperCase()) {
    case 'UNICODE':
      return ended(isPlainUtf8(body) ? decodeText(body) : decodeUtf16(body, bigEndian));
    case 'JIS':
      return ended(decodeJapanese(body));
    case 'ASCII':
    case '':
      return ended(looksLikeUtf16(body) ? decodeUtf16(body, bigEndian) : decodeText(body));
    // Some programs leave the prefix out.
    default:
      return ended(looksLikeUtf16(bytes) ? decodeUtf16(bytes, bigEndian) : decodeText(bytes));
  }
}

/** By its byte order mark, else by the side on which the zeros of ASCII characters lie, else as `bigEndian` says. */
export function decodeUtf16(bytes: Buffer, bigEndian: boolean): string {
  const even = bytes.subarray(0, bytes.length & ~1);
  const mark = even.length >= 2 ? even.readUInt16BE(0) : 0;
  if (mark === 0xfeff) return even.subarray(2).length > 0 ? swapped(even.subarray(2)) : '';
  if (mark === 0xfffe) return even.toString('utf16le', 2);
  const [first, second] = zeros(even);
  const big = first === second ? bigEndian : first > second;
  return big ? swapped(even) : even.toString('utf16le');
}

/** A text ends at its first zero; what follows is padding. */
function ended(text: string): string {
  const end = text.indexOf('\0');
  return (end < 0 ? text : text.slice(0, end)).trimEnd();
}

function swapped(bytes: Buffer): string {
  return Buffer.from(bytes).swap16().toString('utf16le');
}

/** How many zeros are on even and on odd positions. */
function zeros(bytes: Buffer): [number, number] {
  const counts: [number, number] = [0, 0];
  for (let i = 0; i < bytes.length; i += 1) if (bytes[i] === 0) counts[i % 2 === 0 ? 0 : 1] += 1;
  return counts;
}

function looksLikeUtf16(bytes: Buffer): boolean {
  const [first, second] = zeros(bytes.subarray(0, 64));
  return Math.abs(first - second) > Math.min(32, bytes.length / 2) / 2;
}

/** Without zeros UTF-16 has no ASCII in it, and no words that can be read as such. */
function isPlainUtf8(bytes: Buffer): boolean {
  const end = bytes.indexOf(0);
  const text = bytes.subarray(0, end < 0 || bytes.subarray(end).some((byte) => byte !== 0) ? bytes.length : end);
  return !text.includes(0) && /[a-z]{3}/i.test(text.toString('latin1')) && decoded('utf-8', text) !== null;
}

function decodeJapanese(bytes: Buffer): string {
  const shift = 0x1b;
  if (bytes.includes(shift)) return decoded('iso-2022-jp', bytes) ?? decodeText(bytes);
  const names = ['utf-8', 'euc-jp', 'shift_jis'];
  for (const name of names) {
    const text = decoded(name, bytes);
    if (text !== null) return text;
  }
  return bytes.toString('latin1');
}

function decoded(encoding: string, bytes: Buffer): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}
