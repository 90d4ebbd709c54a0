import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { modelsFolder } from '../models/model-folder.ts';
import { listModels, type ModelStatus } from '../models/store.ts';
import { availableStyles } from '../pipeline/derived-weights/styles.ts';
import { WuerstchenCombinedPipeline } from '../pipeline/pipelines/combined-pipeline.ts';
import { pictureNeeds } from '../pipeline/pipelines/picture-needs.ts';
import { hostMemory } from '../pipeline/runtime/host-memory.ts';
import { checkDevice, PROVIDERS, type Provider, probe } from '../pipeline/runtime/providers.ts';
import { VERSION } from '../pipeline/version.ts';
import { byteSize } from '../system/byte-size.ts';
import { installCuda } from './install-cuda.ts';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say which providers work here and why the others do not, which models are present and what they need')
    .option('--json', 'print it for programs')
    .option('--install-cuda', "have onnxruntime fetch its CUDA libraries first, on a machine with NVIDIA's driver")
    .addOption(new Option('--device <number>', 'which GPU CUDA is tried on').env('WUERST_DEVICE').argParser(Number))
    .action(async (options: { json?: boolean; installCuda?: boolean; device?: number }) => {
      const device = checkDevice(options.device, 'cuda');
      if (options.installCuda) {
        const folder = await installCuda({ say: (text) => void process.stderr.write(text) });
        process.stderr.write(`onnxruntime's CUDA libraries are in ${folder}\n`);
      }
      const providers = [];
      for (const provider of PROVIDERS) providers.push(await probe(provider, { device }));
      const best = providers.find(({ works }) => works)?.provider ?? 'cpu';
      const models = [];
      for (const model of await modelsHere(process.env)) models.push({ ...model, ...(await memoryOf(model, best)) });
      const machine = {
        version: VERSION,
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
        cores: availableParallelism(),
        memory: totalmem(),
        free: hostMemory().bytes,
      };
      if (options.json) {
        process.stdout.write(`${JSON.stringify({ machine, providers, models }, null, 2)}\n`);
        return;
      }
      const lines = [
        `wuerst ${VERSION}, Node ${machine.node}, ${machine.platform}, ${machine.cores} cores, ${byteSize(machine.free)} of ${byteSize(machine.memory)} memory free`,
        '',
        'Providers',
        ...providers.map(
          ({ provider, works, reason }) => `  ${works ? 'yes' : 'no '}  ${provider}${works ? '' : `: ${reason}`}`,
        ),
        '',
        'Models',
        ...models.map(({ name, state, inUse, styles, memory, problem }) =>
          memory === null
            ? `  no   ${name}${inUse ? ' (in use)' : ''}: ${problem ?? state}`
            : `  yes  ${name}${inUse ? ' (in use)' : ''}: styles ${styles.join(', ')}; in 32 bits at 1024×1024 about ${byteSize(memory.resident)} with everything loaded, ${byteSize(memory.stage)} one network at a time; on ${best} here ${memory.choice}`,
        ),
      ];
      process.stdout.write(`${lines.join('\n')}\n`);
    });
}

interface MemoryReport {
  /** Bytes that a picture of 1024×1024 needs with everything loaded. */
  readonly resident: number;
  /** With one network at a time. */
  readonly stage: number;
  /** What `auto` would do here. */
  readonly choice: string;
}

interface ModelHere extends Pick<ModelStatus, 'name' | 'folder' | 'styles' | 'inUse'> {
  readonly state: ModelStatus['state'];
}

/** Those of the models folder, and the one that WUERST_MODEL names. */
async function modelsHere(env: NodeJS.ProcessEnv): Promise<readonly ModelHere[]> {
  const named = env.WUERST_MODEL ? resolve(env.WUERST_MODEL) : null;
  const listed = await listModels(modelsFolder(env));
  if (named === null) return listed;
  const others = listed.map((model) => ({ ...model, inUse: resolve(model.folder) === named }));
  if (others.some(({ inUse }) => inUse)) return others;
  const { styles } = availableStyles(named);
  return [...others, { name: named, folder: named, state: 'ready', styles, inUse: true }];
}

/** What a model needs in 32 bits on the provider that `auto` takes, or why it cannot be opened. No weight is read. */
async function memoryOf(
  { folder, state }: ModelHere,
  provider: Provider,
): Promise<{ readonly memory: MemoryReport | null; readonly problem: string | null }> {
  if (state !== 'ready') return { memory: null, problem: null };
  const { styles, mixesStyles } = availableStyles(folder);
  // All Stages C have one size, and to look at one that isn't there would mix it.
  const style = mixesStyles ? 'base' : styles[0];
  try {
    const options = { provider, residency: 'auto', ...(style ? { style } : {}) } as const;
    const pipeline = await WuerstchenCombinedPipeline.fromPretrained(folder, options);
    const { residency, reason } = pipeline.runtime.memory;
    const needs = pictureNeeds(pipeline, { width: 1024, height: 1024 }, 'whole');
    return { memory: { ...needs, choice: `${residency}: ${reason}` }, problem: null };
  } catch (error) {
    return { memory: null, problem: error instanceof Error ? error.message : String(error) };
  }
}
