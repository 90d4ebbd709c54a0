import { isStrange, unexpectedAnswer } from '../../../system/network-failure.ts';
import { retryAfter } from '../../../system/retry-after.ts';

/** How long to wait where Slack limits, but does not say readably for how long, in ms. */
export const UNREADABLE = 30_000;

/**
 * Answers as Slack's client can read them. It takes a whole number of seconds for granted where Slack limits, and anything
 * else there would lift the limit; and it would take a firewall's answers for Slack's.
 */
export function readable(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    const { status, statusText, body } = response;
    if (isStrange(response)) {
      await body?.cancel();
      throw unexpectedAnswer(status);
    }
    if (status !== 429) return response;
    const headers = new Headers(response.headers);
    headers.set('retry-after', String(Math.ceil(retryAfter(headers, UNREADABLE) / 1000)));
    return new Response(body, { status, statusText, headers });
  };
}
