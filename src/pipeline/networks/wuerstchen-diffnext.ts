import { expected } from '../../system/errors.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import { decoderGraphs } from '../graph/decoder.ts';
import { decoderConfig, injectedLevels } from '../graph/decoder-plan.ts';
import { bicubicMatrices } from '../math/resize.ts';
import type { Tensor } from '../math/tensor.ts';
import { decoderWorking } from '../runtime/memory-estimate.ts';
import type { Runtime, RuntimeOptions } from '../runtime/runtime.ts';
import type { Conditioning } from './conditioning.ts';
import { Denoiser } from './denoiser.ts';
import { type OpenOptions, open } from './network.ts';
import { checkChannels, fromOrt } from './ort-tensors.ts';

/** diffusers' WuerstchenDiffNeXt (Stage B). */
export class WuerstchenDiffNeXt extends Denoiser {
  readonly config;
  /** A side of its latents divides by this: the patch, and a halving for every level below the first. */
  readonly sideDivisor: number;

  constructor(component: Component, runtime: Runtime) {
    super(component, runtime, decoderGraphs, 1);
    this.config = decoderConfig(component);
    this.sideDivisor = this.config.patch_size * 2 ** (this.config.c_hidden.length - 1);
  }

  static load(dir: string, runtime?: RuntimeOptions | Runtime, options?: OpenOptions): Promise<WuerstchenDiffNeXt> {
    return open(WuerstchenDiffNeXt, dir, runtime, options);
  }

  protected override estimate(sides: readonly [number, number], rows: number): number {
    return decoderWorking(this.config, sides, rows, this.component.precision, this.runtime.provider);
  }

  /** @param text [B, T, clip_embd] @param effnet [B, effnet_embd, h, w] @param sides height and width of the latents */
  async condition(text: Tensor, effnet: Tensor, sides: readonly [number, number]): Promise<Conditioning> {
    checkChannels('text embeddings', text, 3, 2, this.config.clip_embd);
    checkChannels('image embeddings', effnet, 4, 1, this.config.effnet_embd);
    this.#checkSides(...sides);
    const [, , h = 0, w = 0] = effnet.dims;
    const shared: Record<string, Tensor> = {};
    for (const level of injectedLevels(this.config)) {
      const [toH, toW] = sides.map((side) => side / (this.config.patch_size * 2 ** level)) as [number, number];
      const { rows, columns } = bicubicMatrices([h, w], [toH, toW]);
      shared[`my${level}`] = { data: rows, dims: [toH, h] };
      shared[`mx${level}`] = { data: transposed(columns, toW, w), dims: [w, toW] };
    }
    return this.conditionOn(Object.keys(shared).length > 0 ? { text, effnet } : { text }, shared);
  }

  override async release(): Promise<void> {
    await super.release();
    this.computed.forget();
  }

  async step(x: Tensor, r: Float32Array, conditioning: Conditioning): Promise<Tensor> {
    return (await this.#parts(x, r, conditioning, ['noise'])).noise;
  }

  /** One forward pass: `x` [B, c_in, H, W], `r` [B], `effnet` [B, effnet_embd, h, w], `clip` [B, T, clip_embd] → predicted noise. */
  async run(x: Tensor, r: Float32Array | Tensor, effnet: Tensor, clip: Tensor): Promise<Tensor> {
    return (await this.runParts(x, r, effnet, clip)).noise;
  }

  /** As `run`, with the two halves `a` and `b` that the noise `(x − a) / b` is made of. */
  async runParts(
    x: Tensor,
    r: Float32Array | Tensor,
    effnet: Tensor,
    clip: Tensor,
  ): Promise<{ noise: Tensor; a: Tensor; b: Tensor }> {
    const [, , H = 0, W = 0] = x.dims;
    const conditioning = await this.condition(clip, effnet, [H, W]);
    return this.#parts(x, r instanceof Float32Array ? r : r.data, conditioning, ['noise', 'a', 'b']);
  }

  #checkSides(H: number, W: number): void {
    if (H > 0 && W > 0 && H % this.sideDivisor === 0 && W % this.sideDivisor === 0) return;
    throw expected('latent_side_invalid', `latent sides that divide by ${this.sideDivisor}`, `${H}×${W}`);
  }

  async #parts(x: Tensor, r: Float32Array, conditioning: Conditioning, fetches: readonly string[]) {
    const [, , H = 0, W = 0] = x.dims;
    this.#checkSides(H, W);
    const { noise, a, b } = await this.forward(x, r, conditioning, fetches);
    return { noise: fromOrt(noise), a: fromOrt(a ?? noise), b: fromOrt(b ?? noise) };
  }
}

/** A matrix [rows, columns] as [columns, rows]. */
function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)] ?? Number.NaN);
}
