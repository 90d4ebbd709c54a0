import { InferenceSession, type Tensor as OrtTensor } from 'onnxruntime-node';
import { OperatorError } from '../../system/errors.ts';
import { foreignWords } from '../../system/foreign-words.ts';
import { t } from '../../texts/translate.ts';
import type { Precision } from '../checkpoint/weight-recipe.ts';
import { ALL_FOLDS, type Folds } from '../graph/blocks.ts';
import type { GraphBuilder } from '../graph/builder.ts';
import type { GraphParts } from '../graph/graph-parts.ts';
import { modelBytes } from '../graph/model-bytes.ts';
import { PEAKS, type WatchedGraph, watchHalves } from '../graph/peaks.ts';
import { hostThreads } from './host-threads.ts';
import { type MeasureMemory, MemoryPlan, measureOf } from './memory-plan.ts';
import { isWorthPreparing, type Preference, preferredPrecision } from './preferred-precision.ts';
import type { ProbeOptions } from './probe.ts';
import {
  checkDevice,
  executionProvider,
  firstLine,
  PROVIDERS,
  type Provider,
  type ProviderReport,
  reasonAgainst,
  thisMachine,
  unusable,
} from './providers.ts';
import type { Residency } from './residency.ts';
import type { BlockingCall, RunMemory, Session, Tensors } from './session.ts';
import { usableFolds } from './usable-folds.ts';

export type { BlockingCall, RunMemory, Session, Tensors } from './session.ts';

export interface RuntimeOptions {
  /** @default 'auto': the first of CUDA, WebGPU and CPU that works here */
  readonly provider?: Provider | 'auto' | undefined;
  /** Which GPU CUDA computes on, as `nvidia-smi` counts them. @default 0 */
  readonly device?: number | undefined;
  /** Threads of one operator on the CPU. @default what `hostThreads` finds */
  readonly threads?: number | undefined;
  /**
   * What stays loaded: `resident`, everything; `stage`, the network at work; `sequential`, the blocks at work, which are loaded
   * again at every step, so that a picture of the published model takes 1.3 GB of memory, and about 1.3 times as long or more.
   * The pictures are the same. `auto` is decided by the combined pipeline, by what its networks need and what is free; for
   * other pipelines it is `stage`. @default 'resident'
   */
  readonly residency?: Residency | 'auto' | undefined;
  /** Bytes of the host's memory that this process may take, computing on the CPU. @default what is free */
  readonly memoryBudget?: number | undefined;
  /** Measures the free memory of the host or the device. @default the system */
  readonly measureMemory?: MeasureMemory | undefined;
  /**
   * Of weights and products. `auto`: of networks with at least 15 million parameters 16 bits on GPUs that have them, 8 on CPUs
   * with instructions for them; else 32. Weights in another precision than the checkpoint's are prepared once, beside it.
   *
   * @default 'fp32'
   */
  readonly precision?: Precision | 'auto' | undefined;
  /** Called while weights are prepared, with the number of tensors written and of all. */
  readonly onPreparing?: ((dir: string, precision: Precision, done: number, total: number) => void) | undefined;
  /** Ends preparing; the next run continues from there. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Graphs in `fp16` are computed in 32 bits, and after each run this is called with the largest magnitude of every tensor
   * that would be kept in 16. For examining a checkpoint, not for painting.
   */
  readonly onPeaks?: ((graph: string, peaks: ReadonlyMap<string, number>) => void) | undefined;
  /** onnxruntime writes all that it does to the standard error, where it puts each node among it. @default false */
  readonly verbose?: boolean | undefined;
  /** Which exact savings graphs make; all of them, except in comparisons. */
  readonly folds?: Folds | undefined;
  /** Called, and awaited, before each call that blocks the thread; the call is not made if this throws. */
  readonly onBlocking?: ((call: BlockingCall) => void | Promise<void>) | undefined;
  /** Called after each such call that succeeded. */
  readonly onReturned?: ((call: BlockingCall, ms: number) => void) | undefined;
}

/** Where nobody wants to know. */
const NO_MEMORY: RunMemory = {
  working: () => 0,
  during: (_feeds, run) => run(),
  inGroups: () => ({ during: (run) => run(), end: () => {} }),
};

/** The one place that creates sessions. */
export class Runtime {
  readonly provider: Provider;
  readonly threads: number;
  readonly memory: MemoryPlan;
  readonly folds: Folds;
  readonly precision: Precision | 'auto';
  readonly onPreparing: RuntimeOptions['onPreparing'];
  readonly signal: AbortSignal | undefined;
  /** Providers that were passed over, each with its reason. */
  readonly fallbacks: readonly ProviderReport[];
  /** Where networks deviate from `preference`, and why, for people. */
  readonly notes: string[] = [];
  readonly #onBlocking: RuntimeOptions['onBlocking'];
  readonly #onReturned: RuntimeOptions['onReturned'];
  readonly #onPeaks: RuntimeOptions['onPeaks'];
  readonly #device: number | undefined;
  readonly #verbose: boolean;
  readonly #hasHalf: boolean;
  #onnxMs = 0;
  #againMs = 0;

