import type { Sharp, SharpOptions } from 'sharp';
import { MAX_PICTURE_PIXELS, MIN_PICTURE_SIDE } from './picture-kind.ts';

/** A picture of a size, cut from the centre of the given one. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  /** `colours`: RGB over white; `brightness`: one value a pixel, over black; `alpha`: how opaque it is. */
  readonly of: 'colours' | 'brightness' | 'alpha';
}

export interface ReadRequest {
  readonly file: string;
  /** None: the picture is read to its end, and only facts are told. */
  readonly frames: readonly Frame[];
}

/** The first message of the process that reads: it waits for a request. */
export const READY = 'ready';

/** What is known of a given picture. */
export interface PictureFacts {
  /** As it is shown, turned as its camera was held. */
  readonly width: number;
  readonly height: number;
  /** Whether it says of each pixel how opaque that is. */
  readonly hasAlpha: boolean;
  readonly animated: boolean;
}

export type ReadAnswer =
  | { readonly type: 'read'; readonly facts: PictureFacts; readonly frames: readonly Uint8Array[] }
  | { readonly type: 'too-large'; readonly width: number; readonly height: number }
  | { readonly type: 'too-small'; readonly width: number; readonly height: number }
  | { readonly type: 'failed'; readonly message: string };

type Open = (input: string, options: SharpOptions) => Sharp;

/** Looks at the header first: nothing is decoded of a picture that is too large. */
export async function reading(open: Open, { file, frames }: ReadRequest): Promise<ReadAnswer> {
  const header = await open(file, { limitInputPixels: false, unlimited: false }).metadata();
  const { width, height } = header.autoOrient;
  if (width * height > MAX_PICTURE_PIXELS) return { type: 'too-large', width, height };
  if (Math.min(width, height) < MIN_PICTURE_SIDE) return { type: 'too-small', width, height };
  const picture = () =>
    open(file, { limitInputPixels: MAX_PICTURE_PIXELS, failOn: 'error', sequentialRead: true, autoOrient: true });
  const facts = { width, height, hasAlpha: header.hasAlpha ?? false, animated: (header.pages ?? 1) > 1 };
  // Reading it in small costs little memory, and tells whether all of it is there.
  if (frames.length === 0) await picture().resize(16, 16).raw().toBuffer();
  const read: Uint8Array[] = [];
  for (const frame of frames) read.push(await cut(picture(), frame));
  return { type: 'read', facts, frames: read };
}

async function cut(picture: Sharp, { width, height, of }: Frame): Promise<Uint8Array> {
  const sized = { fit: 'cover', position: 'centre', kernel: 'lanczos3' } as const;
  const whole =
    of === 'alpha'
      ? picture.ensureAlpha().extractChannel('alpha')
      : picture.flatten({ background: of === 'colours' ? '#ffffff' : '#000000' });
  const coloured = of === 'colours' ? whole.toColourspace('srgb') : whole.toColourspace('b-w');
  const { data } = await coloured
    .resize(width, height, sized)
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return new Uint8Array(data);
}
