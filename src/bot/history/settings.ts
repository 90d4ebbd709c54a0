import { UserError } from '../../system/errors.ts';
import { type GuildSettings, INITIAL, SETTINGS, type Setting, type SettingKey } from '../command/guild-settings.ts';
import type { Surface } from '../job.ts';
import type { Audit } from './audit.ts';
import type { Database } from './database.ts';
import { decodeJson } from './job-rows.ts';
import { toJson } from './json.ts';

/** A guild of a surface, or every guild and direct message at once. */
export type Place = { readonly surface: Surface; readonly guild: string } | 'everywhere';

/** Settings as stored: those of a guild lie over those that hold everywhere, which lie over the initial ones. */
export class Settings {
  readonly #database: Database;
  readonly #audit: Audit;
  readonly #get;
  readonly #set;
  readonly #unset;

  constructor(database: Database, audit: Audit) {
    this.#database = database;
    this.#audit = audit;
    this.#get = database.prepare<[string, string]>(
      'SELECT key, value_json FROM settings WHERE surface = ? AND guild = ?',
    );
    this.#set = database.prepare<[string, string, string, string]>(
      `INSERT INTO settings (surface, guild, key, value_json) VALUES (?, ?, ?, ?)
       ON CONFLICT (surface, guild, key) DO UPDATE SET value_json = excluded.value_json`,
    );
    this.#unset = database.prepare<[string, string, string]>(
      'DELETE FROM settings WHERE surface = ? AND guild = ? AND key = ?',
    );
  }

  /** Only what was set at exactly this place. */
  own(place: Place): Partial<GuildSettings> {
    const rows = this.#database.run(() => this.#get.all(...where(place))) as { key: string; value_json: string }[];
    const entries = rows
      // A key that an older program knew is no longer of use.
      .filter(({ key }) => key in SETTINGS)
      .map(({ key, value_json }) => {
        const setting: Setting<unknown> = SETTINGS[key as SettingKey];
        return [key, decodeJson(setting.schema, value_json, `setting ${key}`)] as const;
      });
    return Object.fromEntries(entries);
  }

  /** Every setting as it holds at a place. */
  at(place: Place): GuildSettings {
    const own = place === 'everywhere' ? {} : this.own(place);
    return { ...INITIAL, ...this.own('everywhere'), ...own };
  }

  /** `undefined` goes back to what holds around this place. @throws UserError `setting_value` */
  set<K extends SettingKey>(place: Place, key: K, value: GuildSettings[K] | undefined, by: Actor): void {
    if (value !== undefined && !SETTINGS[key].schema.safeParse(value).success) {
      throw new UserError('setting_value', `"${key}" cannot be ${toJson(value).slice(0, 100)}.`, {
        hint: `Expected ${SETTINGS[key].expected}.`,
      });
    }
    const [surface, guild] = where(place);
    this.#database.write(() => {
      if (value === undefined) this.#unset.run(surface, guild, key);
      else this.#set.run(surface, guild, key, toJson(value));
      this.#audit.add({
        surface: by.surface,
        guild: place === 'everywhere' ? null : guild,
        actor: by.user,
        action: 'set',
        target: key,
        detail: { value: value ?? null, everywhere: place === 'everywhere' },
      });
    });
  }
}

/** Who did something, for the audit log. */
export interface Actor {
  readonly surface: Surface;
  readonly user: string;
}

function where(place: Place): [surface: string, guild: string] {
  return place === 'everywhere' ? ['*', '*'] : [place.surface, place.guild];
}
