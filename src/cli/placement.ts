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
import { t } from '../texts/translate.ts';

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
    const reason = /^\w*Error: (.+)$/m.exec(said)?.[1] ?? t('its process ended without a word');
    const values = { folder, provider, reason };
    const message = () => t('The sessions of {folder} cannot be created on {provider}: {reason}', values);
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
  const values = { graph, places: places || t('not known') };
  if (copied === 0) return t('{graph}: {places}', values);
  return t('{graph}: {places}; {count} copy between them | {graph}: {places}; {count} copies between them', {
    ...values,
    count: copied,
  });
}

function place({ provider, nodes, ops }: ProviderNodes): string {
  const counted = Object.entries(ops).toSorted(([, a], [, b]) => b - a);
  if (provider !== CPU) {
    const name = provider.replace('ExecutionProvider', '');
    return t('{count} node on {name} | {count} nodes on {name}', { count: nodes, name });
  }
  if (counted.length === 0) return t('{count} node on the CPU | {count} nodes on the CPU', { count: nodes });
  return t('{count} node on the CPU ({ops}) | {count} nodes on the CPU ({ops})', {
    count: nodes,
    ops: counted.map((one) => one.join(' ')).join(', '),
  });
}
