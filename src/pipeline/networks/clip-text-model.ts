import { Tensor as OrtTensor } from 'onnxruntime-node';
import { expected } from '../../system/errors.ts';
import type { Component } from '../checkpoint/checkpoint.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import { clipTextConfig, clipTextGraph } from '../graph/clip-text.ts';
import type { Adapter } from '../lora/adapter.ts';
import type { Tensor } from '../math/tensor.ts';
import type { Runtime, RuntimeOptions } from '../runtime/runtime.ts';
import { adaptedGraphs } from './adapted-graphs.ts';
import { Network, type OpenOptions, open } from './network.ts';
import { fromOrt } from './ort-tensors.ts';

/** Rows of token ids or mask values: one row, several, or a block with dims [B, T]. */
export type TokenRows =
  | BigInt64Array
  | readonly BigInt64Array[]
  | { readonly data: BigInt64Array; readonly dims: readonly number[] };

export interface TokenisedText {
  readonly inputIds: TokenRows;
  readonly attentionMask: TokenRows;
}

/** transformers' CLIPTextModel. */
export class ClipTextModel extends Network {
  /** It runs once a prompt, and its outliers are known not to bear 8 bits. */
  static readonly instead = { int8: 'fp32' } as const;
  readonly config;
  readonly #graph: (adapter: Adapter | null) => GraphBuilder;

  constructor(component: Component, runtime: Runtime) {
    super(component, runtime);
    this.config = clipTextConfig(component);
    const { folds } = runtime;
    const plain = () => {
      const graph = clipTextGraph(component, folds);
      component.assertAllUsed();
      return graph;
    };
    this.#graph = adaptedGraphs(plain, (layers) => clipTextGraph(component, folds, layers));
  }

  static load(dir: string, runtime?: RuntimeOptions | Runtime, options?: OpenOptions): Promise<ClipTextModel> {
    return open(ClipTextModel, dir, runtime, options);
  }

  check(): void {
    this.#graph(null);
  }

  async preload(): Promise<void> {
    await this.adaptedSession(this.#graph(this.adapter), this.adapter);
  }

  /** @returns `last_hidden_state` [B, T, hidden_size] */
  async run(inputIds: TokenRows, attentionMask: TokenRows): Promise<Tensor> {
    const [states] = await this.runEach([{ inputIds, attentionMask }]);
    if (!states) throw new Error('A run of the text encoder gives states.');
    return states;
  }

  /** As `run`, of several texts, each by itself: what is made of one does not depend on the others. */
  async runEach(texts: readonly TokenisedText[]): Promise<Tensor[]> {
    const { adapter } = this;
    const feeds = texts.map(({ inputIds, attentionMask }) => ({
      input_ids: int64Tensor(inputIds),
      attention_mask: int64Tensor(attentionMask),
    }));
    for (const { input_ids } of feeds) {
      const [, tokens = 0] = input_ids.dims;
      if (tokens <= this.config.max_position_embeddings) continue;
      throw expected('too_many_tokens', `at most ${this.config.max_position_embeddings} tokens`, tokens);
    }
    const outputs = await this.runEachAdapted(this.#graph(adapter), feeds, adapter);
    return outputs.map(({ last_hidden_state }) => fromOrt(last_hidden_state));
  }
}

function int64Tensor(rows: TokenRows): OrtTensor {
  if (rows instanceof BigInt64Array) return new OrtTensor('int64', rows, [1, rows.length]);
  if ('dims' in rows) return new OrtTensor('int64', rows.data, [...rows.dims]);
  const length = rows[0]?.length ?? 0;
  const data = new BigInt64Array(rows.length * length);
  rows.forEach((row, i) => {
    if (row.length !== length) throw expected('token_rows_uneven', `rows of ${length} tokens`, row.length);
    data.set(row, i * length);
  });
  return new OrtTensor('int64', data, [rows.length, length]);
}
