import {
  type APIApplicationCommandAutocompleteInteraction,
  type APIApplicationCommandInteractionDataBasicOption,
  type APIChatInputApplicationCommandInteraction,
  type APIInteraction,
  type APIMessageApplicationCommandInteraction,
  type APIMessageComponentInteraction,
  type APIModalSubmitInteraction,
  ApplicationCommandOptionType,
  ApplicationCommandType,
  ComponentType,
  InteractionContextType,
  InteractionType,
  Locale,
  PermissionFlagsBits,
} from 'discord.js';
import { APPLICATION, type StandIn, type StoredMessage } from './stand-in.ts';

export const GUILD = '200000000000000001';
export const ANN = '300000000000000001';
const ALL = (
  PermissionFlagsBits.ViewChannel |
  PermissionFlagsBits.SendMessages |
  PermissionFlagsBits.EmbedLinks |
  PermissionFlagsBits.AttachFiles |
  PermissionFlagsBits.ReadMessageHistory
).toString();

export interface From {
  readonly channel: string;
  readonly user?: string;
  /**
   * `guild`: installed there. `user`: a person's own installation, used in a guild. `dm`: alone with the bot.
   * `friends`: a person's own installation, in a direct message with somebody else.
   */
  readonly install?: 'guild' | 'user' | 'dm' | 'friends';
  /** Whose installation it is, where it is a person's own. @default the user */
  readonly owner?: string;
  readonly permissions?: bigint;
  readonly appPermissions?: string;
  readonly limit?: number;
  readonly nsfw?: boolean;
  /** The channel is a thread below this channel. */
  readonly parent?: string;
  readonly guild?: string;
  /** @default American English */
  readonly locale?: Locale;
}

const CONTEXTS = {
  guild: InteractionContextType.Guild,
  user: InteractionContextType.Guild,
  dm: InteractionContextType.BotDM,
  friends: InteractionContextType.PrivateChannel,
} as const;

function base<T extends InteractionType>(standIn: StandIn, type: T, from: From, source: StoredMessage | null = null) {
  const limit = from.limit ?? 10 * 1024 * 1024;
  const { id, token } = standIn.interaction(from.channel, type, limit, source?.id);
  const user = { id: from.user ?? ANN, username: 'ann', discriminator: '0', global_name: 'Ann', avatar: null };
  const install = from.install ?? 'guild';
  const guild = from.guild ?? GUILD;
  const inGuild = install === 'guild' || install === 'user';
  const member = {
    user,
    nick: null,
    roles: [],
    joined_at: new Date(0).toISOString(),
    deaf: false,
    mute: false,
    flags: 0,
    permissions: (from.permissions ?? 0n).toString(),
  };
  const kind = inGuild ? (from.parent === undefined ? 0 : 11) : 1;
  return {
    id,
    token,
    application_id: APPLICATION,
    type,
    version: 1 as const,
    locale: from.locale ?? Locale.EnglishUS,
    entitlements: [],
    app_permissions: from.appPermissions ?? ALL,
    attachment_size_limit: limit,
    channel: {
      id: from.channel,
      type: kind,
      ...(from.nsfw === true ? { nsfw: true } : {}),
      ...(from.parent === undefined ? {} : { parent_id: from.parent }),
    },
    channel_id: from.channel,
    context: CONTEXTS[install],
    authorizing_integration_owners:
      install === 'user' || install === 'friends' ? { 1: from.owner ?? user.id } : { 0: inGuild ? guild : '0' },
    ...(inGuild ? { guild_id: guild, guild: { id: guild, locale: Locale.EnglishUS, features: [] }, member } : { user }),
  };
}

function send<T extends APIInteraction>(standIn: StandIn, payload: T): T {
  standIn.gateway.dispatch('INTERACTION_CREATE', payload);
  return payload;
}

type Value = string | number | boolean;

