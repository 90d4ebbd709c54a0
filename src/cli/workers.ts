import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { type Config, loadDotEnv, readConfig } from '../config.ts';
import { OperatorError } from '../system/errors.ts';
import { printable, printableJson } from '../system/printable.ts';
import { t } from '../texts/translate.ts';
import type { Orders } from '../workers/bot/judgement.ts';
import { WorkerOrders } from '../workers/bot/orders.ts';
import { redisProblem } from '../workers/redis-problem.ts';
import type { ListedWorker } from '../workers/roll-reader.ts';
import { dataOption } from './compute-options.ts';

interface Options {
  readonly json?: boolean;
  readonly data?: string;
}

const NAME_RULE = /^[\w.-]{1,64}$/;

export function workersCommand(): Command {
  const command = new Command('workers')
    .description(t('see who paints for this bot on other machines, and stop them; the bot may be running'))
    .option('--json', t('print it for programs'))
    .addOption(dataOption())
    .action(list);
  const order = (name: string, what: string, given: Orders[string] | undefined, done: (worker: string) => string) =>
    command
      .command(name)
      .description(what)
      .argument('<name>')
      .action(async (worker: string, _: unknown, own: Command) => {
        const { data } = own.optsWithGlobals<Options>();
        await giveOrder(data, worker, given);
        process.stdout.write(`${done(printable(worker))}\n`);
      });
  order(
    'drain',
    'let a worker finish its job and stop',
    'drain',
    (name) => `${name} gets no new job and stops after its own.`,
  );
  order(
    'ban',
    'refuse a worker: its job is given to another one at once',
    'ban',
    (name) => `${name} is refused from now on.`,
  );
  order('admit', 'take back drain or ban', undefined, (name) => `${name} may paint again.`);
  return command;
}

async function list({ data, json = false }: Options): Promise<void> {
  const config = read(data);
  const orders = await withOrders(config, (stored) => stored.all);
  const workers = await readFrom(config);
  if (json) {
    process.stdout.write(`${printableJson({ workers, orders })}\n`);
    return;
  }
  const heading = ['name', 'state', 'for', 'provider', 'paints', 'step', 'last error'];
  const rows = workers.map((worker) => rowOf(worker));
  const kept = Object.entries(orders).map(([name, order]) => `${name}: ${order === 'ban' ? 'banned' : 'drained'}`);
  const lines = rows.length === 0 ? ['No worker is there.'] : tableOf([heading, ...rows]);
  process.stdout.write([...lines, ...kept].map((line) => `${printable(line)}\n`).join(''));
}

function rowOf({ id, registration, verdict }: ListedWorker): readonly string[] {
  const state = verdict?.state ?? 'waits for the bot';
  const why = verdict?.state === 'refused' ? verdict.reason : undefined;
  if (registration === undefined) return [id, state, '', '', '', '', why ?? ''];
  const { name, age, provider, style, attempt, stepSeconds, lastError } = registration;
  const { prior, decoder } = stepSeconds;
  const step = [prior, decoder].map((seconds) => (seconds === undefined ? '–' : `${(1000 * seconds).toFixed(0)} ms`));
  const paints = attempt === undefined ? 'nothing' : (style ?? 'something');
  return [name, state, duration(age), provider, paints, step.join(' / '), why ?? lastError ?? ''];
}

function tableOf(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)), []);
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2880 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`;
}

function read(data: string | undefined): Config {
  loadDotEnv();
  return readConfig({ ...process.env, ...(data === undefined ? {} : { WUERST_DATA: data }) });
}

/** @throws OperatorError `workers_off`, or what is wrong with Redis */
async function readFrom({ workers }: Config): Promise<readonly ListedWorker[]> {
  if (workers === undefined) {
    throw new OperatorError('workers_off', () => t('This bot paints alone: WUERST_REDIS is not set.'), {
      hint: () => t('See docs/workers.md for painting on other machines.'),
    });
  }
  const [{ failureOf, redisConnection }, { readRoll }] = await Promise.all([
    import('../workers/redis.ts'),
    import('../workers/roll-reader.ts'),
  ]);
  const redis = redisConnection(workers.redis, { patient: false });
  try {
    await redis.connect();
    return await readRoll(redis);
  } catch (error) {
    throw redisProblem(failureOf(redis, error), workers.redis.shown);
  } finally {
    redis.disconnect();
  }
}

async function giveOrder(data: string | undefined, name: string, order: Orders[string] | undefined): Promise<void> {
  if (!NAME_RULE.test(name)) {
    throw new OperatorError(
      'worker_name_invalid',
      () => t('"{name}" is not the name of a worker.', { name: printable(name) }),
      {
        hint: () => t('See them all: {command}', { command: 'wuerst workers' }),
      },
    );
  }
  await withOrders(read(data), (stored) => stored.give(name, order));
}

async function withOrders<T>({ data }: Config, use: (orders: WorkerOrders) => T): Promise<T> {
  const { DATABASE_FILE, History } = await import('../bot/history/history.ts');
  if (!existsSync(join(data, DATABASE_FILE))) {
    throw new OperatorError('no_database', () => t('There is no database in the data folder {data}.', { data }), {
      hint: () => t('Start the bot once, or name its data folder with --data or WUERST_DATA.'),
    });
  }
  const history = History.open({ folder: data });
  try {
    return use(new WorkerOrders(history.memos));
  } finally {
    history.close();
  }
}
