import { Tensor as OrtTensor } from 'onnxruntime-node';
import { once } from '../../system/memo.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import type { Folds, StepGraphs } from '../graph/blocks.ts';
import type { Tensor } from '../math/tensor.ts';
import { timestepEmbedding } from '../math/timestep-embedding.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import type { Conditioning } from './conditioning.ts';
import { Network } from './network.ts';
import { checkChannels, toOrt } from './ort-tensors.ts';

/** A network that predicts noise: Stage C or Stage B. */
export abstract class Denoiser extends Network {
  abstract readonly config: { readonly c_in: number; readonly c_r: number };
  readonly #graphs: () => StepGraphs;

  constructor(component: Component, runtime: Runtime, write: (component: Component, folds: Folds) => StepGraphs) {
    super(component, runtime);
    this.#graphs = once(() => {
      const graphs = write(component, runtime.folds);
      component.assertAllUsed();
      return graphs;
    });
  }

  /** @param r one timestep per row, 1 (noise) to 0 */
  abstract step(x: Tensor, r: Float32Array, conditioning: Conditioning): Promise<Tensor>;

  check(): void {
    this.#graphs();
  }

  async preload(): Promise<void> {
    const { conditioning, step } = this.#graphs();
    if (conditioning) await this.session(conditioning);
    await this.session(step);
  }

  /** @param feeds of the conditioning graph, for so many rows */
  protected async conditionOn(rows: number, feeds: Tensors): Promise<Conditioning> {
    const { conditioning } = this.#graphs();
    return { rows, tensors: conditioning ? await this.runOnce(conditioning, feeds) : feeds };
  }

  /** Runs the step graph. */
  protected async forward(
    x: Tensor,
    r: Float32Array,
    conditioning: Conditioning,
    fetches: readonly string[],
  ): Promise<Tensors> {
    const { c_in, c_r } = this.config;
    checkChannels('latents', x, 4, 1, c_in);
    const session = await this.session(this.#graphs().step);
    const rows = new OrtTensor('float32', timestepEmbedding(r, c_r), [r.length, c_r]);
    return session.run({ x: toOrt(x), r: rows, ...conditioning.tensors }, fetches);
  }
}
