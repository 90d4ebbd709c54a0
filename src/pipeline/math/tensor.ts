/** Row-major float32 numbers; images and latents are NCHW. `data.length` is the product of `dims`. */
export interface Tensor {
  data: Float32Array;
  dims: number[];
}

export function size(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

export function tensor(data: Float32Array, dims: number[]): Tensor {
  if (data.length !== size(dims)) {
    throw new RangeError(`Expected ${size(dims)} values for dims [${dims}], got ${data.length}.`);
  }
  return { data, dims };
}

/** Values per row: everything behind the first dimension. */
export function rowSize(dims: readonly number[]): number {
  return size(dims.slice(1));
}

/** Joins tensors of equal trailing dims along the first dimension. */
export function concatRows(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  if (!first) throw new RangeError('Expected at least one tensor to join.');
  const rows = parts.reduce((sum, part) => sum + (part.dims[0] ?? 0), 0);
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return tensor(data, [rows, ...first.dims.slice(1)]);
}

/** A copy of rows `from` (inclusive) to `to` (exclusive). */
export function sliceRows(source: Tensor, from: number, to: number): Tensor {
  const row = rowSize(source.dims);
  return tensor(source.data.slice(from * row, to * row), [to - from, ...source.dims.slice(1)]);
}

/** A copy of rows in any order. */
export function pickTensorRows(source: Tensor, indices: readonly number[]): Tensor {
  const row = rowSize(source.dims);
  const data = new Float32Array(indices.length * row);
  indices.forEach((index, k) => {
    data.set(source.data.subarray(index * row, (index + 1) * row), k * row);
  });
  return tensor(data, [indices.length, ...source.dims.slice(1)]);
}

/** Whether two tensors have the same dims and the same bits. */
export function isSameTensor(a: Tensor, b: Tensor | undefined): boolean {
  return b !== undefined && String(a.dims) === String(b.dims) && bytesOf(a).equals(bytesOf(b));
}

function bytesOf({ data }: Tensor): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
