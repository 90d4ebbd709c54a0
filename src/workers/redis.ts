import { Redis } from 'ioredis';
import { OperatorError } from '../system/errors.ts';
import { t } from '../texts/translate.ts';
import type { RedisAddress } from './redis-address.ts';
import { Connector, noAnswer } from './redis-connector.ts';
import { redisProblem } from './redis-problem.ts';

export interface RedisOptions {
  /**
   * Commands wait while Redis is away, as a worker of BullMQ needs it. Otherwise they fail at once, so that whoever asked
   * can do something else.
   */
  readonly patient: boolean;
  /** A connection on which nothing comes back for so long, in milliseconds, is given up: it may be silent for ever. @default 10000 */
  readonly silenceMs?: number | undefined;
}

/** Below this BullMQ lacks commands. */
const LEAST = [6, 2] as const;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2000;

/** By connection: what it failed with since it worked last. */
const failures = new WeakMap<Redis, Error>();

/** A connection that comes back by itself. It is not opened yet. */
export function redisConnection({ url }: RedisAddress, { patient, silenceMs = 10_000 }: RedisOptions): Redis {
  const redis = new Redis(url, {
    lazyConnect: true,
    Connector,
    enableOfflineQueue: patient,
    // Also one that was under way when the connection broke.
    maxRetriesPerRequest: patient ? null : 0,
    retryStrategy: (times) => Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(times, 10)),
    // After a failover the name may lead to the new primary.
    reconnectOnError: ({ message }) => message.startsWith('READONLY'),
    ...{ connectTimeout: silenceMs, socketTimeout: silenceMs, keepAlive: silenceMs },
  });
  redis.on('error', (error) => {
    // Of commands that went down with the connection: what broke that is known, as a rule.
    if (error.name === 'MaxRetriesPerRequestError' && failures.has(redis)) return;
    failures.set(redis, noAnswer(redis, error) ?? error);
  });
  redis.on('ready', () => failures.delete(redis));
  return redis;
}

/** Why a command failed: where the connection is broken, what broke it. */
export function failureOf(redis: Redis, error: unknown): unknown {
  return failures.get(redis) ?? noAnswer(redis, error) ?? error;
}

/**
 * Whether this Redis keeps what it is given.
 *
 * @returns sentences about what works and is dangerous
 * @throws OperatorError `redis_too_old`, `redis_evicts`, `redis_readonly`, `redis_full`; what Redis answers otherwise
 */
export async function checkRedis(redis: Redis, address: RedisAddress): Promise<readonly string[]> {
  const { shown, isLocal, isEncrypted } = address;
  const facts = new Map(
    (await redis.info()).split(/\r?\n/).map((line): [string, string] => {
      const [name = '', ...value] = line.split(':');
      return [name, value.join(':')];
    }),
  );
  const version = facts.get('redis_version') ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < LEAST[0] || (major === LEAST[0] && minor < LEAST[1])) {
    throw new OperatorError(
      'redis_too_old',
      () => t('Redis at {shown} is {version}; workers need {least}.', { shown, version, least: LEAST.join('.') }),
      {
        hint: () => t('Install Redis 6.2 or newer, or Valkey.'),
      },
    );
  }
  const policy = facts.get('maxmemory_policy') ?? 'noeviction';
  if (policy !== 'noeviction') {
    throw new OperatorError(
      'redis_evicts',
      () =>
        t('Redis at {shown} has maxmemory-policy {policy}: it would throw jobs away when its memory is full.', {
          shown,
          policy,
        }),
      { hint: () => t('Set maxmemory-policy noeviction in its configuration, or use a Redis of its own for wuerst.') },
    );
  }
  if ((facts.get('role') ?? 'master') !== 'master') {
    throw new OperatorError(
      'redis_readonly',
      () => t('Redis at {shown} is a replica and cannot be written to.', { shown }),
      {
        hint: () => t('Name the primary, or a name that always leads to it.'),
      },
    );
  }
  const [used, most] = ['used_memory', 'maxmemory'].map((name) => Number(facts.get(name) ?? 0));
  if (used !== undefined && most !== undefined && most > 0 && used > most) throw redisProblem('OOM ', shown);
  const user = await redis.acl('WHOAMI');
  if (isLocal) return [];
  return [
    ...(isEncrypted ? [] : [`The way to Redis at ${shown} is not encrypted, as it was allowed by name.`]),
    ...(user === 'default' ? [`Redis at ${shown} is used as its user default, who may do anything there.`] : []),
  ];
}
