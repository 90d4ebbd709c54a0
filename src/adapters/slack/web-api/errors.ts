import { webApi } from '@slack/bolt';
import { withoutSecrets } from './logger.ts';

/** Slack asked to wait. */
export class RateLimited extends Error {
  override readonly name = 'RateLimited';
  readonly retryAfterMs: number;
  constructor(retryAfterMs: number) {
    super(`Slack asked to wait for ${retryAfterMs} ms.`);
    this.retryAfterMs = retryAfterMs;
  }
}

/** There was no answer, or none that says whether the request was carried out. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
}

/** Slack refused, with its error code. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly code: string;
  /** What Slack added, e.g. which block is wrong. */
  readonly details: readonly string[];
  constructor(code: string, details: readonly string[]) {
    super(`Slack answered "${code}"${details.length === 0 ? '' : ` (${details.join('; ')})`}.`);
    this.code = code;
    this.details = details;
  }
}

const TRANSIENT = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
]);

/** Errors of the Web API client as one of the three above. Messages never hold tokens. */
export function problemOf(error: unknown): RateLimited | Unanswered | Refused {
  if (error instanceof RateLimited || error instanceof Unanswered || error instanceof Refused) return error;
  if (error instanceof webApi.WebAPIRateLimitedError) return new RateLimited(error.retryAfter * 1000);
  if (error instanceof webApi.WebAPIPlatformError) {
    const { error: code } = error.data;
    if (code === 'ratelimited' || code === 'rate_limited') return new RateLimited(30_000);
    const details = error.data.response_metadata?.messages ?? [];
    return TRANSIENT.has(code) ? new Unanswered(code, { cause: error }) : new Refused(code, details);
  }
  return new Unanswered(error instanceof Error ? error.message : String(error), { cause: error });
}

/** Codes for a token that is not valid any more; only the operator or a new installation can help. */
export const LOST_TOKEN = new Set([
  'account_inactive',
  'invalid_auth',
  'not_authed',
  'not_installed',
  'team_access_not_granted',
  'team_disabled',
  'token_expired',
  'token_revoked',
]);

/** Codes for a conversation in which the bot can't write (any more). */
export const CLOSED_ROOM = new Set([
  'as_user_not_supported',
  'cant_update_message',
  'channel_is_limited_access',
  'channel_not_found',
  'edit_window_closed',
  'is_archived',
  'is_inactive',
  'not_in_channel',
  'restricted_action',
  'restricted_action_non_threadable_channel',
  'restricted_action_read_only_channel',
  'restricted_action_thread_locked',
  'restricted_action_thread_only_channel',
  'thread_locked',
]);

/** An error as a line for the log, without the addresses and tokens that libraries put into their messages. */
export function errorText(error: unknown): string {
  return withoutSecrets(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}
