import { DiscordAPIError, GatewayCloseCodes } from 'discord.js';
import { OperatorError } from '../../../system/errors.ts';
import { foreignWords } from '../../../system/foreign-words.ts';
import { networkFailure } from '../../../system/network-failure.ts';
import { t } from '../../../texts/translate.ts';
import { inviteUrl } from '../commands/permissions.ts';
import { API_BASE } from './connections.ts';
import { classify, errorFields } from './errors.ts';

interface Attempt {
  readonly apiBase?: string | undefined;
  readonly guild?: string | undefined;
  readonly application?: string;
}

/** Why the bot could not start, in a sentence, and what to do about it. */
export function restError(error: unknown, { apiBase, guild, application }: Attempt): OperatorError {
  if (error instanceof OperatorError) return error;
  if (isBadToken(error)) {
    return badToken(() => t('Discord does not accept the bot token in DISCORD_TOKEN.'));
  }
  if (error instanceof DiscordAPIError && guild !== undefined && classify(error) === 'no_access') {
    return new OperatorError(
      'discord_no_guild_access',
      () => t('The bot may not register commands in the server {guild} that DISCORD_GUILD_ID names.', { guild }),
      {
        hint: () =>
          application === undefined
            ? t('Invite it, or leave DISCORD_GUILD_ID empty to register the commands everywhere.')
            : t(
                'Invite it with this link, or leave DISCORD_GUILD_ID empty to register the commands everywhere: {url}',
                { url: inviteUrl(application) },
              ),
      },
    );
  }
  const base = new URL(apiBase ?? API_BASE);
  const failure = networkFailure(error, { host: base.host, direct: true });
  if (failure || classify(error) === 'transient') {
    return new OperatorError(
      'discord_unreachable',
      () =>
        t("Discord at {host} can't be reached: {reason}.", {
          ...{ host: base.host, reason: failure?.reason ?? foreignWords(errorFields(error).error) },
        }),
      {
        hint: () =>
          [
            failure?.hint ?? t('Try again in a few minutes.'),
            t('DISCORD_API_BASE, if it is set, is an address without the version, e.g. {example}.', {
              example: 'http://127.0.0.1:3100/api',
            }),
          ].join(' '),
        cause: error,
      },
    );
  }
  return new OperatorError(
    'discord_refused',
    () => t('Discord refused to start the bot: {reason}.', { reason: foreignWords(errorFields(error).error) }),
    { cause: error },
  );
}

function isBadToken(error: unknown): boolean {
  if (error instanceof DiscordAPIError) return error.status === 401;
  return error instanceof Error && 'code' in error && error.code === 'TokenInvalid';
}

function badToken(message: () => string): OperatorError {
  return new OperatorError('discord_bad_token', message, {
    hint: () =>
      t('Open {page} → your application → Bot → Reset Token, and put the new token into DISCORD_TOKEN.', {
        page: 'discord.com/developers/applications',
      }),
  });
}

/** The gateway, whose address Discord names, can't be reached, as far as the error tells. */
export function gatewayUnreachable(error: unknown): OperatorError | undefined {
  const failure = networkFailure(error, { host: 'gateway.discord.gg', direct: true });
  if (!failure?.permanent) return undefined;
  return new OperatorError(
    'discord_unreachable',
    () => t("Discord's gateway can't be reached: {reason}.", { reason: failure.reason }),
    { hint: () => failure.hint, cause: error },
  );
}

/** The gateway closed the connection for good. https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway */
export function gatewayError(code: number): OperatorError {
  // A code, not a quantity: it is not grouped.
  const given = { code: String(code) };
  switch (code) {
    case GatewayCloseCodes.AuthenticationFailed:
      return badToken(() => t("Discord's gateway does not accept the bot token in DISCORD_TOKEN."));
    case GatewayCloseCodes.DisallowedIntents:
    case GatewayCloseCodes.InvalidIntents:
      return new OperatorError(
        'discord_intents',
        () =>
          t(
            'Discord refuses the gateway intents of this bot (close code {code}), although it asks for no privileged one.',
            given,
          ),
        {
          hint: () =>
            t('Update wuerst, and look under {page} → your application → Bot → Privileged Gateway Intents.', {
              page: 'discord.com/developers/applications',
            }),
        },
      );
    case GatewayCloseCodes.ShardingRequired:
    case GatewayCloseCodes.InvalidShard:
      return new OperatorError(
        'discord_sharding',
        () => t('Discord refuses the number of shards (close code {code}).', given),
        { hint: () => t('Restart the bot: it asks Discord for the right number at start.') },
      );
    default:
      return new OperatorError(
        'discord_gateway_closed',
        () => t("Discord's gateway closed the connection with code {code}.", given),
        {
          hint: () =>
            t('See {page} for what the code means.', {
              page: 'discord.com/developers/docs/topics/opcodes-and-status-codes',
            }),
        },
      );
  }
}
