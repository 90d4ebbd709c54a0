import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Adapter } from './adapters/adapter.ts';
import { createWebAdapter, type WebAdapter } from './adapters/web/server/adapter.ts';
import { startCheckpointer } from './bot/history/checkpointer.ts';
import { History } from './bot/history/history.ts';
import { PREVIEW_MAPS } from './bot/jobs/dispatcher.ts';
import { createStudio, type Studio } from './bot/studio/studio.ts';
import type { Config } from './config.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { metadataOf } from './pipeline/images/parameters.ts';
import { PipelineClient, type PipelineStatus } from './pipeline/process/client.ts';
import { hasOutlivedItsBot } from './pipeline/process/orphan-note.ts';
import { VERSION } from './pipeline/version.ts';
import { OperatorError } from './system/errors.ts';
import { acquireLock } from './system/file-lock.ts';
import { createLogger } from './system/logging.ts';
import { makeFolder } from './system/make-folder.ts';

export interface StartOptions {
  /** URL of the module with the engine. @default the real one */
  readonly engine?: string;
  /** @default JSON lines on the standard output */
  readonly logger?: Logger;
  /** Stop on SIGTERM and SIGINT, and log what nobody caught. @default true */
  readonly watchProcess?: boolean;
  /** Node's options for the pipeline process. @default those of this one */
  readonly execArgv?: readonly string[];
  /** Further chat platforms, e.g. in tests. */
  readonly adapters?: readonly Adapter[];
}

export interface RunningBot {
  readonly studio: Studio;
  /** Of the web chat; `null` where it is turned off. */
  readonly url: string | null;
  /** The pipeline process as it is now. */
  readonly pipeline: PipelineStatus;
  readonly logger: Logger;
  /** Takes nothing new, lets the running job go on until the deadline, keeps the rest for the next start. */
  stop(): Promise<void>;
  /** Resolves when the bot has stopped. */
  readonly stopped: Promise<void>;
}

// Beside this file, in the sources as in the built package.
const ENGINE = new URL(
  import.meta.url.endsWith('.ts') ? './pipeline/engine/engine.ts' : './pipeline/engine/engine.js',
  import.meta.url,
);
/** Tokens of the workspaces that installed the app, in the data folder. */
const INSTALLATIONS = 'slack-installations.sqlite';
const TIDY_MS = 3_600_000;
/** For adapters to deliver what is being delivered, in milliseconds. */
const ADAPTER_STOP_MS = 5000;

/**
 * Puts the bot together and starts it: one for each data folder.
 *
 * @throws OperatorError that says in a sentence what to mend; nothing is left running then
 */
export async function startBot(config: Config, options: StartOptions = {}): Promise<RunningBot> {
  const logger = options.logger ?? createLogger({ level: config.logLevel, secrets: config.secrets });
  makeDataFolder(config.data);
  const undo: (() => unknown)[] = [];
  try {
    return await compose(config, options, logger, undo);
  } catch (error) {
    for (const end of undo.reverse()) await end();
    throw error;
  }
}

function makeDataFolder(folder: string): void {
  try {
    makeFolder(folder, 0o700);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OperatorError('data_folder_unusable', `The data folder ${folder} cannot be made: ${why}`, {
      hint: 'Give the user that runs the bot the right to make it, or name another one with WUERST_DATA.',
      cause,
    });
  }
}

async function compose(
  config: Config,
  options: StartOptions,
  logger: Logger,
  undo: (() => unknown)[],
): Promise<RunningBot> {
  const lock = await acquireLock(join(config.data, 'bot.lock'), {
    what: `the data folder ${config.data}`,
  });
  undo.push(() => lock.release());
  const history = History.open({ folder: config.data });
  undo.push(() => history.close());
  const checkpointer = startCheckpointer({
    path: history.database.path,
    onProblem: (err) => logger.error({ err }, 'the log of the database is moved by the main thread from now on'),
  });
  undo.push(() => checkpointer.stop());
  const client = pipelineOf(config, options, history, logger);
  let metrics: Metrics | null = null;
  const studio = createStudio({
    history,
    painter: client,
    version: VERSION,
    logger,
    describe: metadataOf,
    onPainted: (work, timings) => metrics?.painted(work, timings),
  });
  undo.push(() => studio.close(0));
  await studio.open({ pipelineOutlived: await hasOutlivedItsBot(pipelineLock(config)) });
  metrics = createMetrics({
    subscribe: (listener) => studio.subscribe(listener),
    pipeline: () => client.status,
    waiting: history.jobs.waiting().map(({ job }) => job),
  });
  const { render } = metrics;
  const web = webOf(config, client, render, logger);
  const adapters = [
    ...(web === null ? [] : [web]),
    ...(await chatAdapters(config, logger)),
    ...(options.adapters ?? []),
  ];

  // The page is open while a large model still loads; jobs wait until it has.
  const loading = client.start();
  undo.push(() => client.stop({ deadlineMs: 0 }));
  loading.catch(() => {});
  for (const adapter of adapters) {
    undo.push(() => adapter.stop(0));
    await adapter.start(studio);
  }
  const info = await loading;
  studio.paint();
  logger.info({ ...info, url: web?.url ?? null, version: VERSION }, 'wuerst is ready');

  const tidying = setInterval(() => tidy(history, config, logger), TIDY_MS);
  tidying.unref();
  tidy(history, config, logger);

  let stopping: Promise<void> | null = null;
  let hasStopped = () => {};
  const stopped = new Promise<void>((resolve) => {
    hasStopped = resolve;
  });
  const stop = async () => {
    logger.info({ deadlineMs: config.drainMs }, 'stopping: the running job may go on until the deadline');
    clearInterval(tidying);
    // Together: at the deadline the client ends a process that is inside a long call.
    await Promise.all([studio.close(config.drainMs), client.stop({ deadlineMs: config.drainMs })]);
    await Promise.all(adapters.map((adapter) => adapter.stop(ADAPTER_STOP_MS)));
    await checkpointer.stop();
    history.close();
    lock.release();
    unwatch();
    logger.info({}, 'stopped');
    hasStopped();
  };
  const stopOnce = () => {
    stopping ??= stop();
    return stopping;
  };
  const unwatch = options.watchProcess === false ? () => {} : watchProcess(stopOnce, logger);
  const url = web?.url ?? null;
  return {
    ...{ studio, url, logger, stop: stopOnce, stopped },
    get pipeline() {
      return client.status;
    },
  };
}

