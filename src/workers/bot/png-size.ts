const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const END = Buffer.from([0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82]);

/** Of a whole PNG, in pixels; `undefined` for anything else. */
export function pngSize(file: Uint8Array): { readonly width: number; readonly height: number } | undefined {
  const png = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (png.length < 45 || !png.subarray(0, 8).equals(SIGNATURE) || !png.subarray(-END.length).equals(END))
    return undefined;
  if (png.toString('latin1', 12, 16) !== 'IHDR') return undefined;
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20) };
}
