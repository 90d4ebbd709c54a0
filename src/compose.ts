import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Logger } from 'pino';
import type { Adapter } from './adapters/adapter.ts';
import { programInterfaces } from './adapters/api/api.ts';
import { PictureLinks } from './adapters/api/serving/picture-links.ts';
import { Webhooks } from './adapters/api/webhooks/webhooks.ts';
import { createWebAdapter } from './adapters/web/server/adapter.ts';
import { pageUrl } from './adapters/web/server/links.ts';
import type { WebAdapterOptions, WebOptions } from './adapters/web/server/options.ts';
import { SESSION_KEY_FILE, sessionKey } from './adapters/web/server/session-key.ts';
import { IMAGE_FOLDER } from './bot/history/backup.ts';
import { startCheckpointer } from './bot/history/checkpointer.ts';
import { History } from './bot/history/history.ts';
import { Painters } from './bot/jobs/painters.ts';
import { PREVIEW_MAPS } from './bot/jobs/painting.ts';
import { ProcessPainters } from './bot/jobs/process-painters.ts';
import { openPromptFolder } from './bot/prompts/prompt-folder.ts';
import { modelLimits } from './bot/request-limits.ts';
import { createStudio } from './bot/studio/studio.ts';
import type { Config } from './config.ts';
import { openCredential } from './marking/credential.ts';
import { CREDENTIAL_FILE } from './marking/credential-file.ts';
import { OwnMarker } from './marking/marker.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { promptTokens } from './models/prompt-tokens.ts';
import { recommendedFor } from './models/recommended.ts';
import { dataBytes, operationsOf } from './operations.ts';
import { metadataOf } from './pipeline/images/parameters.ts';
import { LoraFolder } from './pipeline/lora/lora-folder.ts';
import { PipelineClient, PipelineCrashed } from './pipeline/process/client.ts';
import { leftAnOrphan } from './pipeline/process/orphan-note.ts';
import { shortInfo } from './pipeline/process/protocol.ts';
import { type ProcessPlan, planProcesses } from './pipeline/runtime/process-plan.ts';
import { VERSION } from './pipeline/version.ts';
import { OperatorError } from './system/errors.ts';
import { acquireLock } from './system/file-lock.ts';
import { foreignWords, reasonOf } from './system/foreign-words.ts';
import { makeFolder } from './system/make-folder.ts';
import { openFolderWarning } from './system/private-file.ts';
import { proveWritable } from './system/prove-writable.ts';
import { t } from './texts/translate.ts';
import { ownBotId } from './workers/bot/bot-id.ts';
import { WorkerOrders } from './workers/bot/orders.ts';
import type { Workforce, WorkforceOptions } from './workers/bot/workforce.ts';

/** What may be different for a bot, mostly in tests. */
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

/** In milliseconds: for the running job, and for adapters to finish their deliveries. */
interface Deadlines {
  readonly drainMs: number;
  readonly adapterMs: number;
}

/** How to stop each part that has been started; the last one is stopped first. */
export type Started = ((deadlines: Deadlines) => unknown)[];

// Beside this file, both in the sources and in the built package.
const ENGINE = new URL(
  import.meta.url.endsWith('.ts') ? './pipeline/engine/engine.ts' : './pipeline/engine/engine.js',
  import.meta.url,
);
const TIDY_MS = 3_600_000;

/** The chats that people reach the bot through. */
interface Served {
  /** Filled as they are connected. */
  readonly surfaces: Adapter[];
  readonly onTrouble: () => void;
  readonly isStopping: () => boolean;
}

/**
 * Puts the bot's parts together and starts them, each with how to stop it in `started`.
 *
 * @throws OperatorError with what keeps one of them from starting
 */
