import type { Surface } from '../job.ts';
import type { Actor, Audit } from './audit.ts';
import type { Database } from './database.ts';

/** A guild whose moderators keep lists of words. */
export interface WildcardScope {
  readonly surface: Surface;
  readonly guild: string;
}

/** Lists of words that prompts draw from, one choice a line. Names are those of `wildcardName`. */
export class SavedWildcards {
  readonly #database: Database;
  readonly #audit: Audit;
  readonly #sql;

  constructor(database: Database, audit: Audit) {
    this.#database = database;
    this.#audit = audit;
    const where = 'surface = ? AND guild = ?';
    this.#sql = {
      names: database.column(`SELECT name FROM wildcards WHERE ${where} ORDER BY name`, String),
      get: database.column(`SELECT list FROM wildcards WHERE ${where} AND name = ?`, String),
      set: database.statement(
        `INSERT INTO wildcards (surface, guild, name, list) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET list = excluded.list`,
      ),
      remove: database.statement(`DELETE FROM wildcards WHERE ${where} AND name = ?`),
    };
  }

  names({ surface, guild }: WildcardScope): readonly string[] {
    return this.#sql.names.all(surface, guild);
  }

  get({ surface, guild }: WildcardScope, name: string): string | undefined {
    return this.#sql.get.get(surface, guild, name);
  }

  set({ surface, guild }: WildcardScope, name: string, list: string, by: Actor): void {
    this.#database.write(() => {
      this.#sql.set.run(surface, guild, name, list);
      this.#audit.add({ surface, guild, actor: by.user, action: 'save-wildcard', target: name, detail: null });
    });
  }

  /** @returns whether it was there */
  remove({ surface, guild }: WildcardScope, name: string, by: Actor): boolean {
    return this.#database.write(() => {
      if (this.#sql.remove.run(surface, guild, name).changes === 0) return false;
      this.#audit.add({ surface, guild, actor: by.user, action: 'delete-wildcard', target: name, detail: null });
      return true;
    });
  }
}
