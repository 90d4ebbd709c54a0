/** Cells of the longer side that are left of a picture: its colours, but no shape of anything. */
const CELLS = 8;

/** A PNG of the same size that shows a picture's colours alone, without its texts, which would make it again. */
export async function blurred(png: Uint8Array): Promise<Buffer> {
  const sharp = (await import('sharp')).default;
  const { width, height } = await sharp(png).metadata();
  const cells = await sharp(png)
    .removeAlpha()
    .resize({ width: CELLS, height: CELLS, fit: 'inside', kernel: 'lanczos3' })
    .png()
    .toBuffer();
  return sharp(cells).resize({ width, height, fit: 'fill', kernel: 'cubic' }).png({ compressionLevel: 6 }).toBuffer();
}
