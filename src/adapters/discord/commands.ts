import {
  ApplicationCommandOptionType,
  ApplicationCommandType,
  ApplicationIntegrationType,
  InteractionContextType,
  PermissionFlagsBits,
  type RESTPostAPIApplicationCommandsJSONBody,
} from 'discord.js';
import type { ImagineRequest } from '../../bot/job.ts';

type Typed = Omit<ImagineRequest, 'prompt'>;
type KeysOfType<T> = { [K in keyof Typed]: Typed[K] extends T ? K : never }[keyof Typed];

/**
 * A setting of the command grammar as a native option. `field` says where its value goes in the request;
 * options without one (a size, a ratio, a 64-bit seed) go through the grammar as `key:value`.
 */
interface SettingOption {
  /** The name that people see and the key of the grammar. */
  readonly key: string;
  /** The key in the grammar, where it has another name there. */
  readonly grammarKey?: string;
  readonly kind:
    | {
        readonly type: 'integer';
        readonly field: KeysOfType<number | null>;
        readonly min: number;
        readonly max: number;
      }
    | { readonly type: 'number'; readonly field: KeysOfType<number | null>; readonly min: number; readonly max: number }
    | { readonly type: 'string'; readonly field: KeysOfType<string>; readonly maxLength: number }
    | { readonly type: 'boolean'; readonly field: KeysOfType<boolean> }
    | { readonly type: 'text'; readonly maxLength: number };
  readonly description: string;
  /** German name and description. */
  readonly de: readonly [name: string, description: string];
  readonly autocomplete?: boolean;
}

/** Every key of the grammar. The core checks the values against the loaded model; the ranges here are the widest ever legal. */
export const SETTING_OPTIONS: readonly SettingOption[] = [
  {
    key: 'size',
    kind: { type: 'text', maxLength: 20 },
    description: 'Width and height in pixels, like 1024x1536',
    de: ['format', 'Breite und Höhe in Pixeln, etwa 1024x1536'],
    autocomplete: true,
  },
  {
    key: 'width',
    kind: { type: 'integer', field: 'width', min: 1, max: 8192 },
    description: 'Width in pixels (default 1024)',
    de: ['breite', 'Breite in Pixeln (sonst 1024)'],
    autocomplete: true,
  },
  {
    key: 'height',
    kind: { type: 'integer', field: 'height', min: 1, max: 8192 },
    description: 'Height in pixels (default 1024)',
    de: ['höhe', 'Höhe in Pixeln (sonst 1024)'],
    autocomplete: true,
  },
  {
    key: 'ar',
    kind: { type: 'text', maxLength: 20 },
    description: 'Aspect ratio, like 2:3',
    de: ['seitenverhältnis', 'Seitenverhältnis, etwa 2:3'],
    autocomplete: true,
  },
  {
    key: 'images',
    grammarKey: 'n',
    kind: { type: 'integer', field: 'n', min: 1, max: 10 },
    description: 'How many pictures, 1 to 10 (default 1)',
    de: ['bilder', 'Wie viele Bilder, 1 bis 10 (sonst 1)'],
  },
  {
    key: 'style',
    kind: { type: 'string', field: 'style', maxLength: 32 },
    description: 'interpolated, base, aesthetic, or a number from 0 (base) to 1 (aesthetic)',
    de: ['stil', 'interpolated, base, aesthetic oder eine Zahl von 0 (base) bis 1 (aesthetic)'],
    autocomplete: true,
  },
  {
    key: 'negative',
    kind: { type: 'string', field: 'negative', maxLength: 2000 },
    description: 'What to keep out of the picture',
    de: ['ohne', 'Was nicht im Bild sein soll'],
  },
  {
    key: 'seed',
    kind: { type: 'text', maxLength: 20 },
    description: 'The same seed and settings give the same picture',
    de: ['startwert', 'Gleicher Startwert und gleiche Einstellungen geben das gleiche Bild'],
  },
  {
    key: 'steps',
    kind: { type: 'integer', field: 'steps', min: 1, max: 1000 },
    description: 'Steps of the first stage: more is slower and finer',
    de: ['schritte', 'Schritte der ersten Stufe: mehr ist langsamer und feiner'],
  },
  {
    key: 'decoder-steps',
    kind: { type: 'integer', field: 'decoderSteps', min: 1, max: 1000 },
    description: 'Steps of the second stage (default 12)',
    de: ['decoder-schritte', 'Schritte der zweiten Stufe (sonst 12)'],
  },
  {
    key: 'guidance',
    kind: { type: 'number', field: 'guidance', min: 0, max: 100 },
    description: 'How closely to follow the prompt (default 4)',
    de: ['führung', 'Wie genau dem Text gefolgt wird (sonst 4)'],
  },
  {
    key: 'decoder-guidance',
    kind: { type: 'number', field: 'decoderGuidance', min: 0, max: 100 },
    description: 'The same for the second stage (default 0)',
    de: ['decoder-führung', 'Dasselbe für die zweite Stufe (sonst 0)'],
  },
  {
    key: 'spoiler',
    kind: { type: 'boolean', field: 'spoiler' },
    description: 'Put the pictures behind a spoiler cover',
    de: ['spoiler', 'Die Bilder hinter einer Abdeckung zeigen'],
  },
];

type Command = RESTPostAPIApplicationCommandsJSONBody;
type Option = NonNullable<Extract<Command, { options?: unknown }>['options']>[number];

function settingOption({ key, kind, description, de, autocomplete }: SettingOption): Option {
  const base = {
    name: key,
    name_localizations: { de: de[0] },
    description,
    description_localizations: { de: de[1] },
  };
  const complete = autocomplete === true ? ({ autocomplete: true } as const) : {};
  switch (kind.type) {
    case 'integer':
      return {
        ...base,
        ...complete,
        type: ApplicationCommandOptionType.Integer,
        min_value: kind.min,
        max_value: kind.max,
      };
    case 'number':
      return {
        ...base,
        ...complete,
        type: ApplicationCommandOptionType.Number,
        min_value: kind.min,
        max_value: kind.max,
      };
    case 'boolean':
      return { ...base, type: ApplicationCommandOptionType.Boolean };
    default:
      return { ...base, ...complete, type: ApplicationCommandOptionType.String, max_length: kind.maxLength };
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

/** What is registered with Discord. */
export const COMMANDS: readonly Command[] = [
  chat('wuerst', 'Paint a picture from a description', 'Male ein Bild nach einer Beschreibung', [
    {
      type: ApplicationCommandOptionType.String,
      name: 'prompt',
      name_localizations: { de: 'beschreibung' },
      description: 'What to paint; settings like width:1536 may stand anywhere in it',
      description_localizations: { de: 'Was gemalt werden soll; Einstellungen wie width:1536 dürfen darin stehen' },
      required: true,
      max_length: 6000,
      autocomplete: true,
    },
    ...SETTING_OPTIONS.map(settingOption),
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
