import * as z from 'zod';
import type { Surface } from '../job.ts';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';

/** Whose defaults: a person's, a channel's or a guild's. */
export interface DefaultsScope {
  readonly surface: Surface;
  readonly scope: 'person' | 'channel' | 'guild';
  /** Id of the person, room or guild. */
  readonly owner: string;
}

const row = z.object({ key: z.string(), value: z.string() });

/** What is chosen where nothing is typed, as it would be typed, by the names of keys. */
export class SavedDefaults {
  readonly #sql;

  constructor(database: Database) {
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
  set({ surface, scope, owner }: DefaultsScope, key: string, value: string | undefined): void {
    if (value === undefined) this.#sql.unset.run(surface, scope, owner, key);
    else this.#sql.set.run(surface, scope, owner, key, value);
  }

  clear({ surface, scope, owner }: DefaultsScope): void {
    this.#sql.erase.run(surface, scope, owner);
  }
}
