import {
  ApplicationCommandOptionType,
  ApplicationCommandType,
  ApplicationIntegrationType,
  InteractionContextType,
  PermissionFlagsBits,
  type RESTPostAPIApplicationCommandsJSONBody,
} from 'discord.js';
import { describeKey, describeKeyInGerman, KEYS, type Key, type KeyName } from '../../../bot/command/keys.ts';
import { unitsOf } from '../../../bot/command/lexer.ts';
import { NATIVE_SUBCOMMANDS } from '../../../bot/command/subcommands.ts';
import type { RequestLimits } from '../../../bot/request-limits.ts';
import { optionName } from './option-values.ts';

type Command = RESTPostAPIApplicationCommandsJSONBody;
type Option = NonNullable<Extract<Command, { options?: unknown }>['options']>[number];

/** The most that a prompt with its settings may have: Discord's own limit. */
const LONGEST_PROMPT = 6000;
/** For values of one word. */
const ONE_WORD = 40;
/** For other values. */
const LONGEST: Readonly<Partial<Record<KeyName, (limits: RequestLimits) => number>>> = {
  negative: ({ maxPromptLength }) => unitsOf(maxPromptLength),
  lora: () => 500,
};
/** Keys whose values are offered while they are typed. */
export const COMPLETED: readonly KeyName[] = ['size', 'width', 'height', 'ar', 'style', 'lora', 'preset'];

function named(name: string, description: string, [germanName, german]: readonly [name: string, description: string]) {
  return {
    ...{ name, name_localizations: { de: germanName } },
    ...{ description, description_localizations: { de: german } },
  };
}

function settingOption(key: Key, limits: RequestLimits): Option {
  const { Integer, Number: Decimal, Boolean: Switch, String: Text } = ApplicationCommandOptionType;
  const german = [key.de[0], describeKeyInGerman(key, limits)] as const;
  const base = named(optionName(key), describeKey(key, limits), german);
  const complete = COMPLETED.includes(key.name) ? ({ autocomplete: true } as const) : {};
  const range = key.range?.(limits);
  const bounds = range === undefined ? {} : { min_value: range.min, max_value: range.max };
  switch (key.type) {
    case 'integer':
      return { ...base, ...complete, ...bounds, type: Integer };
    case 'number':
      return { ...base, ...complete, ...bounds, type: Decimal };
    case 'switch':
      return { ...base, type: Switch };
    case 'text':
      return {
        ...{ ...base, ...complete, type: Text },
        max_length: LONGEST[key.name]?.(limits) ?? ONE_WORD,
      };
  }
}

/** Where commands can be used: installed to a server or to an account; in servers, with the bot alone, and among friends. */
const EVERYWHERE = {
  integration_types: [ApplicationIntegrationType.GuildInstall, ApplicationIntegrationType.UserInstall],
  contexts: [InteractionContextType.Guild, InteractionContextType.BotDM, InteractionContextType.PrivateChannel],
};

const SERVER_ADMINS = {
  integration_types: [ApplicationIntegrationType.GuildInstall],
  contexts: [InteractionContextType.Guild],
  default_member_permissions: PermissionFlagsBits.ManageGuild.toString(),
};

function chat(name: string, description: string, de: string, options: Option[], scope: object = EVERYWHERE): Command {
  return {
    ...{ type: ApplicationCommandType.ChatInput, name, description, description_localizations: { de } },
    ...{ options, ...scope },
  };
}

export const PAINT_COMMAND = 'wuerst';
export const CONTEXT_COMMAND = 'Image parameters';
/** Followed by a subcommand's name. */
export const SUBCOMMAND_PREFIX = 'wuerst-';

export const IMAGE_OPTIONS = ['image', 'image-2', 'image-3'] as const;
export const MASK_OPTION = 'mask';

const PICTURE_OPTIONS: readonly Option[] = [
  named('image', 'A picture to start from; without words, a variation of it', [
    'bild',
    'Ein Bild, von dem ausgegangen wird; ohne Worte eine Variation davon',
  ]),
  named('image-2', 'A second picture, to be blended with the first', [
    'bild-2',
    'Ein zweites Bild, das mit dem ersten gemischt wird',
  ]),
  named('image-3', 'A third one', ['bild-3', 'Ein drittes']),
  named(MASK_OPTION, 'A picture that is white where the first one is painted anew', [
    'maske',
    'Ein Bild, das weiß ist, wo das erste neu gemalt wird',
  ]),
].map((base) => ({ ...base, type: ApplicationCommandOptionType.Attachment }));

function fileOption({
  name,
  description,
  de,
}: {
  name: string;
  description: string;
  de: readonly [string, string];
}): Option {
  return { ...named(name, description, de), type: ApplicationCommandOptionType.Attachment };
}

/** What is registered with Discord: numbers have the bounds that the core has without a guild's own, stricter ones. */
export const commandsWithin = (limits: RequestLimits): readonly Command[] => [
  chat(PAINT_COMMAND, 'Paint a picture from a description', 'Male ein Bild nach einer Beschreibung', [
    {
      ...named('prompt', 'What to paint; settings like width:1536 may stand anywhere in it', [
        'beschreibung',
        'Was gemalt werden soll; Einstellungen wie width:1536 dürfen darin stehen',
      ]),
      type: ApplicationCommandOptionType.String,
      // A picture may stand in its place.
      required: false,
      max_length: LONGEST_PROMPT,
      autocomplete: true,
    },
    ...PICTURE_OPTIONS,
    ...KEYS.map((key) => settingOption(key, limits)),
  ]),
  ...NATIVE_SUBCOMMANDS.map(({ name, description, de, options, file }) =>
    chat(
      `${SUBCOMMAND_PREFIX}${name}`,
      description,
      de,
      [
        ...options.map(
          ({ name: option, description: text, de: german, required = false }): Option => ({
            ...named(option, text, german),
            type: ApplicationCommandOptionType.String,
            required,
          }),
        ),
        ...(file ? [fileOption(file)] : []),
      ],
      name === 'settings' ? SERVER_ADMINS : EVERYWHERE,
    ),
  ),
  {
    type: ApplicationCommandType.Message,
    name: CONTEXT_COMMAND,
    name_localizations: { de: 'Bildparameter' },
    ...EVERYWHERE,
  },
];
