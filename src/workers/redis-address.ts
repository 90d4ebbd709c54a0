import { OperatorError } from '../system/errors.ts';
import { isThisMachine } from '../system/plain-endpoint.ts';
import { t } from '../texts/translate.ts';

/** Where Redis or Valkey is. */
export interface RedisAddress {
  /** With user and password: for no log. */
  readonly url: string;
  /** Empty for none. */
  readonly password: string;
  /** Host and port, for people. */
  readonly shown: string;
  /** This machine's own. */
  readonly isLocal: boolean;
  readonly isEncrypted: boolean;
}

export interface RedisAddressOptions {
  /** Where the address was given, e.g. `WUERST_REDIS`. */
  readonly setting: string;
  /** Hosts on other machines that may be reached without encryption, and where they are named. */
  readonly plainHosts: readonly string[];
  readonly plainSetting: string;
}

const EXAMPLE = 'rediss://wuerst:password@redis.example:6379';
const example = () => t('For example: {example}', { example: EXAMPLE });

/**
 * Reads an address such as `rediss://user:password@host:6379/0`.
 *
 * @throws OperatorError `redis_address_invalid`; `redis_unencrypted` where everyone on the way could read the password;
 *   `redis_unprotected` where there is none
 */
export function readRedisAddress(text: string, options: RedisAddressOptions): RedisAddress {
  const { setting, plainHosts, plainSetting } = options;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const password = decoded(url?.password);
  if (
    !url ||
    password === undefined ||
    !/^rediss?:$/.test(url.protocol) ||
    url.hostname === '' ||
    !/^\/?\d*$/.test(url.pathname)
  ) {
    throw new OperatorError(
      'redis_address_invalid',
      () => t('{setting} is not the address of a Redis server.', { setting }),
      {
        hint: () =>
          t('For example: {example}. In a password, characters such as /, # and % are written %2F, %23 and %25.', {
            example: EXAMPLE,
          }),
      },
    );
  }
  const { protocol } = url;
  const hostname = url.hostname.toLowerCase();
  const shown = `${hostname}:${url.port || 6379}`;
  const isLocal = isThisMachine(hostname);
  const isAllowed = plainHosts.some((host) => host.toLowerCase() === hostname);
  if (protocol === 'redis:' && !isLocal && !isAllowed) {
    throw new OperatorError(
      'redis_unencrypted',
      () =>
        t(
          '{setting} is a plain redis:// address of another machine, {shown}, so everyone on the way could read its password.',
          { setting, shown },
        ),
      {
        hint: () =>
          t('Use rediss://, or name the host in {plainSetting} if only you can read that network.', { plainSetting }),
      },
    );
  }
  if (password === '' && !isLocal && !isAllowed) {
    throw new OperatorError(
      'redis_unprotected',
      () => t('{setting} has no password for {shown}.', { setting, shown }),
      { hint: example },
    );
  }
  // Its client knows the scheme in small letters alone, and would not encrypt.
  return {
    url: text.replace(/^\s*rediss?:/i, protocol),
    password,
    shown,
    isLocal,
    isEncrypted: protocol === 'rediss:',
  };
}

/** `undefined` where a % stands for itself. */
function decoded(password = ''): string | undefined {
  try {
    return decodeURIComponent(password);
  } catch {
    return undefined;
  }
}
