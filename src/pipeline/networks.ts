import { createHash } from 'node:crypto';
import { Tensor as OrtTensor } from 'onnxruntime-node';
import { OperatorError, UserError } from '../errors.ts';
import { Component, type Prepared } from './checkpoint.ts';
import { type Conditioning, rowByRow } from './conditioning.ts';
import type { GraphBuilder } from './graph/builder.ts';
import { clipTextConfig, clipTextGraph } from './graph/clip-text.ts';
import { decoderConfig, decoderGraphs, injectedLevels } from './graph/decoder.ts';
import { priorConfig, priorGraphs } from './graph/prior.ts';
import { decodeContext, decodeGraph, encodeGraph, vqganConfig } from './graph/vqgan.ts';
import { vqganWorking } from './memory/estimate.ts';
import type { Precision } from './precision/recipe.ts';
import { rEmbedding } from './r-embedding.ts';
import { Recent } from './recent.ts';
import { bicubicMatrices } from './resize.ts';
import { Runtime, type RuntimeOptions, type Session, type Tensors } from './runtime.ts';
import { sliceRows, type Tensor } from './tensor.ts';
import { decodeTiles, type TileLayout, tilesOf } from './tiles.ts';

/** More than a decode at 1024×1024 takes. */
const HOARD_BYTES = 3e9;
/** Keys and values of a guided picture take 60 MB with the large Stage C. */
const KEPT_CONDITIONINGS = 2;

/** A component with its sessions, created when first used and released together. */
abstract class Network {
  readonly component: Component;
  readonly runtime: Runtime;
  readonly #sessions = new Map<string, Promise<Session>>();

  constructor(component: Component, runtime: Runtime) {
    this.component = component;
    this.runtime = runtime;
  }

  /** Bytes of all weights as they are kept in memory. */
  get weightBytes(): number {
    return this.component.bytesInMemory;
  }

  /** Activations in 8 bits share one range, that of the whole batch. */
  get mixesRows(): boolean {
    return this.component.precision === 'int8';
  }

  get isLoaded(): boolean {
    return this.#sessions.size > 0;
  }

  /** Frees all memory of the sessions; the next use loads them again. */
  async release(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    this.runtime.memory.left(this);
    await Promise.all(sessions.map(async (session) => (await session).release()));
  }

  /** Runs a graph that is needed once a picture; one network at a time, it does not stay beside the others. */
  protected async runOnce(graph: GraphBuilder, feeds: Tensors): Promise<Tensors> {
    const session = await this.session(graph);
    const outputs = await session.run(feeds);
    if (this.runtime.residency === 'stage') {
      this.#sessions.delete(graph.name);
      await session.release();
    }
    return outputs;
  }

  protected session(graph: GraphBuilder): Promise<Session> {
    const known = this.#sessions.get(graph.name);
    if (known) return known;
    const made = this.runtime.memory.enter(this);
    const created = made.then(() => this.runtime.session(graph, this.component.weightsDir));
    this.#sessions.set(graph.name, created);
    created.catch(() => this.#sessions.delete(graph.name));
    return created;
  }
}

/**
 * Opens a component in the precision that its size and the runtime call for; its weights are prepared first if need be.
 *
 * @param instead of a precision that the network does not have
 */
async function open<T extends Network>(
  dir: string,
  options: RuntimeOptions | Runtime,
  construct: (component: Component, runtime: Runtime) => T,
  instead: Partial<Record<Precision, Precision>> = {},
): Promise<T> {
  const runtime = await Runtime.create(options);
  const component = await Component.open(dir);
  const wanted = runtime.precisionFor(component.parameters);
  const precision = instead[wanted] ?? wanted;
  if (precision === 'fp32') return construct(component, runtime);
  const planned = component.in(precision);
  construct(planned, runtime);
  if (planned.recipes.length === 0) return construct(component.in(precision, new Map()), runtime);
  const { openPrepared } = await import('./precision/prepared.ts');
  const prepared = (await openPrepared(planned)) ?? (await prepareNow(planned, runtime));
  return prepared ? construct(component.in(precision, prepared), runtime) : construct(component, runtime);
}

/**
 * Preparing is rare: what it needs is loaded when it is.
 *
 * @returns null where the weights have no room, and nobody asked for this very precision
 */
async function prepareNow(planned: Component, { onPreparing, precision, notes }: Runtime): Promise<Prepared | null> {
  const { prepare } = await import('./precision/prepare.ts');
  try {
    return await prepare(planned, {
      onProgress: (done, total) => onPreparing?.(planned.dir, planned.precision, done, total),
    });
  } catch (error) {
    const noRoom = error instanceof OperatorError && ['prepared_not_writable', 'disk_full'].includes(error.code);
    if (precision !== 'auto' || !noRoom) throw error;
    notes.push(`${error.message}: they stay in 32 bits`);
    return null;
  }
}

/** Rows of token ids or mask values: one row, several, or a block with dims [B, T]. */
export type TokenRows =
  | BigInt64Array
  | readonly BigInt64Array[]
  | { readonly data: BigInt64Array; readonly dims: readonly number[] };

/** transformers' CLIPTextModel. */
export class ClipTextModel extends Network {
  readonly config;
  readonly #graph: GraphBuilder;

