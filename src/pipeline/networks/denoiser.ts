import { Tensor as OrtTensor } from 'onnxruntime-node';
import type { Component } from '../checkpoint/checkpoint.ts';
import type { Folds, StepGraphs } from '../graph/blocks.ts';
import type { Adapted } from '../graph/weights.ts';
import type { Adapter } from '../lora/adapter.ts';
import type { Tensor } from '../math/tensor.ts';
import { timestepEmbedding } from '../math/timestep-embedding.ts';
import { LearnedMemory } from '../runtime/learned-memory.ts';
import type { RunMemory, Runtime, Tensors } from '../runtime/runtime.ts';
import { takenOn } from '../runtime/taken-memory.ts';
import { adaptedGraphs } from './adapted-graphs.ts';
import type { Conditioning } from './conditioning.ts';
import { KeptOutputs } from './kept-outputs.ts';
import { Network } from './network.ts';
import { checkChannels, toOrt } from './ort-tensors.ts';
import { SharedSteps } from './shared-steps.ts';

type Named = Conditioning['perRow'];
type WriteGraphs = (component: Component, folds: Folds, adapted?: Adapted) => StepGraphs;

/** A network that predicts noise: Stage C or Stage B. */
export abstract class Denoiser extends Network {
  abstract readonly config: { readonly c_in: number; readonly c_r: number };
  #shared: SharedSteps | null = null;
  readonly #learned: LearnedMemory;
  readonly #graphs: (adapter: Adapter | null) => StepGraphs;
  /** What the conditioning graph made. */
  protected readonly computed: KeptOutputs;

  /** @param kept of how many conditionings what was computed of them stays in memory */
  constructor(component: Component, runtime: Runtime, write: WriteGraphs, kept: number) {
    super(component, runtime);
    this.computed = new KeptOutputs(kept);
    const { folds } = runtime;
    const plain = () => {
      const graphs = write(component, folds);
      component.assertAllUsed();
      return graphs;
    };
    this.#learned = new LearnedMemory(takenOn(runtime.provider));
    this.#graphs = adaptedGraphs(plain, (layers) => write(component, folds, layers));
  }

  /** @param r one timestep per row, 1 (noise) to 0 */
  abstract step(x: Tensor, r: Float32Array, conditioning: Conditioning): Promise<Tensor>;

  /** Through which the loops of several requests take their steps together; `null` where each takes its own. */
  get shared(): SharedSteps | null {
    return this.#shared;
  }

  /** From the next loop on, requests share their steps. */
  share(): void {
    this.#shared ??= new SharedSteps((x, r, conditioning) => this.step(x, r, conditioning));
  }

  /** As `working`, as it is written down. */
  protected abstract estimate(sides: readonly [number, number], rows: number): number;

  /** Bytes that a step takes beside the weights, with latents of these sides, as far as it is known. */
  working(sides: readonly [number, number], rows: number): number {
    return this.#learned.correct(this.estimate(sides, rows));
  }

  protected override get runMemory(): RunMemory {
    // Only a step has latents.
    const estimate = ({ x }: Tensors) => {
      const [rows = 0, , h = 0, w = 0] = x?.dims ?? [];
      return this.estimate([h, w], rows);
    };
    return {
      working: (feeds) => this.#learned.correct(estimate(feeds)),
      during: (feeds, run) => this.#learned.during(estimate(feeds), run),
      inGroups: (feeds) => this.#learned.inGroups(estimate(feeds)),
    };
  }

  override async release(): Promise<void> {
    this.computed.forgetOnDevice();
    await super.release();
    this.#learned.released();
  }

  check(): void {
    this.#graphs(null);
  }

  async preload(): Promise<void> {
    const { adapter } = this;
    const { conditioning, step } = this.#graphs(adapter);
    if (conditioning) await this.adaptedSession(conditioning, adapter);
    await this.adaptedSession(step, adapter);
  }

  /** Copies the tensors: the caller may write into theirs. */
  protected async conditionOn(perRow: Named, shared: Named = {}): Promise<Conditioning> {
    const rows = Object.values(perRow)[0]?.dims[0] ?? 0;
    const given: Conditioning = { rows, perRow: copied(perRow), shared, adapter: this.adapter };
    await this.computed.use(
      given,
      () => this.#compute(given),
      async () => {},
    );
    return given;
  }

  async #compute({ perRow, shared, adapter }: Conditioning): Promise<Tensors> {
    const { conditioning } = this.#graphs(adapter);
    const feeds = Object.fromEntries(
      Object.entries({ ...perRow, ...shared }).map(([name, value]) => [name, toOrt(value)]),
    );
    return conditioning ? this.runOnce(conditioning, feeds, adapter) : feeds;
  }

  /** Runs the step graph. */
  protected async forward(
    x: Tensor,
    r: Float32Array,
    conditioning: Conditioning,
    fetches: readonly string[],
  ): Promise<Tensors> {
    const { c_in, c_r } = this.config;
    checkChannels('latents', x, 4, 1, c_in);
    const { adapter } = conditioning;
    const { step } = this.#graphs(adapter);
    const own = { x: toOrt(x), r: new OrtTensor('float32', timestepEmbedding(r, c_r), [r.length, c_r]) };
    return this.computed.use(
      conditioning,
      () => this.#compute(conditioning),
      (tensors) => this.runAdapted(step, { ...own, ...tensors }, adapter, fetches),
    );
  }
}

function copied(tensors: Named): Named {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { data, dims }]) => [name, { data: data.slice(), dims: [...dims] }]),
  );
}
