import { Tensor } from 'onnxruntime-node';
import { once } from '../../system/memo.ts';
import { GraphBuilder } from '../graph/builder.ts';
import { Runtime } from '../runtime/runtime.ts';

/** Products of float32 matrices on the processor, as graphs compute them. */
export class Products {
  #isUsed = false;
  readonly #session = once(async () => {
    this.#isUsed = true;
    const g = new GraphBuilder('product');
    g.output('y', g.matMul(g.input('left', 'f32', ['n', 'k']), g.input('right', 'f32', ['k', 'm'])));
    return (await Runtime.create({ provider: 'cpu' })).session(g, '.');
  });

  /** [rows, width] · [width, M] */
  readonly multiply = async (left: Float32Array, right: Float32Array, width: number): Promise<Float32Array> => {
    const matrices = {
      left: new Tensor('float32', left, [left.length / width, width]),
      right: new Tensor('float32', right, [width, right.length / width]),
    };
    const data = (await (await this.#session()).run(matrices)).y?.data;
    if (!(data instanceof Float32Array)) throw new Error('A product is of float32.');
    return data;
  };

  async release(): Promise<void> {
    if (this.#isUsed) await (await this.#session()).release();
  }
}
