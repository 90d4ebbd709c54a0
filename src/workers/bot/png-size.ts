const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Length, type and checksum around the data of a chunk. */
const FRAME = 12;

/** Of a whole PNG with nothing behind it, in pixels; `undefined` for anything else. */
export function pngSize(file: Uint8Array): { readonly width: number; readonly height: number } | undefined {
  const png = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (!png.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return undefined;
  const types: string[] = [];
  let at = SIGNATURE.length;
  while (at + FRAME <= png.length && types.at(-1) !== 'IEND') {
    types.push(png.toString('latin1', at + 4, at + 8));
    at += FRAME + png.readUInt32BE(at);
  }
  const isWhole = at === png.length && types.at(-1) === 'IEND' && types.includes('IDAT');
  if (!isWhole || types[0] !== 'IHDR' || png.readUInt32BE(8) !== 13) return undefined;
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
}
