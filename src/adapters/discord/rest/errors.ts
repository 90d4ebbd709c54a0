import { DiscordAPIError, HTTPError } from 'discord.js';
import { type Destination, networkFailure } from '../../../system/network-failure.ts';
import { t, translatable } from '../../../texts/translate.ts';
import { shownName } from '../commands/permissions.ts';

/** Where requests of a running bot lead: it has reached it before. */
const DISCORD: Destination = { host: 'Discord', direct: true, answered: true };

/**
 * What a failed request means for what to try next:
 * - `transient`: the network, Discord itself or the bot's token; the same request may work in a moment or after a restart
 * - `token`: the interaction's token is dead or was never answered; the bot's own token may still work
 * - `gone`: the message does not exist any more
 * - `no_access`: the bot may not see or write there, or the place is gone
 * - `dm_closed`: the person takes no direct messages from the bot
 * - `too_large`: smaller files may pass, or none at all
 * - `acknowledged`: the interaction was answered before
 * - `rejected`: anything else: repeating is pointless, something poorer may pass
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

interface Meaning {
  readonly failure: Failure;
  /** For the person who waits: a sentence that is true in the channel and in a direct message. */
  readonly why: string;
}

const TOO_OLD: Meaning = { failure: 'token', why: translatable('The command is too old to be answered.') };
const CHANNEL_GONE: Meaning = { failure: 'no_access', why: translatable('The channel no longer exists.') };
const NOT_MADE_FOR_IT: Meaning = {
  failure: 'no_access',
  why: translatable("Messages can't be sent in a channel of that kind."),
};
const TOO_LARGE: Meaning = { failure: 'too_large', why: translatable('The pictures are too large for Discord.') };
const BAD_FILE: Meaning = { failure: 'too_large', why: translatable("Discord doesn't accept the pictures as files.") };
const DMS_CLOSED: Meaning = { failure: 'dm_closed', why: translatable('You take no direct messages from me.') };
const OVERLOADED: Meaning = { failure: 'transient', why: translatable('Discord takes no messages at the moment.') };
const AUTOMOD: Meaning = { failure: 'rejected', why: translatable("The server's AutoMod blocked the message.") };

/** https://discord.com/developers/docs/topics/opcodes-and-status-codes#json */
const CODES: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [10003, CHANNEL_GONE],
  [10004, { failure: 'no_access', why: translatable("I'm not in the server any more.") }],
  [10008, { failure: 'gone', why: translatable('The message was deleted.') }],
  [10013, { failure: 'dm_closed', why: translatable('Discord no longer knows your account.') }],
  [10015, TOO_OLD],
  [10062, TOO_OLD],
  [20009, { failure: 'rejected', why: translatable("Discord's filter for explicit content blocked the message.") }],
  [20016, { failure: 'transient', why: translatable('Slow mode keeps me from writing in the channel.') }],
  [20028, { failure: 'transient', why: translatable('Too much is being written in the channel.') }],
  [20029, { failure: 'transient', why: translatable('Too much is being written in the server.') }],
  [30033, { failure: 'no_access', why: translatable('The thread has as many members as a thread can have.') }],
  [
    30046,
    {
      failure: 'transient',
      why: translatable('Discord allows no more edits of the message, which is over an hour old.'),
    },
  ],
  [40003, { failure: 'transient', why: translatable('Discord lets me open no more direct messages at the moment.') }],
  [40004, OVERLOADED],
  [40005, TOO_LARGE],
  [40006, OVERLOADED],
  [40007, { failure: 'no_access', why: translatable("I'm banned from the server.") }],
  [40058, NOT_MADE_FOR_IT],
  [40060, { failure: 'acknowledged', why: translatable('The command was answered before.') }],
  [40062, OVERLOADED],
  [40094, { failure: 'token', why: translatable('Discord allows no more answers to the command.') }],
  [40333, { failure: 'transient', why: translatable('Cloudflare, which protects Discord, blocks me at the moment.') }],
  [50001, { failure: 'no_access', why: translatable('I lack the permission “View Channels” in the channel.') }],
  [50003, NOT_MADE_FOR_IT],
  // The stored id is of no use.
  [50005, { failure: 'gone', why: translatable('The message is not mine.') }],
  [50006, { failure: 'rejected', why: translatable('Discord found the message empty.') }],
  [50007, DMS_CLOSED],
  [50008, NOT_MADE_FOR_IT],
  [50009, { failure: 'no_access', why: translatable("The channel's verification level keeps me out.") }],
  [50013, { failure: 'no_access', why: translatable('I lack a permission in the channel, such as “Attach Files”.') }],
  [50024, NOT_MADE_FOR_IT],
  [50027, TOO_OLD],
  [
    50035,
    {
      failure: 'rejected',
      why: translatable('Discord found something in the message that it does not accept (code 50035).'),
    },
  ],
  [50045, TOO_LARGE],
  [50046, BAD_FILE],
  [50083, { failure: 'no_access', why: translatable('The thread is archived.') }],
  [50095, { failure: 'no_access', why: translatable('Discord does not offer the server in every country.') }],
  [50110, BAD_FILE],
  [50123, BAD_FILE],
  [50146, BAD_FILE],
  [
    50278,
    { failure: 'dm_closed', why: translatable("We have no server in common, so I can't send you direct messages.") },
  ],
  [130000, OVERLOADED],
  [160005, { failure: 'no_access', why: translatable('The thread is locked.') }],
  [200000, AUTOMOD],
  [200001, AUTOMOD],
  [240000, { failure: 'rejected', why: translatable("Discord's filter for harmful links blocked the message.") }],
  [400001, { failure: 'too_large', why: translatable('Discord has limited file uploads in the server.') }],
]);

