import { randomBytes } from 'node:crypto';
import { Worker as Taker } from 'bullmq';
import type { Redis } from 'ioredis';
import { PipelineClient } from '../../pipeline/process/client.ts';
import type { EngineInfo, EngineStage, LoadOptions } from '../../pipeline/process/protocol.ts';
import { VERSION } from '../../pipeline/version.ts';
import { type Clock, doneWithin, pause, systemClock } from '../../system/clock.ts';
import { OperatorError } from '../../system/errors.ts';
import type { Logger } from '../../system/logging.ts';
import { once } from '../../system/memo.ts';
import { checkRedis, failureOf, redisConnection } from '../redis.ts';
import type { RedisAddress } from '../redis-address.ts';
import { isLasting, redisProblem } from '../redis-problem.ts';
import { handOver, PREFIX, queueName, type Registration, type Verdict } from '../roll.ts';
import { type AttemptResult, attempt, WorkerLeaves } from './attempt.ts';
import { BotConnection, checkBot } from './bot-connection.ts';
import { Membership } from './membership.ts';
import { objectionTo } from './objection.ts';

export interface WorkerOptions {
  readonly redis: RedisAddress;
  /** The bot's address; ends with a slash. */
  readonly bot: URL;
  /** For people. */
  readonly name: string;
  readonly engine: string;
  readonly load: LoadOptions;
  /** File of the lock that the pipeline process holds. */
  readonly lockPath: string;
  /** What its speed depends on besides the provider, e.g. the GPU; given what was loaded. */
  readonly hardware: (info: EngineInfo) => string;
  /** Hashes of the LoRAs that this worker has. */
  readonly loras: () => Promise<readonly string[]>;
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly timing?: Partial<Timing>;
  /** Of this program. @default its version */
  readonly version?: string;
  /** Node's options for the pipeline process. @default those of this one */
  readonly execArgv?: readonly string[] | undefined;
}

/** All in milliseconds. */
export interface Timing {
  /** How long a job stays this worker's without a renewal. */
  readonly lockMs: number;
  readonly beatMs: number;
  readonly registerMs: number;
  /** How long the bot may be away before a job is given up. */
  readonly patienceMs: number;
  readonly silenceMs: number;
}

const TIMING: Timing = { lockMs: 30_000, beatMs: 4000, registerMs: 4000, patienceMs: 30_000, silenceMs: 10_000 };
/** A worker that leaves waits so long for the bot to let it go. */
const RELEASE_MS = 10_000;
const RETRY_MS = 2000;
/** To tell Redis that the job has ended. */
const CLOSE_MS = 3000;

export interface RunningWorker {
  readonly id: string;
  /** Of the pipeline process. */
  readonly pid: number | null;
  /** Takes no new job, finishes the one that it has, and stops. */
  drain(): Promise<void>;
  /** Gives the job back that it has, and stops. */
  giveBack(): Promise<void>;
  /** Resolves when it has stopped; rejects with the reason if the bot refuses it. */
  readonly stopped: Promise<void>;
}

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
  const problems = new Problems(logger, address);
  redis.on('error', (error) => problems.redis(error));
  redis.on('ready', () => problems.solved());
  try {
    await insist(clock, problems, () => redisIsFit(redis, address, logger));
    await insist(clock, problems, () => checkBot(bot));
    const client = new PipelineClient({
      ...{ engine: options.engine, load: options.load, lockPath: options.lockPath, execArgv: options.execArgv, clock },
      onOutput: (text) => logger.info({ text: text.trimEnd() }, 'output of the pipeline process'),
      onStatus: () => worker?.changed(),
      onCrash: (ending) => logger.error({ ...ending }, 'the pipeline process died and is being replaced'),
      onFailure: (err) => logger.error({ err }, 'the pipeline process cannot be replaced yet; trying again'),
    });
    let worker: Work | undefined;
    const info = await client.start();
    worker = new Work({ ...options, clock, timing, redis, queues, client, problems, hashes: await options.loras() });
    logger.info({ id: worker.id, name: options.name, ...info }, 'this worker is ready');
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
async function insist(clock: Clock, problems: Problems, work: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof OperatorError) || isLasting(error) || error.code === 'bot_is_another') throw error;
      problems.told(error);
      await pause(clock, RETRY_MS);
    }
  }
}

