import { reasonOf } from '../../system/foreign-words.ts';
import { t } from '../../texts/translate.ts';
import { Component } from '../checkpoint/checkpoint.ts';
import type { Precision } from '../checkpoint/weight-recipe.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import type { Adapter } from '../lora/adapter.ts';
import { isWorthPreparing } from '../runtime/preferred-precision.ts';
import { type RunMemory, Runtime, type RuntimeOptions, type Session, type Tensors } from '../runtime/runtime.ts';

export interface OpenOptions {
  /** Whether `check` is called now; else by whoever opens it, or a part of it when a graph is first used. @default true */
  readonly check?: boolean | undefined;
}

interface NetworkClass<T extends Network> {
  new (component: Component, runtime: Runtime): T;
  /** The precision to use instead of one that the network does not have. */
  readonly instead?: Partial<Record<Precision, Precision>>;
}

/** A component with its sessions, which are created when first used and released together. */
export abstract class Network {
  readonly component: Component;
  readonly runtime: Runtime;
  /** What LoRAs change, from the next use on. */
  adapter: Adapter | null = null;
  readonly #sessions = new Map<string, Promise<Session>>();
  /** The layers that the graphs of the sessions have branches beside. */
  #adapted = '';

  constructor(component: Component, runtime: Runtime) {
    this.component = component;
    this.runtime = runtime;
  }

  /** Bytes of all weights as they are kept in memory. */
  get weightBytes(): number {
    return this.component.bytesInMemory + (this.adapter?.bytes ?? 0);
  }

  /** Whether a picture can begin at once. */
  get isLoaded(): boolean {
    return this.#sessions.size > 0 && this.#adapted === (this.adapter?.key ?? '');
  }

  /**
   * Checks all weights against config.json.
   *
   * @throws OperatorError `tensor_missing`, `tensor_misshapen`, `tensor_dtype` or `tensor_unexpected`
   */
  abstract check(): void;

  /** What is known of what runs take beside the weights. @default it does not matter */
  protected get runMemory(): RunMemory | undefined {
    return undefined;
  }

  /** Creates the sessions of a picture now. */
  abstract preload(): Promise<void>;

  /** Frees all memory of the sessions; the next use loads them again. */
  async release(): Promise<void> {
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    this.runtime.memory.left(this);
    await Promise.all(sessions.map(async (session) => (await session).release()));
  }

  /**
   * Runs a graph that is needed once a picture; unless everything stays loaded, its session is released at once, or what it gave
   * stays on the device: freeing that afterwards would end the process.
   */
  protected async runOnce(graph: GraphBuilder, feeds: Tensors, adapter: Adapter | null = null): Promise<Tensors> {
    const outputs = await this.runAdapted(graph, feeds, adapter);
    const staysOnDevice = graph.feedsGraphs && this.runtime.keepsOnDevice;
    if (this.runtime.residency !== 'resident' && !staysOnDevice) {
      const session = this.#sessions.get(graph.name);
      this.#sessions.delete(graph.name);
      await (await session)?.release();
    }
    return outputs;
  }

  /** Runs a graph that was written for the layers of an adapter. */
  protected async runAdapted(
    graph: GraphBuilder,
    feeds: Tensors,
    adapter: Adapter | null,
    fetches?: readonly string[],
  ): Promise<Tensors> {
    const session = await this.adaptedSession(graph, adapter);
    return session.run({ ...feeds, ...adapter?.feeds(graph.parts.inputs) }, fetches);
  }

  /** As `runAdapted`, several times in a row. */
  protected async runEachAdapted(
    graph: GraphBuilder,
    all: readonly Tensors[],
    adapter: Adapter | null,
  ): Promise<Tensors[]> {
    const session = await this.adaptedSession(graph, adapter);
    const more = adapter?.feeds(graph.parts.inputs);
    return session.runEach(all.map((feeds) => ({ ...feeds, ...more })));
  }

  /**
   * Sessions of graphs with other branches hold the same weights once more, so those are released first. What goes through
   * the branches is fed, so that it can change without that.
   */
  protected async adaptedSession(graph: GraphBuilder, adapter: Adapter | null): Promise<Session> {
    const key = adapter?.key ?? '';
    if (key !== this.#adapted) await this.release();
    this.#adapted = key;
    return this.session(graph);
  }

  protected session(graph: GraphBuilder): Promise<Session> {
    const known = this.#sessions.get(graph.name);
    if (known) return known;
    const made = this.runtime.memory.enter(this);
    const created = made.then(() => this.runtime.session(graph, this.component.weightsDir, this.runMemory));
    this.#sessions.set(graph.name, created);
    created.catch(() => this.#sessions.delete(graph.name));
    return created;
  }
}

/** Opens a component in the precision that suits its size and the runtime; its weights are prepared first if necessary. */
export async function open<T extends Network>(
  Class: NetworkClass<T>,
  dir: string,
  runtime: RuntimeOptions | Runtime = {},
  { check = true }: OpenOptions = {},
): Promise<T> {
  const network = await inPrecision(Class, dir, await Runtime.create(runtime));
  if (check) network.check();
  return network;
}

async function inPrecision<T extends Network>(Class: NetworkClass<T>, dir: string, runtime: Runtime): Promise<T> {
  const component = await Component.open(dir);
  const wanted = runtime.precisionFor(component.parameters);
  const precision = Class.instead?.[wanted] ?? wanted;
  if (precision === 'fp32' && !isWorthPreparing(component.parameters)) return new Class(component, runtime);
  const planned = component.in(precision);
  new Class(planned, runtime).check();
  if (planned.recipes.length === 0) return new Class(component.in(precision, new Map()), runtime);
  const { openPrepared } = await import('../derived-weights/prepared.ts');
  const prepared = await openPrepared(planned);
  return new Class(
    prepared ? component.in(precision, prepared) : await prepareNow(component, planned, runtime),
    runtime,
  );
}

const NO_ROOM = ['prepared_not_writable', 'disk_full'];

/**
 * Preparing is rare, so the modules it needs are loaded on demand.
 *
 * @returns what can be used if there is no room for the weights: the checkpoint's own in their precision, which takes longer to
 *   load, or those in 32 bits if this precision was not asked for explicitly
 */
async function prepareNow(
  component: Component,
  planned: Component,
  { onPreparing, signal, precision, notes }: Runtime,
): Promise<Component> {
  const { prepare } = await import('../derived-weights/prepare.ts');
  try {
    const prepared = await prepare(planned, {
      signal,
      onProgress: (done, total) => onPreparing?.(planned.dir, planned.precision, done, total),
    });
    return component.in(planned.precision, prepared);
  } catch (error) {
    // By its code: modules outside the bundle have their own error classes.
    const noRoom = error instanceof Error && NO_ROOM.includes((error as NodeJS.ErrnoException).code ?? '');
    if (!noRoom) throw error;
    if (component.isStoredIn(planned.precision)) return component.unprepared(planned.precision);
    if (precision !== 'auto') throw error;
    notes.push(`${reasonOf(error)} ${t('They stay in 32 bits.')}`);
    return component;
  }
}
