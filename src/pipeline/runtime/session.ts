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

/** A run of a graph whose groups of blocks are loaded one after the other. */
export interface GroupRuns {
  /** Does the run of one group. */
  during<T>(run: () => Promise<T>): Promise<T>;
  /** All of them are done. */
  end(): void;
}

/** What the runs of a graph take of memory beside its weights, and what is learned of that. */
export interface RunMemory {
  /** Bytes, as far as they matter. */
  working(feeds: Tensors): number;
  /** Does a run of a session that holds the whole graph. */
  during<T>(feeds: Tensors, run: () => Promise<T>): Promise<T>;
  inGroups(feeds: Tensors): GroupRuns;
}

/** A loaded graph. */
export interface Session {
  run(feeds: Tensors, fetches?: readonly string[]): Promise<Tensors>;
  /** Several runs, each by itself; of a graph of which only a part is loaded at a time, each part is loaded once for all. */
  runEach(all: readonly Tensors[]): Promise<Tensors[]>;
  release(): Promise<void>;
}
