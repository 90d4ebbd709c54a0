import type { GraphBuilder } from '../../../src/pipeline/graph/builder.ts';
import type { Node } from '../../../src/pipeline/graph/graph-parts.ts';
import { ATTRIBUTES, type Kernel, type Kernels } from './gpu-operators.ts';

/** Arithmetic on shapes, which onnxruntime leaves on the CPU on purpose, as well as ids and masks of 77 tokens. */
const ON_THE_CPU = ['Concat', 'Div', 'Mul', 'Shape', 'Slice', 'Reshape', 'GreaterOrEqual', 'Identity'];
/** Of graphs that no picture needs, known to fall to the CPU: WebGPU does not give int64. */
const KNOWN = new Set(['webgpu vqgan-decode-quantised ArgMax']);

export interface Placed {
  /** Nodes that the provider computes. */
  readonly device: number;
  /** Nodes that only compute shapes, ids and masks. */
  readonly shapes: number;
  /** What it would leave to the CPU, and attributes that nobody has looked up. */
  readonly misplaced: readonly string[];
}

/** Where a provider would put the nodes of a graph. */
export function placed(provider: 'cuda' | 'webgpu', kernels: Kernels, graph: GraphBuilder): Placed {
  const misplaced = new Set<string>();
  let [device, shapes] = [0, 0];
  for (const node of graph.parts.nodes) {
    const unknown = Object.keys(node.attributes).filter((name) => !ATTRIBUTES[node.op]?.includes(name));
    const kernel = kernels[node.op];
    if (unknown.length > 0) misplaced.add(`${graph.name}: attribute ${unknown} of ${node.op}`);
    else if (isShapeArithmetic(node)) shapes += 1;
    else if (kernel && isImplemented(node, kernel)) device += 1;
    // What an output is called is no work: onnxruntime takes such nodes out, and keeps an input of the same type.
    else if (node.op !== 'Identity' && !KNOWN.has(`${provider} ${graph.name} ${node.op}`))
      misplaced.add(`${graph.name}: ${describe(node)}`);
  }
  return { device, shapes, misplaced: [...misplaced] };
}

export function isShapeArithmetic({ op, inputs, outputs }: Node): boolean {
  return ON_THE_CPU.includes(op) && (inputs[0]?.dtype === 'i64' || outputs[0]?.dtype === 'i64');
}

function isImplemented({ inputs, outputs }: Node, { types, host = [], indices = false, bool }: Kernel): boolean {
  const given = inputs.filter((_, i) => !host.includes(i) && !(bool === 'input' && i === 0));
  const [flags, numbers] =
    bool === 'output' ? [outputs, given] : [inputs.slice(0, bool ? 1 : 0), [...given, ...outputs]];
  return (
    flags.every((value) => value?.dtype === 'bool') &&
    numbers.every((value) => value === null || types.includes(value.dtype) || (indices && value.dtype === 'i64'))
  );
}

function describe({ op, inputs, outputs }: Node): string {
  const typed = (values: Node['inputs']) =>
    values.map((value) => (value ? `${value.dtype}[${value.shape.length}]` : '-')).join(', ');
  return `${op}(${typed(inputs)}) → ${typed(outputs)}`;
}
