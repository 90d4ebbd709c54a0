import {
  ApplicationCommandOptionType,
  ApplicationCommandType,
  ApplicationIntegrationType,
  InteractionContextType,
  PermissionFlagsBits,
  type RESTPostAPIApplicationCommandsJSONBody,
} from 'discord.js';
import type { CommandLimits } from '../../../bot/command/parse.ts';
import { SETTING_OPTIONS, type SettingOption } from './setting-options.ts';

type Command = RESTPostAPIApplicationCommandsJSONBody;
type Option = NonNullable<Extract<Command, { options?: unknown }>['options']>[number];

/** The most that a prompt with its settings may have: Discord's own limit. */
const LONGEST_PROMPT = 6000;
/** For values of one word. */
const ONE_WORD = 40;

function settingOption({ name, key, de, autocomplete }: SettingOption, limits: CommandLimits): Option {
  const base = {
    name,
    name_localizations: { de: de[0] },
    description: key.description,
    description_localizations: { de: de[1] },
  };
  const complete = autocomplete ? ({ autocomplete: true } as const) : {};
  const range = key.range?.(limits);
  const bounds = range === undefined ? {} : { min_value: range.min, max_value: range.max };
  switch (key.type) {
    case 'integer':
      return { ...base, ...complete, ...bounds, type: ApplicationCommandOptionType.Integer };
    case 'number':
      return { ...base, ...complete, ...bounds, type: ApplicationCommandOptionType.Number };
    case 'switch':
      return { ...base, type: ApplicationCommandOptionType.Boolean };
    case 'text':
      return {
        ...base,
        ...complete,
        type: ApplicationCommandOptionType.String,
        max_length: key.name === 'negative' ? limits.maxPromptLength : ONE_WORD,
      };
  }
}

function text(
  name: string,
  description: string,
  de: readonly [string, string],
  extra: { required?: boolean } = {},
): Option {
  return {
    type: ApplicationCommandOptionType.String,
    name,
    name_localizations: { de: de[0] },
    description,
    description_localizations: { de: de[1] },
    ...extra,
  };
}

/** Where commands can be used: installed to a server or to an account; in servers, with the bot alone, and among friends. */
const EVERYWHERE = {
  integration_types: [ApplicationIntegrationType.GuildInstall, ApplicationIntegrationType.UserInstall],
  contexts: [InteractionContextType.Guild, InteractionContextType.BotDM, InteractionContextType.PrivateChannel],
};

function chat(name: string, description: string, de: string, options: Option[], scope: object = EVERYWHERE): Command {
  return {
    type: ApplicationCommandType.ChatInput,
    name,
    description,
    description_localizations: { de },
    options,
    ...scope,
  };
}

export const CONTEXT_COMMAND = 'Image parameters';
export const SETTINGS_COMMAND = 'wuerst-settings';

/** What is registered with Discord: numbers have the bounds that the core has without a guild's own, stricter ones. */
export const commandsWithin = (limits: CommandLimits): readonly Command[] => [
  chat('wuerst', 'Paint a picture from a description', 'Male ein Bild nach einer Beschreibung', [
    {
      type: ApplicationCommandOptionType.String,
      name: 'prompt',
      name_localizations: { de: 'beschreibung' },
      description: 'What to paint; settings like width:1536 may stand anywhere in it',
      description_localizations: { de: 'Was gemalt werden soll; Einstellungen wie width:1536 dürfen darin stehen' },
      required: true,
      max_length: LONGEST_PROMPT,
      autocomplete: true,
    },
    ...SETTING_OPTIONS.map((option) => settingOption(option, limits)),
  ]),
  chat('wuerst-history', 'Your latest pictures', 'Deine letzten Bilder', []),
  chat('wuerst-show', 'Bring a picture back, with its buttons', 'Hole ein Bild zurück, mit seinen Knöpfen', [
    text('id', 'The id below the picture', ['id', 'Die Kennung unter dem Bild'], { required: true }),
  ]),
  chat('wuerst-queue', 'What is waiting, and for how long', 'Was wartet, und wie lange noch', []),
  chat('wuerst-cancel', 'Stop a picture that is waiting or being made', 'Brich ein wartendes oder laufendes Bild ab', [
    text('id', 'The id below the picture; without it, your latest', ['id', 'Die Kennung; ohne sie dein letztes Bild']),
  ]),
  chat(
    SETTINGS_COMMAND,
    'Show or change the limits and rules of this server',
    'Zeige oder ändere Grenzen und Regeln dieses Servers',
    [
      text('setting', 'Which setting; leave empty to see all', ['einstellung', 'Welche Einstellung; leer zeigt alle']),
      text('value', 'Its new value', ['wert', 'Ihr neuer Wert']),
    ],
    {
      integration_types: [ApplicationIntegrationType.GuildInstall],
      contexts: [InteractionContextType.Guild],
      default_member_permissions: PermissionFlagsBits.ManageGuild.toString(),
    },
  ),
  chat('wuerst-help', 'What wuerst can do, and how', 'Was wuerst kann, und wie', []),
  {
    type: ApplicationCommandType.Message,
    name: CONTEXT_COMMAND,
    name_localizations: { de: 'Bildparameter' },
    ...EVERYWHERE,
  },
];
