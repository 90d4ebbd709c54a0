import { decodeText, decodeUserComment, decodeUtf16 } from './text-encodings.ts';

const SUB_DIRECTORY = 0x8769;
const ENTRY_BYTES = 12;
/** Bytes of a value by its type; texts have type 2 (ASCII) or 7 (undefined), and `XP…` fields type 1. */
const TYPE_BYTES: Readonly<Record<number, number>> = { 1: 1, 2: 1, 3: 2, 4: 4, 7: 1 };

const FIELDS: Readonly<Record<number, string>> = {
  270: 'ImageDescription',
  271: 'Make',
  272: 'Model',
  305: 'Software',
  37510: 'UserComment',
  40091: 'XPTitle',
  40092: 'XPComment',
};

/** The texts of an EXIF block by the names of their fields. What lies outside of the block is left out. */
export function exifTexts(block: Buffer): Map<string, string> {
  const header = 'Exif\0\0';
  const tiff = block.toString('latin1', 0, header.length) === header ? block.subarray(header.length) : block;
  const order = tiff.toString('latin1', 0, 2);
  const texts = new Map<string, string>();
  if (tiff.length < 8 || (order !== 'II' && order !== 'MM')) return texts;
  const big = order === 'MM';
  const u16 = (at: number) => (big ? tiff.readUInt16BE(at) : tiff.readUInt16LE(at));
  const u32 = (at: number) => (big ? tiff.readUInt32BE(at) : tiff.readUInt32LE(at));
  const directories = [u32(4)];
  // The first one, and the one of EXIF that it names: never more, also where they point at each other.
  for (let d = 0; d < Math.min(directories.length, 2); d += 1) {
    const start = directories[d] ?? 0;
    if (start + 2 > tiff.length) continue;
    const count = Math.min(u16(start), Math.floor((tiff.length - start - 2) / ENTRY_BYTES));
    for (let i = 0; i < count; i += 1) {
      const entry = start + 2 + i * ENTRY_BYTES;
      const tag = u16(entry);
      if (tag === SUB_DIRECTORY) directories.push(u32(entry + 8));
      const name = FIELDS[tag];
      const bytes = u32(entry + 4) * (TYPE_BYTES[u16(entry + 2)] ?? 0);
      if (name === undefined || bytes === 0) continue;
      const from = bytes <= 4 ? entry + 8 : u32(entry + 8);
      const text = fieldText(name, tiff.subarray(from, from + bytes), big);
      if (text !== '' && !texts.has(name)) texts.set(name, text);
    }
  }
  return texts;
}

function fieldText(name: string, bytes: Buffer, big: boolean): string {
  if (name === 'UserComment') return decodeUserComment(bytes, big);
  if (name.startsWith('XP')) return decodeUtf16(bytes, false).replace(/\0[\s\S]*$/, '');
  const end = bytes.indexOf(0);
  return decodeText(end < 0 ? bytes : bytes.subarray(0, end));
}
