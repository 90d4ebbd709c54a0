import * as z from 'zod';
import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import {
  expectedOf,
  GUILD_SETTINGS,
  type GuildSettingKey,
  type GuildSettings,
  guildSettingsWithin,
  INITIAL,
} from '../command/guild-settings.ts';
import { SURFACES } from '../job.ts';
import type { Actor, Audit, SettingsScope } from './audit.ts';
import type { Database } from './database.ts';
import { decode, decodeJson } from './job-rows.ts';
import { toJson } from './json.ts';

const EVERYWHERE = '*';
const placedRow = z.object({ surface: z.string(), guild: z.string(), value_json: z.string() });
const settingRow = z.object({ key: z.string(), value_json: z.string() });

/** Guild settings as stored: those of a guild tighten those that hold everywhere, which replace the initial ones. */
export class StoredSettings {
  readonly #database: Database;
  readonly #audit: Audit;
  readonly #sql;

  constructor(database: Database, audit: Audit) {
    this.#database = database;
    this.#audit = audit;
    this.#sql = {
      get: database.query('SELECT key, value_json FROM settings WHERE surface = ? AND guild = ?', (row) =>
        decode(settingRow, row, 'setting'),
      ),
      set: database.statement(
        `INSERT INTO settings (surface, guild, key, value_json) VALUES (?, ?, ?, ?)
         ON CONFLICT (surface, guild, key) DO UPDATE SET value_json = excluded.value_json`,
      ),
      pictureRules: database.column(
        `SELECT 1 FROM settings WHERE key = 'nsfwPictures' AND value_json <> '"off"' LIMIT 1`,
        Number,
      ),
      allOf: database.query('SELECT surface, guild, value_json FROM settings WHERE key = ?', (row) =>
        decode(placedRow, row, 'setting'),
      ),
      unset: database.statement('DELETE FROM settings WHERE surface = ? AND guild = ? AND key = ?'),
    };
  }

  /** Only what was set in exactly this scope. Keys that only an older program knew are left out. */
  own(scope: SettingsScope): Partial<GuildSettings> {
    const rows = this.#sql.get.all(...columnsOf(scope)).filter(({ key }) => key in GUILD_SETTINGS);
    const values = rows.map(({ key, value_json }) => {
      const { schema }: { readonly schema: z.ZodType } = GUILD_SETTINGS[key as GuildSettingKey];
      return [key, decodeJson(schema, value_json, `setting ${key}`)] as const;
    });
    return Object.fromEntries(values);
  }

  /** Every setting as it holds in a scope. */
  at(scope: SettingsScope): GuildSettings {
    const everywhere = { ...INITIAL, ...this.own('everywhere') };
    return scope === 'everywhere' ? everywhere : guildSettingsWithin(everywhere, this.own(scope));
  }

  /** Whether any place, or whoever runs the bot, wants pictures looked at. */
  get someCoverPictures(): boolean {
    return this.#sql.pictureRules.get() !== undefined;
  }

  /** Wherever a setting was set, everywhere first. */
  allOf<K extends GuildSettingKey>(
    key: K,
  ): readonly { readonly scope: SettingsScope; readonly value: GuildSettings[K] }[] {
    const { schema }: { readonly schema: z.ZodType } = GUILD_SETTINGS[key];
    const found = this.#sql.allOf.all(key).map(({ surface, guild, value_json }) => ({
      scope: scopeOf(surface, guild),
      value: decodeJson(schema, value_json, `setting ${key}`) as GuildSettings[K],
    }));
    return found.toSorted((a, b) => Number(b.scope === 'everywhere') - Number(a.scope === 'everywhere'));
  }

  /** `undefined` goes back to what holds everywhere, or to the initial value. @throws UserError `setting_value` */
  set<K extends GuildSettingKey>(scope: SettingsScope, key: K, value: GuildSettings[K] | undefined, by: Actor): void {
    if (value !== undefined && !GUILD_SETTINGS[key].schema.safeParse(value).success) {
      throw new UserError(
        'setting_value',
        t('"{key}" cannot be {value}.', { key, value: toJson(value).slice(0, 100) }),
        {
          hint: expectedOf(key),
        },
      );
    }
    const [surface, guild] = columnsOf(scope);
    const everywhere = scope === 'everywhere';
    this.#database.write(() => {
      if (value === undefined) this.#sql.unset.run(surface, guild, key);
      else this.#sql.set.run(surface, guild, key, toJson(value));
      this.#audit.add({
        ...{ surface: by.surface, guild: everywhere ? null : guild, actor: by.user, action: 'set', target: key },
        detail: { value, everywhere },
      });
    });
  }
}

function scopeOf(surface: string, guild: string): SettingsScope {
  return surface === EVERYWHERE ? 'everywhere' : { surface: z.enum(SURFACES).parse(surface), guild };
}

function columnsOf(scope: SettingsScope): [surface: string, guild: string] {
  return scope === 'everywhere' ? [EVERYWHERE, EVERYWHERE] : [scope.surface, scope.guild];
}
