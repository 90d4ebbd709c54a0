import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Logger } from 'pino';
import type { Adapter } from './adapters/adapter.ts';
import { programInterfaces } from './adapters/api/api.ts';
import { PictureLinks } from './adapters/api/serving/picture-links.ts';
import { Webhooks } from './adapters/api/webhooks/webhooks.ts';
import { createWebAdapter } from './adapters/web/server/adapter.ts';
import { pageUrl } from './adapters/web/server/links.ts';
import type { WebOptions } from './adapters/web/server/options.ts';
import { SESSION_KEY_FILE, sessionKey } from './adapters/web/server/session-key.ts';
import { IMAGE_FOLDER } from './bot/history/backup.ts';
import { startCheckpointer } from './bot/history/checkpointer.ts';
import { History } from './bot/history/history.ts';
import { Painters } from './bot/jobs/painters.ts';
import { PREVIEW_MAPS } from './bot/jobs/painting.ts';
import { ProcessPainters } from './bot/jobs/process-painters.ts';
import { openPromptFolder } from './bot/prompts/prompt-folder.ts';
import { modelLimits } from './bot/request-limits.ts';
import { createStudio, type Studio } from './bot/studio/studio.ts';
import type { Config } from './config.ts';
import { openCredential } from './marking/credential.ts';
import { CREDENTIAL_FILE } from './marking/credential-file.ts';
import { OwnMarker } from './marking/marker.ts';
import { createMetrics } from './metrics.ts';
import { promptTokens } from './models/prompt-tokens.ts';
import { recommendedFor } from './models/recommended.ts';
import { dataBytes, operationsOf } from './operations.ts';
import { metadataOf } from './pipeline/images/parameters.ts';
import { LoraFolder } from './pipeline/lora/lora-folder.ts';
import { PipelineClient, PipelineCrashed, type PipelineStatus } from './pipeline/process/client.ts';
import { leftAnOrphan } from './pipeline/process/orphan-note.ts';
import { planProcesses } from './pipeline/runtime/process-plan.ts';
import { VERSION } from './pipeline/version.ts';
import { OperatorError } from './system/errors.ts';
import { acquireLock } from './system/file-lock.ts';
import { foreignWords, reasonOf } from './system/foreign-words.ts';
import { createLogger } from './system/logging.ts';
import { makeFolder } from './system/make-folder.ts';
import { once } from './system/memo.ts';
import { openFolderWarning } from './system/private-file.ts';
import { proveWritable } from './system/prove-writable.ts';
import { onStopSignal } from './system/stop-signals.ts';
import { t } from './texts/translate.ts';
import { WorkerOrders } from './workers/bot/orders.ts';
import type { Workforce, WorkforceOptions } from './workers/bot/workforce.ts';

export interface StartOptions {
  /** URL of the module with the engine. @default the real one */
  readonly engine?: string;
  /** @default the standard output */
  readonly logger?: Logger;
  /** Stop when the system or a person asks the process to end, and log uncaught errors. @default true */
  readonly watchProcess?: boolean;
  /** Node's options for the pipeline process. @default those of this one */
  readonly execArgv?: readonly string[];
  /** For tests. @default as in `WorkforceOptions` */
  readonly workerTiming?: Pick<WorkforceOptions, 'leaseMs' | 'lookMs' | 'silenceMs'>;
  /** More chat platforms, e.g. in tests. */
  readonly adapters?: readonly Adapter[];
}

export interface RunningBot {
  readonly studio: Studio;
  /** Of the web chat; `undefined` where it is turned off. */
  readonly url: string | undefined;
  /** Where workers reach it; `undefined` where there are none. */
  readonly workersUrl: string | undefined;
  readonly painters: Painters;
  /** The pipeline processes as they are now. */
  readonly pipelines: readonly PipelineStatus[];
  readonly logger: Logger;
  /** Takes no new requests, lets the running job go on until the deadline and keeps the others for the next start. */
  stop(): Promise<void>;
  /** Resolves when the bot has stopped. */
  readonly stopped: Promise<void>;
}

