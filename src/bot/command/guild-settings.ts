import * as z from 'zod';
import { UserError } from '../../system/errors.ts';
import { listedAs, t, translatable } from '../../texts/translate.ts';
import { readWords, typedWord } from './listed-words.ts';
import { enumerated, quoted } from './problem.ts';
import { readSwitch } from './values.ts';

const NSFW_RULES = ['off', 'age-restricted'] as const;
type NsfwRule = (typeof NSFW_RULES)[number];

/** What becomes of a picture that is not safe for work, from the mildest to the strictest. */
export const PICTURE_RULES = ['off', 'spoiler', 'blur', 'block'] as const;
export type PictureRule = (typeof PICTURE_RULES)[number];

interface Kind {
  /** What a value has to be, as a sentence. */
  readonly rule: () => string;
  /** @param value as it is quoted */
  wrong(name: string, value: string): string;
  readonly example: string;
  /**
   * Reads a typed value; `undefined` where it is none. The setting's schema holds it to its bounds.
   * @param before what a list holds now
   */
  read(typed: string, before: readonly string[]): Value | undefined;
  /** What holds in a guild: its own value can only tighten the one that holds everywhere. */
  within(everywhere: Value, own: Value): Value;
}

type Value = number | boolean | NsfwRule | PictureRule | readonly string[] | null;

/** Words that are typed. */
const WORDS = { none: 'none', default: 'default' };
const WEIGHTS = { min: 0.01, max: 100 };
const LISTS = { ...WORDS, most: 2000, add: '+word', remove: '-word' };

function oneOfRule(words: readonly string[]): string {
  return t('It can be {choices}.', { choices: listedAs('disjunction', words) });
}

function oneOfWrong(words: readonly string[], name: string, value: string): string {
  return t('Expected {name} to be {choices}, got {value}.', { name, choices: listedAs('disjunction', words), value });
}

const KINDS = {
  limit: {
    rule: () => t('It can be a whole number from 1, {none} or {default}.', WORDS),
    wrong: (name, value) =>
      t('Expected {name} to be a whole number from 1, {none} or {default}, got {value}.', { ...WORDS, name, value }),
    example: '10',
    read: (typed) => (/^(?:none|unlimited|null)$/i.test(typed) ? null : readNumber(typed)),
    within: (everywhere, own) => {
      const limits = [everywhere, own].filter((value) => typeof value === 'number');
      return limits.length === 0 ? null : Math.min(...limits);
    },
  },
  weight: {
    rule: () => t('It can be a number from {min} to {max}, or {default}.', { ...WEIGHTS, ...WORDS }),
    wrong: (name, value) =>
      t('Expected {name} to be a number from {min} to {max}, or {default}, got {value}.', {
        ...WEIGHTS,
        ...WORDS,
        name,
        value,
      }),
    example: '1',
    read: readNumber,
    // Only the operator sets it, for one guild or for all.
    within: (_, own) => own,
  },
  list: {
    rule: () =>
      t(
        'It can be up to {most} words with commas between them, {add} to add, {remove} to remove, {none} or {default}.',
        LISTS,
      ),
    wrong: (name, value) =>
      t(
        'Expected {name} to be up to {most} words with commas between them, {add} to add, {remove} to remove, {none} or {default}, got {value}.',
        { ...LISTS, name, value },
      ),
    example: '+word',
    read: readList,
    within: (everywhere, own) => [
      ...new Set([everywhere, own].flatMap((words) => (Array.isArray(words) ? words : []))),
    ],
  },
  switch: {
    rule: () => oneOfRule(['yes', 'no', 'default']),
    wrong: (name, value) => oneOfWrong(['yes', 'no', 'default'], name, value),
    example: 'yes',
    read: (typed) => {
      const reading = readSwitch(typed);
      return 'value' in reading ? reading.value : undefined;
    },
    within: (everywhere, own) => everywhere === true || own === true,
  },
  nsfw: {
    rule: () => oneOfRule([...NSFW_RULES, 'default']),
    wrong: (name, value) => oneOfWrong([...NSFW_RULES, 'default'], name, value),
    example: 'off',
    read: (typed) => NSFW_RULES.find((choice) => choice === typed.toLowerCase()),
    within: (everywhere, own) => (everywhere === 'off' ? everywhere : own),
  },
  pictures: {
    rule: () => oneOfRule([...PICTURE_RULES, 'default']),
    wrong: (name, value) => oneOfWrong([...PICTURE_RULES, 'default'], name, value),
    example: 'blur',
    read: (typed) => PICTURE_RULES.find((choice) => choice === typed.toLowerCase()),
    within: (everywhere, own) => PICTURE_RULES[Math.max(strictness(everywhere), strictness(own))] ?? 'block',
  },
} satisfies Record<string, Kind>;

