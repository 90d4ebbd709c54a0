import * as z from 'zod';
import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { nearest } from '../command/edit-distance.ts';
import { wholeNumber } from '../command/expectation.ts';
import {
  formatGuildSetting,
  GUILD_SETTINGS,
  type GuildSettings,
  guildSettingNamed,
  INITIAL,
  readGuildSetting,
} from '../command/guild-settings.ts';
import { quoted } from '../command/problem.ts';

/** Settings of guilds that a key can tighten for itself. */
const LIMITS = ['images', 'pixels', 'cost', 'userJobs', 'userSeconds'] as const satisfies (keyof GuildSettings)[];

export type KeyLimits = Readonly<Partial<Pick<GuildSettings, (typeof LIMITS)[number]>>>;

/** As it is stored. */
export const keyLimits: z.ZodType<KeyLimits> = z
  .object(Object.fromEntries(LIMITS.map((key) => [key, GUILD_SETTINGS[key].schema.optional()])))
  .transform((limits) => limits as KeyLimits);

const NAMES: readonly string[] = LIMITS.map(nameOf);

/** `images=2,user-seconds=600`, with commas or spaces. @throws UserError `limit_unknown`, `setting_value`, `limits_invalid` */
export function readKeyLimits(typed: string): KeyLimits {
  const entries = typed
    .split(/[,\s]+/)
    .filter((part) => part !== '')
    .map((part) => {
      const [, name = '', value = ''] = /^([^=:]+)[=:](.+)$/.exec(part) ?? [];
      const setting = guildSettingNamed(name);
      if (setting === null || !NAMES.includes(name)) throw unknownLimit(part);
      const read = readGuildSetting(setting, value, undefined, (correct) => `${name}=${correct}`);
      const checked = GUILD_SETTINGS[setting.key].schema.safeParse(read);
      if (!checked.success) {
        throw new UserError('setting_value', wrong(name, quoted(value), checked.error), {
          hint: t('For example {example}.', { example: `${name}=2` }),
        });
      }
      return [setting.key, checked.data] as const;
    });
  return Object.fromEntries(entries);
}

function wrong(name: string, value: string, { issues }: z.ZodError): string {
  const tooBig = issues.find((issue) => issue.code === 'too_big');
  if (tooBig) return wholeNumber({ min: 1, max: Number(tooBig.maximum) }).wrong(name, value);
  return t('Expected {name} to be a whole number from 1, got {value}.', { name, value });
}

/** `images=2 user-seconds=600`; empty where a key has none. */
export function formatKeyLimits(limits: KeyLimits): string {
  const settings = LIMITS.filter((key) => limits[key] !== undefined && limits[key] !== null);
  return settings
    .map((key) => {
      const setting = guildSettingNamed(nameOf(key));
      return `${nameOf(key)}=${setting === null ? '' : formatGuildSetting(setting, { ...INITIAL, ...limits })}`;
    })
    .join(' ');
}

function nameOf(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function unknownLimit(part: string): UserError {
  const name = part.split(/[=:]/, 1)[0] ?? '';
  const meant = nearest(name, NAMES, 2);
  const known = { names: NAMES.join(', '), example: 'images=2,user-seconds=600' };
  return new UserError(
    'limit_unknown',
    NAMES.includes(name)
      ? t('Expected a value for {name}, got none.', { name })
      : t('There is no limit {part}.', { part: quoted(part) }),
    {
      hint:
        meant === null || meant === name
          ? t('The limits are {names}, for example {example}.', known)
          : t('Did you mean {meant}? The limits are {names}, for example {example}.', { ...known, meant }),
    },
  );
}
