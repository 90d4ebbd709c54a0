import { constants, cpus, hostname } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { lorasFolder, safetyFolder } from '../models/model-folder.ts';
import type { Precision } from '../pipeline/checkpoint/weight-recipe.ts';
import { LoraFolder } from '../pipeline/lora/lora-folder.ts';
import type { Batch, EngineInfo } from '../pipeline/process/protocol.ts';
import { nvidiaSmi } from '../pipeline/runtime/device-memory.ts';
import type { Provider } from '../pipeline/runtime/providers.ts';
import type { Residency } from '../pipeline/runtime/residency.ts';
import { DEFAULT_DATA } from '../system/data-folder.ts';
import { OperatorError, UserError } from '../system/errors.ts';
import { createLogger, LOG_FORMATS, type LogFormat } from '../system/logging.ts';
import { makeFolder } from '../system/make-folder.ts';
import { isReadableOnTheWay } from '../system/plain-endpoint.ts';
import { t } from '../texts/translate.ts';
import { readRedisAddress } from '../workers/redis-address.ts';
import type { RunningWorker } from '../workers/worker/worker-options.ts';
import {
  batchOption,
  choiceOption,
  deviceOption,
  modelOption,
  precisionOption,
  providerOption,
  residencyOption,
  threadsOption,
} from './compute-options.ts';
import { existingModel } from './existing-model.ts';
import { loggingInEnglish } from './logging-in-english.ts';

interface Options {
  readonly redis?: string;
  readonly bot?: string;
  readonly name?: string;
  readonly plain?: string;
  readonly data: string;
  readonly model?: string;
  readonly loras?: string;
  readonly provider: Provider | 'auto';
  readonly precision: Precision | 'auto';
  readonly residency: Residency | 'auto';
  readonly batch: Batch;
  readonly device?: number;
  readonly threads?: number;
  readonly logLevel: string;
  readonly logFormat: LogFormat;
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];
/** Ctrl-C again within this time is the same one: npm passes on what the terminal has sent to all. */
const SAME_MS = 1000;
// Beside this file's folder, both in the sources and in the built package.
const ENGINE = new URL(
  import.meta.url.endsWith('.ts') ? '../pipeline/engine/engine.ts' : '../pipeline/engine/engine.js',
  import.meta.url,
);

export function workerCommand(): Command {
  return new Command('worker')
    .description(t('paint for a bot on another machine'))
    .addOption(
      new Option(
        '--redis <address>',
        t(
          'address of Redis or Valkey, as the bot has it; better in WUERST_REDIS, since other users of this machine see command lines',
        ),
      ).env('WUERST_REDIS'),
    )
    .addOption(new Option('--bot <url>', t('where the bot listens for workers')).env('WUERST_BOT_URL'))
    .addOption(new Option('--name <name>', t('of this worker, for people; the name of this machine otherwise')))
    .addOption(
      new Option('--plain <hosts>', t('other machines that may be reached without encryption, with commas')).env(
        'WUERST_PLAIN_HOSTS',
      ),
    )
    .addOption(
      new Option('--data <folder>', t('folder for what can be computed again'))
        .env('WUERST_DATA')
        .default(DEFAULT_DATA),
    )
    .addOption(modelOption().env('WUERST_MODEL'))
    .addOption(new Option('--loras <folder>', t('folder of the LoRAs; "loras" among the models otherwise')))
    .addOption(providerOption())
    .addOption(precisionOption(t('of weights and products')))
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(residencyOption())
    .addOption(batchOption())
    .addOption(
      choiceOption('--log-level <level>', LOG_LEVELS.join(', '), LOG_LEVELS).default('info').env('WUERST_LOG_LEVEL'),
    )
    .addOption(
      choiceOption('--log-format <format>', t('pretty lines or json'), LOG_FORMATS)
        .default('auto')
        .env('WUERST_LOG_FORMAT'),
    )
    .addHelpText(
      'after',
      `\n${t('The first SIGTERM or Ctrl-C lets it finish its job, the second gives the job back at once. See docs/workers.md.')}`,
    )
    .action(work);
}

