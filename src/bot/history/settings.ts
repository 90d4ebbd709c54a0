import { z } from 'zod';
import { UserError } from '../../system/errors.ts';
import type { Surface } from '../job.ts';
import type { Audit } from './audit.ts';
import type { Database } from './database.ts';
import { decodeJson } from './job-rows.ts';
import { toJson } from './json.ts';

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

interface Setting<T> {
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

const INITIAL = Object.fromEntries(
  Object.entries(SETTINGS).map(([key, setting]) => [key, setting.initial]),
) as unknown as GuildSettings;

function where(place: Place): [surface: string, guild: string] {
  return place === 'everywhere' ? ['*', '*'] : [place.surface, place.guild];
}
