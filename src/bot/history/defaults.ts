import * as z from 'zod';
import type { Caller, Surface } from '../job.ts';
import type { Audit } from './audit.ts';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';

/** Whose defaults: a person's, a channel's or a guild's. */
export interface DefaultsScope {
  readonly surface: Surface;
  readonly scope: 'person' | 'channel' | 'guild';
  /** Id of the person, room or guild. */
  readonly owner: string;
}

/** Who changes them, and of which guild their channel is. */
type Changer = Pick<Caller, 'user' | 'guild'>;

const row = z.object({ key: z.string(), value: z.string() });

/** What is chosen where nothing is typed, as it would be typed, by the names of keys. */
export class SavedDefaults {
  readonly #database: Database;
  readonly #audit: Audit;
  readonly #sql;

  constructor(database: Database, audit: Audit) {
    this.#database = database;
    this.#audit = audit;
    const where = 'surface = ? AND scope = ? AND owner = ?';
    this.#sql = {
      all: database.query(`SELECT key, value FROM defaults WHERE ${where} ORDER BY key`, (found) =>
        decode(row, found, 'default'),
      ),
      set: database.statement(
        `INSERT INTO defaults (surface, scope, owner, key, value) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET value = excluded.value`,
      ),
      unset: database.statement(`DELETE FROM defaults WHERE ${where} AND key = ?`),
      erase: database.statement(`DELETE FROM defaults WHERE ${where}`),
    };
  }

  of({ surface, scope, owner }: DefaultsScope): Readonly<Record<string, string>> {
    const rows = this.#sql.all.all(surface, scope, owner);
    return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
  }

  /** `undefined` takes it back. */
  set(whose: DefaultsScope, key: string, value: string | undefined, by: Changer): void {
    const { surface, scope, owner } = whose;
    this.#database.write(() => {
      if (value !== undefined) this.#sql.set.run(surface, scope, owner, key, value);
      else if (this.#sql.unset.run(surface, scope, owner, key).changes === 0) return;
      this.#record(whose, key, value, by);
    });
  }

  clear(whose: DefaultsScope, by: Changer): void {
    this.#database.write(() => {
      for (const key of Object.keys(this.of(whose))) this.set(whose, key, undefined, by);
    });
  }

  /** What people change for themselves is theirs alone. */
  #record({ surface, scope, owner }: DefaultsScope, key: string, value: string | undefined, by: Changer): void {
    if (scope === 'person') return;
    const detail = { value, ...(scope === 'channel' ? { channel: owner } : {}) };
    this.#audit.add({ surface, guild: by.guild, actor: by.user, action: 'change-defaults', target: key, detail });
  }
}