async function work(options: Options, command: Command): Promise<void> {
  const { redis, bot, name, plain = '', provider, precision, residency, batch, device, threads } = options;
  const plainHosts = plain.split(',').map((host) => host.trim().toLowerCase());
  if (redis === undefined || redis === '') {
    throw new UserError(
      'redis_missing',
      t('Expected the address of Redis in WUERST_REDIS or after --redis, got none.'),
      { hint: t('For example: {command}', { command: EXAMPLE }) },
    );
  }
  const isVariable = command.getOptionValueSource('redis') === 'env';
  const setting = isVariable ? 'WUERST_REDIS' : '--redis';
  const address = readRedisAddress(redis, { setting, plainHosts, plainSetting: 'WUERST_PLAIN_HOSTS' });
  const botUrl = readBot(bot, plainHosts);
  const own =
    name ??
    hostname()
      .replace(/[^\w.-]/g, '-')
      .slice(0, 64);
  if (!/^[\w.-]{1,64}$/.test(own)) {
    throw new UserError(
      'name_invalid',
      t('Expected --name to be letters, digits, dots and dashes, got "{own}".', { own }),
      { hint: t('For example: {example}', { example: 'gpu-1' }) },
    );
  }
  const data = resolve(options.data);
  makeFolder(data, 0o700);
  const model = await existingModel(process.env, options.model);
  const loras = new LoraFolder(options.loras ? resolve(options.loras) : lorasFolder(process.env));
  const { logLevel: level, logFormat: format } = options;
  const logger = createLogger({ level, format, secrets: [address.url, address.password] });
  const { startWorker } = await import('../workers/worker/worker.ts');
  await loggingInEnglish(async (inTerminal) => {
    let worker: RunningWorker | undefined;
    onSignals(() => worker);
    worker = await startWorker({
      ...{ redis: address, bot: botUrl, name: own, logger },
      engine: ENGINE.href,
      load: {
        ...{ model, provider, precision, residency, batch, device, threads, loras: loras.dir, cacheDir: data },
        classifier: safetyFolder(process.env),
      },
      lockPath: join(data, `pipeline-${own}.lock`),
      hardware: (info) => hardwareOf(info, device, threads),
      loras: async () => {
        await loras.refresh();
        return loras.known.map(({ hash }) => hash);
      },
    }).catch((error) => {
      throw isHeld(error) ? nameTaken(own, error) : error;
    });
    const values = { name: own, model: basename(model), host: botUrl.host };
    const banner = inTerminal(() => t('wuerst worker {name} paints {model} for {host}', values));
    process.stderr.write(`\n${banner}\n\n`);
    await worker.stopped;
  });
}

const EXAMPLE = 'WUERST_REDIS=rediss://wuerst:password@redis.example:6379 wuerst worker --bot https://bot.example';

function readBot(typed: string | undefined, plainHosts: readonly string[]): URL {
  if (typed === undefined || !URL.canParse(typed) || !/^https?:$/.test(new URL(typed).protocol)) {
    throw new UserError(
      'bot_address_invalid',
      typed
        ? t('Expected the address of the bot after --bot, got "{typed}".', { typed })
        : t('Expected the address of the bot after --bot, got none.'),
      { hint: t('For example: {command}', { command: EXAMPLE }) },
    );
  }
  const url = new URL(typed.endsWith('/') ? typed : `${typed}/`);
  if (url.username !== '' || url.password !== '') {
    throw new UserError(
      'bot_address_invalid',
      t('The address of the bot after --bot has a user or a password, which nobody asks for there.'),
      { hint: t('For example: {command}', { command: EXAMPLE }) },
    );
  }
  if (!isReadableOnTheWay(url.href) || plainHosts.includes(url.hostname)) return url;
  throw new OperatorError(
    'bot_unencrypted',
    () =>
      t(
        '--bot is a plain http:// address of another machine, {host}, so everyone on the way could read prompts and pictures.',
        { host: url.host },
      ),
    { hint: () => t('Use https://, or name the host in --plain if only you can read that network.') },
  );
}

/** Of the lock that bears the worker's name. */
function isHeld(error: unknown): boolean {
  return error instanceof OperatorError && error.code === 'lock_held';
}

function nameTaken(name: string, cause: unknown): OperatorError {
  return new OperatorError(
    'worker_name_taken',
    () => t('Another worker of this machine has the name {name}, and goes on.', { name }),
    { hint: () => t('Give each a name of its own with --name, or stop the other one.'), cause },
  );
}

/** Two machines are as fast as each other where these are the same. */
function hardwareOf({ provider }: EngineInfo, device: number | undefined, threads: number | undefined): string {
  const processors = `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${threads ?? cpus().length} threads`;
  if (!provider.startsWith('cuda')) return processors;
  const gpu = nvidiaSmi(['--query-gpu=name', '--format=csv,noheader', `--id=${device ?? 0}`])?.trim();
  return gpu || processors;
}

/** Also before there is a worker: the first process of a container is not ended by a signal that it does not listen for. */
function onSignals(current: () => RunningWorker | undefined): void {
  let since: number | undefined;
  const stop = (signal: NodeJS.Signals) => {
    const worker = current();
    if (worker === undefined) process.exit(128 + constants.signals[signal]);
    if (since === undefined) {
      since = performance.now();
      void worker.drain();
    } else if (signal === 'SIGTERM' || performance.now() - since > SAME_MS) void worker.giveBack();
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop);
}
