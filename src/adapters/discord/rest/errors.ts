import { DiscordAPIError, HTTPError } from 'discord.js';

/**
 * What a failed request means for what to try next:
 * - `transient`: the network, Discord itself or the bot's token; the same request may work in a moment or after a restart
 * - `token`: the interaction's token is dead or was never answered; the bot's own token may still work
 * - `gone`: the message does not exist any more
 * - `no_access`: the bot may not see or write there, or the place is gone
 * - `dm_closed`: the person takes no direct messages from the bot
 * - `too_large`: smaller files may pass
 * - `acknowledged`: the interaction was answered before
 * - `rejected`: anything else; repeating is pointless
 */
export type Failure =
  | 'transient'
  | 'token'
  | 'gone'
  | 'no_access'
  | 'dm_closed'
  | 'too_large'
  | 'acknowledged'
  | 'rejected';

/** https://discord.com/developers/docs/topics/opcodes-and-status-codes#json */
const BY_CODE: ReadonlyMap<number, Failure> = new Map([
  [10003, 'no_access'], // unknown channel
  [10004, 'no_access'], // unknown guild
  [10008, 'gone'], // unknown message
  [10015, 'token'], // unknown webhook
  [10062, 'token'], // unknown interaction
  [20016, 'transient'], // slow mode
  [20028, 'transient'], // too many writes to the channel
  [20029, 'transient'], // too many writes to the guild
  [30046, 'transient'], // too many edits of a message older than an hour, for now
  [40005, 'too_large'],
  [40060, 'acknowledged'],
  [40062, 'transient'], // a resource that others use too
  [40333, 'transient'], // Cloudflare
  [50001, 'no_access'],
  [50005, 'gone'], // the message is another user's: the stored id is of no use
  [50007, 'dm_closed'],
  [50013, 'no_access'],
  [50027, 'token'],
  [50083, 'no_access'], // archived thread
  [50278, 'dm_closed'], // no mutual guilds
  [160005, 'no_access'], // locked thread
]);

export function classify(error: unknown): Failure {
  if (error instanceof DiscordAPIError) {
    const known = BY_CODE.get(Number(error.code));
    if (known) return known;
    // The bot's own token: results wait until the operator has replaced it.
    if (error.status === 401) return 'transient';
    if (error.status === 404) return 'token';
    // An answer without a code comes from a proxy in front of Discord.
    if (error.status === 403) return typeof error.code === 'number' ? 'no_access' : 'transient';
    if (error.status === 413) return 'too_large';
    return error.status === 429 ? 'transient' : 'rejected';
  }
  if (error instanceof HTTPError) return error.status >= 500 ? 'transient' : 'rejected';
  return isNetworkError(error) || isTokenForgotten(error) ? 'transient' : 'rejected';
}

/** `other side closed`, refused and reset connections, time-outs, failed name look-ups: discord.js repeats only few of them. */
function isNetworkError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === 'AbortError' || error.name === 'TimeoutError') return true;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (/^(UND_ERR|ECONN|EPIPE|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET|ERR_SSL)/.test(code)) return true;
  return error.cause !== undefined && isNetworkError(error.cause);
}

/** After a 401 discord.js makes no more requests with that token. */
function isTokenForgotten(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Expected token to be set');
}

/** The permission whose lack the error reports, as far as Discord tells. */
export function missingFrom(error: unknown): string | null {
  if (!(error instanceof DiscordAPIError)) return null;
  if (error.code === 50001) return 'View Channels';
  if (error.code === 50013) return error.method === 'POST' ? 'Send Messages' : 'Attach Files';
  return null;
}

/** A line for the log: names and codes only, since request URLs hold interaction tokens. */
export function errorFields(error: unknown): { readonly error: string; readonly code?: string | number } {
  if (error instanceof DiscordAPIError) return { error: error.message, code: error.code };
  if (error instanceof HTTPError) return { error: `HTTP ${error.status}`, code: error.status };
  if (error instanceof Error) return { error: `${error.name}: ${error.message}` };
  return { error: String(error) };
}