export async function compose(
  config: Config,
  options: StartOptions,
  logger: Logger,
  started: Started,
  { surfaces, onTrouble, isStopping }: Served,
) {
  const recommended = recommendedFor(config.model);
  const history = await openData(config, logger, started);
  let workforce: Workforce | undefined;
  const painters = new Painters([], { others: config.workers !== undefined });
  const load = { ...loadOptions(config), previewMaps: history.memos.get('pipeline', PREVIEW_MAPS) };
  const planned = planProcesses(config).map((plan, index) => ({ ...plan, lockPath: lockPathOf(config.data, index) }));
  const processes = createProcesses(planned, { ...options, load, painters, logger });
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
    config.web && createWeb(config.web, config.data, { history, metrics, ready, surfaces, operations, logger });
  if (web) {
    started.push(() => web.webhooks.stop());
    web.webhooks.start(studio);
  }
  const adapters = [...(web ? [web.chat] : []), ...(await chatAdapters(config, logger)), ...(options.adapters ?? [])];
  // The page opens while a large model is still loading; until then jobs wait.
  const loading = planned.length === 0 ? Promise.resolve(null) : processes.start();
  loading.catch(() => {});
  for (const adapter of adapters) {
    surfaces.push(adapter);
    await adapter.start(studio, onTrouble);
  }
  const info = await loading.catch(explainPipelineStart);
  workforce = await startWorkers(config, options.workerTiming, { history, painters, loras, metrics, logger });
  studio.paint();
  logger.info({ ...(info && shortInfo(info)), url: web?.chat.url, version: VERSION }, 'wuerst is ready');

  const tidying = setInterval(() => tidy(history, config, logger), TIDY_MS).unref();
  started.push(() => clearInterval(tidying));
  tidy(history, config, logger);

  return { studio, url: web?.chat.url, workersUrl: workforce?.url, painters, processes };
}

/** The data folder, which is this bot's alone from now on, and what is kept in it. */
async function openData(config: Config, logger: Logger, started: Started): Promise<History> {
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
  return history;
}

interface ProcessOptions extends Pick<StartOptions, 'engine' | 'execArgv'> {
  readonly load: ConstructorParameters<typeof PipelineClient>[0]['load'];
  readonly painters: Painters;
  readonly logger: Logger;
}

/** The pipeline processes of this machine. */
function createProcesses(
  planned: readonly (ProcessPlan & { readonly lockPath: string })[],
  options: ProcessOptions,
): ProcessPainters {
  const { load, painters, logger, execArgv, engine = ENGINE.href } = options;
  return new ProcessPainters({
    painters,
    processes: planned.map(({ id, name, hardware, lockPath, load: part }) => ({
      ...{ id, name },
      ...(hardware === undefined ? {} : { hardware }),
      connect: (onStatus) =>
        new PipelineClient({
          engine,
          load: { ...load, ...part },
          ...{ lockPath, onStatus },
          execArgv,
          onOutput: (text) => logger.info({ painter: name, text: text.trimEnd() }, 'output of the pipeline process'),
          onCrash: (ending) =>
            logger.error({ painter: name, ...ending }, 'the pipeline process died and is being replaced'),
          onFailure: (err) =>
            logger.error({ painter: name, err }, 'the pipeline process cannot be replaced yet; trying again'),
        }),
    })),
    onProblem: (err, { name }) => logger.error({ painter: name, err }, 'one of the painters cannot be started'),
  });
}

interface WorkforceParts {
  readonly history: History;
  readonly painters: Painters;
  readonly loras: LoraFolder;
  readonly metrics: Pick<Metrics, 'workerEnded'>;
  readonly logger: Logger;
}

/** Painters on other machines. Loaded only where they are used: BullMQ is large. */
async function startWorkers(
  { workers, processes }: Config,
  timing: StartOptions['workerTiming'],
  { history, painters, loras, metrics, logger }: WorkforceParts,
): Promise<Workforce | undefined> {
  if (!workers) return undefined;
  const { startWorkforce } = await import('./workers/bot/workforce.ts');
  const orders = new WorkerOrders(history);
  return startWorkforce({
    ...{ ...workers, ...timing, painters, logger, bot: ownBotId(history) },
    // Without painters here, the first worker decides what is painted with.
    info: () => painters.weights ?? (processes === 0 ? undefined : null),
    orders: () => orders.all,
    loras: () => loras.known,
    onEnd: metrics.workerEnded,
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

interface WebParts extends Pick<WebAdapterOptions, 'ready' | 'operations' | 'logger'> {
  readonly history: History;
  readonly metrics: Pick<Metrics, 'render'>;
  readonly surfaces: readonly Adapter[];
}

/** The web chat with the interfaces to other programs, and what these are told of the ends of their requests. */
function createWeb(web: WebOptions, data: string, { history, metrics, surfaces, ...parts }: WebParts) {
  const { apiKeys: keys, webAccounts: accounts, webhookMessages: messages } = history;
  const secret = sessionKey(join(data, SESSION_KEY_FILE));
  const shown = { accounts, sessionKey: secret, metrics: metrics.render, surfaces: () => surfaces };
  return {
    chat: createWebAdapter({ ...web, ...parts, ...shown }, [programInterfaces({ keys, version: VERSION })]),
    webhooks: new Webhooks({
      ...{ keys, messages, secret, links: new PictureLinks(secret), logger: parts.logger },
      ...{ baseUrl: pageUrl(web), allowPrivate: web.webhookPrivate },
    }),
  };
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
