import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import type { History } from '../bot/history/history.ts';
import { nobodyPaints } from '../bot/replies/lack-text.ts';
import { type Config, readConfig } from '../config.ts';
import { OperatorError } from '../system/errors.ts';
import { printable, printableJson } from '../system/printable.ts';
import { t, translatable } from '../texts/translate.ts';
import { ownBotId } from '../workers/bot/bot-id.ts';
import type { Orders } from '../workers/bot/judgement.ts';
import { WorkerOrders } from '../workers/bot/orders.ts';
import { redisProblem } from '../workers/redis-problem.ts';
import type { Verdict } from '../workers/roll.ts';
import type { ListedWorker } from '../workers/roll-reader.ts';
import { told, toldInEnglish } from '../workers/said.ts';
import { columns } from './columns.ts';
import { dataOption } from './compute-options.ts';
import { terminalActor } from './terminal-actor.ts';

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
        if (given === undefined) return;
        // The order holds all the same, whether or not that can be seen.
        const seen = await readFrom(read(data)).catch(() => undefined);
        if (seen?.workers.some(({ registration }) => registration?.name === worker) ?? true) return;
        process.stdout.write(`${t('No worker of this name is there now: the order holds for one that comes.')}\n`);
      });
  order('drain', t('let a worker finish its job and stop'), 'drain', (name) =>
    t('{name} gets no new job and stops after its own.', { name }),
  );
  order('ban', t('refuse a worker: its job is given to another one at once'), 'ban', (name) =>
    t('{name} is refused from now on.', { name }),
  );
  order('admit', t('take back drain or ban'), undefined, (name) => t('{name} may paint again.', { name }));
  return command;
}

async function list({ data, json = false }: Options): Promise<void> {
  const config = read(data);
  const { bot, orders, waiting } = await withHistory(config, (history) => ({
    bot: ownBotId(history),
    orders: new WorkerOrders(history).all,
    waiting: history.jobs.waiting().length,
  }));
  const { workers: all, problem } = await readFrom(config);
  const workers = all.filter(({ registration }) => registration === undefined || registration.bot === bot);
  if (json) {
    process.stdout.write(`${printableJson({ workers: workers.map(inEnglish), orders, waiting })}\n`);
    return;
  }
  const heading = t('name, state, for, provider, paints, step, last error').split(/,\s*|、/);
  const rows = workers.map((worker) => rowOf(worker));
  const kept = Object.entries(orders).map(([name, order]) =>
    order === 'ban' ? t('{name}: banned', { name }) : t('{name}: drained', { name }),
  );
  const lines = rows.length === 0 ? [t('No worker is there.')] : columns([heading, ...rows]);
  const isServed =
    config.processes !== 0 ||
    workers.some(({ registration, verdict }) => registration?.ready === true && verdict?.state === 'accepted');
  const unserved = isServed
    ? []
    : [nobodyPaints(), t('{count} request waits | {count} requests wait', { count: waiting })];
  const troubles =
    problem === undefined ? [] : [problem.message, ...(problem.hint === undefined ? [] : [problem.hint])];
  process.stdout.write([...lines, ...kept, ...unserved, ...troubles].map((line) => `${printable(line)}\n`).join(''));
}

function rowOf({ id, registration, verdict }: ListedWorker): readonly string[] {
  const state = verdict === undefined ? t('waits for the bot') : t(STATES[verdict.state]);
  const why = verdict?.state === 'refused' ? told(verdict.reason) : undefined;
  if (registration === undefined) return [id, state, '', '', '', '', why ?? ''];
  const { name, age, provider, style, attempts, stepSeconds, lastError } = registration;
  const { prior, decoder } = stepSeconds;
  const step = [prior, decoder].map((seconds) => (seconds === undefined ? '–' : `${(1000 * seconds).toFixed(0)} ms`));
  const paints = attempts.length === 0 ? t('nothing') : (style ?? t('something'));
  return [
    name,
    state,
    duration(age),
    provider,
    paints,
    step.join(' / '),
    why ?? (lastError === undefined ? '' : told(lastError)),
  ];
}

/** As programs read it. */
function inEnglish({ id, registration, verdict }: ListedWorker) {
  const lastError = registration?.lastError && toldInEnglish(registration.lastError);
  const reason = verdict?.state === 'refused' ? { reason: toldInEnglish(verdict.reason) } : {};
  return {
    id,
    registration: registration && { ...registration, lastError },
    verdict: verdict && { ...verdict, ...reason },
  };
}

const STATES: Readonly<Record<Verdict['state'], string>> = {
  accepted: translatable('accepted'),
  draining: translatable('draining'),
  released: translatable('released'),
  refused: translatable('refused'),
};

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return t('{count} min', { count: minutes });
  if (minutes < 2880) return t('{count} h', { count: Math.round(minutes / 60) });
  return t('{count} day | {count} days', { count: Math.round(minutes / 1440) });
}

function read(data: string | undefined): Config {
  return readConfig({ ...process.env, ...(data === undefined ? {} : { WUERST_DATA: data }) });
}

/**
 * Who is there, and why nobody can write that down.
 *
 * @throws OperatorError `workers_off`, or what keeps Redis from being read
 */
async function readFrom({ workers }: Config): Promise<{ workers: readonly ListedWorker[]; problem?: OperatorError }> {
  if (workers === undefined) {
    throw new OperatorError('workers_off', () => t('This bot paints alone: WUERST_REDIS is not set.'), {
      hint: () => t('See docs/workers.md for painting on other machines.'),
    });
  }
  const [{ checkRedis, failureOf, redisConnection }, { readRoll }] = await Promise.all([
    import('../workers/redis.ts'),
    import('../workers/roll-reader.ts'),
  ]);
  const redis = redisConnection(workers.redis, { patient: false });
  try {
    await redis.connect();
    const listed = await readRoll(redis);
    const problem = await checkRedis(redis, workers.redis).then(
      () => undefined,
      (error) => redisProblem(failureOf(redis, error), workers.redis.shown),
    );
    return { workers: listed, ...(problem === undefined ? {} : { problem }) };
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
  await withHistory(read(data), (history) => new WorkerOrders(history).give(name, order, terminalActor()));
}

async function withHistory<T>({ data }: Config, use: (history: History) => T): Promise<T> {
  const { DATABASE_FILE, History } = await import('../bot/history/history.ts');
  if (!existsSync(join(data, DATABASE_FILE))) {
    throw new OperatorError('no_database', () => t('There is no database in the data folder {data}.', { data }), {
      hint: () => t('Start the bot once, or name its data folder with --data or WUERST_DATA.'),
    });
  }
  const history = History.open({ folder: data });
  try {
    return use(history);
  } finally {
    history.close();
  }
}
