import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { DiskReport, Operations, WorkerReport, Workers } from './adapters/web/server/operations.ts';
import { DATABASE_FILE, type History } from './bot/history/history.ts';
import type { Config } from './config.ts';
import { ModelManager } from './models/model-manager.ts';
import { freeBytes } from './system/disk.ts';
import { ifThere } from './system/if-there.ts';
import { WorkerOrders } from './workers/bot/orders.ts';
import type { WorkerView } from './workers/bot/roster.ts';
import { told } from './workers/said.ts';

/**
 * What runs beside the core and is looked after on the page of the administration.
 *
 * @param workers as they are now; the first ones come after the start
 */
export function operationsOf(
  config: Pick<Config, 'data' | 'models' | 'workers'>,
  history: History,
  workers: () => readonly WorkerView[],
  logger: Pick<Logger, 'error'>,
): Operations {
  const models = new ModelManager(
    { ...process.env, WUERST_MODELS: config.models },
    {
      record: (change, actor) => history.audit.add({ surface: 'web', guild: null, actor, ...change }),
      onProblem: (err) => logger.error({ err }, 'a model could not be fetched or checked'),
    },
  );
  return {
    models,
    keys: history.apiKeys,
    disk: () => diskReport(config.data, models),
    ...(config.workers === undefined ? {} : { workers: workersOf(history, workers) }),
  };
}

function workersOf(history: History, workers: () => readonly WorkerView[]): Workers {
  const orders = new WorkerOrders(history);
  return {
    all: () => workers().map(workerReport),
    orders: () => orders.all,
    give: (name, order, by) => orders.give(name, order, by),
  };
}

function workerReport({ id, registration, verdict, painted, lost }: WorkerView): WorkerReport {
  const { name = id, age, provider = null, hardware = null } = registration ?? {};
  const { attempts = [], style = 'something', stepSeconds = {}, lastError } = registration ?? {};
  // Its own clock may be wrong.
  const since = age === undefined ? null : Math.round(Date.now() - age);
  return {
    ...{ id, name, since, provider, hardware, painted, lost },
    state: verdict?.state ?? null,
    reason: verdict?.state === 'refused' ? told(verdict.reason) : null,
    lastError: lastError === undefined ? null : told(lastError),
    paints: attempts.length === 0 ? null : style,
    steps: stepSeconds,
  };
}

/** Bytes of the database in a data folder, and what its disk has left. */
export async function dataBytes(data: string): Promise<{ readonly database: number; readonly free: number }> {
  const files = [DATABASE_FILE, `${DATABASE_FILE}-wal`].map((file) => ifThere(stat(join(data, file))));
  const [found, free] = await Promise.all([Promise.all(files), freeBytes(data)]);
  return { database: sum(found.map((file) => file?.size ?? 0)), free };
}

async function diskReport(data: string, models: ModelManager): Promise<DiskReport> {
  const [own, listed] = await Promise.all([dataBytes(data), models.list()]);
  return {
    data: { folder: data, ...own },
    models: {
      folder: models.folder,
      bytes: sum(listed.map(({ bytes }) => bytes)),
      free: await models.freeBytes(),
    },
  };
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}
