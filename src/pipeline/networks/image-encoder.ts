import { join } from 'node:path';
import { expected, OperatorError } from '../../system/errors.ts';
import { once } from '../../system/memo.ts';
import { listedAs, t } from '../../texts/translate.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import { readJson } from '../checkpoint/config-file.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { efficientNetConfig, efficientNetGraph } from '../graph/efficientnet.ts';
import { cellPixels, semanticCompressorConfig, semanticCompressorGraph } from '../graph/semantic-compressor.ts';
import type { RgbImage } from '../images/image-file.ts';
import { rowSize, type Tensor } from '../math/tensor.ts';
import type { Runtime, RuntimeOptions } from '../runtime/runtime.ts';
import { Network, type OpenOptions, open } from './network.ts';
import { checkChannels, fromOrt, toOrt } from './ort-tensors.ts';

/** It runs once a picture, and is small. */
const IN_32_BITS = { int8: 'fp32', fp16: 'fp32' } as const;

/** A network that turns a picture into the image embedding that Stage C would have made for it. */
export abstract class ImageEncoder extends Network {
  /** Pixels per cell of the embedding, each way. */
  abstract readonly cellPixels: number;
  readonly #graph: () => GraphBuilder;

  constructor(component: Component, runtime: Runtime, write: (component: Component) => GraphBuilder) {
    super(component, runtime);
    this.#graph = once(() => {
      const graph = write(component);
      component.assertAllUsed();
      return graph;
    });
  }

  /** Pixels from 0 to 1 in channel `c` as this network takes them. */
  protected abstract normalise(value: number, channel: number): number;

  check(): void {
    this.#graph();
  }

  async preload(): Promise<void> {
    await this.session(this.#graph());
  }

  /**
   * @param x [B, 3, H, W] as this network takes pixels; sides divide by `cellPixels`
   * @returns [B, 16, H / cellPixels, W / cellPixels]
   */
  async run(x: Tensor): Promise<Tensor> {
    checkChannels('pixels', x, 4, 1, 3);
    const [, , h = 0, w = 0] = x.dims;
    if (h === 0 || w === 0 || h % this.cellPixels || w % this.cellPixels) {
      throw expected('image_side_invalid', `sides that divide by ${this.cellPixels}`, `${w}×${h}`);
    }
    return fromOrt((await this.runOnce(this.#graph(), { x: toOrt(x) })).latents);
  }

  /** The image embedding of a picture whose sides divide by `cellPixels`, [1, 16, h, w]. */
  encode({ data, width, height }: RgbImage): Promise<Tensor> {
    const dims = [1, 3, height, width];
    const area = width * height;
    const pixels = new Float32Array(rowSize(dims));
    for (let c = 0; c < 3; c += 1) {
      for (let i = 0; i < area; i += 1) pixels[c * area + i] = this.normalise((data[i * 3 + c] ?? 0) / 255, c);
    }
    return this.run({ data: pixels, dims });
  }
}

/** The encoder of the published Würstchen: torchvision's EfficientNetV2-S and a 1×1 convolution. */
export class EfficientNetEncoder extends ImageEncoder {
  static readonly instead = IN_32_BITS;
  static readonly className = 'EfficientNetEncoder';
  readonly config;
  readonly cellPixels = 32;

  constructor(component: Component, runtime: Runtime) {
    super(component, runtime, efficientNetGraph);
    this.config = efficientNetConfig(component);
  }

  static load(dir: string, runtime?: RuntimeOptions | Runtime, options?: OpenOptions): Promise<EfficientNetEncoder> {
    return open(EfficientNetEncoder, dir, runtime, options);
  }

  protected override normalise(value: number, channel: number): number {
    return (value - (IMAGENET_MEAN[channel] ?? 0)) / (IMAGENET_STD[channel] ?? 1);
  }
}

const IMAGENET_MEAN = [0.485, 0.456, 0.406];
const IMAGENET_STD = [0.229, 0.224, 0.225];

/** The encoder of cocktail. */
export class SemanticCompressor extends ImageEncoder {
  static readonly instead = IN_32_BITS;
  static readonly className = 'SemanticCompressor';
  readonly config;
  readonly cellPixels: number;

  constructor(component: Component, runtime: Runtime) {
    super(component, runtime, semanticCompressorGraph);
    this.config = semanticCompressorConfig(component);
    this.cellPixels = cellPixels(this.config);
  }

  static load(dir: string, runtime?: RuntimeOptions | Runtime, options?: OpenOptions): Promise<SemanticCompressor> {
    return open(SemanticCompressor, dir, runtime, options);
  }

  /** Mean and deviation are part of its graph. */
  protected override normalise(value: number): number {
    return value;
  }
}

/** @throws OperatorError `class_unknown` */
export async function loadImageEncoder(
  dir: string,
  runtime?: RuntimeOptions | Runtime,
  options?: OpenOptions,
): Promise<ImageEncoder> {
  const { _class_name: name } = await readJson(join(dir, 'config.json'));
  if (name === EfficientNetEncoder.className) return EfficientNetEncoder.load(dir, runtime, options);
  if (name === SemanticCompressor.className) return SemanticCompressor.load(dir, runtime, options);
  throw new OperatorError('class_unknown', () =>
    t('Expected class {classes} in {file}, found {found}.', {
      classes: listedAs('disjunction', [EfficientNetEncoder.className, SemanticCompressor.className]),
      file: join(dir, 'config.json'),
      found: String(name ?? t('none')),
    }),
  );
}
