import { once } from '../../system/memo.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import { mobileNetConfig, mobileNetGraph } from '../graph/mobilenet.ts';
import type { RgbImage } from '../images/image-file.ts';
import { bilinearSquare } from '../math/bilinear.ts';
import type { Runtime, RuntimeOptions } from '../runtime/runtime.ts';
import { Network, type OpenOptions, open } from './network.ts';
import { fromOrt, toOrt } from './ort-tensors.ts';

/** A MobileNetV2 that says what kind of picture one is. */
export class PictureClassifier extends Network {
  readonly config;
  readonly #graph;

  constructor(component: Component, runtime: Runtime) {
    super(component, runtime);
    this.config = mobileNetConfig(component);
    this.#graph = once(() => {
      const graph = mobileNetGraph(component);
      component.assertAllUsed();
      return graph;
    });
  }

  static load(dir: string, runtime?: RuntimeOptions | Runtime, options?: OpenOptions): Promise<PictureClassifier> {
    return open(PictureClassifier, dir, runtime, options);
  }

  check(): void {
    this.#graph();
  }

  async preload(): Promise<void> {
    await this.session(this.#graph());
  }

  /** @returns the probability of each class of config.json, in their order */
  async classify(image: RgbImage): Promise<Float32Array> {
    const { side } = this.config;
    const pixels = { data: bilinearSquare(image, side), dims: [1, 3, side, side] };
    const session = await this.session(this.#graph());
    return fromOrt((await session.run({ pixels: toOrt(pixels) })).probabilities).data;
  }
}
