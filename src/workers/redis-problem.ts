import { OperatorError } from '../system/errors.ts';
import { reasonOf } from '../system/foreign-words.ts';
import { networkFailure } from '../system/network-failure.ts';
import { t } from '../texts/translate.ts';
import { NoAnswer } from './redis-connector.ts';

interface Kind {
  readonly answer: RegExp;
  readonly code: string;
  readonly message: (host: string) => string;
  readonly hint: () => string;
}

const KINDS: readonly Kind[] = [
  {
    answer: /^OOM /,
    code: 'redis_full',
    message: (host) => t('Redis at {host} has no memory left and takes nothing any more.', { host }),
    hint: () => t('Give it more with maxmemory, or remove what other programs keep in it.'),
  },
  {
    answer: /^(?:READONLY|MASTERDOWN) |role is not master/i,
    code: 'redis_readonly',
    message: (host) => t('Redis at {host} is a replica and cannot be written to.', { host }),
    hint: () => t('Name the primary, or a name that always leads to it.'),
  },
  {
    answer: /^(?:WRONGPASS|NOAUTH)\b|invalid password|without any password configured/i,
    code: 'redis_sign_in_refused',
    message: (host) => t('Redis at {host} refuses the user or the password.', { host }),
    hint: () =>
      t(
        'Check both in the address, as in rediss://user:password@host:6379. Characters such as / and @ are written %2F and %40.',
      ),
  },
  {
    answer: /^NOPERM /,
    code: 'redis_not_permitted',
    message: (host) => t('Redis at {host} does not let this user do what workers need.', { host }),
    hint: () =>
      t(
        'Set its rights as docs/workers.md says: ACL SETUSER wuerst on >password ~wuerst:* &wuerst:* +@all -@admin -@dangerous +info.',
      ),
  },
  {
    answer: /^LOADING /,
    code: 'redis_loading',
    message: (host) => t('Redis at {host} is still reading its data.', { host }),
    hint: () => t('It is tried again.'),
  },
  {
    answer: /^MISCONF /,
    code: 'redis_cannot_save',
    message: (host) => t('Redis at {host} cannot save to its disk and takes nothing any more.', { host }),
    hint: () => t('Free some space there, or look into its log.'),
  },
];

const UNANSWERED: Readonly<Record<NoAnswer['to'], Omit<Kind, 'answer'>>> = {
  handshake: {
    code: 'redis_no_tls',
    message: (host) => t('Redis at {host} did not answer the TLS handshake.', { host }),
    hint: () =>
      t(
        'It is tried again. If it stays so, that port may speak no TLS: name the one of tls-port in redis.conf, or write redis:// where only you can read that network.',
      ),
  },
  plain: {
    code: 'redis_hung_up',
    message: (host) => t('Redis at {host} closed the connection before it answered.', { host }),
    hint: () => t('It is tried again. If it stays so, that port may want TLS: write rediss:// in place of redis://.'),
  },
  encrypted: {
    code: 'redis_hung_up',
    message: (host) => t('Redis at {host} closed the connection before it answered.', { host }),
    hint: () =>
      t(
        'It is tried again. If it stays so, it may want a certificate of its clients: set tls-auth-clients no in redis.conf, since wuerst signs in with a password.',
      ),
  },
};

/** Codes of problems that somebody has to mend before it is worth trying again. */
const LASTING: readonly string[] = [
  'redis_sign_in_refused',
  'redis_not_permitted',
  'redis_readonly',
  'redis_evicts',
  'redis_too_old',
  'redis_network',
];

/** What the operator is told of a failure of Redis; errors of this program stay as they are. */
export function redisProblem(error: unknown, host: string): OperatorError {
  if (error instanceof OperatorError) return error;
  if (error instanceof NoAnswer) {
    const { code, message, hint } = UNANSWERED[error.to];
    return new OperatorError(code, () => message(host), { hint, cause: error });
  }
  const text = error instanceof Error ? error.message : String(error);
  const kind = KINDS.find(({ answer }) => answer.test(text));
  if (kind) return new OperatorError(kind.code, () => kind.message(host), { hint: kind.hint, cause: error });
  if (isOfTheQuestion(error)) {
    return new OperatorError(
      'redis_failed',
      () => t('What was asked of Redis at {host} failed: {reason}.', { host, reason: reasonOf(error) }),
      {
        hint: () =>
          t('It is tried again. If it stays so, another program may use the keys that begin with wuerst: there.'),
        cause: error,
      },
    );
  }
  const network = networkFailure(error, { host, direct: true, answered: true });
  return new OperatorError(
    network?.permanent ? 'redis_network' : 'redis_away',
    () =>
      network === undefined
        ? t('Redis at {host} cannot be reached.', { host })
        : t('Redis at {host} cannot be reached: {reason}.', { host, reason: network.reason }),
    {
      hint: () => network?.hint ?? t('It is tried again. Pictures that are being painted go on.'),
      cause: error,
    },
  );
}

/** It was answered, or never sent: nothing is wrong with the way to Redis. */
function isOfTheQuestion(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'ReplyError' || error instanceof TypeError || error instanceof RangeError;
}

/** Whether somebody has to mend something before it is worth trying again. */
export function isLasting({ code }: OperatorError): boolean {
  return LASTING.includes(code);
}
