import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { readProcesses } from '../config.ts';
import { modelInUse, modelsFolder } from '../models/model-folder.ts';
import { recommendedFor } from '../models/recommended.ts';
import { listModels, type ModelStatus } from '../models/store.ts';
import type { Precision } from '../pipeline/checkpoint/weight-recipe.ts';
import { availableStyles } from '../pipeline/derived-weights/styles.ts';
import { WuerstchenCombinedPipeline } from '../pipeline/pipelines/combined-pipeline.ts';
import { residencyNeeds } from '../pipeline/pipelines/picture-needs.ts';
import { hostMemory } from '../pipeline/runtime/host-memory.ts';
import { type HostThreads, hostThreads } from '../pipeline/runtime/host-threads.ts';
import type { Placement } from '../pipeline/runtime/placement.ts';
import { probe } from '../pipeline/runtime/probe.ts';
import { type ProcessPlan, planProcesses } from '../pipeline/runtime/process-plan.ts';
import { checkDevice, PROVIDERS, type Provider, type ProviderReport } from '../pipeline/runtime/providers.ts';
import { VERSION } from '../pipeline/version.ts';
import { byteSize } from '../system/byte-size.ts';
import { displayWidth, paddedEnd } from '../system/display-width.ts';
import { OperatorError } from '../system/errors.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { printableJson, printableLine } from '../system/printable.ts';
import { openFolderWarning } from '../system/private-file.ts';
import { currentLanguage, inLanguage } from '../texts/language.ts';
import { t } from '../texts/translate.ts';
import { deviceOption, precisionOption, readThreads, threadsOption } from './compute-options.ts';
import { installCuda } from './install-cuda.ts';
import { MODEL_STATES } from './model-states.ts';
import { placementLine, placementOf } from './placement.ts';
import { dataFolder } from './saved-prompts.ts';
import { wrapped } from './wrapped.ts';

interface Options {
  readonly json?: boolean;
  readonly installCuda?: boolean;
  readonly placement?: boolean;
  readonly precision: Precision | 'auto';
  readonly device?: number;
  readonly threads?: number;
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      t('say which providers work here and why the others do not, which models are present and what they need'),
    )
    .option('--json', t('print it for programs'))
    .option('--install-cuda', t("have onnxruntime fetch its CUDA libraries first, on a machine with NVIDIA's driver"))
    .option(
      '--placement',
      t('say on which provider onnxruntime puts each part of the model in use, and what stays on the CPU'),
    )
    .addOption(precisionOption(t('with --placement, of weights and products')))
    .addOption(deviceOption())
    .addOption(threadsOption())
    .action(async (options: Options) => {
      const device = checkDevice(options.device, 'cuda');
      if (options.installCuda) {
        const folder = await installCuda({ say: (text) => void process.stderr.write(text) });
        const said = t("onnxruntime's CUDA libraries are in {folder}", { folder: printableLine(folder) });
        process.stderr.write(`${said}\n`);
      }
      // Programs read English.
      const language = options.json ? 'en' : currentLanguage();
      const diagnosis = await inLanguage(language, () => diagnose(device, threadsOf(options)));
      const placement = options.placement ? await placementHere(diagnosis, options.precision) : undefined;
      const report = placement ? { ...diagnosis, placement } : diagnosis;
      const lines = linesOf(report).flatMap((line) => wrapped(printableLine(line), process.stdout));
      process.stdout.write(options.json ? `${printableJson(report, 2)}\n` : `${lines.join('\n')}\n`);
    });
}

function threadsOf(options: Options): HostThreads {
  // A file .env counts for the bot.
  const set = process.env.WUERST_THREADS;
  const threads = options.threads ?? (set ? readThreads(set) : undefined);
  return threads === undefined
    ? hostThreads()
    : { count: threads, reason: t('asked for by --threads or WUERST_THREADS') };
}

async function diagnose(device: number | undefined, threads: HostThreads) {
  const providers = [];
  for (const provider of PROVIDERS) providers.push(await probe(provider, { device, useKept: false }));
  const best = bestOf(providers);
  const models = [];
  for (const model of await modelsHere(process.env)) models.push({ ...model, ...(await memoryOf(model, best)) });
  const machine = {
    version: VERSION,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cores: availableParallelism(),
    threads,
    memory: totalmem(),
    free: hostMemory().bytes,
  };
  const folder = dataFolder();
  const painters = paintersHere();
  return { machine, providers, painters, models, data: { folder, warning: openFolderWarning(folder) ?? null } };
}

/** What the bot would paint with here, by its settings; or why it would not start. */
function paintersHere(): { readonly planned: readonly ProcessPlan[]; readonly problem: string | null } {
  try {
    return { planned: planProcesses(readProcesses(process.env)), problem: null };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const { message, hint = '' } = error.told;
    return { planned: [], problem: `${message} ${hint}`.trim() };
  }
}

const yes = (line: string) => labelled(t('yes'), line);
const no = (line: string) => labelled(t('no'), line);

/** Both words as wide as each other. */
function labelled(word: string, line: string): string {
  const width = Math.max(displayWidth(t('yes')), displayWidth(t('no')));
  return `  ${paddedEnd(word, width)}  ${line}`;
}