/** Tells the operator of a problem once, until it is another one. */
class Problems {
  readonly #logger: Logger;
  readonly #address: RedisAddress;
  #last = '';

  constructor(logger: Logger, address: RedisAddress) {
    this.#logger = logger;
    this.#address = address;
  }

  redis(error: unknown): void {
    this.told(redisProblem(error, this.#address.shown));
  }

  told({ code, message, hint }: OperatorError): void {
    if (message === this.#last) return;
    this.#last = message;
    this.#logger.warn({ code, hint }, message);
  }

  solved(): void {
    if (this.#last !== '') this.#logger.info({}, `Redis at ${this.#address.shown} answers again.`);
    this.#last = '';
  }
}

interface Parts extends Omit<WorkerOptions, 'redis'> {
  readonly clock: Clock;
  readonly timing: Timing;
  /** For the roll. */
  readonly redis: Redis;
  /** For BullMQ. */
  readonly queues: Redis;
  readonly client: PipelineClient;
  readonly problems: Problems;
  readonly hashes: readonly string[];
}

class Work implements RunningWorker {
  readonly id = randomBytes(8).toString('hex');
  readonly stopped: Promise<void>;
  readonly drain: () => Promise<void>;
  readonly #parts: Parts;
  readonly #since: number;
  readonly #membership: Membership;
  readonly #taker: Taker;
  readonly #released = new AbortController();
  #stepSeconds: Partial<Record<EngineStage, number>> = {};
  #current: { readonly id: string; readonly controller: AbortController; style?: string } | undefined;
  #lastError: string | undefined;
  #leaving = false;
  #state = '';
  #verdict: Verdict | undefined;
  #settle: { resolve: () => void; reject: (error: unknown) => void } = { resolve() {}, reject() {} };

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#since = parts.clock.now();
    const { redis, queues, clock, timing, problems, logger } = parts;
    this.stopped = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.stopped.catch(() => {});
    this.drain = once(() => this.#drain());
    this.#membership = new Membership({
      ...{ redis, clock, everyMs: timing.registerMs },
      registration: () => this.#registration(),
      onVerdict: (verdict) => this.#heard(verdict),
      onProblem: (error) => problems.redis(failureOf(redis, error)),
    });
    this.#taker = new Taker(queueName(this.id), ({ id, data }) => this.#paint(id ?? '', data), {
      ...{ connection: queues, prefix: PREFIX, autorun: false, concurrency: 1, lockDuration: timing.lockMs },
      // Who lost the lock has lost the job: the bot hands it over again.
      ...{ maxStalledCount: 0, stalledInterval: timing.lockMs },
      // A connection that is silent for longer than this wait is given up.
      drainDelay: timing.silenceMs / 3000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    this.#taker.on('error', (error) => logger.debug({ err: error }, 'BullMQ'));
    this.#taker.on('lockRenewalFailed', (ids) => {
      if (this.#current && ids.includes(this.#current.id)) this.#abort(new Error('The lock of the job was lost.'));
    });
  }

  get pid(): number | null {
    return this.#parts.client.status.pid;
  }

  start(): void {
    this.#membership.start();
    this.#taker.run().catch((error) => this.#parts.problems.redis(error));
  }

  /** The pipeline process is another, or its model is. */
  changed(): void {
    const { client } = this.#parts;
    const state = `${isUp(client)} ${client.status.info?.checkpoint}`;
    // It says far more often that it computes.
    if (state !== this.#state) this.#membership.changed();
    this.#state = state;
  }

  async giveBack(): Promise<void> {
    this.#leaving = true;
    this.#released.abort();
    this.#abort(new WorkerLeaves('The worker was stopped.'));
    await this.drain();
  }

  async #drain(): Promise<void> {
    this.#leaving = true;
    this.#membership.changed();
    const { clock, logger } = this.#parts;
    logger.info({}, 'stopping: this worker takes no new job');
    // Until the bot has read that, it may still hand over a job.
    if (!this.#released.signal.aborted) await pause(clock, RELEASE_MS, this.#released.signal);
    await this.#stop();
    this.#settle.resolve();
  }

  readonly #stop = once(async () => {
    const { client, redis, queues } = this.#parts;
    // Where Redis is away it would wait for that.
    const isAway = queues.status !== 'ready';
    if (isAway) void this.#taker.disconnect().catch(() => {});
    const isClosed = await doneWithin(this.#taker.close(isAway), CLOSE_MS);
    if (!isClosed) void this.#taker.disconnect().catch(() => {});
    await client.stop({ deadlineMs: 0 });
    await this.#membership.end();
    queues.disconnect();
    redis.disconnect();
    this.#parts.logger.info({}, 'stopped');
  });

  #abort(why: Error): void {
    this.#current?.controller.abort(why);
  }