/** Whether Discord refused what a message shows: it may take a poorer one. */
export function isRefusal(error: unknown): boolean {
  return error instanceof DiscordAPIError && ['rejected', 'too_large'].includes(classify(error));
}

/** Why a request failed, in a sentence for the person who waits. A code that is not known is named. */
export function whyOf(error: unknown): string {
  if (error instanceof DiscordAPIError) {
    if (error.code === 50013 && error.method === 'POST')
      return t('I lack the permission {name} in the channel.', { name: shownName('Send Messages') });
    const known = CODES.get(Number(error.code));
    if (known) return t(known.why);
    if (error.status === 413) return t(TOO_LARGE.why);
    return Number(error.code) > 0
      ? t('Discord refused it with the code {code}.', { code: String(error.code) })
      : t('Discord refused it with {status}.', { status: `HTTP ${error.status}` });
  }
  if (error instanceof HTTPError)
    return t('Discord answered with {status} each time.', { status: `HTTP ${error.status}` });
  return isNetworkError(error) ? t("Discord can't be reached.") : t('Something went wrong here.');
}

/** The platform's code of a failure, for counting. */
export function reasonOf(error: unknown): string {
  if (error instanceof DiscordAPIError && Number(error.code) > 0) return `the code ${error.code}`;
  if (error instanceof DiscordAPIError || error instanceof HTTPError) return `HTTP ${error.status}`;
  return isNetworkError(error) ? 'no answer' : 'no request';
}

/** Whether Discord itself answered: asking for the same again and again need not help. */
export function isAnswered(error: unknown): boolean {
  return error instanceof HTTPError || (error instanceof DiscordAPIError && error.status !== 401);
}

export function classify(error: unknown): Failure {
  if (error instanceof DiscordAPIError) {
    const known = CODES.get(Number(error.code));
    if (known) return known.failure;
    // The bot's own token: results wait until the operator has replaced it.
    if (error.status === 401) return 'transient';
    if (error.status === 404) return 'token';
    // An answer without a code comes from a proxy in front of Discord.
    if (error.status === 403) return typeof error.code === 'number' ? 'no_access' : 'transient';
    if (error.status === 413) return 'too_large';
    return error.status === 429 ? 'transient' : 'rejected';
  }
  if (error instanceof HTTPError) return error.status >= 500 ? 'transient' : 'rejected';
  // Results wait, also for what only the operator can mend.
  return isNetworkError(error) || isTokenForgotten(error) ? 'transient' : 'rejected';
}

function isNetworkError(error: unknown): boolean {
  return networkFailure(error, DISCORD) !== undefined;
}

/** After a 401 discord.js makes no more requests with that token. */
function isTokenForgotten(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Expected token to be set');
}

/** A line for the log: names and codes only, since request URLs hold interaction tokens. */
export function errorFields(error: unknown): {
  readonly error: string;
  readonly code?: string | number;
  readonly hint?: string;
} {
  if (error instanceof DiscordAPIError) return { error: error.message, code: error.code };
  if (error instanceof HTTPError) return { error: `HTTP ${error.status}`, code: error.status };
  const failure = networkFailure(error, DISCORD);
  if (failure) return { error: failure.reason, ...(failure.permanent && { hint: failure.hint }) };
  if (error instanceof Error) return { error: `${error.name}: ${error.message}` };
  return { error: String(error) };
}
