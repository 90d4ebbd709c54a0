import { Tensor as OrtTensor } from 'onnxruntime-node';
import { expected } from '../../system/errors.ts';
import type { Tensor } from '../math/tensor.ts';

export function toOrt({ data, dims }: Tensor): OrtTensor {
  return new OrtTensor('float32', data, dims);
}

export function fromOrt(value: OrtTensor | undefined): Tensor {
  if (!(value?.data instanceof Float32Array)) throw new Error('Expected a float32 output.');
  return { data: value.data, dims: [...value.dims] };
}

export function checkChannels(what: string, value: Tensor, rank: number, axis: number, channels: number): void {
  if (value.dims.length === rank && value.dims[axis] === channels) return;
  throw expected('tensor_shape_invalid', `${what} of ${rank} dimensions with ${channels} channels`, `[${value.dims}]`);
}
