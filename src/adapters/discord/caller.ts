import {
  type APIInteraction,
  ApplicationIntegrationType,
  ChannelType,
  InteractionContextType,
  PermissionFlagsBits,
} from 'discord.js';
import type { Caller } from '../../bot/job.ts';
import type { DiscordApi } from './api.ts';
import type { Clock } from './clock.ts';
import { missingPermissions } from './invite.ts';

/** How long a channel's age restriction is remembered, in ms. */
const REMEMBER = 5 * 60 * 1000;
const REMEMBERED_CHANNELS = 1000;

const THREADS: readonly ChannelType[] = [
  ChannelType.AnnouncementThread,
  ChannelType.PublicThread,
  ChannelType.PrivateThread,
];

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
  return missingPermissions(interaction.app_permissions, ['View Channels']).length === 0;
}

export interface Callers {
  /** Who asks. `authority` names the permission that makes a moderator for what is asked. */
  of(interaction: APIInteraction, authority: 'ManageGuild' | 'ManageMessages'): Promise<Caller>;
}

export function createCallers(api: DiscordApi, clock: Clock): Callers {
  const parents = new Map<string, { readonly restricted: boolean; readonly at: number }>();

  /** Threads inherit the restriction of their channel, which the interaction does not carry. */
  async function ageRestricted(interaction: APIInteraction): Promise<boolean> {
    const channel = interaction.channel;
    if (!channel || !interaction.guild_id) return false;
    if ('nsfw' in channel && channel.nsfw === true) return true;
    const parent = 'parent_id' in channel ? channel.parent_id : null;
    if (!THREADS.includes(channel.type) || typeof parent !== 'string') return false;
    const known = parents.get(parent);
    if (known && clock.now() - known.at < REMEMBER) return known.restricted;
    try {
      const fetched = await api.channel(parent);
      const restricted = 'nsfw' in fetched && fetched.nsfw === true;
      if (parents.size >= REMEMBERED_CHANNELS) parents.clear();
      parents.set(parent, { restricted, at: clock.now() });
      return restricted;
    } catch {
      // Where nothing is known the stricter rule holds.
      return false;
    }
  }

  return {
    async of(interaction, authority) {
      const { id, name } = userOf(interaction);
      const permissions = BigInt(interaction.member?.permissions ?? '0');
      const authorities =
        PermissionFlagsBits.Administrator | PermissionFlagsBits.ManageGuild | PermissionFlagsBits[authority];
      const guild = installingGuild(interaction);
      return {
        surface: 'discord',
        user: id,
        name,
        room: interaction.channel?.id ?? '0',
        guild: interaction.guild_id ?? null,
        payer: guild === null ? `discord:user:${id}` : `discord:guild:${guild}`,
        moderator: (permissions & authorities) !== 0n,
        ageRestricted: await ageRestricted(interaction),
      };
    },
  };
}
