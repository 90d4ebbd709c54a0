import {
  ApplicationCommandOptionType,
  ApplicationCommandType,
  ApplicationIntegrationType,
  InteractionContextType,
  PermissionFlagsBits,
  type RESTPostAPIApplicationCommandsJSONBody,
} from 'discord.js';
import { describeKey, KEYS, type Key, type KeyName } from '../../../bot/command/keys.ts';
import { unitsOf } from '../../../bot/command/lexer.ts';
import { type LocalNames, OPTION_NAMES } from '../../../bot/command/local-names.ts';
import { NATIVE_SUBCOMMANDS } from '../../../bot/command/subcommands.ts';
import type { RequestLimits } from '../../../bot/request-limits.ts';
import { inLanguage } from '../../../texts/language.ts';
import { t, translatable } from '../../../texts/translate.ts';
import { localised } from './locales.ts';
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

function named(name: string, names: LocalNames, description: () => string) {
  return { name, name_localizations: localised((language) => names[language]), ...described(description) };
}

function described(description: () => string) {
  return {
    description: inLanguage('en', description),
    description_localizations: localised((language) => inLanguage(language, description)),
  };
}

/** An option that is no key. */
function option(name: keyof typeof OPTION_NAMES, description: string) {
  return named(name, OPTION_NAMES[name], () => t(description));
}

function settingOption(key: Key, limits: RequestLimits): Option {
  const { Integer, Number: Decimal, Boolean: Switch, String: Text } = ApplicationCommandOptionType;
  const base = named(optionName(key), key.names, () => describeKey(key, limits));
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

function attachment(base: ReturnType<typeof named>): Option {
  return { ...base, type: ApplicationCommandOptionType.Attachment };
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

function chat(name: string, description: string, options: Option[], scope: object = EVERYWHERE): Command {
  return {
    ...{ type: ApplicationCommandType.ChatInput, name, ...described(() => t(description)) },
    ...{ options, ...scope },
  };
}

export const PAINT_COMMAND = 'wuerst';
export const CONTEXT_COMMAND = translatable('Image parameters');
/** Followed by a subcommand's name. */
export const SUBCOMMAND_PREFIX = 'wuerst-';

export const IMAGE_OPTIONS = ['image', 'image-2', 'image-3'] as const;
export const MASK_OPTION = 'mask';

const PICTURE_OPTIONS: readonly Option[] = [
  option('image', translatable('A picture to start from; without words, a variation of it')),
  option('image-2', translatable('A second picture, to be blended with the first')),
  option('image-3', translatable('A third one')),
  option(MASK_OPTION, translatable('A picture that is white where the first one is painted anew')),
].map(attachment);

/** What is registered with Discord: numbers have the bounds that the core has without a guild's own, stricter ones. */
export const commandsWithin = (limits: RequestLimits): readonly Command[] => [
  chat(PAINT_COMMAND, translatable('Paint a picture from a description'), [
    {
      ...option('prompt', translatable('What to paint; settings like width:1536 may stand anywhere in it')),
      type: ApplicationCommandOptionType.String,
      // A picture may stand in its place.
      required: false,
      max_length: LONGEST_PROMPT,
      autocomplete: true,
    },
    ...PICTURE_OPTIONS,
    ...KEYS.map((key) => settingOption(key, limits)),
  ]),
  ...NATIVE_SUBCOMMANDS.map(({ name, description, options, file }) =>
    chat(
      `${SUBCOMMAND_PREFIX}${name}`,
      description,
      [
        ...options.map(
          ({ name: its, description: what, required = false }): Option => ({
            ...option(its, what),
            type: ApplicationCommandOptionType.String,
            required,
          }),
        ),
        ...(file ? [attachment(option(file.name, file.description))] : []),
      ],
      name === 'settings' ? SERVER_ADMINS : EVERYWHERE,
    ),
  ),
  {
    type: ApplicationCommandType.Message,
    name: CONTEXT_COMMAND,
    name_localizations: localised((language) => inLanguage(language, () => t(CONTEXT_COMMAND))),
    ...EVERYWHERE,
  },
];
