import { size } from '../math/tensor.ts';
import type { DType, GraphParts, Initializer, Node, Value } from './graph-parts.ts';

/** A written graph, and the places between its nodes where few tensors cross: each the number of nodes before it. */
export interface SeamedGraph {
  readonly parts: GraphParts;
  readonly seams: readonly number[];
}

const BYTES: Readonly<Record<DType, number>> = { f32: 4, f16: 2, bf16: 2, i64: 8, i32: 4, u8: 1, i8: 1, bool: 1 };
/** What stands between a value and the output that it becomes. */
const TRAILING = new Set(['Identity', 'Cast']);

/**
 * Cuts a graph at its seams into as few groups as have at most so many bytes of weights each, or one block. Run one after the
 * other they give what the graph gives: a group's inputs are those of the graph and what earlier groups put out.
 *
 * What depends on weights alone goes with the nodes that need it, and is written once more where several groups do.
 *
 * @returns the graph itself where all of it fits
 */
export function groupsOf({ parts, seams }: SeamedGraph, most: number): readonly GraphParts[] {
  const graph = new CutGraph(parts);
  const groups: Node[][] = [];
  let held = new Set<string>();
  let bytes = 0;
  for (const block of graph.blocks(seams)) {
    const needed = graph.weightsOf(block);
    const more = bytesOf(needed.filter(({ name }) => !held.has(name)));
    const last = groups.at(-1);
    if (last && bytes + more <= most) {
      last.push(...block);
      bytes += more;
    } else {
      groups.push([...block]);
      held = new Set();
      bytes = bytesOf(needed);
    }
    for (const { name } of needed) held.add(name);
  }
  return groups.length > 1 ? groups.map((_, i) => graph.group(groups, i)) : [parts];
}

function bytesOf(values: readonly Value[]): number {
  return values.reduce((sum, { dtype, shape }) => sum + size(shape.map(Number)) * BYTES[dtype], 0);
}

/** What cutting has to know of a graph. */
class CutGraph {
  readonly #parts: GraphParts;
  readonly #positions: ReadonlyMap<Node, number>;
  readonly #initializers: ReadonlyMap<string, Initializer>;
  readonly #outputs: ReadonlySet<string>;
  /** The node behind each value that depends on weights alone. */
  readonly #folded = new Map<string, Node>();
  /** The node behind each other value. */
  readonly #computed = new Map<string, Node>();
  readonly #trailing: ReadonlySet<Node>;

  constructor(parts: GraphParts) {
    this.#parts = parts;
    this.#positions = new Map(parts.nodes.map((node, i) => [node, i]));
    this.#initializers = new Map(parts.initializers.map((one) => [one.name, one]));
    this.#outputs = new Set(parts.outputs.map(({ name }) => name));
    for (const node of parts.nodes) {
      const isFolded =
        inputsOf(node).every(({ name }) => this.#isConstant(name)) &&
        node.outputs.every(({ name }) => !this.#outputs.has(name));
      for (const { name } of node.outputs) (isFolded ? this.#folded : this.#computed).set(name, node);
    }
    this.#trailing = trailingNodes(parts);
  }

  /** The nodes between seams, each list in their order, without what depends on weights alone. */
  blocks(seams: readonly number[]): Node[][] {
    const blocks: Node[][] = Array.from({ length: seams.length + 1 }, () => []);
    const at = new Map<Node, number>();
    for (const [position, node] of this.#parts.nodes.entries()) {
      if (node.outputs.some(({ name }) => this.#folded.has(name))) continue;
      const [input] = inputsOf(node);
      const maker = input && this.#computed.get(input.name);
      const behind = maker && this.#trailing.has(node) ? at.get(maker) : undefined;
      const block = behind ?? seams.filter((seam) => seam <= position).length;
      at.set(node, block);
      blocks[block]?.push(node);
    }
    return blocks.filter((block) => block.length > 0);
  }

  /** What the nodes read that depends on weights alone: what a session keeps. */
  weightsOf(nodes: readonly Node[]): Value[] {
    const all = nodes.flatMap(inputsOf).filter(({ name }) => this.#isConstant(name));
    return [...new Map(all.map((value) => [value.name, value])).values()];
  }

  /** One of several groups of nodes, as a graph. */
  group(groups: readonly (readonly Node[])[], index: number): GraphParts {
    const own = groups[index] ?? [];
    const made = new Set(own.flatMap(namesMade));
    const read = own.flatMap(inputsOf);
    const later = new Set(groups.slice(index + 1).flatMap((nodes) => nodes.flatMap(inputsOf).map(({ name }) => name)));
    const folding = this.#foldingOf(read);
    const constants = new Set([...read, ...folding.flatMap(inputsOf)].map(({ name }) => name));
    const given = new Map(this.#parts.inputs.map((input) => [input.name, input]));
    const inputs = read.filter(({ name }) => !made.has(name) && !this.#isConstant(name));
    return {
      name: this.#parts.name,
      nodes: [...folding, ...own].toSorted((a, b) => this.#position(a) - this.#position(b)),
      initializers: this.#parts.initializers.filter(({ name }) => constants.has(name)),
      inputs: [...new Map(inputs.map((value) => [value.name, given.get(value.name) ?? value])).values()],
      outputs: own.flatMap(({ outputs }) => outputs).filter(({ name }) => later.has(name) || this.#outputs.has(name)),
    };
  }

  #isConstant(name: string): boolean {
    return this.#initializers.has(name) || this.#folded.has(name);
  }

  #position(node: Node): number {
    return this.#positions.get(node) ?? 0;
  }

  /** The nodes over weights alone that lead to these values. */
  #foldingOf(values: readonly Value[]): Node[] {
    const found = new Set<Node>();
    const visit = ({ name }: Value) => {
      const node = this.#folded.get(name);
      if (!node || found.has(node)) return;
      found.add(node);
      inputsOf(node).forEach(visit);
    };
    values.forEach(visit);
    return [...found];
  }
}

function inputsOf({ inputs }: Node): Value[] {
  return inputs.filter((input) => input !== null);
}

function namesMade({ outputs }: Node): string[] {
  return outputs.map(({ name }) => name);
}

/**
 * Nodes that only turn a value into an output: they go where the value is made, since a graph may name its outputs at its
 * end, and else all of them would be carried there.
 */
function trailingNodes({ nodes }: GraphParts): Set<Node> {
  const trailing = new Set<Node>();
  const readOtherwise = new Set<string>();
  for (const node of nodes.toReversed()) {
    const leadsOut = node.outputs.every(({ name }) => !readOtherwise.has(name));
    if (TRAILING.has(node.op) && leadsOut) trailing.add(node);
    else for (const { name } of inputsOf(node)) readOtherwise.add(name);
  }
  return trailing;
}
