import { createAdaptorServer, type ServerType } from '@hono/node-server';
import type { Painters } from '../../bot/jobs/painters.ts';
import { VERSION } from '../../pipeline/version.ts';
import { type Clock, doneWithin, pause, systemClock } from '../../system/clock.ts';
import { OperatorError } from '../../system/errors.ts';
import { reasonOf } from '../../system/foreign-words.ts';
import type { Logger } from '../../system/logging.ts';
import { t } from '../../texts/translate.ts';
import { ProblemLog } from '../problem-log.ts';
import { checkRedis, failureOf, redisConnection } from '../redis.ts';
import type { RedisAddress } from '../redis-address.ts';
import { isLasting, redisProblem } from '../redis-problem.ts';
import { Attempts } from './attempts.ts';
import { createIntake } from './intake.ts';
import type { Orders, Standards } from './judgement.ts';
import { rehearse } from './rehearse.ts';
import { Roster, type RosterOptions, type WorkerView } from './roster.ts';

export interface WorkforceOptions {
  readonly redis: RedisAddress;
  /** Where workers send what they paint. */
  readonly host: string;
  readonly port: number;
  /** This bot's id, the same after a restart. */
  readonly bot: string;
  readonly painters: Painters;
  /** See `Standards`. */
  readonly info: () => Standards['info'];
  /** What the operator has ordered, read anew each time. */
  readonly orders: () => Orders;
  readonly loras: () => readonly { readonly name: string; readonly hash: string }[];
  readonly onEnd?: RosterOptions['onEnd'];
  readonly logger: Logger;
  readonly clock?: Clock;
  /** How long a worker may be silent about a job, in milliseconds. @default 30000 */
  readonly leaseMs?: number;
  /** Between two looks at the roll, in milliseconds. @default 1000 */
  readonly lookMs?: number;
  /** See `RedisOptions`. */
  readonly silenceMs?: number | undefined;
}

export interface Workforce {
  /** Where workers reach the bot on this machine. */
  readonly url: string;
  readonly workers: readonly WorkerView[];
  /** Whether Redis answered when it was asked last. */
  readonly seesRedis: boolean;
  /** Hands nothing over any more, and gives up what is still being painted at the deadline. */
  stop(deadlineMs: number): Promise<void>;
}

/** A worker hears a verdict at least this often, in looks at the roll. */
const VERDICT_LOOKS = 30;

/**
 * The workers on other machines, as painters of the core. Redis may come and go: without it nothing is handed over, and
 * what is being painted goes on.
 *
 * @throws OperatorError what somebody has to mend about Redis, and `workers_port_in_use`
 */
export async function startWorkforce(options: WorkforceOptions): Promise<Workforce> {
  const { redis: address, painters, logger, leaseMs = 30_000, lookMs = 1000, silenceMs } = options;
  const clock = options.clock ?? systemClock;
  const redis = redisConnection(address, { patient: false, silenceMs });
  const problems = new ProblemLog({ redis: address, logger, level: 'error' });
  const attempts = new Attempts({ leaseMs, clock });
  let checked = false;
  const roster = new Roster({
    ...{ redis, painters, attempts, logger, clock, loras: options.loras, onEnd: options.onEnd },
    verdictMs: VERDICT_LOOKS * lookMs,
    standards: () => ({ version: VERSION, bot: options.bot, info: options.info(), orders: options.orders() }),
    onProblem: (error) => {
      problems.redis(failureOf(redis, error));
      roster.lostSight();
      // It may read and not write: a rehearsal shows when jobs are taken again.
      checked = false;
    },
  });
  const stopping = new AbortController();
  redis.on('close', () => {
    checked = false;
  });
  const look = async () => {
    if (redis.status === 'wait' || redis.status === 'end') await redis.connect();
    if (!checked) for (const warning of await checkRedis(redis, address)) logger.warn({}, warning);
    if (!checked) await roster.rehearse();
    checked = true;
    await roster.look();
    // Unless it has refused a job meanwhile.
    if (checked) problems.redisAnswers();
  };
  try {
    await look();
  } catch (error) {
    const problem = redisProblem(failureOf(redis, error), address.shown);
    if (isLasting(problem)) {
      redis.disconnect();
      throw problem;
    }
    problems.tell(problem);
  }
  const intake = createIntake({ attempts, bot: options.bot, logger });
  await rehearse(intake, attempts);
  const server = createAdaptorServer({ fetch: intake.fetch });
  const url = await listen(server, options.host, options.port).catch((error) => {
    redis.disconnect();
    throw error;
  });
  logger.info({ url, redis: address.shown }, 'workers can send what they paint');
  const looking = (async () => {
    while (!stopping.signal.aborted) {
      await pause(clock, lookMs, stopping.signal);
      if (stopping.signal.aborted) return;
      await look().catch((error) => {
        problems.redis(failureOf(redis, error));
        roster.lostSight();
      });
    }
  })();
  return {
    url,
    get workers() {
      return roster.workers;
    },
    get seesRedis() {
      return problems.seesRedis;
    },
    async stop(deadlineMs) {
      roster.lostSight();
      await doneWithin(attempts.allOver(), deadlineMs);
      attempts.closeAll();
      stopping.abort();
      await looking;
      roster.close();
      redis.disconnect();
      const closed = new Promise((resolve) => server.close(resolve));
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed;
    },
  };
}

function listen(server: ServerType, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new OperatorError(
          'workers_port_in_use',
          () =>
            t('The bot cannot listen for workers on {host}, port {port}: {reason}.', {
              ...{ host, port: String(port), reason: reasonOf(cause) },
            }),
          {
            hint: () => t('Choose another one with WUERST_WORKERS_PORT, or another address with WUERST_WORKERS_HOST.'),
            cause,
          },
        ),
      ),
    );
    server.listen(port, host, () => {
      const address = server.address();
      const own = address !== null && typeof address === 'object' ? address.port : port;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${own}/`);
    });
  });
}
