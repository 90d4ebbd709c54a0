import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Precision } from '../pipeline/checkpoint/weight-recipe.ts';
import { type Placement, type ProviderNodes, placementsIn } from '../pipeline/runtime/placement.ts';
import type { Provider } from '../pipeline/runtime/providers.ts';
import { childEnvironment } from '../system/child-environment.ts';
import { OperatorError } from '../system/errors.ts';

const CHILD = new URL(
  import.meta.url.endsWith('.ts') ? './placement-child.ts' : './placement-child.js',
  import.meta.url,
);
const CPU = 'CPUExecutionProvider';

/**
 * Where onnxruntime puts the nodes of all graphs of a model on a provider. Weights that are missing in this precision are
 * prepared.
 *
 * @throws OperatorError `placement_unknown`
 */
export async function placementOf(
  folder: string,
  provider: Provider,
  precision: Precision | 'auto',
): Promise<Placement[]> {
  const temporary = await mkdtemp(join(tmpdir(), 'wuerst-placement-'));
  try {
    const path = join(temporary, 'log');
    const log = await open(path, 'w');
    const args = [...process.execArgv, fileURLToPath(CHILD), folder, provider, precision];
    // To a file: onnxruntime drops what a pipe does not take at once.
    const child = spawn(process.execPath, args, {
      env: childEnvironment(process.env),
      stdio: ['ignore', 'ignore', log.fd],
    });
    const [code] = await once(child, 'close').finally(() => log.close());
    const said = await readFile(path, 'utf8');
    if (code === 0) return placementsIn(said);
    const reason = /^\w*Error: (.+)$/m.exec(said)?.[1] ?? 'its process ended without a word';
    const message = `The sessions of ${folder} cannot be created on ${provider}: ${reason}`;
    throw new OperatorError('placement_unknown', message);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** A line for people, e.g. `prior: 1594 nodes on WebGpu, 6 on the CPU (Concat 3, Mul 3)`. */
export function placementLine({ graph, providers }: Placement): string {
  const accelerated = providers.filter(({ provider }) => provider !== CPU);
  const copies = accelerated.flatMap(({ ops }) => Object.entries(ops)).filter(([op]) => op.startsWith('Memcpy'));
  const copied = copies.reduce((sum, [, count]) => sum + count, 0);
  const places = [...accelerated, ...providers.filter(({ provider }) => provider === CPU)].map(place).join(', ');
  const between = copied === 0 ? '' : `; ${copied} ${copied === 1 ? 'copy' : 'copies'} between them`;
  return `${graph}: ${places || 'not known'}${between}`;
}

function place({ provider, nodes, ops }: ProviderNodes): string {
  const where = provider === CPU ? 'the CPU' : provider.replace('ExecutionProvider', '');
  const counted = Object.entries(ops).toSorted(([, a], [, b]) => b - a);
  const listed = provider === CPU && counted.length > 0 ? ` (${counted.map((one) => one.join(' ')).join(', ')})` : '';
  return `${nodes} ${nodes === 1 ? 'node' : 'nodes'} on ${where}${listed}`;
}
