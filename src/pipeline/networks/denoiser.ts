import { Tensor as OrtTensor } from 'onnxruntime-node';
import type { Component } from '../checkpoint/checkpoint.ts';
import type { Folds, StepGraphs } from '../graph/blocks.ts';
import type { Adapted } from '../graph/weights.ts';
import type { Adapter } from '../lora/adapter.ts';
import type { Tensor } from '../math/tensor.ts';
import { timestepEmbedding } from '../math/timestep-embedding.ts';
import type { Runtime, Tensors } from '../runtime/runtime.ts';
import { adaptedGraphs } from './adapted-graphs.ts';
import type { Conditioning } from './conditioning.ts';
import { Network } from './network.ts';
import { checkChannels, toOrt } from './ort-tensors.ts';

type WriteGraphs = (component: Component, folds: Folds, adapted?: Adapted) => StepGraphs;

/** A network that predicts noise: Stage C or Stage B. */
export abstract class Denoiser extends Network {
  abstract readonly config: { readonly c_in: number; readonly c_r: number };
  readonly #graphs: (adapter: Adapter | null) => StepGraphs;

  constructor(component: Component, runtime: Runtime, write: WriteGraphs) {
    super(component, runtime);
    const { folds } = runtime;
    const plain = () => {
      const graphs = write(component, folds);
      component.assertAllUsed();
      return graphs;
    };
    this.#graphs = adaptedGraphs(plain, (layers) => write(component, folds, layers));
  }

  /** @param r one timestep per row, 1 (noise) to 0 */
  abstract step(x: Tensor, r: Float32Array, conditioning: Conditioning): Promise<Tensor>;

  check(): void {
    this.#graphs(null);
  }

  async preload(): Promise<void> {
    const { adapter } = this;
    const { conditioning, step } = this.#graphs(adapter);
    if (conditioning) await this.adaptedSession(conditioning, adapter);
    await this.adaptedSession(step, adapter);
  }

  /** @param feeds of the conditioning graph, for so many rows */
  protected async conditionOn(rows: number, feeds: Tensors): Promise<Conditioning> {
    const { adapter } = this;
    const { conditioning } = this.#graphs(adapter);
    return { rows, tensors: conditioning ? await this.runOnce(conditioning, feeds, adapter) : feeds, adapter };
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
    const { adapter, tensors } = conditioning;
    const rows = new OrtTensor('float32', timestepEmbedding(r, c_r), [r.length, c_r]);
    return this.runAdapted(this.#graphs(adapter).step, { x: toOrt(x), r: rows, ...tensors }, adapter, fetches);
  }
}
