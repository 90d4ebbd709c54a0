import type { Logger } from 'pino';
import type { Adapter } from './adapters/adapter.ts';
import type { Painters } from './bot/jobs/painters.ts';
import type { Studio } from './bot/studio/studio.ts';
import { compose, type Started, type StartOptions } from './compose.ts';
import type { Config } from './config.ts';
import type { PipelineStatus } from './pipeline/process/client.ts';
import { OperatorError } from './system/errors.ts';
import { createLogger } from './system/logging.ts';
import { once } from './system/memo.ts';
import { onStopSignal } from './system/stop-signals.ts';
import { t } from './texts/translate.ts';

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

const ADAPTER_STOP_MS = 5000;

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

async function end(started: Started, deadlines: Parameters<Started[number]>[0]): Promise<void> {
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