  private constructor(component: Component, runtime: Runtime) {
    super(component, runtime);
    this.config = clipTextConfig(component);
    this.#graph = clipTextGraph(component, runtime.folds);
    component.assertAllUsed();
  }

  static async load(dir: string, runtime: RuntimeOptions | Runtime = {}): Promise<ClipTextModel> {
    // It runs once a prompt, and its outliers are known not to bear 8 bits.
    return open(dir, runtime, (...parts) => new ClipTextModel(...parts), { int8: 'fp32' });
  }

  async preload(): Promise<void> {
    await this.session(this.#graph);
  }

  /** @returns `last_hidden_state` [B, T, hidden_size] */
  async run(inputIds: TokenRows, attentionMask: TokenRows): Promise<Tensor> {
    const session = await this.session(this.#graph);
    const feeds = { input_ids: int64Tensor(inputIds), attention_mask: int64Tensor(attentionMask) };
    const [, tokens = 0] = feeds.input_ids.dims;
    if (tokens > this.config.max_position_embeddings) {
      throw new UserError(
        'too_many_tokens',
        `expected at most ${this.config.max_position_embeddings} tokens, got ${tokens}`,
      );
    }
    return fromOrt((await session.run(feeds)).last_hidden_state);
  }
}

/** A network that predicts noise: Stage C or Stage B. */
export interface Denoiser {
  /** Whether what a row gives depends on the other rows of its batch; pictures then take the step one by one. */
  readonly mixesRows: boolean;
  /** @param r one timestep per row, 1 (noise) to 0 */
  step(x: Tensor, r: Float32Array, conditioning: Conditioning): Promise<Tensor>;
}

/** diffusers' WuerstchenPrior (Stage C). */
export class WuerstchenPrior extends Network implements Denoiser {
  readonly config;
  readonly #graphs;
  readonly #conditioned = new Recent<Conditioning>(KEPT_CONDITIONINGS);

  private constructor(component: Component, runtime: Runtime) {
    super(component, runtime);
    this.config = priorConfig(component);
    this.#graphs = priorGraphs(component, runtime.folds);
    component.assertAllUsed();
  }

  static async load(dir: string, runtime: RuntimeOptions | Runtime = {}): Promise<WuerstchenPrior> {
    return open(dir, runtime, (...parts) => new WuerstchenPrior(...parts));
  }

  async preload(): Promise<void> {
    if (this.#graphs.conditioning) await this.session(this.#graphs.conditioning);
    await this.session(this.#graphs.step);
  }

  /** Pictures of the same words share it. @param text [B, T, c_cond] */
  async condition(text: Tensor): Promise<Conditioning> {
    checkChannels('text embeddings', text, 3, 2, this.config.c_cond);
    const feeds = { text: toOrt(text) };
    const rows = text.dims[0] ?? 0;
    const { conditioning } = this.#graphs;
    if (!conditioning) return { rows, tensors: feeds };
    if (this.mixesRows && rows > 1) return rowByRow(rows, (row) => this.condition(sliceRows(text, row, row + 1)));
    const key = createHash('sha256').update(`${text.dims} `).update(text.data).digest('hex');
    return this.#conditioned.get(key, async () => ({ rows, tensors: await this.runOnce(conditioning, feeds) }));
  }

  async step(x: Tensor, r: Float32Array, conditioning: Conditioning): Promise<Tensor> {
    checkChannels('latents', x, 4, 1, this.config.c_in);
    const { c_r: cR } = this.config;
    const session = await this.session(this.#graphs.step);
    const rows = new OrtTensor('float32', rEmbedding(r, cR), [r.length, cR]);
    return fromOrt((await session.run({ x: toOrt(x), r: rows, ...conditioning.tensors }, ['pred'])).pred);
  }

  /** One forward pass: `x` [B, c_in, H, W], `r` [B], `c` [B, T, c_cond] → predicted noise like `x`. */
  async run(x: Tensor, r: Float32Array | Tensor, c: Tensor): Promise<Tensor> {
    return this.step(x, r instanceof Float32Array ? r : r.data, await this.condition(c));
  }
}

/** diffusers' WuerstchenDiffNeXt (Stage B). */
export class WuerstchenDiffNeXt extends Network implements Denoiser {
  readonly config;
  /** A side of its latents divides by this: the patch, and a halving for every level below the first. */
  readonly sideDivisor: number;
  readonly #graphs;

  private constructor(component: Component, runtime: Runtime) {
    super(component, runtime);
    this.config = decoderConfig(component);
    this.sideDivisor = this.config.patch_size * 2 ** (this.config.c_hidden.length - 1);
    this.#graphs = decoderGraphs(component, runtime.folds);
    component.assertAllUsed();
  }

  static async load(dir: string, runtime: RuntimeOptions | Runtime = {}): Promise<WuerstchenDiffNeXt> {
    return open(dir, runtime, (...parts) => new WuerstchenDiffNeXt(...parts));
  }

  async preload(): Promise<void> {
    if (this.#graphs.conditioning) await this.session(this.#graphs.conditioning);
    await this.session(this.#graphs.step);
  }

  /** @param text [B, T, clip_embd] @param effnet [B, effnet_embd, h, w] @param sides height and width of the latents */
  async condition(text: Tensor, effnet: Tensor, sides: readonly [number, number]): Promise<Conditioning> {
    checkChannels('text embeddings', text, 3, 2, this.config.clip_embd);
    checkChannels('image embeddings', effnet, 4, 1, this.config.effnet_embd);
    this.#checkSides(...sides);
    const [, , h = 0, w = 0] = effnet.dims;
    const feeds: Record<string, OrtTensor> = { text: toOrt(text) };
    for (const level of injectedLevels(this.config)) {
      const [toH, toW] = sides.map((side) => side / (this.config.patch_size * 2 ** level)) as [number, number];
      feeds.effnet = toOrt(effnet);
      const { rows, columns } = bicubicMatrices([h, w], [toH, toW]);
      feeds[`my${level}`] = new OrtTensor('float32', rows, [toH, h]);
      feeds[`mx${level}`] = new OrtTensor('float32', transposed(columns, toW, w), [w, toW]);
    }
    const { conditioning } = this.#graphs;
    const rows = text.dims[0] ?? 0;
    if (!conditioning) return { rows, tensors: feeds };
    if (this.mixesRows && rows > 1) {
      const one = (value: Tensor, row: number) => sliceRows(value, row, row + 1);
      return rowByRow(rows, (row) => this.condition(one(text, row), one(effnet, row), sides));
    }
    return { rows, tensors: await this.runOnce(conditioning, feeds) };
  }

  async step(x: Tensor, r: Float32Array, conditioning: Conditioning): Promise<Tensor> {
    return (await this.#forward(x, r, conditioning, ['noise'])).noise;
  }

  /** One forward pass: `x` [B, c_in, H, W], `r` [B], `effnet` [B, effnet_embd, h, w], `clip` [B, T, clip_embd] → predicted noise. */
  async run(x: Tensor, r: Float32Array | Tensor, effnet: Tensor, clip: Tensor): Promise<Tensor> {
    return (await this.runParts(x, r, effnet, clip)).noise;
  }

  /** As `run`, with the two halves `a` and `b` that the noise `(x − a) / b` is made of. */
  async runParts(
    x: Tensor,
    r: Float32Array | Tensor,
    effnet: Tensor,
    clip: Tensor,
  ): Promise<{ noise: Tensor; a: Tensor; b: Tensor }> {
    const [, , H = 0, W = 0] = x.dims;
    const conditioning = await this.condition(clip, effnet, [H, W]);
    return this.#forward(x, r instanceof Float32Array ? r : r.data, conditioning, ['noise', 'a', 'b']);
  }

  #checkSides(H: number, W: number): void {
    if (H > 0 && W > 0 && H % this.sideDivisor === 0 && W % this.sideDivisor === 0) return;
    throw new UserError(
      'latent_side_invalid',
      `expected latent sides that divide by ${this.sideDivisor}, got ${H}×${W}`,
    );
  }

  async #forward(x: Tensor, r: Float32Array, conditioning: Conditioning, fetches: readonly string[]) {
    checkChannels('latents', x, 4, 1, this.config.c_in);
    const [, , H = 0, W = 0] = x.dims;
    this.#checkSides(H, W);
    const { c_r: cR } = this.config;
    const session = await this.session(this.#graphs.step);
    const rows = new OrtTensor('float32', rEmbedding(r, cR), [r.length, cR]);
    const feeds = { x: toOrt(x), r: rows, ...conditioning.tensors };
    const { noise, a, b } = await session.run(feeds, fetches);
    return { noise: fromOrt(noise), a: fromOrt(a ?? noise), b: fromOrt(b ?? noise) };
  }
}

/** diffusers' PaellaVQModel (Stage A). */
export class PaellaVQModel extends Network {
  readonly config;
  /** Pixels of the picture per latent. */
  readonly factor: number;

  private constructor(component: Component, runtime: Runtime) {
    super(component, runtime);
    this.config = vqganConfig(component);
    this.factor = this.config.up_down_scale_factor * 2 ** (this.config.levels - 1);
    decodeGraph(component, runtime.folds, { quantise: true });
    encodeGraph(component, runtime.folds);
    component.assertAllUsed();
  }

  static async load(dir: string, runtime: RuntimeOptions | Runtime = {}): Promise<PaellaVQModel> {
    // A part of a picture has other ranges than the whole: in 8 bits, seams between tiles are no longer exact.
    const instead = runtime.precision === 'auto' ? ({ int8: 'fp32' } as const) : {};
    return open(dir, runtime, (...parts) => new PaellaVQModel(...parts), instead);
  }

  #pixelGraph(): GraphBuilder {
    return decodeGraph(this.component, this.runtime.folds, { output: 'pixels' });
  }

  async preload(): Promise<void> {
    await this.session(this.#pixelGraph());
  }

  /** Latents [B, 4, h, w], already times `scale_factor`, to a picture [B, 3, H, W], nominally 0 to 1. */
  async decode(latents: Tensor): Promise<Tensor> {
    const session = await this.session(decodeGraph(this.component, this.runtime.folds));
    const channels = this.config.out_channels;
    const layout = { planes: (latents.dims[0] ?? 0) * channels, values: 1, factor: this.factor };
    const data = await this.#byTiles(latents, layout, async (part) => {
      return fromOrt((await session.run({ latents: toOrt(part) })).image).data;
    });
    const [b = 0, , h = 0, w = 0] = latents.dims;
    return { data, dims: [b, channels, h * this.factor, w * this.factor] };
  }

  /** As `decode`, of the nearest codebook entries; also these `values`, like the latents, and their indices [B·h·w]. */
  async decodeQuantised(latents: Tensor): Promise<{ image: Tensor; values: Tensor; indices: BigInt64Array }> {
    const session = await this.session(decodeGraph(this.component, this.runtime.folds, { quantise: true }));
    const { image, values, indices } = await session.run({ latents: toOrt(latents) });
    return { image: fromOrt(image), values: fromOrt(values), indices: indices?.data as BigInt64Array };
  }

  /** Latents of the pipeline (not yet scaled) to bytes [B, H, W, 3]. */
  async decodePixels(latents: Tensor): Promise<{ data: Uint8Array; dims: readonly number[] }> {
    const session = await this.session(this.#pixelGraph());
    const values = this.config.out_channels;
    const [b = 0, , h = 0, w = 0] = latents.dims;
    const data = await this.#byTiles(latents, { planes: b, values, factor: this.factor }, async (part) => {
      return (await session.run({ latents: toOrt(part) })).image?.data as Uint8Array;
    });
    return { data, dims: [b, h * this.factor, w * this.factor, values] };
  }

  /** Decodes the whole picture where its working memory fits, else tile by tile. */
  async #byTiles<T extends Float32Array | Uint8Array>(
    latents: Tensor,
    layout: TileLayout,
    decode: (part: Tensor) => Promise<T>,
  ): Promise<T> {
    const [b = 0, , h = 0, w = 0] = latents.dims;
    const working = (rows: number, columns: number) => b * vqganWorking(this.config, [rows, columns]);
    const budget = this.runtime.memory.decodeBudget(working(h, w));
    const tiles = tilesOf([h, w], decodeContext(this.config), working, budget);
    if (tiles.length > 1) return decodeTiles(latents, tiles, layout, decode);
    const picture = await decode(latents);
    // A session keeps what it once took; this much should not wait for the next picture of that size.
    if (working(h, w) > HOARD_BYTES) await this.release();
    return picture;
  }

  /** A picture [B, 3, H, W] to latents [B, 4, h, w]. */
  async encode(image: Tensor): Promise<Tensor> {
    checkChannels('image', image, 4, 1, this.config.in_channels);
    const [, , H = 0, W = 0] = image.dims;
    if (H % this.factor || W % this.factor) {
      throw new UserError('image_side_invalid', `expected sides that divide by ${this.factor}, got ${W}×${H}`);
    }
    const session = await this.session(encodeGraph(this.component, this.runtime.folds));
    return fromOrt((await session.run({ image: toOrt(image) })).latents);
  }
}

function toOrt({ data, dims }: Tensor): OrtTensor {
  return new OrtTensor('float32', data, dims);
}

function fromOrt(value: OrtTensor | undefined): Tensor {
  if (!(value?.data instanceof Float32Array)) throw new Error('expected a float32 output');
  return { data: value.data, dims: [...value.dims] };
}

function int64Tensor(rows: TokenRows): OrtTensor {
  if (rows instanceof BigInt64Array) return new OrtTensor('int64', rows, [1, rows.length]);
  if ('dims' in rows) return new OrtTensor('int64', rows.data, [...rows.dims]);
  const length = rows[0]?.length ?? 0;
  const data = new BigInt64Array(rows.length * length);
  rows.forEach((row, i) => {
    if (row.length !== length)
      throw new UserError('token_rows_uneven', `expected rows of ${length} tokens, got ${row.length}`);
    data.set(row, i * length);
  });
  return new OrtTensor('int64', data, [rows.length, length]);
}

/** A matrix [rows, columns] as [columns, rows]. */
function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)] ?? Number.NaN);
}

function checkChannels(what: string, value: Tensor, rank: number, axis: number, channels: number): void {
  if (value.dims.length === rank && value.dims[axis] === channels) return;
  throw new UserError(
    'tensor_shape_invalid',
    `expected ${what} of ${rank} dimensions with ${channels} channels, got [${value.dims}]`,
  );
}
