import { z } from 'zod';
import { SURFACES, type Surface } from '../job.ts';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';
import { fromJson, toJson } from './json.ts';

/** A guild of a surface, or every guild and direct message at once. */
export type SettingsScope = { readonly surface: Surface; readonly guild: string } | 'everywhere';

/** Who did something, for the audit log. */
export interface Actor {
  readonly surface: Surface;
  readonly user: string;
}

export interface AuditEntry {
  readonly surface: Surface;
  /** `null` for what concerns no single guild. */
  readonly guild: string | null;
  /** Id of who did it. */
  readonly actor: string;
  readonly action: 'set' | 'delete' | 'cancel' | 'erase';
  /** What it was done to: a setting's key, an image's, job's or person's id. */
  readonly target: string;
  /** Anything that JSON can hold. */
  readonly detail: unknown;
}

export interface AuditRow extends AuditEntry {
  readonly num: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** A change of a setting. */
export interface AuditedChange extends AuditRow {
  /** What the actor is called; `null` for somebody who never asked for a picture. */
  readonly name: string | null;
}

const auditShape = {
  num: z.number(),
  at: z.number(),
  surface: z.enum(SURFACES),
  guild: z.string().transform((guild) => (guild === '' ? null : guild)),
  actor: z.string(),
  action: z.enum(['set', 'delete', 'cancel', 'erase']),
  target: z.string(),
  detail_json: z.string(),
};
const auditRow = z
  .object(auditShape)
  .transform(({ detail_json, ...row }): AuditRow => ({ ...row, detail: fromJson(detail_json) }));
const changeRow = z
  .object({ ...auditShape, name: z.string().nullable() })
  .transform(({ detail_json, ...row }): AuditedChange => ({ ...row, detail: fromJson(detail_json) }));

/** Who is named in place of someone whose data was erased. */
export const ERASED = 'erased';

/** Who changed, deleted, cancelled or erased what. */
export class Audit {
  readonly #now: () => number;
  readonly #sql;

  constructor(database: Database, now: () => number) {
    this.#now = now;
    const changes = (where: string) =>
      database.query(
        `SELECT audit.*, users.name FROM audit
         LEFT JOIN users ON users.surface = audit.surface AND users.id = audit.actor
         WHERE audit.action = 'set' AND ${where} ORDER BY audit.num DESC LIMIT ?`,
        (row) => decode(changeRow, row, 'audit entry'),
      );
    this.#sql = {
      insert: database.command(
        'INSERT INTO audit (at, surface, guild, actor, action, target, detail_json) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ),
      changesIn: changes('audit.guild = ? AND audit.surface = ?'),
      changesEverywhere: changes("audit.guild = ''"),
      byActor: database.query('SELECT * FROM audit WHERE surface = ? AND actor = ? ORDER BY num', (row) =>
        decode(auditRow, row, 'audit entry'),
      ),
      eraseActor: database.command(`UPDATE audit SET actor = '${ERASED}' WHERE surface = ? AND actor = ?`),
      eraseTarget: database.command(`UPDATE audit SET target = '${ERASED}' WHERE surface = ? AND target = ?`),
    };
  }

  add({ surface, guild, actor, action, target, detail }: AuditEntry): void {
    this.#sql.insert.run(this.#now(), surface, guild ?? '', actor, action, target, toJson(detail));
  }

  /** Changes of settings, newest first. */
  changes(scope: SettingsScope, limit: number): readonly AuditedChange[] {
    return scope === 'everywhere'
      ? this.#sql.changesEverywhere.all(limit)
      : this.#sql.changesIn.all(scope.guild, scope.surface, limit);
  }

  /** Everything that a person did, oldest first. */
  byActor(surface: Surface, user: string): readonly AuditRow[] {
    return this.#sql.byActor.all(surface, user);
  }

  /** What was done stays; who it was, and to whom, goes. */
  erase(surface: Surface, user: string): void {
    this.#sql.eraseActor.run(surface, user);
    this.#sql.eraseTarget.run(surface, user);
  }
}
