import { createHash } from 'node:crypto';
import { env, InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { t, translatable } from '../../texts/translate.ts';
import { driverIdentity } from './driver-identity.ts';
import { KeptReports } from './kept-reports.ts';
import { PROBE_INPUTS, probeGraph, wave } from './probe-graph.ts';
import {
  executionProvider,
  firstLine,
  type Machine,
  type Provider,
  type ProviderReport,
  reasonAgainst,
  thisMachine,
  unusable,
} from './providers.ts';

/** Share of the largest value by which a provider may differ from the processor. */
/** What is said of a provider that works so far. */
const ATTENTION_WRONG = translatable('works; its fused attention computes wrong numbers and is not used');
const TOLERANCES = { f32: 2e-3, f16: 2e-2 } as const;

export interface ProbeOptions {
  readonly device?: number | undefined;
  /** @default 'f32' */
  readonly dtype?: 'f32' | 'f16';
  readonly machine?: Machine;
  /** Whether a report that was made with the same device and driver counts. @default true */
  readonly useKept?: boolean;
}

type Outputs = Readonly<Record<string, OrtTensor>>;

/**
 * Tries a provider on every kind of operator that the networks use and compares the numbers with the processor's. Where the
 * fused attention is wrong, as with several Vulkan drivers, it works without.
 *
 * @see https://github.com/gfx-rs/wgpu/issues/9489 for the same fault elsewhere: variables in a loop keep their values
 */
export async function probe(provider: Provider, options: ProbeOptions = {}): Promise<ProviderReport> {
  const { device, dtype = 'f32', machine = thisMachine(), useKept = true } = options;
  const against = reasonAgainst(provider, machine);
  if (against !== null) return unusable(provider, against);
  // CUDA's libraries are no driver, and it compiles nothing when it is tried.
  const identity = provider === 'webgpu' ? driverIdentity() : null;
  const key =
    identity === null ? null : [provider, device ?? 0, dtype, env.versions.node, graphHash(dtype), identity].join(' ');
  const kept = new KeptReports();
  const known = key !== null && useKept ? await kept.find(key) : undefined;
  if (known) return known;
  const report = await attempt(provider, device, dtype);
  if (key !== null) await kept.keep(key, report);
  return report;
}

async function attempt(provider: Provider, device: number | undefined, dtype: 'f32' | 'f16'): Promise<ProviderReport> {
  const fails = (reason: string) => unusable(provider, reason);
  try {
    const expected = await outputsOf('cpu', undefined, 'f32');
    const found = await outputsOf(provider, device, dtype);
    const wrong = Object.keys(expected).filter((name) => !agree(found[name], expected[name], dtype));
    const fusedAttention = !wrong.includes('attention') && !wrong.includes('causal');
    const broken = wrong.filter((name) => name !== 'attention' && name !== 'causal');
    if (broken.length > 0) return fails(t('it computes wrong numbers ({outputs})', { outputs: broken.join(', ') }));
    // It is kept: whoever reads it translates it.
    const reason = fusedAttention ? 'works' : ATTENTION_WRONG;
    return { provider, works: true, fusedAttention, reason };
  } catch (error) {
    return fails(firstLine(error));
  }
}

/** What was tried is a part of what was found. */
function graphHash(dtype: 'f32' | 'f16'): string {
  return createHash('sha256').update(probeGraph(dtype).toBytes()).digest('hex').slice(0, 16);
}

async function outputsOf(provider: Provider, device: number | undefined, dtype: 'f32' | 'f16'): Promise<Outputs> {
  const session = await InferenceSession.create(probeGraph(dtype).toBytes(), {
    executionProviders: [executionProvider(provider, device)],
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    const { text, image } = PROBE_INPUTS;
    const float = (shape: readonly number[]) => new OrtTensor('float32', Float32Array.from(wave(shape)), shape);
    const ids = BigInt64Array.from({ length: text[1] }, (_, i) => BigInt(i % 2));
    return await session.run({
      text: float(text),
      image: float(image),
      ids: new OrtTensor('int64', ids, [1, text[1]]),
    });
  } finally {
    await session.release();
  }
}

function agree(found: OrtTensor | undefined, expected: OrtTensor | undefined, dtype: 'f32' | 'f16'): boolean {
  const [a, b] = [numbersOf(found), numbersOf(expected)];
  const tolerance = TOLERANCES[dtype] * b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // Not `>`, which a NaN would pass.
  return a.length === b.length && b.every((value, i) => Math.abs(value - (a[i] ?? Number.NaN)) <= tolerance);
}

function numbersOf(tensor: OrtTensor | undefined): readonly number[] {
  return tensor?.data instanceof Float32Array || tensor?.data instanceof Uint8Array ? Array.from(tensor.data) : [];
}
