/** Longer wishes are cut to a day, in ms: a timer of more than 24 days would end at once. */
const LONGEST = 24 * 60 * 60_000;

/** The headers of an answer. */
export interface Headers {
  get(name: string): string | null;
}

/**
 * How long a server asks to wait: `Retry-After` as seconds, whole or not, or as an HTTP date, which is compared with the
 * server's own `Date`, since clocks differ; else the reset of its `RateLimit`.
 *
 * @returns milliseconds, 0 to a day; `otherwise` where nothing is asked, or nothing that can be read
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
 */
export function retryAfter<T>(headers: Headers, otherwise: T): number | T {
  const asked = headers.get('retry-after') ?? '';
  const seconds = secondsAsked(asked);
  if (seconds !== undefined) return seconds;
  const now = httpDate(headers.get('date') ?? '') ?? Date.now();
  const until = httpDate(asked);
  if (until !== undefined) return Math.min(LONGEST, Math.max(0, until - now));
  const resets = [...(headers.get('ratelimit') ?? '').matchAll(/;\s*t=(\d+)/g)].map(
    ([, t = '']) => secondsAsked(t) ?? 0,
  );
  return resets.length > 0 ? Math.max(...resets) : otherwise;
}

/** Seconds in a header, whole or not, as milliseconds, 0 to a day; `undefined` where they can't be read. */
export function secondsAsked(text: string): number | undefined {
  return /^\s*\d+(\.\d+)?\s*$/.test(text) ? Math.min(LONGEST, Number(text) * 1000) : undefined;
}

/** The three forms of HTTP dates, in ms since 1970. All are in GMT, although the oldest form does not say so. */
function httpDate(text: string): number | undefined {
  if (!/^[A-Z][a-z]+,? .*\d\d:\d\d:\d\d/.test(text)) return undefined;
  const ms = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(ms) ? undefined : ms;
}
