import { availableParallelism, cpus, totalmem } from 'node:os';
import { Command } from 'commander';
import { PRECISIONS, type Precision } from '../../pipeline/checkpoint/weight-recipe.ts';
import { type Provider, Runtime, WuerstchenCombinedPipeline } from '../../pipeline/index.ts';
import { VERSION } from '../../pipeline/version.ts';
import { byteSize } from '../../system/byte-size.ts';
import { commandOutput } from '../../system/command-output.ts';
import { UserError } from '../../system/errors.ts';
import { printable, printableJson, printableLine } from '../../system/printable.ts';
import { listedAs, t } from '../../texts/translate.ts';
import { choiceOption, count, deviceOption, modelOption, providerOption, threadsOption } from '../compute-options.ts';
import { existingModel } from '../existing-model.ts';
import { benchBatch } from './batch.ts';
import { availablePrecisions, type BenchRow, measure } from './measure.ts';
import { benchTable } from './table.ts';

interface Options {
  readonly model?: string;
  readonly provider: Provider | 'auto';
  readonly device?: number;
  readonly threads?: number;
  readonly precision?: readonly Precision[];
  readonly sizes: string;
  readonly batches: string;
  readonly steps?: number;
  readonly batch?: boolean;
  readonly json?: boolean;
}

export function benchCommand(): Command {
  return new Command('bench')
    .description(
      t('measure this machine: time by stage, memory, and how near fewer bits come to fp32; a table to send'),
    )
    .addOption(modelOption())
    .addOption(providerOption())
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(choiceOption('--precision <names...>', t('what to compare; all that work here otherwise'), PRECISIONS))
    .option('--sizes <list>', t('of pictures, for example 512x512,1024x1536'), '512x512,1024x1024')
    .option('--batches <list>', t('pictures at once'), '1,4')
    .option(
      '--steps <count>',
      t('of both denoising stages, to be quick; what pictures usually take otherwise'),
      count('--steps', 200),
    )
    .option('--batch', t('only what several requests gain that are painted at the same time, as WUERST_BATCH has them'))
    .option('--json', t('print it for programs'))
    .action(bench);
}

async function bench(options: Options): Promise<void> {
  const { device, steps = null } = options;
  const model = await existingModel(process.env, options.model);
  const sizes = list(options.sizes).map(readSize);
  const batches = list(options.batches).map(count('--batches', 16));
  const { provider, threads } = await Runtime.create({ provider: options.provider, device, threads: options.threads });
  if (options.batch) return benchBatch({ model, provider, device, threads, sizes, steps }, options.json ?? false);
  const available = await availablePrecisions(provider, device);
  const asked = options.precision ?? available;
  const missing = asked.find((precision) => !available.includes(precision));
  if (missing) {
    const message = t('The provider {provider} computes in {precisions} here, not in {missing}.', {
      ...{ provider, missing },
      precisions: listedAs('conjunction', available),
    });
    throw new UserError('precision_unavailable', message, {
      hint: t('For example: {command}', { command: `wuerst bench --precision ${available.join(' ')}` }),
    });
  }
  // All other precisions are compared with fp32.
  const precisions: Precision[] = ['fp32', ...asked.filter((precision) => precision !== 'fp32')];
  const machine = await describeMachine(provider, device, threads, model);
  if (!options.json) process.stdout.write(`${printable(heading(machine))}\n\n`);
  const rows: BenchRow[] = [];
  const say = (line: string) => void process.stderr.write(`${printableLine(line)}\n`);
  for await (const row of measure({ model, provider, device, threads, precisions, sizes, batches, steps, say }))
    rows.push(row);
  const text = options.json ? printableJson({ ...machine, steps, rows }, 2) : benchTable(rows).join('\n');
  process.stdout.write(`${text}\n`);
}

type MachineReport = Awaited<ReturnType<typeof describeMachine>>;

async function describeMachine(provider: Provider, device: number | undefined, threads: number, model: string) {
  const pipeline = await WuerstchenCombinedPipeline.fromPretrained(model, { provider: 'cpu' });
  return {
    version: VERSION,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    threads,
    memory: totalmem(),
    provider,
    gpu: provider === 'cpu' ? null : gpuName(device),
    checkpoint: await pipeline.fingerprint(),
  };
}

function heading(machine: MachineReport): string {
  const { provider, gpu } = machine;
  const { version, node, platform, processor, cores, threads } = machine;
  const computed = { provider, checkpoint: machine.checkpoint.slice(0, 12) };
  return [
    `wuerst ${version}, Node ${node}, ${platform}`,
    t('{processor}, {cores} cores, {threads} threads, {memory} memory', {
      ...{ processor, cores, threads, memory: byteSize(machine.memory) },
    }),
    gpu === null
      ? t('computed by {provider}; checkpoint {checkpoint}', computed)
      : t('computed by {provider} on {gpu}; checkpoint {checkpoint}', { ...computed, gpu }),
  ].join('\n');
}

/** The name that NVIDIA's driver gives. */
function gpuName(device = 0): string {
  const query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader', `--id=${device}`];
  return commandOutput('nvidia-smi', query, 5000)?.trim() ?? t('a GPU that nvidia-smi does not know');
}

function list(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function readSize(text: string): [number, number] {
  const [, width, height] = /^(\d{2,4})x(\d{2,4})$/i.exec(text) ?? [];
  if (width !== undefined && height !== undefined) return [Number(width), Number(height)];
  throw new UserError(
    'size_invalid',
    t('Expected --sizes to be like {example}, got {text}.', { example: '512x512,1024x1536', text }),
  );
}
