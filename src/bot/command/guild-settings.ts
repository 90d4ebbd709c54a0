import { z } from 'zod';
import { UserError } from '../../system/errors.ts';
import { readSwitch } from './values.ts';

/** What admins set, for one guild or everywhere. `null` in a limit: no limit. */
export interface GuildSettings {
  /** Share of the accelerator among paying parties, 0.01 to 100. */
  readonly weight: number;
  /** Unfinished jobs of the guild at once. */
  readonly guildJobs: number | null;
  /** Unfinished jobs of one person at once, over all guilds and direct messages. */
  readonly userJobs: number | null;
  /** Accelerator seconds of the guild per day. */
  readonly guildSeconds: number | null;
  /** Accelerator seconds of one person per day, over all guilds and direct messages. */
  readonly userSeconds: number | null;
  /** Pixels of one picture. */
  readonly pixels: number | null;
  /** Pictures per request, 1 to 10. */
  readonly images: number | null;
  /** Where what is not safe for work may be asked for. */
  readonly nsfw: 'off' | 'age-restricted';
  /** Words that no prompt may hold, as they were typed. */
  readonly blockedWords: readonly string[];
  /** Ids of people who may ask for nothing. */
  readonly blockedUsers: readonly string[];
  /** Results always go behind a spoiler cover. */
  readonly spoiler: boolean;
}

export type SettingKey = keyof GuildSettings;

export interface Setting<T> {
  readonly schema: z.ZodType<T>;
  readonly initial: T;
  /** Ends the sentence "expected …". */
  readonly expected: string;
}

const count = z.number().int().min(1).nullable();
const list = z.array(z.string().min(1).max(200)).max(2000);

/** Every setting with what it accepts and what it is until someone sets it. */
export const SETTINGS: { readonly [K in SettingKey]: Setting<GuildSettings[K]> } = {
  weight: { schema: z.number().min(0.01).max(100), initial: 1, expected: 'a number from 0.01 to 100' },
  guildJobs: { schema: count, initial: 500, expected: 'a whole number from 1, or null for no limit' },
  userJobs: { schema: count, initial: 50, expected: 'a whole number from 1, or null for no limit' },
  guildSeconds: { schema: count, initial: null, expected: 'whole seconds per day from 1, or null for no limit' },
  userSeconds: { schema: count, initial: null, expected: 'whole seconds per day from 1, or null for no limit' },
  pixels: { schema: count, initial: null, expected: 'a whole number from 1, or null for no limit' },
  images: {
    schema: z.number().int().min(1).max(10).nullable(),
    initial: null,
    expected: 'a whole number from 1 to 10',
  },
  nsfw: { schema: z.enum(['off', 'age-restricted']), initial: 'age-restricted', expected: '"off" or "age-restricted"' },
  blockedWords: { schema: list, initial: [], expected: 'at most 2000 words of 1 to 200 characters' },
  blockedUsers: { schema: list, initial: [], expected: 'at most 2000 ids of people' },
  spoiler: { schema: z.boolean(), initial: false, expected: 'true or false' },
};

export const INITIAL = Object.fromEntries(
  Object.entries(SETTINGS).map(([key, setting]) => [key, setting.initial]),
) as unknown as GuildSettings;

interface SettingName {
  readonly key: SettingKey;
  /** As people type it. */
  readonly name: string;
  readonly description: string;
  readonly kind: 'limit' | 'weight' | 'list' | 'switch' | 'nsfw';
}

export const SETTING_NAMES: readonly SettingName[] = [
  { key: 'guildJobs', name: 'guild-jobs', description: 'unfinished requests here at once', kind: 'limit' },
  { key: 'userJobs', name: 'user-jobs', description: 'unfinished requests of one person at once', kind: 'limit' },
  { key: 'guildSeconds', name: 'guild-seconds', description: 'accelerator seconds a day here', kind: 'limit' },
  { key: 'userSeconds', name: 'user-seconds', description: 'accelerator seconds a day of one person', kind: 'limit' },
  { key: 'pixels', name: 'pixels', description: 'pixels of one picture', kind: 'limit' },
  { key: 'images', name: 'images', description: 'pictures per request', kind: 'limit' },
  { key: 'nsfw', name: 'nsfw', description: 'off, or age-restricted rooms only', kind: 'nsfw' },
  { key: 'blockedWords', name: 'blocked-words', description: 'words that no prompt may hold', kind: 'list' },
  { key: 'blockedUsers', name: 'blocked-users', description: 'ids of people who may ask for nothing', kind: 'list' },
  { key: 'spoiler', name: 'spoiler', description: 'results behind a cover', kind: 'switch' },
  { key: 'weight', name: 'weight', description: 'share of the queue, 1 is usual', kind: 'weight' },
];

