import type { Tensor as OrtTensor } from 'onnxruntime-node';

/** A call that blocks its thread until it returns. */
export interface BlockingCall {
  readonly kind: 'create' | 'run';
  /** Graph that is loaded or run, e.g. `decoder`. */
  readonly graph: string;
  /** Folder of its weights. */
  readonly weightsDir: string;
  /** Which part of the graph, counted from 0, where only a part is loaded at a time. @default all of it */
  readonly group?: { readonly index: number; readonly of: number } | undefined;
  /** Shapes of what is fed into a run; none for `create`. */
  readonly inputs: readonly (readonly number[])[];
}

export type Tensors = Readonly<Record<string, OrtTensor>>;

/** A loaded graph. */
export interface Session {
  run(feeds: Tensors, fetches?: readonly string[]): Promise<Tensors>;
  release(): Promise<void>;
}
