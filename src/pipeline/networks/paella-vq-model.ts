import { expected } from '../../system/errors.ts';
import { once } from '../../system/memo.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import { checkRest, decodeContext, decodeGraph, encodeGraph, vqganConfig } from '../graph/vqgan.ts';
import type { Tensor } from '../math/tensor.ts';
import { LearnedMemory } from '../runtime/learned-memory.ts';
import { vqganWorking } from '../runtime/memory-estimate.ts';
import type { Runtime, RuntimeOptions } from '../runtime/runtime.ts';
import { takenOn } from '../runtime/taken-memory.ts';
import { Network, type OpenOptions, open } from './network.ts';
import { checkChannels, fromOrt, toOrt } from './ort-tensors.ts';
import { decodeTiles, type TileLayout, tilesOf } from './tiles.ts';

/** More than a decode at 1024×1024 takes. */
const HOARD_BYTES = 4.5e9;

/** diffusers' PaellaVQModel (Stage A). */
export class PaellaVQModel extends Network {
  readonly config;
  /** Pixels of the picture per latent. */
  readonly factor: number;

  readonly #pixelGraph;
  readonly #check;
  readonly #learned;

  constructor(component: Component, runtime: Runtime) {
    super(component, runtime);
    this.config = vqganConfig(component);
    this.#learned = new LearnedMemory(takenOn(runtime.provider));
    this.factor = this.config.up_down_scale_factor * 2 ** (this.config.levels - 1);
    this.#pixelGraph = once(() => decodeGraph(component, runtime.folds, { output: 'pixels' }));
    this.#check = once(() => {
      this.#pixelGraph();
      checkRest(component, runtime.folds);
      component.assertAllUsed();
    });
  }

  static load(dir: string, runtime?: RuntimeOptions | Runtime, options?: OpenOptions): Promise<PaellaVQModel> {
    return open(PaellaVQModel, dir, runtime, options);
  }

  /** Bytes that decoding latents of these sides takes, as far as it is known. */
  working(sides: readonly [number, number]): number {
    return this.#learned.correct(this.#estimate(sides));
  }

  #estimate(sides: readonly [number, number]): number {
    return vqganWorking(this.config, sides, this.component.precision, this.runtime.provider);
  }

  override async release(): Promise<void> {
    await super.release();
    this.#learned.released();
  }

  check(): void {
    this.#check();
  }

  async preload(): Promise<void> {
    await this.session(this.#pixelGraph());
  }

  /** Latents [B, 4, h, w], already times `scale_factor`, to a picture [B, 3, H, W], nominally 0 to 1. */
  async decode(latents: Tensor): Promise<Tensor> {
    const session = await this.session(decodeGraph(this.component, this.runtime.folds));
    const channels = this.config.out_channels;
    const layout = { planes: (latents.dims[0] ?? 0) * channels, values: 1, factor: this.factor };
    const data = await this.#byTiles(latents, layout, async (part) => {
      return fromOrt((await session.run({ latents: toOrt(part) })).image).data;
    });
    const [b = 0, , h = 0, w = 0] = latents.dims;
    return { data, dims: [b, channels, h * this.factor, w * this.factor] };
  }

  /** As `decode`, of the nearest codebook entries; also these `values`, like the latents, and their indices [B·h·w]. */
  async decodeQuantised(latents: Tensor): Promise<{ image: Tensor; values: Tensor; indices: BigInt64Array }> {
    const session = await this.session(decodeGraph(this.component, this.runtime.folds, { quantise: true }));
    const { image, values, indices } = await session.run({ latents: toOrt(latents) });
    return { image: fromOrt(image), values: fromOrt(values), indices: indices?.data as BigInt64Array };
  }

  /** Latents of the pipeline (not yet scaled) to bytes [B, H, W, 3]. */
  async decodePixels(latents: Tensor): Promise<{ data: Uint8Array; dims: readonly number[] }> {
    const session = await this.session(this.#pixelGraph());
    const values = this.config.out_channels;
    const [b = 0, , h = 0, w = 0] = latents.dims;
    const data = await this.#byTiles(latents, { planes: b, values, factor: this.factor }, async (part) => {
      return (await session.run({ latents: toOrt(part) })).image?.data as Uint8Array;
    });
    return { data, dims: [b, h * this.factor, w * this.factor, values] };
  }

  /** Decodes the whole picture where its working memory fits, else tile by tile. */
  async #byTiles<T extends Float32Array | Uint8Array>(
    latents: Tensor,
    layout: TileLayout,
    decode: (part: Tensor) => Promise<T>,
  ): Promise<T> {
    const [b = 0, , h = 0, w = 0] = latents.dims;
    const working = (rows: number, columns: number) => b * this.working([rows, columns]);
    const budget = this.runtime.memory.decodeBudget(working(h, w));
    const tiles = tilesOf([h, w], decodeContext(this.config), working, budget);
    if (tiles.length > 1) return decodeTiles(latents, tiles, layout, decode);
    const picture = await this.#learned.during(b * this.#estimate([h, w]), () => decode(latents));
    // A session keeps what it once took; this much should not wait for the next picture of that size.
    if (working(h, w) > HOARD_BYTES) await this.release();
    return picture;
  }

  /** A picture [B, 3, H, W] to latents [B, 4, h, w]. */
  async encode(image: Tensor): Promise<Tensor> {
    checkChannels('image', image, 4, 1, this.config.in_channels);
    const [, , H = 0, W = 0] = image.dims;
    if (H % this.factor || W % this.factor) {
      throw expected('image_side_invalid', `sides that divide by ${this.factor}`, `${W}×${H}`);
    }
    const session = await this.session(encodeGraph(this.component, this.runtime.folds));
    return fromOrt((await session.run({ image: toOrt(image) })).latents);
  }
}
