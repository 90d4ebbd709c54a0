import type { DType } from '../../../src/pipeline/graph/graph-parts.ts';

/** What a provider computes of an operator in opset 21 (com.microsoft: 1). */
export interface Kernel {
  /** Of all inputs and outputs but those read on the host. */
  readonly types: readonly DType[];
  /** Inputs that are read on the host wherever they lie, such as shapes. */
  readonly host?: readonly number[];
  /** Inputs and outputs that may be int64 beside `types`, such as indices. */
  readonly indices?: boolean;
  /** What is a bool whatever `types` are: the first input, or the output of a comparison. */
  readonly bool?: 'input' | 'output';
}

export type Kernels = Readonly<Record<string, Kernel>>;

/** Attributes with values other than the operator's default that were looked up for both providers; others fail the test. */
export const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  ArgMax: ['axis', 'keepdims'],
  Cast: ['to'],
  Concat: ['axis'],
  Conv: ['kernel_shape', 'strides', 'pads', 'group'],
  ConvTranspose: ['kernel_shape', 'strides', 'pads'],
  Gather: ['axis'],
  Gemm: ['transB'],
  LayerNormalization: ['axis', 'epsilon'],
  LeakyRelu: ['alpha'],
  MultiHeadAttention: ['num_heads'],
  Pad: ['mode'],
  QuickGelu: ['alpha'],
  ReduceMean: ['keepdims'],
  ReduceSum: ['keepdims'],
  Shape: ['start', 'end'],
  Softmax: ['axis'],
  Split: ['axis', 'num_outputs'],
  Transpose: ['perm'],
};

const FLOATS = ['f32', 'f16'] as const;
const MOVED = ['f32', 'f16', 'i64', 'i32', 'u8', 'i8', 'bool'] as const;
const NUMBERS = ['f32', 'f16', 'i64', 'i32', 'u8', 'i8'] as const;

/**
 * Compared line by line with the document that onnxruntime makes of its registered kernels, at commit 001d12d2623f. That is older
 * than the pinned 1.30.0 (f2c39fe2f838); what came between, such as kernels for opset 22, leaves those for opset 21.
 *
 * @see https://github.com/microsoft/onnxruntime/blob/001d12d2623fd411ce0f83d05abb5e82304a3389/docs/OperatorKernels.md#operators-implemented-by-cudaexecutionprovider
 * @see https://github.com/microsoft/onnxruntime/pull/27754 for how kernels of newer opsets are added
 */
export const CUDA: Kernels = {
  Abs: { types: NUMBERS },
  Add: { types: NUMBERS },
  And: { types: ['bool'] },
  ArgMax: { types: FLOATS, indices: true },
  Cast: { types: MOVED },
  Clip: { types: [...FLOATS, 'i64', 'i8', 'u8'] },
  Concat: { types: MOVED },
  Conv: { types: FLOATS },
  ConvTranspose: { types: FLOATS },
  Div: { types: NUMBERS },
  Expand: { types: MOVED, host: [1] },
  Gather: { types: MOVED, indices: true },
  Gelu: { types: FLOATS },
  Gemm: { types: FLOATS },
  GreaterOrEqual: { types: [...FLOATS, 'i32', 'i64'], bool: 'output' },
  Identity: { types: MOVED },
  LayerNormalization: { types: FLOATS },
  LeakyRelu: { types: FLOATS },
  MatMul: { types: FLOATS },
  Mul: { types: NUMBERS },
  MultiHeadAttention: { types: FLOATS },
  Neg: { types: [...FLOATS, 'i64', 'i32', 'i8'] },
  Pad: { types: [...FLOATS, 'bool'], host: [1] },
  QuickGelu: { types: FLOATS },
  ReduceMean: { types: [...FLOATS, 'i32'], host: [1] },
  ReduceSum: { types: [...FLOATS, 'i32', 'i64'], host: [1] },
  Reshape: { types: MOVED, host: [1] },
  Shape: { types: MOVED },
  Sigmoid: { types: FLOATS },
  Slice: { types: MOVED, host: [1, 2, 3] },
  Softmax: { types: FLOATS },
  Split: { types: MOVED, host: [1] },
  Sqrt: { types: FLOATS },
  Sub: { types: NUMBERS },
  Transpose: { types: MOVED },
  Where: { types: [...FLOATS, 'i32', 'i64', 'u8'], bool: 'input' },
};

/** WebGpuSupportedNumberTypes */
const SHADED = ['f32', 'f16', 'i32'] as const;

/**
 * There is no document: these are the types that kernels are registered with. test/pipeline/graph/webgpu-kernels.test.ts asks the
 * onnxruntime that is installed, node by node, and test/cli/placement.test.ts what sessions really do. Round is missing, as are ArgMax with int64 and bytes but for the end of Cast.
 *
 * @see https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/providers/webgpu/webgpu_execution_provider.cc
 * @see https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/core/providers/webgpu/webgpu_supported_types.h
 * @see https://github.com/microsoft/onnxruntime/blob/main/onnxruntime/contrib_ops/webgpu/webgpu_contrib_kernels.cc
 */
export const WEBGPU: Kernels = {
  Abs: { types: FLOATS },
  Add: { types: SHADED },
  And: { types: ['bool'] },
  Cast: { types: [...SHADED, 'bool', 'i64', 'u8'] },
  Clip: { types: FLOATS },
  Concat: { types: SHADED },
  Conv: { types: FLOATS },
  ConvTranspose: { types: FLOATS },
  Div: { types: SHADED },
  Expand: { types: [...SHADED, 'bool'], host: [1] },
  Gather: { types: [...SHADED, 'bool'], indices: true },
  Gelu: { types: FLOATS },
  Gemm: { types: FLOATS },
  Identity: { types: SHADED },
  LayerNormalization: { types: FLOATS },
  LeakyRelu: { types: FLOATS },
  MatMul: { types: FLOATS },
  Mul: { types: SHADED },
  MultiHeadAttention: { types: FLOATS },
  Neg: { types: FLOATS },
  Pad: { types: SHADED, host: [1] },
  QuickGelu: { types: FLOATS },
  ReduceMean: { types: SHADED, host: [1] },
  ReduceSum: { types: SHADED, host: [1] },
  Reshape: { types: [...SHADED, 'bool'], host: [1] },
  Sigmoid: { types: FLOATS },
  Slice: { types: SHADED, host: [1, 2, 3] },
  Softmax: { types: FLOATS },
  Split: { types: SHADED, host: [1] },
  Sqrt: { types: FLOATS },
  Sub: { types: SHADED },
  Transpose: { types: SHADED },
  Where: { types: SHADED, bool: 'input' },
};
