import type { ByteRange } from '../checkpoint/safetensors.ts';
export type DType = 'f32' | 'f16' | 'bf16' | 'i64' | 'i32' | 'u8' | 'i8' | 'bool';

/** A fixed size, or the name of one that is known only when the graph runs. */
export type Dim = number | string;

/** An edge of the graph. */
export interface Value {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** Nodes and initializers become messages only when the graph is serialised: most graphs are first written to be checked. */
export interface Node {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}
export interface Initializer {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly content: ByteRange | Uint8Array<ArrayBuffer>;
}

export type Attribute = number | string | readonly number[] | { readonly float: number };

/** TensorProto.DataType */
export const DATA_TYPES: Readonly<Record<DType, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  bf16: 16,
};
export const CONTRIB_DOMAIN = 'com.microsoft';

/** A whole graph, before it is serialised. */
export interface GraphParts {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}