  #heard(verdict: Verdict): void {
    const { logger } = this.#parts;
    const isNews = verdict.state !== this.#verdict?.state;
    this.#verdict = verdict;
    if (verdict.state === 'released') {
      this.#released.abort();
      if (isNews && !this.#leaving) {
        logger.info({}, verdict.reason);
        void this.drain();
      }
    }
    if (verdict.state === 'refused' && isNews) {
      const refusal = new OperatorError('worker_refused', verdict.reason);
      this.#abort(new WorkerLeaves(verdict.reason));
      this.#released.abort();
      this.#stop().then(() => this.#settle.reject(refusal), this.#settle.reject);
    }
    if (verdict.state === 'accepted' && isNews) logger.info({}, 'the bot hands jobs over to this worker');
  }

  /** Never throws: what became of the attempt is between this worker and the bot. */
  async #paint(id: string, data: unknown): Promise<void> {
    const { bot, client, clock, timing, logger } = this.#parts;
    const order = handOver.safeParse(data);
    if (!order.success) {
      logger.error({ id }, 'a job in Redis was not written by a bot of this version and is thrown away');
      return;
    }
    const { info } = client.status;
    const controller = new AbortController();
    const current: { readonly id: string; readonly controller: AbortController; style?: string } = { id, controller };
    this.#current = current;
    try {
      const result = await attempt({
        bot: new BotConnection(order.data.path, { bot, clock, patienceMs: timing.patienceMs }),
        ...{ hands: client, clock, beatMs: timing.beatMs, signal: controller.signal },
        objection: (request) => objectionTo(request, order.data, info, this.#parts.hashes),
        onRequest: ({ style }) => {
          current.style = style;
        },
      });
      this.#ended(id, result);
    } catch (error) {
      this.#lastError = error instanceof Error ? error.message : String(error);
      logger.warn({ id, err: error }, 'the end of a job could not be told to the bot');
    } finally {
      this.#current = undefined;
    }
  }

  #ended(id: string, { end, stepSeconds }: AttemptResult): void {
    const { logger } = this.#parts;
    this.#stepSeconds = { ...this.#stepSeconds, ...stepSeconds };
    const outcome = end === 'over' ? end : end.kind;
    if (end !== 'over' && end.kind === 'failed') this.#lastError = end.error.message;
    if (end !== 'over' && end.kind === 'crashed') this.#lastError = `The pipeline process died (${end.ending.reason}).`;
    if (end !== 'over' && end.kind === 'given-back') this.#lastError = end.reason;
    logger.info({ id, outcome }, 'a job ended');
  }

  #registration(): Registration {
    const { client, name, hashes, hardware, version = VERSION } = this.#parts;
    const { info } = client.status;
    const { id: attempt, style } = this.#current ?? {};
    return {
      hardware: info === null ? '' : hardware(info),
      ...{ id: this.id, name, version, since: this.#since, loras: hashes },
      ...described(info),
      stepSeconds: this.#stepSeconds,
      ready: isUp(client),
      leaving: this.#leaving,
      ...(attempt === undefined ? {} : { attempt }),
      ...(style === undefined ? {} : { style }),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError.slice(0, 1000) }),
    };
  }
}

function isUp({ status: { state } }: PipelineClient): boolean {
  return state === 'ready' || state === 'busy';
}

function described(info: EngineInfo | null) {
  return {
    model: info?.model ?? '',
    checkpoint: info?.checkpoint ?? '',
    formerCheckpoints: info?.formerCheckpoints ?? [],
    provider: info?.provider ?? '',
    styles: info?.styles ?? [],
    mixesStyles: info?.mixesStyles ?? false,
    ...(info?.sizes === undefined ? {} : { sizes: info.sizes }),
    startsFromPictures: info?.startsFromPictures ?? false,
  };
}
