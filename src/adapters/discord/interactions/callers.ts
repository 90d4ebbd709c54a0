import {
  type APIInteraction,
  ApplicationIntegrationType,
  ChannelType,
  InteractionContextType,
  PermissionFlagsBits,
} from 'discord.js';
import type { Caller } from '../../../bot/job.ts';
import type { Clock } from '../../../system/clock.ts';
import { missingPermissions, type PermissionName } from '../commands/permissions.ts';
import type { DiscordApi } from '../rest/api.ts';

/** How long a channel's age restriction is remembered, in ms. */
const REMEMBER = 5 * 60 * 1000;
const REMEMBERED_CHANNELS = 1000;

const THREADS: readonly ChannelType[] = [
  ChannelType.AnnouncementThread,
  ChannelType.PublicThread,
  ChannelType.PrivateThread,
];

/** The text of a voice channel is closed to who may not connect to it. */
const VOICE: readonly ChannelType[] = [ChannelType.GuildVoice, ChannelType.GuildStageVoice];

/** The guild that installed the app and vouches for this interaction, `null` where a person's own installation does. */
export function installingGuild(interaction: APIInteraction): string | null {
  const owner = interaction.authorizing_integration_owners[ApplicationIntegrationType.GuildInstall];
  // In a direct message with the bot the value is "0".
  return owner !== undefined && owner !== '0' ? owner : null;
}

export function userOf(interaction: APIInteraction): { readonly id: string; readonly name: string } {
  const user = interaction.member?.user ?? interaction.user;
  if (!user) return { id: '0', name: '' };
  return { id: user.id, name: interaction.member?.nick ?? user.global_name ?? user.username };
}

/** Whether the bot's own token reaches the messages of this channel, now and after the interaction's token has died. */
export function botHasAccess(interaction: APIInteraction): boolean {
  if (interaction.context === InteractionContextType.BotDM) return true;
  if (!interaction.guild_id || installingGuild(interaction) !== interaction.guild_id) return false;
  const wanted: PermissionName[] = VOICE.includes(interaction.channel?.type ?? ChannelType.GuildText)
    ? ['View Channels', 'Connect']
    : ['View Channels'];
  return missingPermissions(interaction.app_permissions, wanted).length === 0;
}

/** Whose share of the queue is used: the guild that installed the app, else the person who did, who need not be the one who clicks. */
function payerOf(interaction: APIInteraction): string {
  const guild = installingGuild(interaction);
  if (guild !== null) return `discord:guild:${guild}`;
  const owner = interaction.authorizing_integration_owners[ApplicationIntegrationType.UserInstall];
  return `discord:user:${owner ?? userOf(interaction).id}`;
}

type Authority = 'ManageGuild' | 'ManageMessages';

export interface Callers {
  /** Who asks. `authority` names the permission that makes a moderator for what is asked. */
  of(interaction: APIInteraction, authority: Authority): Promise<Caller>;
  /** The same at once, for what must be answered within seconds and paints nothing: age restrictions may be unknown yet. */
  known(interaction: APIInteraction, authority: Authority): Caller;
}

export function createCallers(api: DiscordApi, clock: Clock): Callers {
  const parents = new Map<string, { readonly restricted: boolean; readonly at: number }>();

  /** What is known of it; `null` for a thread whose channel was not looked up lately, since the interaction does not carry that. */
  function ageRestricted({ channel, guild_id }: APIInteraction): boolean | null {
    if (!channel || !guild_id) return false;
    if ('nsfw' in channel && channel.nsfw === true) return true;
    const parent = parentOf(channel);
    if (parent === null) return false;
    const known = parents.get(parent);
    return known && clock.now() - known.at < REMEMBER ? known.restricted : null;
  }

  /** Threads inherit the restriction of their channel. Where it can't be seen, the stricter rule holds. */
  async function lookUp({ channel }: APIInteraction): Promise<void> {
    const parent = channel ? parentOf(channel) : null;
    if (parent === null) return;
    const fetched = await api.channel(parent).catch(() => null);
    const restricted = fetched !== null && 'nsfw' in fetched && fetched.nsfw === true;
    if (parents.size >= REMEMBERED_CHANNELS) parents.clear();
    parents.set(parent, { restricted, at: clock.now() });
  }

  function known(interaction: APIInteraction, authority: Authority): Caller {
    const { id, name } = userOf(interaction);
    const permissions = BigInt(interaction.member?.permissions ?? '0');
    const authorities =
      PermissionFlagsBits.Administrator | PermissionFlagsBits.ManageGuild | PermissionFlagsBits[authority];
    return {
      surface: 'discord',
      user: id,
      name,
      room: interaction.channel?.id ?? interaction.channel_id ?? '0',
      guild: interaction.guild_id ?? null,
      payer: payerOf(interaction),
      moderator: (permissions & authorities) !== 0n,
      ageRestricted: ageRestricted(interaction) ?? false,
    };
  }

  return {
    known,
    async of(interaction, authority) {
      if (ageRestricted(interaction) === null) await lookUp(interaction);
      return known(interaction, authority);
    },
  };
}

function parentOf(channel: NonNullable<APIInteraction['channel']>): string | null {
  const parent = 'parent_id' in channel ? channel.parent_id : null;
  return THREADS.includes(channel.type) && typeof parent === 'string' ? parent : null;
}
