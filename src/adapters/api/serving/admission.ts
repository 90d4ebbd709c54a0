import { idIn } from '../../../bot/history/api-keys.ts';
import { type ApiKey, callerOfKey } from '../../../bot/keys/api-key.ts';
import { TooOften } from '../../../bot/rate-limit.ts';
import { UserError } from '../../../system/errors.ts';
import { notFound } from '../../web/server/problems.ts';
import { addressOf, type WebRequest } from '../../web/server/web-context.ts';
import type { ApiCall, ApiContext } from './api-context.ts';

/**
 * Lets a program in by its key: `Authorization: Bearer <key>` or, as A1111's clients send it, basic with the key as password.
 *
 * @throws UserError `not_found` where there is no key at all, `token_missing`, `token_wrong`; TooOften `too_many_attempts`,
 *   `too_many_requests`
 */
export function admitted(api: ApiContext, c: WebRequest): ApiCall {
  if (!api.keys.any) throw notFound('There is nothing at this address.');
  const secret = secretIn(c.req.header('authorization'));
  if (secret === null) {
    throw new UserError('token_missing', 'This interface requires an API key.', {
      hint: 'Send the header Authorization: Bearer <key>. The operator makes keys with "wuerst keys create".',
    });
  }
  const id = idIn(secret);
  const counted = [`address ${addressOf(api.web, c)}`, ...(id === null ? [] : [`key ${id}`])];
  const key = api.web.wrongTokens.attempt(counted, () => keyOf(api, secret));
  takeRate(api, key);
  return { api, c, key, caller: callerOfKey(key), signal: c.req.raw.signal };
}

/** Counts a request, or what one costs beyond that. @throws TooOften `too_many_requests` */
export function takeRate({ web }: ApiContext, { id }: ApiKey, count = 1): void {
  const wait = web.requests.take(`key ${id}`, count);
  if (wait > 0) throw new TooOften('too_many_requests', 'You send too many requests.', wait);
}

function keyOf({ keys }: ApiContext, secret: string): ApiKey {
  const key = keys.admit(secret);
  if (key !== null) return key;
  throw new UserError('token_wrong', 'The API key is wrong, or was revoked.', {
    hint: 'The operator makes keys with "wuerst keys create".',
  });
}

function secretIn(authorization: string | undefined): string | null {
  const [, scheme = '', credentials = ''] = /^(\w+) +(\S+)$/.exec(authorization?.trim() ?? '') ?? [];
  if (/^bearer$/i.test(scheme)) return credentials;
  if (!/^basic$/i.test(scheme)) return null;
  const [, password = ''] = /^[^:]*:(.*)$/s.exec(Buffer.from(credentials, 'base64').toString()) ?? [];
  return password === '' ? null : password;
}
