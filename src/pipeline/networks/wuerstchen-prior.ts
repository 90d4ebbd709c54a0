import type { Component } from '../checkpoint/checkpoint.ts';
import { priorConfig, priorGraphs } from '../graph/prior.ts';
import type { Tensor } from '../math/tensor.ts';
import { priorWorking } from '../runtime/memory-estimate.ts';
import type { Runtime, RuntimeOptions } from '../runtime/runtime.ts';
import type { Conditioning } from './conditioning.ts';
import { Denoiser } from './denoiser.ts';
import { type OpenOptions, open } from './network.ts';
import { checkChannels, fromOrt } from './ort-tensors.ts';

/** Keys and values of a guided picture take 60 MB with the large Stage C. */
const KEPT_CONDITIONINGS = 2;

/** diffusers' WuerstchenPrior (Stage C). */
export class WuerstchenPrior extends Denoiser {
  readonly config;

  constructor(component: Component, runtime: Runtime) {
    super(component, runtime, priorGraphs, KEPT_CONDITIONINGS);
    this.config = priorConfig(component);
  }

  static load(dir: string, runtime?: RuntimeOptions | Runtime, options?: OpenOptions): Promise<WuerstchenPrior> {
    return open(WuerstchenPrior, dir, runtime, options);
  }

  protected override estimate(sides: readonly [number, number], rows: number): number {
    return priorWorking(this.config, sides, rows, this.component.precision, this.runtime.provider);
  }

  /** Pictures of the same words share it. @param text [B, T, c_cond] */
  async condition(text: Tensor): Promise<Conditioning> {
    checkChannels('text embeddings', text, 3, 2, this.config.c_cond);
    return this.conditionOn({ text });
  }

  async step(x: Tensor, r: Float32Array, conditioning: Conditioning): Promise<Tensor> {
    return fromOrt((await this.forward(x, r, conditioning, ['pred'])).pred);
  }

  /** One forward pass: `x` [B, c_in, H, W], `r` [B], `c` [B, T, c_cond] → predicted noise like `x`. */
  async run(x: Tensor, r: Float32Array | Tensor, c: Tensor): Promise<Tensor> {
    return this.step(x, r instanceof Float32Array ? r : r.data, await this.condition(c));
  }
}