interface Definition {
  /** Of the stored value. */
  readonly schema: z.ZodType;
  /** What holds until someone sets it. */
  readonly initial: unknown;
  /** To be shown with `t`. */
  readonly description: string;
  readonly kind: keyof typeof KINDS;
}

const count = z.number().int().min(1);
const list = z.array(z.string().min(1).max(200)).max(2000);

/** `null` is no limit. */
const limit = (initial: number | null, description: string, schema = count) =>
  ({ kind: 'limit', schema: schema.nullable(), initial, description }) as const;

/** What admins set, for one guild or everywhere, in the order of display. */
export const GUILD_SETTINGS = {
  guildJobs: limit(500, translatable('unfinished requests here at once')),
  /** Over all guilds and direct messages. */
  userJobs: limit(50, translatable('unfinished requests per person at once')),
  guildSeconds: limit(null, translatable('accelerator seconds a day here')),
  /** Over all guilds and direct messages. */
  userSeconds: limit(null, translatable('accelerator seconds a day per person')),
  pixels: limit(null, translatable('pixels per picture')),
  images: limit(null, translatable('pictures per request, at most 10'), count.max(10)),
  /** In pictures of the usual size and steps, whatever makes it costly. */
  cost: limit(100, translatable('time of one request, in usual pictures')),
  /** Where what is not safe for work may be asked for. */
  nsfw: {
    ...{ kind: 'nsfw', schema: z.enum(NSFW_RULES), initial: 'age-restricted' },
    description: translatable('off, or in age-restricted rooms only'),
  },
  /** Of pictures that the picture classifier finds, outside rooms where `nsfw` admits them. */
  nsfwPictures: {
    ...{ kind: 'pictures', schema: z.enum(PICTURE_RULES), initial: 'off' },
    description: translatable('what becomes of pictures that look not safe for work: off, spoiler, blur or block'),
  },
  /** As they were typed. */
  blockedWords: { kind: 'list', schema: list, initial: [], description: translatable('words that no prompt may hold') },
  blockedUsers: {
    kind: 'list',
    schema: list,
    initial: [],
    description: translatable('ids of people who may not use the bot'),
  },
  spoiler: {
    kind: 'switch',
    schema: z.boolean(),
    initial: false,
    description: translatable('results always behind a spoiler cover'),
  },
  /** Among paying parties. */
  weight: {
    kind: 'weight',
    schema: z.number().min(0.01).max(100),
    initial: 1,
    description: translatable('share of the queue, usually 1'),
  },
} as const satisfies Record<string, Definition>;

export type GuildSettingKey = keyof typeof GUILD_SETTINGS;
export type GuildSettings = {
  readonly [K in GuildSettingKey]: Readonly<z.output<(typeof GUILD_SETTINGS)[K]['schema']>>;
};

export const INITIAL = Object.fromEntries(
  Object.entries(GUILD_SETTINGS).map(([key, { initial }]) => [key, initial]),
) as unknown as GuildSettings;

/** What holds in a guild, by what holds everywhere and what the guild has set itself: the stricter of the two. */
export function guildSettingsWithin(everywhere: GuildSettings, own: Partial<GuildSettings>): GuildSettings {
  const tightened = Object.entries(own).map(([key, value]) => {
    const { within }: Kind = KINDS[GUILD_SETTINGS[key as GuildSettingKey].kind];
    return [key, within(everywhere[key as GuildSettingKey], value)];
  });
  return { ...everywhere, ...Object.fromEntries(tightened) };
}

interface GuildSetting extends Definition {
  readonly key: GuildSettingKey;
  /** As people type it, e.g. `guild-jobs`. */
  readonly name: string;
}

const LISTED: readonly GuildSetting[] = Object.entries(GUILD_SETTINGS).map(([key, definition]) => ({
  ...definition,
  key: key as GuildSettingKey,
  name: key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
}));