function painterLine({ name: plain, load }: ProcessPlan, providers: readonly ProviderReport[]): string {
  const { provider = 'auto', threads } = load;
  const name = t(plain);
  const isLost = providers.some((report) => report.provider === provider && !report.works);
  if (isLost) return no(t('{name}: {provider} does not work here', { name, provider }));
  if (threads === undefined) return yes(`${name}: ${provider}`);
  return yes(
    t('{name}: {provider}, {count} thread | {name}: {provider}, {count} threads', { name, provider, count: threads }),
  );
}

type Diagnosis = Awaited<ReturnType<typeof diagnose>>;

/** Of the model in use, or the first that can be opened, on the provider that `auto` chooses. */
async function placementHere(
  { providers, models }: Diagnosis,
  precision: Precision | 'auto',
): Promise<readonly Placement[]> {
  const usable = models.filter(({ memory }) => memory !== null);
  const model = usable.find(({ inUse }) => inUse) ?? usable[0];
  if (!model) return [];
  return placementOf(model.folder, bestOf(providers), precision);
}

function linesOf({
  machine,
  providers,
  painters,
  models,
  data,
  placement = [],
}: Diagnosis & { readonly placement?: readonly Placement[] }): string[] {
  const { version, node, platform, cores, threads } = machine;
  const best = bestOf(providers);
  return [
    t('wuerst {version}, Node {node}, {platform}, {cores} cores, {free} of {memory} memory free', {
      ...{ version, node, platform, cores },
      ...{ free: byteSize(machine.free), memory: byteSize(machine.memory) },
    }),
    t('{count} thread computes: {reason} | {count} threads compute: {reason}', threads),
    '',
    t('Providers'),
    ...providers.map(providerLine),
    '',
    t('Painters of the bot'),
    ...painters.planned.map((plan) => painterLine(plan, providers)),
    ...(painters.problem === null ? [] : [no(painters.problem)]),
    ...(painters.planned.length + (painters.problem === null ? 0 : 1) === 0
      ? [`  ${t('only workers on other machines')}`]
      : []),
    '',
    t('Models'),
    ...models.map((model) => modelLine(model, best)),
    ...(placement.length === 0 ? [] : ['', t('Placement'), ...placement.map((one) => `  ${placementLine(one)}`)]),
    ...(data.warning === null ? [] : ['', t('Data'), `  ${data.warning}`]),
  ];
}

function providerLine({ provider, works, reason }: ProviderReport): string {
  if (reason === 'works') return yes(provider);
  // The reasons of those that work are kept in English.
  return works ? yes(`${provider}: ${t(reason)}`) : no(`${provider}: ${reason}`);
}

function modelLine(
  { name, state, inUse, styles, memory, problem }: Diagnosis['models'][number],
  best: Provider,
): string {
  const called = inUse ? t('{name} (in use)', { name }) : name;
  if (memory === null) return no(`${called}: ${problem ?? t(MODEL_STATES[state])}`);
  const { resident, stage, sequential, choice } = memory;
  return yes(
    t(
      '{name}: styles {styles}; in 32 bits at 1024×1024 about {resident} with everything loaded, {stage} one network at a time, {sequential} one block at a time; on {provider} here {choice}',
      {
        ...{ name: called, styles: styles.join(', '), provider: best, choice },
        ...{ resident: byteSize(resident), stage: byteSize(stage), sequential: byteSize(sequential) },
      },
    ),
  );
}

/** The provider that `auto` chooses. */
function bestOf(providers: readonly ProviderReport[]): Provider {
  return providers.find(({ works }) => works)?.provider ?? 'cpu';
}

type ModelHere = Pick<ModelStatus, 'name' | 'folder' | 'styles' | 'inUse' | 'state'>;

/** The models of the models folder, and the one that WUERST_MODEL names. */
async function modelsHere(env: NodeJS.ProcessEnv): Promise<readonly ModelHere[]> {
  const named = env.WUERST_MODEL ? modelInUse(env) : null;
  const listed = await listModels(modelsFolder(env));
  if (named === null) return listed;
  const others = listed.map((model) => ({ ...model, inUse: resolve(model.folder) === named }));
  if (others.some(({ inUse }) => inUse)) return others;
  const { styles } = availableStyles(named);
  return [...others, { name: named, folder: named, state: 'ready', styles, inUse: true }];
}

/**
 * Bytes that a picture of 1024×1024 needs in 32 bits on a provider, with everything loaded
 * (`resident`), one network at a time (`stage`) or one block at a time (`sequential`); or why the model cannot be opened. No
 * weight is read.
 */
async function memoryOf({ folder, state }: ModelHere, provider: Provider) {
  if (state === 'absent') return { memory: null, problem: null };
  const { styles, mixesStyles } = availableStyles(folder);
  // All Stages C have the same size. Opening a style that is not on disk would mix it first.
  const style = mixesStyles ? 'base' : styles[0];
  try {
    recommendedFor(folder);
    const options = { provider, residency: 'auto', ...(style ? { style } : {}) } as const;
    const pipeline = await WuerstchenCombinedPipeline.fromPretrained(folder, options);
    const { residency, reason } = pipeline.runtime.memory;
    const needs = residencyNeeds(pipeline, { width: 1024, height: 1024 });
    return { memory: { ...needs, choice: `${residency}: ${reason}` }, problem: null };
  } catch (error) {
    return { memory: null, problem: reasonOf(error) };
  }
}