function pipelineLock({ data }: Config): string {
  return join(data, 'pipeline.lock');
}

function pipelineOf(config: Config, options: StartOptions, history: History, logger: Logger): PipelineClient {
  const previewMaps = history.memos.get('pipeline', PREVIEW_MAPS);
  return new PipelineClient({
    engine: options.engine ?? ENGINE.href,
    load: {
      model: config.model,
      ...(config.provider === 'auto' ? {} : { provider: config.provider }),
      precision: config.precision,
      ...{ residency: config.residency, warmUp: config.warmUp },
      ...(config.device === null ? {} : { device: config.device }),
      ...(previewMaps === undefined ? {} : { previewMaps }),
    },
    lockPath: pipelineLock(config),
    ...(options.execArgv === undefined ? {} : { execArgv: options.execArgv }),
    onOutput: (text) => logger.info({ text: text.trimEnd() }, 'the pipeline process says'),
    onCrash: (ending) => logger.error({ ...ending }, 'the pipeline process ended and is replaced'),
  });
}

function webOf(
  { web }: Config,
  client: PipelineClient,
  metrics: () => Promise<string>,
  logger: Logger,
): WebAdapter | null {
  if (web === null) return null;
  const { host, port, token, adminToken, hostnames, ageRestrictedRooms } = web;
  return createWebAdapter({
    ...{ host, port, hostnames, ageRestrictedRooms, logger, metrics },
    ...(token === null ? {} : { token }),
    ...(adminToken === null ? {} : { adminToken }),
    ready: () => client.status.state === 'ready' || client.status.state === 'busy',
  });
}

/** Loaded only where they are used: each brings a large library. */
async function chatAdapters({ data, discord, slack }: Config, logger: Logger): Promise<readonly Adapter[]> {
  const adapters: Adapter[] = [];
  if (discord !== null) {
    const { createDiscordAdapter } = await import('./adapters/discord/adapter.ts');
    const { token, guildId, apiBase } = discord;
    adapters.push(
      createDiscordAdapter({ token, guildId: guildId ?? undefined, apiBase: apiBase ?? undefined, logger }),
    );
  }
  if (slack !== null) {
    const { createSlackAdapter } = await import('./adapters/slack/adapter.ts');
    const { botToken, oauth, appToken, signingSecret, apiUrl, port } = slack;
    adapters.push(
      createSlackAdapter({
        ...{ port, logger },
        ...(botToken === null ? {} : { botToken }),
        ...(oauth === null ? {} : { oauth: { ...oauth, file: join(data, INSTALLATIONS) } }),
        ...(appToken === null ? {} : { appToken }),
        ...(signingSecret === null ? {} : { signingSecret }),
        ...(apiUrl === null ? {} : { apiUrl }),
      }),
    );
  }
  return adapters;
}

function tidy(history: History, { keep: { maxAgeMs, maxBytes } }: Config, logger: Logger): void {
  const limits = { ...(maxAgeMs === null ? {} : { maxAgeMs }), ...(maxBytes === null ? {} : { maxBytes }) };
  history.tidy(limits).then(
    (removed) => {
      if (removed.files > 0) logger.info(removed, 'old pictures were removed; their recipes stay');
    },
    (err: unknown) => logger.error({ err }, 'old pictures cannot be removed'),
  );
}

/** Stops on the signals that ask for it, and reports what nobody caught. Returns the way to end that. */
function watchProcess(stop: () => Promise<void>, logger: Logger): () => void {
  const onSignal = (signal: string) => {
    stop().catch((err: unknown) => {
      logger.fatal({ err, signal }, 'the bot could not stop cleanly');
      process.exit(1);
    });
  };
  const onRejection = (err: unknown) => logger.error({ err }, 'a promise was rejected and nobody looked');
  const onException = (err: unknown) => {
    // After this nothing is certain; whatever runs the bot starts it again, and it goes on where it was.
    logger.fatal({ err }, 'this should not have happened');
    process.exit(1);
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  process.on('unhandledRejection', onRejection).on('uncaughtException', onException);
  return () => {
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
    process.off('unhandledRejection', onRejection).off('uncaughtException', onException);
  };
}
