import type { GraphParts } from '../graph/graph-parts.ts';
import { groupsOf, type SeamedGraph } from '../graph/groups.ts';
import type { BlockingCall, RunMemory, Session, Tensors } from './session.ts';

export interface SequentialOptions {
  readonly memory: RunMemory;
  /** Bytes that the weights of a group may take beside so many bytes. */
  readonly room: (working: number) => number;
  /** @param isAgain whether these weights were loaded by this session before */
  readonly load: (parts: GraphParts, group: BlockingCall['group'], isAgain: boolean) => Promise<Session>;
}

/**
 * A graph of which one group of blocks is loaded at a time, over the same files: when a run reaches it, until the next one.
 * A graph that fits as a whole stays loaded like any other.
 */
export class SequentialSession implements Session {
  readonly #graph: SeamedGraph;
  readonly #options: SequentialOptions;
  #cut: { readonly working: number; readonly groups: readonly GraphParts[] } | undefined;
  #whole: Session | undefined;
  #hasRun = false;

  constructor(graph: SeamedGraph, options: SequentialOptions) {
    this.#graph = graph;
    this.#options = options;
  }

  async run(feeds: Tensors, fetches?: readonly string[]): Promise<Tensors> {
    const [outputs = {}] = await this.#runAll([feeds], fetches);
    return outputs;
  }

  runEach(all: readonly Tensors[]): Promise<Tensors[]> {
    return this.#runAll(all);
  }

  async release(): Promise<void> {
    const whole = this.#whole;
    this.#whole = undefined;
    await whole?.release();
  }

  async #runAll(all: readonly Tensors[], fetches?: readonly string[]): Promise<Tensors[]> {
    const groups = this.#groupsFor(all);
    const [only] = groups;
    if (!only || groups.length > 1) {
      await this.release();
      const outputs = await this.#runGroups(groups, all, fetches ?? this.#graph.parts.outputs.map(({ name }) => name));
      this.#hasRun = true;
      return outputs;
    }
    const { load, memory } = this.#options;
    this.#whole ??= await load(only, undefined, false);
    const whole = this.#whole;
    const outputs: Tensors[] = [];
    for (const feeds of all) outputs.push(await memory.during(feeds, () => whole.run(feeds, fetches)));
    return outputs;
  }

  async #runGroups(
    groups: readonly GraphParts[],
    all: readonly Tensors[],
    wanted: readonly string[],
  ): Promise<Tensors[]> {
    const { load, memory } = this.#options;
    const runs = all.map((feeds) => ({ known: new Map(Object.entries(feeds)), taken: memory.inGroups(feeds) }));
    for (const [i, parts] of groups.entries()) {
      const needed = new Set([
        ...wanted,
        ...groups.slice(i + 1).flatMap(({ inputs }) => inputs.map(({ name }) => name)),
      ]);
      const put = parts.outputs.map(({ name }) => name).filter((name) => needed.has(name));
      if (put.length === 0) continue;
      const read = parts.inputs.map(({ name }) => name);
      const group = { index: i, of: groups.length };
      const session = await load(parts, group, this.#hasRun);
      try {
        for (const { known, taken } of runs) {
          const made = await taken.during(() => session.run(picked(known, read), put));
          for (const [name, value] of Object.entries(made)) known.set(name, value);
          // What no later group reads takes no memory from now on.
          for (const name of known.keys()) if (!needed.has(name)) known.delete(name);
        }
      } finally {
        await session.release();
      }
    }
    return runs.map(({ known, taken }) => {
      taken.end();
      return picked(known, wanted);
    });
  }

  /** What is free changes from run to run; the groups do so with what a run takes only: with the size of the picture. */
  #groupsFor(all: readonly Tensors[]): readonly GraphParts[] {
    const working = Math.max(0, ...all.map((feeds) => this.#options.memory.working(feeds)));
    if (this.#cut?.working !== working) {
      this.#cut = { working, groups: groupsOf(this.#graph, this.#options.room(working)) };
    }
    return this.#cut.groups;
  }
}

function picked(known: ReadonlyMap<string, Tensors[string]>, names: readonly string[]): Tensors {
  const found = names.flatMap((name) => {
    const value = known.get(name);
    return value ? [[name, value] as const] : [];
  });
  return Object.fromEntries(found);
}
