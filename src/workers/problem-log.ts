import type { OperatorError } from '../system/errors.ts';
import type { Logger } from '../system/logging.ts';
import type { RedisAddress } from './redis-address.ts';
import { redisProblem } from './redis-problem.ts';

export interface ProblemLogOptions {
  readonly redis: RedisAddress;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly level: 'warn' | 'error';
}

/** Tells the operator once of what is wrong, until it is something else, and once that Redis answers again. */
export class ProblemLog {
  readonly #options: ProblemLogOptions;
  #last: OperatorError | undefined;

  constructor(options: ProblemLogOptions) {
    this.#options = options;
  }

  /** Redis has failed with this. */
  redis(error: unknown): OperatorError {
    return this.tell(redisProblem(error, this.#options.redis.shown));
  }

  tell(problem: OperatorError): OperatorError {
    const { logger, level } = this.#options;
    const { code, hint, message } = problem;
    if (code !== this.#last?.code) logger[level]({ code, hint }, message);
    this.#last = problem;
    return problem;
  }

  /** Whether Redis answered when it was asked last. */
  get seesRedis(): boolean {
    return !this.#last?.code.startsWith('redis_');
  }

  redisAnswers(): void {
    const { logger, redis } = this.#options;
    if (!this.seesRedis) logger.info({}, `Redis at ${redis.shown} answers again.`);
    this.#last = undefined;
  }
}
