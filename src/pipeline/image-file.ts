import type { RgbImage } from './decoder-pipeline.ts';

// sharp is loaded when the first picture is there: it costs start-up time that the first step would wait for.
const loadSharp = async () => (await import('sharp')).default;

/** Reduces a picture until it just covers the size, then cuts out its centre. */
export async function cropTo(image: RgbImage, width: number, height: number): Promise<RgbImage> {
  if (image.width === width && image.height === height) return image;
  const sharp = await loadSharp();
  const { width: w, height: h, data } = image;
  const cropped = await sharp(data, { raw: { width: w, height: h, channels: 3 } })
    .resize(width, height, { fit: 'cover', position: 'centre', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  return { width, height, data: new Uint8Array(cropped) };
}
