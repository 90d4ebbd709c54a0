import { once } from '../../system/memo.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import type { Folds, StepGraphs } from '../graph/blocks.ts';
import type { Tensor } from '../math/tensor.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Conditioning } from './conditioning.ts';
import { Network } from './network.ts';

/** A network that predicts noise: Stage C or Stage B. */
export abstract class Denoiser extends Network {
  protected readonly graphs: () => StepGraphs;

  constructor(component: Component, runtime: Runtime, write: (component: Component, folds: Folds) => StepGraphs) {
    super(component, runtime);
    this.graphs = once(() => {
      const graphs = write(component, runtime.folds);
      component.assertAllUsed();
      return graphs;
    });
  }

  /** @param r one timestep per row, 1 (noise) to 0 */
  abstract step(x: Tensor, r: Float32Array, conditioning: Conditioning): Promise<Tensor>;

  check(): void {
    this.graphs();
  }

  async preload(): Promise<void> {
    const { conditioning, step } = this.graphs();
    if (conditioning) await this.session(conditioning);
    await this.session(step);
  }
}
