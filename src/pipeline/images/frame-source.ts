import type { RgbImage } from './image-file.ts';
import type { Frame } from './picture-reading.ts';

/** Gives a picture in sizes and forms. */
export interface FrameSource {
  /** Rows of bytes for each frame: three a pixel for `colours`, else one. */
  frames(frames: readonly Frame[]): Promise<readonly Uint8Array[]>;
}

/** Rows of bytes, one a pixel: 0 (black) to 255 (white). */
export interface GreyImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Of a picture that is decoded already. */
export function decodedSource(image: RgbImage | GreyImage): FrameSource {
  return { frames: (frames) => Promise.all(frames.map((frame) => cut(image, frame))) };
}

async function cut({ data, width, height }: RgbImage | GreyImage, frame: Frame): Promise<Uint8Array> {
  const sharp = (await import('sharp')).default;
  const channels = data.length === width * height ? 1 : 3;
  const resized = sharp(data, { raw: { width, height, channels } })
    .toColourspace(frame.of === 'colours' ? 'srgb' : 'b-w')
    .resize(frame.width, frame.height, { fit: 'cover', position: 'centre', kernel: 'lanczos3' });
  return new Uint8Array(await resized.raw().toBuffer());
}