function optionOf(name: string, value: Value): APIApplicationCommandInteractionDataBasicOption {
  if (typeof value === 'boolean') return { name, type: ApplicationCommandOptionType.Boolean, value };
  if (typeof value === 'string') return { name, type: ApplicationCommandOptionType.String, value };
  const type = Number.isInteger(value) ? ApplicationCommandOptionType.Integer : ApplicationCommandOptionType.Number;
  return { name, type, value } as const;
}

export function sendCommand(standIn: StandIn, name: string, options: Record<string, Value>, from: From) {
  return send<APIChatInputApplicationCommandInteraction>(standIn, {
    ...base(standIn, InteractionType.ApplicationCommand, from),
    data: {
      id: '400000000000000001',
      type: ApplicationCommandType.ChatInput,
      name,
      options: Object.entries(options).map(([key, value]) => optionOf(key, value)),
    },
  });
}

/** A command with attachments, by their options: what Discord says of each. */
export function sendAttachments(
  standIn: StandIn,
  options: Record<string, Value>,
  attachments: Readonly<Record<string, { readonly url: string; readonly size: number; readonly filename?: string }>>,
  from: From,
  command = 'wuerst',
) {
  const ids = Object.keys(attachments).map((name, i) => [name, String(500 + i)] as const);
  return send<APIChatInputApplicationCommandInteraction>(standIn, {
    ...base(standIn, InteractionType.ApplicationCommand, from),
    data: {
      id: '400000000000000001',
      type: ApplicationCommandType.ChatInput,
      name: command,
      options: [
        ...Object.entries(options).map(([key, value]) => optionOf(key, value)),
        ...ids.map(([name, value]) => ({ name, type: ApplicationCommandOptionType.Attachment, value }) as const),
      ],
      resolved: {
        attachments: Object.fromEntries(
          ids.map(([name, id]) => {
            const { url = '', size = 0, filename = 'photo.png' } = attachments[name] ?? {};
            return [id, { id, filename, url, proxy_url: url, size }];
          }),
        ),
      },
    },
  });
}

export function sendAutocomplete(standIn: StandIn, option: string, typed: string, from: From) {
  return send<APIApplicationCommandAutocompleteInteraction>(standIn, {
    ...base(standIn, InteractionType.ApplicationCommandAutocomplete, from),
    data: {
      id: '400000000000000001',
      type: ApplicationCommandType.ChatInput,
      name: 'wuerst',
      options: [{ name: option, type: ApplicationCommandOptionType.String, value: typed, focused: true }],
    },
  });
}

export function sendClick(standIn: StandIn, customId: string, message: StoredMessage, from: From) {
  return send<APIMessageComponentInteraction>(standIn, {
    ...base(standIn, InteractionType.MessageComponent, from, message),
    data: { custom_id: customId, component_type: ComponentType.Button },
    message: standIn.toApi(message),
  });
}

export function sendSelect(standIn: StandIn, customId: string, value: string, message: StoredMessage, from: From) {
  return send<APIMessageComponentInteraction>(standIn, {
    ...base(standIn, InteractionType.MessageComponent, from, message),
    data: { custom_id: customId, component_type: ComponentType.StringSelect, values: [value] },
    message: standIn.toApi(message),
  });
}

export function sendModal(standIn: StandIn, customId: string, value: string, from: From) {
  return send<APIModalSubmitInteraction>(standIn, {
    ...base(standIn, InteractionType.ModalSubmit, from),
    data: {
      custom_id: customId,
      components: [
        {
          type: ComponentType.Label,
          id: 1,
          component: { type: ComponentType.TextInput, id: 2, custom_id: 'text', value },
        },
      ],
    },
  });
}

export function sendContextMenu(standIn: StandIn, message: StoredMessage, from: From) {
  return send<APIMessageApplicationCommandInteraction>(standIn, {
    ...base(standIn, InteractionType.ApplicationCommand, from),
    data: {
      id: '400000000000000002',
      type: ApplicationCommandType.Message,
      name: 'Image parameters',
      target_id: message.id,
      resolved: { messages: { [message.id]: standIn.toApi(message) } },
    },
  });
}