/** Before the name of a setting that whoever runs the bot sets for everywhere. */
const EVERYWHERE_PREFIX = 'everywhere-';

export interface PlacedSetting extends GuildSetting {
  readonly everywhere: boolean;
}

/** Every setting, for a guild and for everywhere. */
const PLACED: readonly PlacedSetting[] = [
  ...LISTED.map((setting) => ({ ...setting, everywhere: false })),
  ...LISTED.map((setting) => ({ ...setting, name: `${EVERYWHERE_PREFIX}${setting.name}`, everywhere: true })),
];

/** What can be set: with `everywhere-…` too for whoever runs the bot. */
export function guildSettings(operator: boolean): readonly PlacedSetting[] {
  return operator ? PLACED : PLACED.filter(({ everywhere }) => !everywhere);
}

export function guildSettingNamed(typed: string): PlacedSetting | null {
  return PLACED.find(({ name }) => name === typed) ?? null;
}

/** `nsfw:blur` means the rule for pictures: that for words has other values. */
export function guildSettingMeant(typed: string, value: string): PlacedSetting | null {
  const setting = guildSettingNamed(typed);
  const isOfPictures = setting?.key === 'nsfw' && /^(?:spoiler|blur|block)$/i.test(value.trim());
  return isOfPictures ? guildSettingNamed(typed.replace('nsfw', 'nsfw-pictures')) : setting;
}

/** What a setting's value has to be, as a sentence. */
export function expectedOf(key: GuildSettingKey): string {
  return KINDS[GUILD_SETTINGS[key].kind].rule();
}

const CHOICES: Readonly<Partial<Record<keyof typeof KINDS, readonly string[]>>> = {
  ...{ nsfw: NSFW_RULES, pictures: PICTURE_RULES, switch: ['yes', 'no'] },
};

/** The only values that a setting has, as they are typed; empty where there are many. */
export function choicesOf(key: GuildSettingKey): readonly string[] {
  const { kind }: Definition = GUILD_SETTINGS[key];
  return CHOICES[kind] ?? [];
}

/** A value as it would be typed, however long a list is. */
export function typedGuildSetting(value: unknown): string {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (!Array.isArray(value)) return String(value);
  return value.length === 0 ? 'none' : value.map((word) => typedWord(String(word))).join(', ');
}

/**
 * A typed value; `undefined` for `default`, which takes the setting back. A list is replaced, or with `+word`
 * and `-word` changed.
 * @param correctly how such a value would be set where this one was
 * @throws UserError `setting_value`
 */
export function readGuildSetting(
  { kind, name }: GuildSetting,
  typed: string,
  before: unknown,
  correctly = (value: string) => `/wuerst settings ${name} ${value}`,
): GuildSettings[GuildSettingKey] | undefined {
  const text = typed.trim();
  if (text.toLowerCase() === 'default') return undefined;
  const { wrong, example, read }: Kind = KINDS[kind];
  const value = read(text, Array.isArray(before) ? before : []);
  if (value !== undefined) return value;
  throw new UserError('setting_value', wrong(name, quoted(text)), {
    hint: t('For example: {command}', { command: correctly(example) }),
  });
}

function strictness(rule: Value): number {
  const rules: readonly Value[] = PICTURE_RULES;
  return rules.indexOf(rule);
}

function readNumber(text: string): number | undefined {
  const value = Number(text.replaceAll('_', ''));
  return text !== '' && Number.isFinite(value) ? value : undefined;
}

function readList(text: string, before: readonly string[]): readonly string[] {
  if (/^(?:none|off|-)$/i.test(text)) return [];
  const items = readWords(text);
  if (!items.every(({ sign }) => sign !== '')) return [...new Set(items.map(({ sign, word }) => sign + word))];
  const list = new Set(before);
  for (const { sign, word } of items) {
    if (sign === '+') list.add(word);
    else list.delete(word);
  }
  return [...list];
}

/** Words of a list that are shown. */
const MOST_SHOWN = 20;

/** A setting's value for people, in the words that it is typed in. */
export function formatGuildSetting({ key }: GuildSetting, settings: GuildSettings): string {
  const value = settings[key];
  if (value === null) return t('no limit');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (value.length === 0) return 'none';
  return enumerated(value.map(typedWord), MOST_SHOWN);
}
