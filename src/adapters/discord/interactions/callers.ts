import {
  type APIInteraction,
  ApplicationIntegrationType,
  ChannelType,
  InteractionContextType,
  PermissionFlagsBits,
} from 'discord.js';
import { type Caller, readerOf } from '../../../bot/job.ts';
import type { Clock } from '../../../system/clock.ts';
import { RecentMap } from '../../../system/memo.ts';
import { type Language, languageOf } from '../../../texts/language.ts';
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

/** Who may not connect to a voice channel can't read its text either. */
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

/** What the person reads who sent it, or where Discord does not say that, the server. */
export function languageIn(interaction: APIInteraction): Language {
  const own = 'locale' in interaction ? interaction.locale : undefined;
  return languageOf([own ?? interaction.guild_locale ?? '']);
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

/** Whose share of the queue is used: the guild that installed the app, else the person who did (not always the one who clicks). */
function payerOf(interaction: APIInteraction): string {
  const guild = installingGuild(interaction);
  if (guild !== null) return `discord:guild:${guild}`;
  const owner = interaction.authorizing_integration_owners[ApplicationIntegrationType.UserInstall];
  return `discord:user:${owner ?? userOf(interaction).id}`;
}

type Authority = 'ManageGuild' | 'ManageMessages';

export class Callers {
  readonly #api: DiscordApi;
  readonly #clock: Clock;
  readonly #parents = new RecentMap<string, { readonly restricted: boolean; readonly at: number }>(REMEMBERED_CHANNELS);

  constructor(api: DiscordApi, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
  }

  /** The person who asks. `authority` is the permission that makes a moderator for this kind of request. */
  async of(interaction: APIInteraction, authority: Authority): Promise<Caller> {
    if (this.#ageRestricted(interaction) === null) await this.#lookUp(interaction);
    return this.known(interaction, authority);
  }

  /** The same without waiting, for quick answers that paint nothing: age restrictions may not be known yet. */
  known(interaction: APIInteraction, authority: Authority): Caller {
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
      ageRestricted: this.#ageRestricted(interaction) ?? false,
      ...readerOf(languageIn(interaction)),
    };
  }

  /** `null` if unknown: interactions in a thread say nothing about its channel, which has to be looked up. */
  #ageRestricted({ channel, guild_id }: APIInteraction): boolean | null {
    if (!channel || !guild_id) return false;
    if ('nsfw' in channel && channel.nsfw === true) return true;
    const parent = parentOf(channel);
    if (parent === null) return false;
    const known = this.#parents.get(parent);
    return known && this.#clock.monotonic() - known.at < REMEMBER ? known.restricted : null;
  }

  /** Threads inherit the restriction of their channel. If that can't be seen, the stricter rule holds. */
  async #lookUp({ channel }: APIInteraction): Promise<void> {
    const parent = channel ? parentOf(channel) : null;
    if (parent === null) return;
    const fetched = await this.#api.channel(parent).catch(() => null);
    const restricted = fetched !== null && 'nsfw' in fetched && fetched.nsfw === true;
    this.#parents.set(parent, { restricted, at: this.#clock.monotonic() });
  }
}

function parentOf(channel: NonNullable<APIInteraction['channel']>): string | null {
  const parent = 'parent_id' in channel ? channel.parent_id : null;
  return THREADS.includes(channel.type) && typeof parent === 'string' ? parent : null;
}
