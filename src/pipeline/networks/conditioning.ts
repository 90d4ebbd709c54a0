import { Tensor as OrtTensor } from 'onnxruntime-node';
import type { Adapter } from '../lora/adapter.ts';
import { pickTensorRows } from '../math/tensor.ts';
import type { Tensors } from '../runtime/runtime.ts';

/** What a network sees at every step of a picture, computed once; row i of each tensor belongs to row i of the batch. */
export interface Conditioning {
  readonly rows: number;
  readonly tensors: Tensors;
  /** The network's when it was computed; the steps use it, too. */
  readonly adapter: Adapter | null;
}

/** The given rows of a batch, as a batch. */
export function pickRows({ rows, tensors, adapter }: Conditioning, indices: readonly number[]): Conditioning {
  const picked: Record<string, OrtTensor> = {};
  for (const [name, value] of Object.entries(tensors)) {
    const perRow = (value.dims[0] ?? 0) / rows;
    const view = { data: value.data as Float32Array, dims: [rows, perRow, ...value.dims.slice(1)] };
    const part = pickTensorRows(view, indices);
    picked[name] = new OrtTensor('float32', part.data, [indices.length * perRow, ...value.dims.slice(1)]);
  }
  return { rows: indices.length, tensors: picked, adapter };
}
