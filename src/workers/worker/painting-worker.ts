import { randomBytes } from 'node:crypto';
import { Worker as Taker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { PipelineClient } from '../../pipeline/process/client.ts';
import type { EngineInfo, EngineStage } from '../../pipeline/process/protocol.ts';
import { VERSION } from '../../pipeline/version.ts';
import { type Clock, doneWithin, pause } from '../../system/clock.ts';
import { OperatorError } from '../../system/errors.ts';
import { once } from '../../system/memo.ts';
import { translatable } from '../../texts/translate.ts';
import type { ProblemLog } from '../problem-log.ts';
import { failureOf } from '../redis.ts';
import { attemptId, handOver, identityOf, PREFIX, queueName, type Registration, type Verdict } from '../roll.ts';
import { quoting, type Said, saying, told } from '../said.ts';
import { type AttemptResult, attempt, WorkerLeaves } from './attempt.ts';
import { BotConnection, botAt } from './bot-connection.ts';
import { Membership } from './membership.ts';
import { objectionTo } from './objection.ts';
import type { RunningWorker, Timing, WorkerOptions } from './worker-options.ts';

export interface PaintingWorkerOptions extends Omit<WorkerOptions, 'redis'> {
  readonly clock: Clock;
  readonly timing: Timing;
  /** For the roll. */
  readonly redis: Redis;
  /** For BullMQ. */
  readonly queues: Redis;
  readonly client: PipelineClient;
  readonly problems: ProblemLog;
  readonly hashes: readonly string[];
  /** Of the bot that answered at the start. */
  readonly botId: string;
}

/** A job that is being painted. */
interface Current {
  readonly controller: AbortController;
  readonly over: Promise<void>;
  style?: string;
}

/** Takes the jobs that are handed over to this worker, has them painted, and keeps it on the roll. */
export class PaintingWorker implements RunningWorker {
  readonly id = randomBytes(8).toString('hex');
  readonly stopped: Promise<void>;
  readonly drain: () => Promise<void>;
  readonly #parts: PaintingWorkerOptions;
  #botId: string;
  /** By the monotonic clock. */
  readonly #startedAt: number;
  readonly #membership: Membership;
  readonly #taker: Taker;
  readonly #released = new AbortController();
  readonly #givingBack = new AbortController();
  #stepSeconds: Partial<Record<EngineStage, number>> = {};
  /** By id; several where the pipeline process paints them at the same time. */
  readonly #current = new Map<string, Current>();
  #lastError: Said | undefined;
  #leaving = false;
  #state = '';
  #verdict: Verdict | undefined;
  /** Milliseconds without a word of the bot, while Redis answered. */
  #unanswered = 0;
  #settle: { resolve: () => void; reject: (error: unknown) => void } = { resolve() {}, reject() {} };

  constructor(parts: PaintingWorkerOptions) {
    this.#parts = parts;
    this.#botId = parts.botId;
    this.#startedAt = parts.clock.monotonic();
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
      onAnswer: () => problems.redisAnswers(),
      onProblem: (error) => problems.redis(failureOf(redis, error)),
    });
    this.#taker = new Taker(queueName(this.id), ({ id, data }) => this.#paint(id ?? '', data), {
      ...{ connection: queues, prefix: PREFIX, autorun: false },
      ...{ concurrency: this.#together, lockDuration: timing.lockMs },
      // Who lost the lock has lost the job: the bot hands it over again.
      ...{ maxStalledCount: 0, stalledInterval: timing.lockMs },
      // A connection that is silent for longer than this wait is given up.
      drainDelay: timing.silenceMs / 3000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    this.#taker.on('error', (error) => logger.debug({ err: error }, 'BullMQ'));
    this.#taker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) this.#current.get(id)?.controller.abort(new Error('The lock of the job was lost.'));
    });
  }

  get pid(): number | null {
    return this.#parts.client.status.pid;
  }

  /** How many jobs it may have at once: each is at least one picture. */
  get #together(): number {
    return this.#parts.client.status.info?.together ?? 1;
  }

  start(): void {
    this.#membership.start();
    this.#taker.run().catch((error) => this.#parts.problems.redis(error));
  }

  /** The pipeline process is another, or its model is. */
  changed(): void {
    const { client } = this.#parts;
    const state = JSON.stringify([isUp(client), client.status.info && identityOf(client.status.info)]);
    // It says far more often that it computes.
    if (state === this.#state) return;
    this.#state = state;
    this.#taker.concurrency = this.#together;
    this.#membership.changed();
  }

  async giveBack(): Promise<void> {
    this.#leaving = true;
    this.#givingBack.abort();
    this.#released.abort();
    this.#abort(new WorkerLeaves(saying(translatable('The worker was stopped.'))));
    await this.drain();
  }

  async #drain(): Promise<void> {
    this.#leaving = true;
    this.#membership.changed();
    const { clock, logger, timing } = this.#parts;
    const has = this.#current.size === 0 ? '' : ' and finishes what it has; a second signal gives that back at once';
    logger.info({}, `stopping: this worker takes no new job${has}`);
    do {
      await this.#idle();
      // Until the bot has read that, it may still hand over a job.
      await pause(clock, timing.releaseMs, this.#released.signal);
    } while (this.#current.size > 0 && !this.#givingBack.signal.aborted);
    await this.#stop();
    this.#settle.resolve();
  }

  readonly #stop = once(async () => {
    const { client, redis, queues } = this.#parts;
    // Where Redis is away it would wait for that.
    const isAway = queues.status !== 'ready';
    if (isAway) void this.#taker.disconnect().catch(() => {});
    // It rejects where Redis goes away in this moment.
    const closed = this.#taker.close(isAway).catch(() => {});
    const isClosed = await doneWithin(closed, this.#parts.timing.closeMs);
    if (!isClosed) void this.#taker.disconnect().catch(() => {});
    await client.stop({ deadlineMs: 0 });
    await this.#membership.end();
    queues.disconnect();
    redis.disconnect();
    this.#parts.logger.info({}, 'stopped');
  });

  /** Resolves when nothing is painted, or is to be given back. */
  async #idle(): Promise<void> {
    const { signal } = this.#givingBack;
    if (signal.aborted) return;
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await Promise.race([Promise.all([...this.#current.values()].map(({ over }) => over)), aborted]);
  }

  #abort(why: Error): void {
    for (const { controller } of this.#current.values()) controller.abort(why);
  }

  #heard(verdict: Verdict | undefined): void {
    const { logger } = this.#parts;
    if (verdict === undefined) {
      this.#unheard();
      return;
    }
    this.#unanswered = 0;
    const isNews = verdict.state !== this.#verdict?.state;
    this.#verdict = verdict;
    if (verdict.state === 'released') {
      this.#released.abort();
      if (isNews && !this.#leaving) {
        const { name } = this.#parts;
        logger.info({}, `this worker was drained; "wuerst workers admit ${name}" at the bot takes that back`);
        void this.drain();
      }
    }
    if (verdict.state === 'refused' && isNews) {
      const refusal = new OperatorError('worker_refused', () => told(verdict.reason));
      this.#abort(new WorkerLeaves(verdict.reason));
      this.#released.abort();
      this.#stop().then(() => this.#settle.reject(refusal), this.#settle.reject);
    }
    if (verdict.state === 'accepted' && isNews) logger.info({}, 'the bot hands jobs over to this worker');
  }

  #unheard(): void {
    const { bot, logger, timing } = this.#parts;
    const before = this.#unanswered;
    this.#unanswered += timing.registerMs;
    if (this.#unanswered < timing.patienceMs || this.#leaving) return;
    // At its address there may be another one by now.
    botAt(bot).then(
      (id) => {
        this.#botId = id;
      },
      () => {},
    );
    if (before >= timing.patienceMs) return;
    this.#verdict = undefined;
    logger.warn(
      {},
      `no bot has answered this worker for ${timing.patienceMs / 1000} s: the one at ${bot.host} has to run, in this version and with this Redis, and to have loaded its model`,
    );
  }

  /** Never throws: what became of the attempt is between this worker and the bot. */
  async #paint(id: string, data: unknown): Promise<void> {
    const { bot, client, clock, timing, logger } = this.#parts;
    const order = handOver.safeParse(data);
    if (!order.success || !attemptId.safeParse(id).success) {
      logger.error({ id }, 'a job in Redis was not written by a bot of this version and is thrown away');
      return;
    }
    const controller = new AbortController();
    let isOver = () => {};
    const over = new Promise<void>((resolve) => {
      isOver = resolve;
    });
    const current: Current = { controller, over };
    this.#current.set(id, current);
    try {
      const result = await attempt({
        bot: new BotConnection(order.data.path, { bot, clock, patienceMs: timing.patienceMs }),
        filesFolder: filesFolderOf(this.#parts),
        ...{ hands: client, clock, beatMs: timing.beatMs, signal: controller.signal },
        objection: (request) => objectionTo(request, order.data, client.status.info, this.#parts.hashes),
        onRequest: ({ style }) => {
          current.style = style;
        },
      });
      this.#ended(id, result);
    } catch (error) {
      this.#lastError = quoting(error);
      logger.warn({ id, err: error }, 'the end of a job could not be told to the bot');
    } finally {
      this.#current.delete(id);
      isOver();
    }
  }

  #ended(id: string, { end, stepSeconds }: AttemptResult): void {
    const { logger } = this.#parts;
    this.#stepSeconds = { ...this.#stepSeconds, ...stepSeconds };
    const outcome = end === 'over' ? end : end.kind;
    // What whoever asked can mend is no fault of this worker's, and may quote the prompt.
    if (end !== 'over' && end.kind === 'failed' && end.error.kind !== 'user')
      this.#lastError = quoting(end.error.message);
    if (end !== 'over' && end.kind === 'crashed') {
      this.#lastError = saying(translatable('The pipeline process died ({reason}).'), { reason: end.ending.reason });
    }
    if (end !== 'over' && end.kind === 'given-back') this.#lastError = end.reason;
    logger.info({ id, outcome }, 'a job ended');
  }

  #registration(): Registration {
    const { client, clock, name, hashes, hardware, version = VERSION } = this.#parts;
    const { info } = client.status;
    const style = [...this.#current.values()].at(-1)?.style;
    return {
      hardware: info === null ? '' : hardware(info),
      ...{ id: this.id, name, version, bot: this.#botId, age: clock.monotonic() - this.#startedAt, loras: hashes },
      ...described(info),
      stepSeconds: this.#stepSeconds,
      ready: isUp(client),
      leaving: this.#leaving,
      ...{ together: this.#together, attempts: [...this.#current.keys()] },
      ...(style === undefined ? {} : { style }),
      ...(this.#lastError === undefined ? {} : { lastError: this.#lastError }),
    };
  }
}

/** Its own as its lock is: what a worker that was killed has left there can be removed by the next one. */
export function filesFolderOf({ lockPath }: Pick<WorkerOptions, 'lockPath'>): string {
  return `${lockPath}.files`;
}

function isUp({ status: { state } }: PipelineClient): boolean {
  return state === 'ready' || state === 'busy';
}

function described(info: EngineInfo | null) {
  return {
    model: info?.model ?? '',
    ...identityOf(info ?? { checkpoint: '' }),
    provider: info?.provider ?? '',
    ...(info?.device === undefined ? {} : { device: info.device }),
    styles: info?.styles ?? [],
    mixesStyles: info?.mixesStyles ?? false,
    ...(info?.sizes === undefined ? {} : { sizes: info.sizes }),
    startsFromPictures: info?.startsFromPictures ?? false,
    ...(info?.classifier === undefined ? {} : { classifier: info.classifier }),
  };
}
