import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { FrameSource, GreyImage } from '../images/frame-source.ts';
import type { RgbImage } from '../images/image-file.ts';
import { feathered, type Placement, pasted, touchedCells } from '../images/masks.ts';
import { MAX_START_PICTURES } from '../images/start-limits.ts';
import type { Tensor } from '../math/tensor.ts';
import type { ImageEncoder } from '../networks/image-encoder.ts';
import type { PaellaVQModel } from '../networks/paella-vq-model.ts';
import type { SizeGrid } from './size-grid.ts';
import type { Kept } from './start.ts';

export interface WeightedSource {
  readonly source: FrameSource;
  /** Above 0; what counts is its share of all. */
  readonly weight: number;
}

export interface StartSources {
  readonly pictures: readonly WeightedSource[];
  /** White where the picture is painted anew. */
  readonly mask?: { readonly source: FrameSource; readonly of: 'brightness' | 'alpha' } | undefined;
}

/** What pictures are prepared for. */
export interface StartTarget {
  /** Pixels of the result. */
  readonly width: number;
  readonly height: number;
  /** Rows and columns of Stage C's latents. */
  readonly cells: readonly [number, number];
}

/** Given pictures, as the stages take them. */
export interface PreparedStart {
  /** [1, 16, h, w]: of the picture, or blended. */
  readonly image: Tensor;
  /** Only a part is painted. */
  readonly region?: Region | undefined;
}

/** A part of a picture that is painted anew. */
export interface Region {
  /** Stage C's, [1, 1, h, w]. */
  readonly mask: Tensor;
  /** Stage B's. */
  readonly kept: Kept;
  /** A finished picture of the target's size, with the original's own pixels outside the feathered mask. */
  paste(painted: RgbImage): RgbImage;
}

interface Networks {
  readonly encoder: ImageEncoder;
  readonly vqgan: PaellaVQModel;
  readonly grid: SizeGrid;
}

/** @throws UserError `start_invalid`, `mask_empty`, and what the sources throw */
export async function prepareStart(
  networks: Networks,
  { pictures, mask }: StartSources,
  target: StartTarget,
): Promise<PreparedStart> {
  checkSources(pictures, mask !== undefined);
  const image = await blended(networks.encoder, pictures, target.cells);
  const [first] = pictures;
  return { image, region: mask && first && (await region(networks, first.source, mask, target)) };
}

function checkSources(pictures: readonly WeightedSource[], masked: boolean): void {
  if (pictures.length < 1 || pictures.length > MAX_START_PICTURES) {
    throw new UserError(
      'start_invalid',
      t('Expected 1 to {most} pictures to start from, got {count}.', {
        most: MAX_START_PICTURES,
        count: pictures.length,
      }),
    );
  }
  const odd = pictures.find(({ weight }) => !(weight > 0 && Number.isFinite(weight)));
  if (odd)
    throw new UserError(
      'start_invalid',
      t('Expected weights of pictures above 0, got {weight}.', { weight: odd.weight }),
      { hint: t('For example {example}.', { example: '2 and 1' }) },
    );
  if (masked && pictures.length > 1)
    throw new UserError(
      'start_invalid',
      t('Expected one picture beside a mask, got {count}.', { count: pictures.length }),
    );
}

/** The mean of the pictures' embeddings by their weights. */
async function blended(
  encoder: ImageEncoder,
  pictures: readonly WeightedSource[],
  [h, w]: StartTarget['cells'],
): Promise<Tensor> {
  const [width, height] = [w * encoder.cellPixels, h * encoder.cellPixels];
  const total = pictures.reduce((sum, { weight }) => sum + weight, 0);
  let mean: Tensor | undefined;
  for (const { source, weight } of pictures) {
    const [data = new Uint8Array()] = await source.frames([{ width, height, of: 'colours' }]);
    const { data: values, dims } = await encoder.encode({ width, height, data });
    if (pictures.length === 1) return { data: values, dims };
    const sum = mean?.data ?? new Float32Array(values.length);
    mean = { data: sum.map((value, i) => value + ((values[i] ?? 0) * weight) / total), dims };
  }
  if (!mean) throw new RangeError('Expected a picture.');
  return mean;
}

async function region(
  { vqgan, grid }: Networks,
  picture: FrameSource,
  mask: NonNullable<StartSources['mask']>,
  { width, height, cells }: StartTarget,
): Promise<Region> {
  const [gridHeight, gridWidth] = cells.map((count) => grid.pixels(count)) as [number, number];
  const scale = Math.max(width / gridWidth, height / gridHeight);
  const placement: Placement = {
    visible: { width: Math.round(width / scale), height: Math.round(height / scale) },
    whole: { width: gridWidth, height: gridHeight },
  };
  const [original = new Uint8Array(), visible = new Uint8Array()] = await picture.frames([
    { width, height, of: 'colours' },
    { ...placement.visible, of: 'colours' },
  ]);
  const [given = new Uint8Array()] = await mask.source.frames([{ width, height, of: mask.of }]);
  const data = mask.of === 'alpha' ? given.map((opaque) => 255 - opaque) : given;
  const soft = feathered(checkMask({ width, height, data }, mask.of));
  const { data: latents, dims } = await vqgan.encode(wholePixels(visible, placement));
  const scaled = { data: latents.map((value) => value / vqgan.config.scale_factor), dims };
  const cover = (sides: readonly [number, number]) => ({
    data: touchedCells(soft, placement, sides),
    dims: [1, 1, ...sides],
  });
  return {
    mask: cover(cells),
    kept: { latents: scaled, mask: cover([dims[2] ?? 0, dims[3] ?? 0]) },
    paste: (painted) => pasted(painted, original, soft),
  };
}

function checkMask(mask: GreyImage, of: 'brightness' | 'alpha'): GreyImage {
  if (mask.data.some((value) => value > 127)) return mask;
  const message =
    of === 'alpha'
      ? t('The picture has no transparent part: nothing would be painted anew.')
      : t('The mask has no white part: nothing would be painted anew.');
  throw new UserError('mask_empty', message, {
    hint: t('A mask is white where the picture is to be painted anew, and black elsewhere.'),
  });
}

/** What is visible as numbers from 0 to 1, its border continued to the whole grid picture, [1, 3, H, W]. */
function wholePixels(bytes: Uint8Array, { visible, whole }: Placement): Tensor {
  const { width, height } = whole;
  const [left, top] = [(width - visible.width) >> 1, (height - visible.height) >> 1];
  const data = new Float32Array(3 * width * height);
  for (let y = 0; y < height; y += 1) {
    const row = Math.min(visible.height - 1, Math.max(0, y - top)) * visible.width;
    for (let x = 0; x < width; x += 1) {
      const at = (row + Math.min(visible.width - 1, Math.max(0, x - left))) * 3;
      for (let c = 0; c < 3; c += 1) data[(c * height + y) * width + x] = (bytes[at + c] ?? 0) / 255;
    }
  }
  return { data, dims: [1, 3, height, width] };
}