/** In milliseconds: for the running job, and for adapters to finish their deliveries. */
interface Deadlines {
  readonly drainMs: number;
  readonly adapterMs: number;
}

/** How to stop each part that has been started; the last one is stopped first. */
type Started = ((deadlines: Deadlines) => unknown)[];

// Beside this file, both in the sources and in the built package.
const ENGINE = new URL(
  import.meta.url.endsWith('.ts') ? './pipeline/engine/engine.ts' : './pipeline/engine/engine.js',
  import.meta.url,
);
const ADAPTER_STOP_MS = 5000;
const TIDY_MS = 3_600_000;

/**
 * Puts the bot together and starts it. A data folder can have only one bot at a time.
 *
 * @throws OperatorError with what keeps it from starting; then nothing is left running
 */
export async function startBot(config: Config, options: StartOptions = {}): Promise<RunningBot> {
  const logger =
    options.logger ?? createLogger({ level: config.logLevel, format: config.logFormat, secrets: config.secrets });
  const started: Started = [];
  let failure: OperatorError | null = null;
  const stopped = new Promise<void>((resolve, reject) => started.push(() => (failure ? reject(failure) : resolve())));
  // Whoever started the bot may not look any more when it fails.
  stopped.catch(() => {});
  let isUp = false;
  let isStopping = false;
  const stop = once(async () => {
    isStopping = true;
    // While it starts, nothing runs that should be given time.
    if (!isUp) return end(started, { drainMs: 0, adapterMs: 0 });
    const { drainMs } = config;
    logger.info({ deadlineMs: drainMs }, 'stopping: the running job may go on until the deadline');
    await end(started, { drainMs, adapterMs: ADAPTER_STOP_MS });
    logger.info({}, 'stopped');
  });
  if (options.watchProcess !== false) {
    const stopNow = async () => {
      await stop();
      // Its start goes nowhere any more.
      if (!isUp) process.exit(0);
    };
    stopped.catch(() => {}).then(watchProcess(stopNow, logger));
  }
  const surfaces: Adapter[] = [];
  const onTrouble = () => {
    if (!isUp || isStopping) return;
    failure = noSurfaceLeft(surfaces);
    if (failure === null) return;
    logger.error({ code: failure.code, hint: failure.hint }, failure.message);
    stop().catch((err: unknown) => logger.error({ err }, 'the bot could not stop cleanly'));
  };
  const served = { surfaces, onTrouble, isStopping: () => isStopping };
  try {
    const { processes, ...parts } = await compose(config, options, logger, started, served);
    isUp = true;
    onTrouble();
    return {
      ...{ ...parts, logger, stop, stopped },
      get pipelines() {
        return processes.statuses;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function end(started: Started, deadlines: Deadlines): Promise<void> {
  for (const stop of started.splice(0).reverse()) await stop(deadlines);
}

/** Why nobody can reach the bot any more; `null` while anybody can. */
function noSurfaceLeft(surfaces: readonly Adapter[]): OperatorError | null {
  const errors = surfaces.flatMap(({ trouble }) => (trouble?.isLasting ? [trouble.error] : []));
  if (errors.length < surfaces.length) return null;
  // Again, for whoever reads it.
  const now = () => errors.map((error) => error.again());
  return new OperatorError(
    'no_surface_left',
    () => [t('Nobody can reach the bot any more, so it stops.'), ...now().map(({ message }) => message)].join(' '),
    {
      hint: () =>
        now()
          .flatMap(({ hint }) => hint ?? [])
          .join(' '),
    },
  );
}

interface Served {
  /** Filled as they are connected. */
  readonly surfaces: Adapter[];
  readonly onTrouble: () => void;
  readonly isStopping: () => boolean;
}

async function compose(
  config: Config,
  options: StartOptions,
  logger: Logger,
  started: Started,
  { surfaces, onTrouble, isStopping }: Served,
) {
  const recommended = recommendedFor(config.model);
  useDataFolder(config.data, makeFolder);
  const lock = await acquireLock(join(config.data, 'bot.lock'), {
    inUse: () => t('Another process uses the data folder {folder}.', { folder: config.data }),
  });
  started.push(() => lock.release());
  for (const folder of [config.data, join(config.data, IMAGE_FOLDER)]) useDataFolder(folder, proveWritable);
  for (const warning of [openFolderWarning(config.data), ...config.warnings]) if (warning) logger.warn({}, warning);
  const history = History.open({ folder: config.data });
  started.push(() => history.close());
  const checkpointer = startCheckpointer({
    path: history.database.path,
    onProblem: (err) =>
      logger.error({ err }, 'the checkpoint thread failed; the main thread does its work from now on'),
  });
  started.push(() => checkpointer.stop());

  let workforce: Workforce | undefined;
  const painters = new Painters([], { others: config.workers !== undefined });
  const load = { ...loadOptions(config), previewMaps: history.memos.get('pipeline', PREVIEW_MAPS) };
  const planned = planProcesses(config).map((plan, index) => ({ ...plan, lockPath: lockPathOf(config.data, index) }));
  const processes = new ProcessPainters({
    painters,
    processes: planned.map(({ id, name, hardware, lockPath, load: part }) => ({
      ...{ id, name },
      ...(hardware === undefined ? {} : { hardware }),
      connect: (onStatus) =>
        new PipelineClient({
          engine: options.engine ?? ENGINE.href,
          load: { ...load, ...part },
          ...{ lockPath, onStatus },
          execArgv: options.execArgv,
          onOutput: (text) => logger.info({ painter: name, text: text.trimEnd() }, 'output of the pipeline process'),
          onChanged: () => studio.rememberModel(),
          onCrash: (ending) =>
            logger.error({ painter: name, ...ending }, 'the pipeline process died and is being replaced'),
          onFailure: (err) =>
            logger.error({ painter: name, err }, 'the pipeline process cannot be replaced yet; trying again'),
        }),
    })),
    onProblem: (err, { name }) => logger.error({ painter: name, err }, 'one of the painters cannot be started'),
  });
  painters.on('ready', ({ name }) => logger.info({ painter: name }, 'a painter is ready'));
  painters.on('lost', ({ name }) => logger.info({ painter: name }, 'a painter takes no more work'));
  const metrics = createMetrics(processes, surfaces, {
    painters: () => painters.all,
    ...(config.workers && { workers: () => workforce?.workers ?? [], redis: () => workforce?.seesRedis ?? false }),
    waitingSeconds: () => history.jobs.waitingSeconds(),
    bytes: async () => ({ ...(await dataBytes(config.data)), pictures: history.overview.files().bytes }),
  });
  const loras = new LoraFolder(config.loras);
  const marker = await openMarker(config, logger);
  started.push(() => marker.stop());
  const studio = createStudio({
    ...{ history, painters, version: VERSION, logger },
    describe: metadataOf,
    prompts: openPromptFolder(config.data, (err, file) => logger.error({ err, file }, 'presets cannot be read')),
    model: modelLimits(basename(config.model), recommended, promptTokens(config.model)),
    ...{ loras, marker },
    onPainted: metrics.painted,
  });
  started.push(({ adapterMs }) => Promise.all(surfaces.map((adapter) => adapter.stop(adapterMs))));
  // Together: at the deadline the client ends a process that is inside a long call.
  started.push(({ drainMs }) =>
    Promise.all([studio.close(drainMs), processes.stop({ deadlineMs: drainMs }), workforce?.stop(drainMs)]),
  );
  // Which of them a job was given to is not known any more.
  const outlived = await Promise.all(planned.map(({ lockPath }) => leftAnOrphan(lockPath)));
  await studio.open({ pipelineOutlived: outlived.every(Boolean) });
  const waiting = history.jobs.waiting().map(({ job }) => job);
  metrics.watch(studio, waiting);

  const ready = () => !isStopping() && painters.all.some((painter) => painter.ready);
  const operations = operationsOf(config, history, () => workforce?.workers ?? [], logger);
  started.push(() => operations.models.stop());
  const web =
    config.web &&
    createWebAdapter(
      {
        ...{ ...config.web, logger, metrics: metrics.render, ready, surfaces: () => surfaces },
        operations,
        ...{ accounts: history.webAccounts, sessionKey: sessionKey(join(config.data, SESSION_KEY_FILE)) },
      },
      [programInterfaces({ keys: history.apiKeys, version: VERSION })],
    );
  if (config.web) {
    const webhooks = createWebhooks(config.web, history, sessionKey(join(config.data, SESSION_KEY_FILE)), logger);
    started.push(() => webhooks.stop());
    webhooks.start(studio);
  }
  const adapters = [...(web ? [web] : []), ...(await chatAdapters(config, logger)), ...(options.adapters ?? [])];
  // The page opens while a large model is still loading; until then jobs wait.
  const loading = planned.length === 0 ? Promise.resolve(null) : processes.start();
  loading.catch(() => {});
  for (const adapter of adapters) {
    surfaces.push(adapter);
    await adapter.start(studio, onTrouble);
  }
  const info = await loading.catch(explainPipelineStart);
  workforce = await startWorkers(config, options.workerTiming, { history, painters, loras, logger });
  if (workforce) painters.on('ready', () => studio.rememberModel());
  studio.paint();
  logger.info({ ...info, url: web?.url, version: VERSION }, 'wuerst is ready');

  const tidying = setInterval(() => tidy(history, config, logger), TIDY_MS).unref();
  started.push(() => clearInterval(tidying));
  tidy(history, config, logger);

  return { studio, url: web?.url, workersUrl: workforce?.url, painters, processes };
}

interface WorkforceParts {
  readonly history: History;
  readonly painters: Painters;
  readonly loras: LoraFolder;
  readonly logger: Logger;
}

/** Painters on other machines. Loaded only where they are used: BullMQ is large. */
async function startWorkers(
  { workers, processes }: Config,
  timing: StartOptions['workerTiming'],
  { history, painters, loras, logger }: WorkforceParts,
): Promise<Workforce | undefined> {
  if (!workers) return undefined;
  const { startWorkforce } = await import('./workers/bot/workforce.ts');
  const orders = new WorkerOrders(history);
  return startWorkforce({
    ...{ ...workers, ...timing, painters, logger },
    // Without painters here, the first worker decides what is painted with.
    info: () => painters.info ?? (processes === 0 ? undefined : null),
    orders: () => orders.all,
    loras: () => loras.known,
  });
}

/** A key that cannot be used is the operator's to mend; pictures go out all the same. */
async function openMarker({ data, signature, watermark }: Config, logger: Logger): Promise<OwnMarker> {
  const opening = signature ? openCredential(join(data, CREDENTIAL_FILE), new Date()) : undefined;
  const credential = await opening?.catch((err: unknown) => {
    logger.error({ err }, 'pictures are not signed');
    return undefined;
  });
  const onProblem = (err: unknown) => logger.error({ err }, 'a picture could not be signed; it goes out without');
  return new OwnMarker({ signature, credential, watermark, onProblem });
}

/** What programs are told of the ends of their requests. */
function createWebhooks(web: WebOptions, history: History, secret: Uint8Array, logger: Logger): Webhooks {
  const links = new PictureLinks(secret);
  const options = { keys: history.apiKeys, messages: history.webhookMessages, secret, links, logger };
  return new Webhooks({ ...options, baseUrl: pageUrl(web), allowPrivate: web.webhookPrivate });
}

function useDataFolder(folder: string, use: (folder: string, mode: number) => void): void {
  try {
    use(folder, 0o700);
  } catch (cause) {
    const isThere = existsSync(folder);
    throw new OperatorError(
      'data_folder_unusable',
      () => {
        const values = { folder, reason: reasonOf(cause) };
        return isThere
          ? t('The folder {folder} cannot be written to: {reason}.', values)
          : t('The data folder {folder} cannot be made: {reason}.', values);
      },
      {
        hint: () =>
          isThere
            ? t(
                'Give the user that runs the bot the right to write to it and room on its disk, or name another one with WUERST_DATA.',
              )
            : t(
                'Make it, with the right to write for the user that runs the bot, or name another one with WUERST_DATA.',
              ),
        cause,
      },
    );
  }
}

/** The lock of each pipeline process. */
function lockPathOf(data: string, index: number): string {
  return join(data, index === 0 ? 'pipeline.lock' : `pipeline-${index}.lock`);
}

/** What keeps the process from starting is the machine, or a library that it loads. */
function explainPipelineStart(error: unknown): never {
  if (!(error instanceof PipelineCrashed)) throw error;
  const lastLine = error.ending.output.trimEnd().split('\n').at(-1);
  throw new OperatorError(
    'pipeline_not_started',
    () =>
      t('The bot cannot start the process that paints: {reason}.', { reason: foreignWords(lastLine || error.message) }),
    {
      hint: () => t('The limits of this machine or container for processes and memory may be the reason.'),
      cause: error,
    },
  );
}

function loadOptions({ model, loras, classifier, data, precision, residency, batch, warmUp }: Config) {
  return { model, loras, classifier, cacheDir: data, precision, residency, batch, warmUp };
}

/** Loaded only when they are used: each needs a large library. */
async function chatAdapters({ data, discord, slack }: Config, logger: Logger): Promise<readonly Adapter[]> {
  const adapters: Adapter[] = [];
  if (discord) {
    const { createDiscordAdapter } = await import('./adapters/discord/adapter.ts');
    adapters.push(createDiscordAdapter({ ...discord, logger }));
  }
  if (slack) {
    const { createSlackAdapter } = await import('./adapters/slack/adapter.ts');
    // Not in the history: its backups must not hold tokens.
    adapters.push(createSlackAdapter({ ...slack, installations: join(data, 'slack-installations.sqlite'), logger }));
  }
  return adapters;
}

function tidy(history: History, config: Config, logger: Logger): void {
  const { keepMs, keepBytes, keepRecordsMs: records, keepAuditMs: audit, keepEventsMs: events } = config;
  history.tidy({ maxAgeMs: keepMs, maxBytes: keepBytes, keptFor: { records, audit, events } }).then(
    (removed) => {
      if (removed.files > 0) logger.info(removed, 'old pictures were removed; their recipes stay');
    },
    (err: unknown) => logger.error({ err }, 'old pictures could not be removed'),
  );
}

/** Stops the bot when its process is asked to end, and logs uncaught errors. Returns a function that ends this. */
function watchProcess(stop: () => Promise<void>, logger: Logger): () => void {
  const leave = onStopSignal((reason) => {
    stop().catch((err: unknown) => {
      logger.fatal({ err, reason }, 'the bot could not stop cleanly');
      process.exit(1);
    });
  });
  const onRejection = (err: unknown) => logger.error({ err }, 'unhandled promise rejection');
  const onException = (err: unknown) => {
    // The state is no longer known. Whatever runs the bot restarts it, and it goes on where it was.
    logger.fatal({ err }, 'uncaught exception');
    process.exit(1);
  };
  process.on('unhandledRejection', onRejection).on('uncaughtException', onException);
  return () => {
    leave();
    process.off('unhandledRejection', onRejection).off('uncaughtException', onException);
  };
}
