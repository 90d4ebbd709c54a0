import type { RgbImage } from './image-file.ts';

const loadSharp = async () => (await import('sharp')).default;

const LONG_SIDE = 192;
const QUALITY = 72;

/**
 * Small pictures side by side as one JPEG whose longer side has 192 pixels: one alone, four as two by two.
 *
 * @param pictures of equal sides
 * @param size of the pictures they stand for; each is cut to this shape as those will be
 */
export async function contactSheet(
  pictures: readonly RgbImage[],
  size: { readonly width: number; readonly height: number },
): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const columns = Math.ceil(Math.sqrt(pictures.length));
  const rows = Math.ceil(pictures.length / columns);
  const scale = LONG_SIDE / Math.max(columns * size.width, rows * size.height);
  const [width, height] = [size.width, size.height].map((side) => Math.max(1, Math.round(side * scale))) as [
    number,
    number,
  ];
  const tiles = pictures.map(({ data, width: w, height: h }) =>
    sharp(data, { raw: { width: w, height: h, channels: 3 } }).resize(width, height, { fit: 'cover', kernel: 'cubic' }),
  );
  const [only] = tiles;
  if (only && tiles.length === 1) return new Uint8Array(await only.jpeg({ quality: QUALITY }).toBuffer());
  const inputs = await Promise.all(tiles.map((tile) => tile.raw().toBuffer()));
  const sheet = sharp({
    create: { width: columns * width, height: rows * height, channels: 3, background: '#808080' },
  }).composite(
    inputs.map((input, i) => ({
      input,
      raw: { width, height, channels: 3 },
      left: (i % columns) * width,
      top: Math.floor(i / columns) * height,
    })),
  );
  return new Uint8Array(await sheet.jpeg({ quality: QUALITY }).toBuffer());
}

/** A sheet, and which pictures are on it, row by row. */
export interface Sheet {
  readonly preview: Uint8Array;
  readonly previewOf: readonly number[];
}

/** One sheet of the pictures of several, in the order of their positions. */
export async function joinSheets(
  sheets: readonly Sheet[],
  size: { readonly width: number; readonly height: number },
): Promise<Sheet> {
  const cells = (await Promise.all(sheets.map(cellsOf))).flat().sort((a, b) => a.position - b.position);
  const pictures = cells.map(({ picture }) => picture);
  return { preview: await contactSheet(pictures, size), previewOf: cells.map(({ position }) => position) };
}

/** The pictures of a sheet. */
async function cellsOf({ preview, previewOf }: Sheet) {
  const sharp = await loadSharp();
  const columns = Math.ceil(Math.sqrt(previewOf.length));
  const rows = Math.ceil(previewOf.length / columns);
  const sheet = await sharp(preview).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const raw = { width: sheet.info.width, height: sheet.info.height, channels: sheet.info.channels };
  const [width, height] = [Math.floor(raw.width / columns), Math.floor(raw.height / rows)];
  return Promise.all(
    previewOf.map(async (position, i) => {
      const area = { left: (i % columns) * width, top: Math.floor(i / columns) * height, width, height };
      const data = await sharp(sheet.data, { raw }).extract(area).toColourspace('srgb').raw().toBuffer();
      return { position, picture: { data, width, height } };
    }),
  );
}
