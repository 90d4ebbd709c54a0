import { rmSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { PipelineClient } from '../../pipeline/process/client.ts';
import { shortInfo } from '../../pipeline/process/protocol.ts';
import { type Clock, pause, systemClock } from '../../system/clock.ts';
import { OperatorError } from '../../system/errors.ts';
import type { Logger } from '../../system/logging.ts';
import { ProblemLog } from '../problem-log.ts';
import { checkRedis, failureOf, redisConnection } from '../redis.ts';
import type { RedisAddress } from '../redis-address.ts';
import { isLasting, redisProblem } from '../redis-problem.ts';
import { rehearseWire } from '../rehearsal.ts';
import { botAt } from './bot-connection.ts';
import { filesFolderOf, PaintingWorker } from './painting-worker.ts';
import type { RunningWorker, Timing, WorkerOptions } from './worker-options.ts';

const TIMING: Timing = {
  ...{ lockMs: 30_000, beatMs: 4000, registerMs: 4000, patienceMs: 30_000, silenceMs: 10_000 },
  ...{ releaseMs: 10_000, closeMs: 3000 },
};
const RETRY_MS = 2000;

/**
 * Paints for a bot on another machine. BullMQ keeps the lock of a job in this process, which never computes: that is done by the
 * pipeline process below it.
 *
 * @throws OperatorError what is wrong with Redis, the bot or the model
 */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { redis: address, bot, logger } = options;
  const clock = options.clock ?? systemClock;
  const timing = { ...TIMING, ...options.timing };
  const { silenceMs } = timing;
  const redis = redisConnection(address, { patient: false, silenceMs });
  const queues = redisConnection(address, { patient: true, silenceMs });
  const problems = new ProblemLog({ redis: address, logger, level: 'warn' });
  try {
    await insist(clock, problems, () => redisIsFit(redis, address, logger));
    problems.redisAnswers();
    redis.on('error', (error) => problems.redis(failureOf(redis, error)));
    redis.on('ready', () => problems.redisAnswers());
    const botId = await insist(clock, problems, () => botAt(bot));
    const hashes = await options.loras();
    const client = new PipelineClient({
      ...{ engine: options.engine, load: options.load, lockPath: options.lockPath, execArgv: options.execArgv, clock },
      onOutput: (text) => logger.info({ text: text.trimEnd() }, 'output of the pipeline process'),
      onStatus: () => worker?.changed(),
      onCrash: (ending) => logger.error({ ...ending }, 'the pipeline process died and is being replaced'),
      onFailure: (err) => logger.error({ err }, 'the pipeline process cannot be replaced yet; trying again'),
    });
    let worker: PaintingWorker | undefined;
    const info = await client.start();
    rmSync(filesFolderOf(options), { recursive: true, force: true });
    rehearseWire();
    worker = new PaintingWorker({ ...options, clock, timing, redis, queues, client, problems, hashes, botId });
    logger.info({ id: worker.id, name: options.name, ...shortInfo(info) }, 'this worker is ready');
    worker.start();
    return worker;
  } catch (error) {
    redis.disconnect();
    queues.disconnect();
    throw error;
  }
}

async function redisIsFit(redis: Redis, address: RedisAddress, logger: Logger): Promise<void> {
  try {
    if (redis.status === 'wait' || redis.status === 'end') await redis.connect();
    for (const warning of await checkRedis(redis, address)) logger.warn({}, warning);
  } catch (error) {
    throw redisProblem(failureOf(redis, error), address.shown);
  }
}

/** Until it works: the machines of a house do not start in order. */
async function insist<T>(clock: Clock, problems: ProblemLog, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof OperatorError) || isLasting(error) || error.code === 'bot_is_another') throw error;
      problems.tell(error);
      await pause(clock, RETRY_MS);
    }
  }
}
