import { webApi } from '@slack/bolt';
import { type Destination, networkFailure } from '../../../system/network-failure.ts';
import { t, translatable } from '../../../texts/translate.ts';
import { UNREADABLE } from './answers.ts';
import { withoutSecrets } from './logger.ts';

/** Where requests of a running bot lead: it has reached it before. */
const SLACK: Destination = { host: 'slack.com', direct: true, answered: true };

/** Of a page of a network that wants a sign-in, for example. */
export const NOT_SLACK = translatable('what answered is not Slack');

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
  /** Slack's error code, or `HTTP 500`; `null` where nothing was answered at all. */
  readonly code: string | null;
  constructor(
    message: string,
    { code = null, cause }: { readonly code?: string | null; readonly cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
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

/**
 * What an error code means for what to try next:
 * - `closed`: the bot can't write in the conversation (any more)
 * - `content`: Slack does not take what the message shows; something poorer may pass
 * - `token`: the token is not valid any more; only the operator or a new installation can help
 * - `trouble`: Slack has trouble of its own; the same may work in a moment
 */
type Kind = 'closed' | 'content' | 'token' | 'trouble';

const NOT_IN = translatable("I'm not in this channel.");
const NOT_IN_THAT = translatable("I'm not in that channel.");
const NO_DM = translatable("Slack doesn't let me send you direct messages.");
const LOCKED = translatable('This thread is locked.');
const THAT_LOCKED = translatable('That thread is locked.');
const TOO_LONG = translatable('The message is too long for Slack.');
const MALFORMED = translatable('Slack found something in the message that it does not accept ({code}).');
const REMOVED = translatable('Slack no longer accepts my token for this workspace.');
const TROUBLE = translatable('Slack has trouble of its own ({code}).');

/**
 * By error code, what it means and a sentence for the person who waits, as said in the conversation itself and, where that
 * differs, elsewhere. https://docs.slack.dev/reference/methods
 */
const CODES = {
  access_denied: [
    'closed',
    translatable("I'm not allowed to write in this channel."),
    translatable("I'm not allowed to write in that channel."),
  ],
  as_user_not_supported: [
    'closed',
    translatable("I'm not allowed to write in this channel."),
    translatable("I'm not allowed to write in that channel."),
  ],
  cannot_dm_bot: [
    'closed',
    translatable("Slack lets no bot send direct messages to a bot, and that's what your account is."),
  ],
  cannot_reply_to_message: [
    'closed',
    translatable('This thread takes no replies.'),
    translatable('That thread takes no replies.'),
  ],
  cant_update_message: [
    'closed',
    translatable("Slack doesn't let me change my message in this channel."),
    translatable("Slack doesn't let me change my message in that channel."),
  ],
  channel_is_limited_access: [
    'closed',
    translatable('Access to this channel is limited.'),
    translatable('Access to that channel is limited.'),
  ],
  channel_not_found: ['closed', NOT_IN, NOT_IN_THAT],
  edit_window_closed: [
    'closed',
    translatable('Messages in this channel can be changed only for a while, and that is over.'),
    translatable('Messages in that channel can be changed only for a while, and that is over.'),
  ],
  ekm_access_denied: ['closed', translatable('The administrators of this workspace have suspended messages.')],
  enterprise_is_restricted: ['closed', translatable('The organisation of this workspace keeps me from writing.')],
  is_archived: [
    'closed',
    translatable('Nobody can write in this channel any more, since it is archived.'),
    translatable('Nobody can write in that channel any more, since it is archived.'),
  ],
  is_inactive: [
    'closed',
    translatable('Nobody can write in this channel any more, since it is frozen.'),
    translatable('Nobody can write in that channel any more, since it is frozen.'),
  ],
  messages_tab_disabled: [
    'closed',
    translatable('Direct messages with me are switched off in the settings of the app.'),
  ],
  no_permission: [
    'closed',
    translatable("I'm not allowed to write in this channel."),
    translatable("I'm not allowed to write in that channel."),
  ],
  not_in_channel: ['closed', NOT_IN, NOT_IN_THAT],
  restricted_action: [
    'closed',
    translatable('A setting of this workspace keeps me from writing in this channel.'),
    translatable('A setting of this workspace keeps me from writing in that channel.'),
  ],
  restricted_action_non_threadable_channel: [
    'closed',
    translatable('This channel takes no messages in threads.'),
    translatable('That channel takes no messages in threads.'),
  ],
  restricted_action_read_only_channel: [
    'closed',
    translatable('This channel is read-only.'),
    translatable('That channel is read-only.'),
  ],
  restricted_action_thread_locked: ['closed', LOCKED, THAT_LOCKED],
  restricted_action_thread_only_channel: [
    'closed',
    translatable('This channel takes messages in threads only.'),
    translatable('That channel takes messages in threads only.'),
  ],
  team_not_found: ['closed', translatable("I'm not installed in this workspace.")],
  thread_locked: ['closed', LOCKED, THAT_LOCKED],
  thread_not_found: [
    'closed',
    translatable('This thread no longer exists.'),
    translatable('That thread no longer exists.'),
  ],
  user_disabled: ['closed', NO_DM],
  user_not_found: ['closed', NO_DM],
  user_not_visible: ['closed', NO_DM],
  invalid_arguments: ['content', MALFORMED],
  invalid_blocks: ['content', MALFORMED],
  invalid_blocks_format: ['content', MALFORMED],
  msg_blocks_too_long: ['content', TOO_LONG],
  msg_too_long: ['content', TOO_LONG],
  no_text: ['content', translatable('Slack found the message empty.')],
  account_inactive: ['token', REMOVED],
  invalid_auth: ['token', REMOVED],
  not_authed: ['token', REMOVED],
  not_installed: ['token', translatable("I'm not installed in this workspace any more.")],
  team_access_not_granted: ['token', translatable('The organisation has not granted me this workspace.')],
  team_disabled: ['token', translatable('This workspace was disabled.')],
  token_expired: ['token', REMOVED],
  token_revoked: ['token', REMOVED],
  fatal_error: ['trouble', TROUBLE],
  internal_error: ['trouble', TROUBLE],
  org_login_required: ['trouble', translatable('This workspace is being moved to an organisation.')],
  request_timeout: ['trouble', TROUBLE],
  service_unavailable: ['trouble', TROUBLE],
  team_added_to_org: ['trouble', translatable('This workspace is being moved to an organisation.')],
} as const satisfies Record<string, readonly [kind: Kind, here: string, there?: string]>;

const MEANINGS: Readonly<Partial<Record<string, (typeof CODES)[keyof typeof CODES]>>> = CODES;

function codesOf(kind: Kind): ReadonlySet<string> {
  return new Set(Object.keys(CODES).filter((code) => MEANINGS[code]?.[0] === kind));
}

const TROUBLES = codesOf('trouble');

/** Errors of the Web API client as one of the three above. Messages never hold tokens. */
export function problemOf(error: unknown): RateLimited | Unanswered | Refused {
  if (error instanceof RateLimited || error instanceof Unanswered || error instanceof Refused) return error;
  if (error instanceof webApi.WebAPIRateLimitedError) return new RateLimited(error.retryAfter * 1000);
  if (error instanceof webApi.WebAPIPlatformError) {
    const { error: code } = error.data;
    if (code === 'ratelimited' || code === 'rate_limited') return new RateLimited(UNREADABLE);
    if (!/^[\w.:-]+$/.test(code)) return new Unanswered(NOT_SLACK, { cause: error });
    const details = error.data.response_metadata?.messages ?? [];
    return TROUBLES.has(code) ? new Unanswered(code, { code, cause: error }) : new Refused(code, details);
  }
  if (error instanceof webApi.WebAPIHTTPError) {
    return new Unanswered(error.message, { code: `HTTP ${error.statusCode}`, cause: error });
  }
  const message = networkFailure(error, SLACK)?.reason ?? (error instanceof Error ? error.message : String(error));
  return new Unanswered(message, { cause: error });
}

/** Codes for a token that is not valid any more; only the operator or a new installation can help. */
export const LOST_TOKEN = codesOf('token');

/** Codes for a conversation in which the bot can't write (any more). */
export const CLOSED_ROOM = codesOf('closed');

/** Whether Slack does not take what a message shows. */
export function isContentRefused({ code }: Refused): boolean {
  return MEANINGS[code]?.[0] === 'content' || /blocks|too_long|no_text|invalid_arg|metadata|attachments/.test(code);
}

/** Whether the bot could be invited. */
export function isOutside({ code }: Refused | Unanswered): boolean {
  return code !== null && MEANINGS[code]?.[1] === NOT_IN;
}

/**
 * Why a request failed, in a sentence for the person who waits. A code that is not known is named.
 *
 * @param place whether it is said in the conversation itself. @default 'here'
 */
export function whyOf(error: unknown, place: 'here' | 'there' = 'here'): string {
  const problem = problemOf(error);
  if (problem instanceof RateLimited) return t('Slack asked me to wait.');
  const { code } = problem;
  if (code === null) return t("Slack didn't answer.");
  const [, here, there = here] = MEANINGS[code] ?? [];
  const known = place === 'here' ? here : there;
  const values = { code };
  if (known !== undefined) return t(known, values);
  return problem instanceof Refused
    ? t('Slack refused it with “{code}”.', values)
    : t('Slack answered with {code} each time.', values);
}

/** Slack's code of a failure, for counting. */
export function reasonOf(error: unknown): string {
  const problem = problemOf(error);
  return problem instanceof RateLimited ? 'ratelimited' : (problem.code ?? 'no answer');
}

/** An error as a line for the log, without the addresses and tokens that libraries put into their messages. */
export function errorText(error: unknown): string {
  const failure = networkFailure(error, SLACK);
  if (failure) return `${failure.reason}. ${failure.hint}`;
  return withoutSecrets(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
}