  private constructor(
    { provider, fusedAttention }: Pick<ProviderReport, 'provider' | 'fusedAttention'>,
    fallbacks: readonly ProviderReport[],
    hasHalf: boolean,
    options: RuntimeOptions,
  ) {
    this.provider = provider;
    this.fallbacks = fallbacks;
    this.precision = options.precision ?? 'fp32';
    this.#hasHalf = hasHalf;
    this.onPreparing = options.onPreparing;
    this.signal = options.signal;
    this.threads = options.threads ?? hostThreads().count;
    const measure = options.measureMemory ?? measureOf(provider, options.device, options.memoryBudget);
    this.memory = new MemoryPlan(provider, options.residency ?? 'resident', measure);
    this.folds = usableFolds(options.folds ?? ALL_FOLDS, { provider, fusedAttention });
    if (!fusedAttention)
      this.notes.push(t("Attention is computed in parts: {provider}'s own gives wrong numbers here.", { provider }));
    this.#onBlocking = options.onBlocking;
    this.#onReturned = options.onReturned;
    this.#onPeaks = options.onPeaks;
    this.#device = options.device;
    this.#verbose = options.verbose ?? false;
  }

  /**
   * Chooses the provider.
   *
   * @throws OperatorError `provider_unavailable` when the one asked for does not work here, with the reason;
   *   `precision_unavailable` when it cannot compute as asked for, `device_invalid`, `device_not_selectable`
   */
  static async create(options: RuntimeOptions | Runtime = {}): Promise<Runtime> {
    if (options instanceof Runtime) return options;
    const wanted = options.provider ?? 'auto';
    const device = checkDevice(options.device, wanted);
    // Else NVIDIA's libraries round the factors of products of 32-bit numbers to 10 bits. They read this when they are loaded.
    if ((options.precision ?? 'fp32') === 'fp32') process.env.NVIDIA_TF32_OVERRIDE ??= '0';
    if (wanted === 'cpu') return new Runtime({ provider: 'cpu', fusedAttention: true }, [], false, options);
    const fallbacks: ProviderReport[] = [];
    for (const provider of wanted === 'auto' ? PROVIDERS : [wanted]) {
      const report = await reportOn(provider, { device });
      if (report.works) {
        const half = await checkHalf(provider, options);
        const fusedAttention = report.fusedAttention && (half?.fusedAttention ?? true);
        return new Runtime({ provider, fusedAttention }, fallbacks, half !== null, options);
      }
      fallbacks.push(report);
    }
    throw new OperatorError(
      'provider_unavailable',
      () =>
        t('The provider {wanted} does not work here: {reason}.', { wanted, reason: fallbacks.at(-1)?.reason ?? '' }),
      {
        hint: () => t('Use provider auto or cpu; "{command}" shows what works.', { command: 'wuerst doctor' }),
      },
    );
  }

