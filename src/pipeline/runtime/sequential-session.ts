import type { GraphParts } from '../graph/graph-parts.ts';
import { groupsOf, type SeamedGraph } from '../graph/groups.ts';
import type { BlockingCall, Session, Tensors } from './session.ts';

export interface SequentialOptions {
  /** Bytes that a run takes beside the weights. */
  readonly working: (feeds: Tensors) => number;
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
    const groups = this.#groupsFor(feeds);
    const [only] = groups;
    if (only && groups.length === 1) {
      this.#whole ??= await this.#options.load(only, undefined, false);
      return this.#whole.run(feeds, fetches);
    }
    await this.release();
    const outputs = await this.#runGroups(groups, feeds, fetches ?? this.#graph.parts.outputs.map(({ name }) => name));
    this.#hasRun = true;
    return outputs;
  }

  async release(): Promise<void> {
    const whole = this.#whole;
    this.#whole = undefined;
    await whole?.release();
  }

  async #runGroups(groups: readonly GraphParts[], feeds: Tensors, wanted: readonly string[]): Promise<Tensors> {
    let known = new Map(Object.entries(feeds));
    for (const [i, parts] of groups.entries()) {
      const needed = new Set([
        ...wanted,
        ...groups.slice(i + 1).flatMap(({ inputs }) => inputs.map(({ name }) => name)),
      ]);
      const put = parts.outputs.map(({ name }) => name).filter((name) => needed.has(name));
      if (put.length === 0) continue;
      const own = picked(
        known,
        parts.inputs.map(({ name }) => name),
      );
      const group = { index: i, of: groups.length };
      const session = await this.#options.load(parts, group, this.#hasRun);
      try {
        for (const [name, value] of Object.entries(await session.run(own, put))) known.set(name, value);
      } finally {
        await session.release();
      }
      // What no later group reads takes no memory from now on.
      known = new Map([...known].filter(([name]) => needed.has(name)));
    }
    return picked(known, wanted);
  }

  /** What is free changes from run to run; the groups do so with the size of the picture only. */
  #groupsFor(feeds: Tensors): readonly GraphParts[] {
    const working = this.#options.working(feeds);
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
