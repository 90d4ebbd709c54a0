import type { RESTOptions, ResponseLike } from 'discord.js';
import { isStrange, unexpectedAnswer } from '../../../system/network-failure.ts';
import { retryAfter, secondsAsked } from '../../../system/retry-after.ts';

/** How long to wait where Discord limits, but does not say readably until when, in ms. */
const UNREADABLE = 5000;

type MakeRequest = RESTOptions['makeRequest'];

/**
 * Answers as discord.js can read them. It takes numbers for granted in the headers of limits, and anything else there
 * would lift the limit. A 401 that is not Discord's would make it forget the token.
 */
export function readable(makeRequest: MakeRequest): MakeRequest {
  return async (url, init) => {
    const response = await makeRequest(url, init);
    if (isStrange(response) || isPage(response)) {
      await response.arrayBuffer().catch(() => {});
      throw unexpectedAnswer(response.status);
    }
    makeLimitsReadable(response);
    return response;
  };
}

/** Discord's own answers to the bot are JSON or empty. */
function isPage({ ok, headers }: ResponseLike): boolean {
  return ok && /html/i.test(headers.get('content-type') ?? '');
}

/** https://discord.com/developers/docs/topics/rate-limits#header-format-rate-limit-header-examples */
function makeLimitsReadable({ status, headers }: ResponseLike): void {
  if (status === 429 || headers.has('retry-after')) {
    headers.set('retry-after', String(retryAfter(headers, UNREADABLE) / 1000));
  }
  const reset = headers.get('x-ratelimit-reset-after');
  if (reset !== null) headers.set('x-ratelimit-reset-after', String((secondsAsked(reset) ?? UNREADABLE) / 1000));
  for (const name of ['x-ratelimit-remaining', 'x-ratelimit-limit']) {
    const count = headers.get(name);
    if (count !== null && !/^\d+$/.test(count)) headers.set(name, '0');
  }
}