/** Put before a setting's name by whoever runs the bot, for what holds everywhere. */
export const EVERYWHERE_PREFIX = 'everywhere-';

export interface NamedSetting extends SettingName {
  readonly everywhere: boolean;
}

export function settingNamed(typed: string): NamedSetting | null {
  const everywhere = typed.startsWith(EVERYWHERE_PREFIX);
  const name = everywhere ? typed.slice(EVERYWHERE_PREFIX.length) : typed;
  const found = SETTING_NAMES.find((one) => one.name === name);
  return found === undefined ? null : { ...found, everywhere };
}

/** Names to offer: `everywhere-…` too for whoever runs the bot. */
export function settingNames(operator: boolean): readonly string[] {
  const names = SETTING_NAMES.map(({ name }) => name);
  return operator ? [...names, ...names.map((name) => `${EVERYWHERE_PREFIX}${name}`)] : names;
}

/**
 * A typed value; `undefined` for `default`, which goes back to what holds around. A list is replaced, or with `+word`
 * and `-word` changed.
 * @throws UserError `setting_value`
 */
export function readSettingValue(
  { key, kind, name }: SettingName,
  typed: string,
  current: GuildSettings,
): GuildSettings[SettingKey] | undefined {
  const text = typed.trim();
  const word = text.toLowerCase();
  if (word === 'default') return undefined;
  if (kind === 'limit' && (word === 'none' || word === 'unlimited' || word === 'null')) return null;
  if (kind === 'limit' || kind === 'weight') {
    const number = Number(word.replaceAll('_', ''));
    if (word === '' || !Number.isFinite(number)) throw badValue(name, text, kind);
    return number;
  }
  if (kind === 'switch') {
    const reading = readSwitch(text);
    if (!('value' in reading)) throw badValue(name, text, kind);
    return reading.value;
  }
  if (kind === 'nsfw') {
    if (word === 'off' || word === 'age-restricted') return word;
    throw badValue(name, text, kind);
  }
  const before = key === 'blockedUsers' ? current.blockedUsers : current.blockedWords;
  return readList(text, before);
}

function readList(text: string, before: readonly string[]): readonly string[] {
  if (/^(?:none|off|-)$/i.test(text)) return [];
  const items = text
    .split(/[,\n]/)
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (!items.every((item) => /^[+-]./.test(item))) return [...new Set(items)];
  const list = new Set(before);
  for (const item of items) {
    const word = item.slice(1).trim();
    if (item.startsWith('+')) list.add(word);
    else list.delete(word);
  }
  return [...list];
}

const EXPECTED: Readonly<Record<SettingName['kind'], string>> = {
  limit: 'a whole number, none or default',
  weight: 'a number from 0.01 to 100, or default',
  list: 'words with commas between them, +word to add, -word to remove, none or default',
  switch: 'yes, no or default',
  nsfw: 'off, age-restricted or default',
};

const EXAMPLES: Readonly<Record<SettingName['kind'], string>> = {
  ...{ limit: '10', weight: '1', list: '+word', switch: 'yes', nsfw: 'off' },
};

function badValue(name: string, typed: string, kind: SettingName['kind']): UserError {
  return new UserError('setting_value', `Expected ${name} to be ${EXPECTED[kind]}, got "${typed.slice(0, 60)}".`, {
    hint: `For example: /wuerst settings ${name} ${EXAMPLES[kind]}`,
  });
}

/** A setting's value for people. */
export function formatSetting({ key }: SettingName, settings: GuildSettings): string {
  const value = settings[key];
  if (value === null) return 'no limit';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  if (value.length === 0) return 'none';
  const shown = value.slice(0, 20).join(', ');
  return value.length > 20 ? `${shown} and ${value.length - 20} more` : shown;
}
