import { DiscordAPIError, GatewayCloseCodes } from 'discord.js';
import { OperatorError } from '../../../system/errors.ts';
import { networkFailure } from '../../../system/network-failure.ts';
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
    return badToken('Discord');
  }
  if (error instanceof DiscordAPIError && guild !== undefined && classify(error) === 'no_access') {
    return new OperatorError(
      'discord_no_guild_access',
      `The bot may not register commands in the server ${guild} that DISCORD_GUILD_ID names.`,
      {
        hint: `Invite it with this link${application === undefined ? '' : `: ${inviteUrl(application)}`}, or leave DISCORD_GUILD_ID empty to register the commands everywhere.`,
      },
    );
  }
  const base = new URL(apiBase ?? API_BASE);
  const failure = networkFailure(error, { host: base.host, direct: true });
  if (failure || classify(error) === 'transient') {
    const address =
      'DISCORD_API_BASE, if it is set, is an address without the version, e.g. http://127.0.0.1:3100/api.';
    return new OperatorError(
      'discord_unreachable',
      `Discord at ${base.host} can't be reached: ${failure?.reason ?? errorFields(error).error}.`,
      { hint: `${failure?.hint ?? 'Try again in a few minutes.'} ${address}`, cause: error },
    );
  }
  return new OperatorError('discord_refused', `Discord refused to start the bot: ${errorFields(error).error}.`, {
    cause: error,
  });
}

function isBadToken(error: unknown): boolean {
  if (error instanceof DiscordAPIError) return error.status === 401;
  return error instanceof Error && 'code' in error && error.code === 'TokenInvalid';
}

function badToken(who: string): OperatorError {
  return new OperatorError('discord_bad_token', `${who} does not accept the bot token in DISCORD_TOKEN.`, {
    hint: 'Open discord.com/developers/applications → your application → Bot → Reset Token, and put the new token into DISCORD_TOKEN.',
  });
}

/** The gateway, whose address Discord names, can't be reached, as far as the error tells. */
export function gatewayUnreachable(error: unknown): OperatorError | undefined {
  const failure = networkFailure(error, { host: 'gateway.discord.gg', direct: true });
  if (!failure?.permanent) return undefined;
  const message = `Discord's gateway can't be reached: ${failure.reason}.`;
  return new OperatorError('discord_unreachable', message, { hint: failure.hint, cause: error });
}

/** The gateway closed the connection for good. https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway */
export function gatewayError(code: number): OperatorError {
  switch (code) {
    case GatewayCloseCodes.AuthenticationFailed:
      return badToken("Discord's gateway");
    case GatewayCloseCodes.DisallowedIntents:
    case GatewayCloseCodes.InvalidIntents:
      return new OperatorError(
        'discord_intents',
        `Discord refuses the gateway intents of this bot (close code ${code}), although it asks for no privileged one.`,
        {
          hint: 'Update wuerst, and look under discord.com/developers/applications → your application → Bot → Privileged Gateway Intents.',
        },
      );
    case GatewayCloseCodes.ShardingRequired:
    case GatewayCloseCodes.InvalidShard:
      return new OperatorError('discord_sharding', `Discord refuses the number of shards (close code ${code}).`, {
        hint: 'Restart the bot: it asks Discord for the right number at start.',
      });
    default:
      return new OperatorError('discord_gateway_closed', `Discord's gateway closed the connection with code ${code}.`, {
        hint: 'See discord.com/developers/docs/topics/opcodes-and-status-codes for what the code means.',
      });
  }
}
