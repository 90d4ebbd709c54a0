import { DATA_TYPES, type GraphParts, type Initializer, type Node, type Value } from './graph-parts.ts';

/** Output of a watched graph: the largest magnitude of each watched tensor, float32. */
export const PEAKS = 'peaks';

export interface WatchedGraph {
  readonly parts: GraphParts;
  /** Names of the watched tensors, in the order of the peaks. */
  readonly names: readonly string[];
}

/**
 * The same graph in 32 bits throughout, with one more output: the largest magnitude of every tensor that the graph keeps
 * in 16 bits. This shows on any machine whether they would fit.
 */
export function watchHalves({ name, nodes, initializers, inputs, outputs }: GraphParts): WatchedGraph {
  const halves = initializers.filter(({ dtype }) => dtype === 'f16');
  const watched = [
    ...halves.map((half): Value => ({ name: half.name, dtype: 'f32', shape: half.shape })),
    ...nodes
      .flatMap((node) => node.outputs)
      .filter(({ dtype }) => dtype === 'f16')
      .map(widened),
  ];
  const peaks = Array.from(watched, (_, i): Value => ({ name: `peak_${i}`, dtype: 'f32', shape: [1, 1] }));
  const measuring = watched.flatMap((value, i) => measure(value, peaks[i] ?? value));
  const all: Value = { name: PEAKS, dtype: 'f32', shape: [watched.length, 1] };
  return {
    names: watched.map((value) => value.name),
    parts: {
      name,
      inputs,
      outputs: [...outputs, all],
      initializers: initializers.map(
        (one): Initializer => (one.dtype === 'f16' ? { ...one, name: stored(one.name) } : one),
      ),
      nodes: [...halves.map(load), ...nodes.map(inFull), ...measuring, node('Concat', peaks, all, { axis: 0 })],
    },
  };
}

const stored = (name: string) => `${name} stored`;

function widened(value: Value): Value {
  return value.dtype === 'f16' ? { ...value, dtype: 'f32' } : value;
}

function load({ name, shape }: Initializer): Node {
  const from: Value = { name: stored(name), dtype: 'f16', shape };
  return node('Cast', [from], { name, dtype: 'f32', shape }, { to: DATA_TYPES.f32 });
}

function inFull(one: Node): Node {
  const attributes =
    one.op === 'Cast' && one.attributes.to === DATA_TYPES.f16 ? { to: DATA_TYPES.f32 } : one.attributes;
  return {
    ...one,
    attributes,
    inputs: one.inputs.map((value) => value && widened(value)),
    outputs: one.outputs.map(widened),
  };
}

function measure(value: Value, peak: Value): Node[] {
  const part = (suffix: string): Value => ({ name: `${peak.name} ${suffix}`, dtype: 'f32', shape: [] });
  const [magnitudes, largest] = [part('magnitudes'), part('largest')];
  return [
    node('Abs', [value], magnitudes),
    node('ReduceMax', [magnitudes], largest, { keepdims: 1 }),
    // One row each, whatever its rank was.
    node('Flatten', [largest], peak, { axis: 0 }),
  ];
}

function node(op: string, inputs: readonly Value[], output: Value, attributes: Node['attributes'] = {}): Node {
  return { op, domain: '', inputs, outputs: [output], attributes };
}