  /** What `auto` means on this provider, for networks that are big enough. */
  get preference(): Preference {
    return preferredPrecision(this.provider, this.#hasHalf);
  }

  /** The precision of a network of so many parameters. */
  precisionFor(parameters: number): Precision {
    if (this.precision !== 'auto') return this.precision;
    return isWorthPreparing(parameters) ? this.preference.precision : 'fp32';
  }

  get residency(): Residency {
    return this.memory.residency;
  }

  /** Whether outputs that only other graphs read stay where they are computed, as long as the session that gave them. */
  get keepsOnDevice(): boolean {
    return this.provider === 'webgpu' && this.#onPeaks === undefined && this.residency !== 'sequential';
  }

  /** Milliseconds spent inside onnxruntime so far. */
  get onnxMs(): number {
    return this.#onnxMs;
  }

  /** Milliseconds of these that went into loading what one network at a time would have kept. */
  get againMs(): number {
    return this.#againMs;
  }

  async session(graph: GraphBuilder, weightsDir: string, memory: RunMemory = NO_MEMORY): Promise<Session> {
    const load = (parts: GraphParts, group?: BlockingCall['group']) => this.#load(graph, parts, weightsDir, group);
    if (this.residency !== 'sequential' || graph.seams.length === 0 || this.#onPeaks) {
      const session = await load(graph.parts);
      return { ...session, run: (feeds, fetches) => memory.during(feeds, () => session.run(feeds, fetches)) };
    }
    const { SequentialSession } = await import('./sequential-session.ts');
    return new SequentialSession(graph, {
      memory,
      room: (bytes) => this.memory.groupBytes(bytes),
      load: async (parts, group, isAgain) => {
        const before = this.#onnxMs;
        const session = await load(parts, group);
        if (isAgain) this.#againMs += this.#onnxMs - before;
        return session;
      },
    });
  }

  async #load(
    { name, feedsGraphs }: GraphBuilder,
    parts: GraphParts,
    weightsDir: string,
    group: BlockingCall['group'],
  ): Promise<Session> {
    const part = { graph: name, weightsDir, group };
    const call: BlockingCall = { kind: 'create', ...part, inputs: [] };
    await this.#onBlocking?.(call);
    const watched = this.#onPeaks && watchHalves(parts);
    const staysOnDevice = feedsGraphs && this.keepsOnDevice;
    const created = await this.#timed(call, () =>
      InferenceSession.create(modelBytes(watched?.parts ?? parts), {
        executionProviders: [executionProvider(this.provider, this.#device)],
        intraOpNumThreads: this.threads,
        graphOptimizationLevel: 'all',
        // Memory patterns are made for one shape and recomputed for the next; the arena alone keeps the peak lower.
        enableMemPattern: false,
        ...(staysOnDevice ? { preferredOutputLocation: 'gpu-buffer' } : {}),
        logSeverityLevel: this.#verbose ? 0 : 3,
        extra: {
          session: {
            model_external_initializers_file_folder_path: weightsDir,
            // Each session has its own threads, which would spin while the next network works: the first steps of every stage
            // would take two to three times as long.
            force_spinning_stop: '1',
          },
        },
      }),
    ).catch((cause: unknown) => {
      throw new OperatorError(
        'session_failed',
        () =>
          t('Cannot load {name} on {provider}: {reason}.', {
            name,
            provider: this.provider,
            reason: foreignWords(firstLine(cause)),
          }),
        {
          cause,
        },
      );
    });
    const run: Session['run'] = async (feeds, fetches) => {
      const inputs = Object.values(feeds).map(({ dims }) => dims);
      const call: BlockingCall = { kind: 'run', ...part, inputs };
      await this.#onBlocking?.(call);
      if (!watched) {
        const outputs = await this.#timed(call, () => (fetches ? created.run(feeds, fetches) : created.run(feeds)));
        return requireFinite(outputs, call, this.precision);
      }
      const result = await this.#timed(call, () => created.run(feeds));
      this.#onPeaks?.(name, namedPeaks(watched, result[PEAKS]));
      return result;
    };
    return {
      run,
      runEach: async (all) => {
        const outputs: Tensors[] = [];
        for (const feeds of all) outputs.push(await run(feeds));
        return outputs;
      },
      release: () => created.release(),
    };
  }

  async #timed<T>(call: BlockingCall, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      const result = await work();
      this.#onReturned?.(call, performance.now() - start);
      return result;
    } finally {
      this.#onnxMs += performance.now() - start;
    }
  }
}

/** A picture of NaNs would be black and look finished. */
function requireFinite(outputs: Tensors, { graph, weightsDir }: BlockingCall, precision: Precision | 'auto'): Tensors {
  for (const [name, output] of Object.entries(outputs)) {
    // Reading what lies on the device would end the process. What is computed of it is looked at.
    if (output.location !== 'cpu') continue;
    const { data } = output;
    if (!(data instanceof Float32Array) || isFinite32(data)) continue;
    throw new OperatorError(
      'numbers_not_finite',
      () =>
        t(
          'The network {graph} gave numbers that are not finite (its output {name}, with the weights in {weightsDir}).',
          { graph, name, weightsDir },
        ),
      {
        hint: () => {
          const verify = t('Run "wuerst models verify": it names the tensor if the weights are damaged.');
          return precision === 'fp32' ? verify : `${verify} ${t('Else try --precision fp32.')}`;
        },
      },
    );
  }
  return outputs;
}

function isFinite32(data: Float32Array): boolean {
  for (let i = 0; i < data.length; i += 1) if (!Number.isFinite(data[i])) return false;
  return true;
}

function namedPeaks({ names }: WatchedGraph, peaks: OrtTensor | undefined): Map<string, number> {
  const values = peaks?.data as Float32Array;
  return new Map(names.map((name, i) => [name, values[i] ?? Number.NaN]));
}

/** @returns what was found of a provider's 16-bit floats, tried where that matters; `null` where it has none */
async function checkHalf(
  provider: Provider,
  { precision = 'fp32', device }: RuntimeOptions,
): Promise<ProviderReport | null> {
  if (precision === 'fp32') return null;
  if (precision === 'int8' && provider !== 'cpu') {
    throw new OperatorError(
      'precision_unavailable',
      () => t('Expected precision fp16, fp32 or auto on {provider}, got int8.', { provider }),
      {
        hint: () => t('int8 is for the CPU: --provider cpu --precision int8.'),
      },
    );
  }
  if (provider === 'cpu') return null;
  const report = await reportOn(provider, { device, dtype: 'f16' });
  if (report.works) return report;
  if (precision === 'auto') return null;
  throw new OperatorError(
    'precision_unavailable',
    () => t('There are no 16-bit floats on {provider} here: {reason}.', { provider, reason: report.reason }),
    {
      hint: () => t('Use precision fp32 or auto.'),
    },
  );
}

/** Where a provider is out of the question, what would try it is not even loaded. */
async function reportOn(provider: Provider, options: ProbeOptions): Promise<ProviderReport> {
  const machine = thisMachine();
  const against = reasonAgainst(provider, machine);
  if (against !== null) return unusable(provider, against);
  const { probe } = await import('./probe.ts');
  return probe(provider, { ...options, machine });
}
