/** Where onnxruntime put the nodes of a graph. */
export interface Placement {
  readonly graph: string;
  readonly providers: readonly ProviderNodes[];
}

export interface ProviderNodes {
  /** In onnxruntime's words, e.g. `CPUExecutionProvider`. */
  readonly provider: string;
  readonly nodes: number;
  /** Nodes by operator; onnxruntime does not list them where it put all nodes in one place. */
  readonly ops: Readonly<Record<string, number>>;
}

const MARK = 'wuerst graph: ';
const PLACED = /(?:All nodes|Node\(s\)) placed on \[(\w+)\]\. Number of nodes: (\d+)/;
const NODE = /VerifyEachNodeIsAssignedToAnEp\]\s+(\w+) \(/;

/** What is written between the lines of onnxruntime's log, where the session of a graph begins. */
export function placementMark(graph: string): string {
  return `\n${MARK}${graph}\n`;
}

/** The placements in a log of sessions at the level of VERBOSE. */
export function placementsIn(log: string): Placement[] {
  const [, ...parts] = log.split(`\n${MARK}`);
  return parts.map((part) => {
    const [graph = '', ...lines] = part.split('\n');
    return { graph: graph.trim(), providers: providersIn(lines) };
  });
}

function providersIn(lines: readonly string[]): ProviderNodes[] {
  const found: { provider: string; nodes: number; ops: Record<string, number> }[] = [];
  for (const line of lines) {
    const [, provider, nodes] = PLACED.exec(line) ?? [];
    if (provider !== undefined) {
      found.push({ provider, nodes: Number(nodes), ops: {} });
      continue;
    }
    const ops = found.at(-1)?.ops;
    const [, op] = NODE.exec(line) ?? [];
    if (ops !== undefined && op !== undefined) ops[op] = (ops[op] ?? 0) + 1;
  }
  return found;
}
