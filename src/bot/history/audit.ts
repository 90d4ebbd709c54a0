import { z } from 'zod';
import { SURFACES, type Surface } from '../job.ts';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';
import { fromJson, toJson } from './json.ts';

export interface AuditEntry {
  readonly surface: Surface;
  /** `null` for what concerns no single guild. */
  readonly guild: string | null;
  /** Who did it. */
  readonly actor: string;
  /** A short verb: `set`, `delete`, `cancel`, `erase`. */
  readonly action: string;
  /** What it was done to: a setting's key, an image's, job's or person's id. */
  readonly target: string;
  /** Anything that JSON can hold. */
  readonly detail: unknown;
}

export interface AuditRow extends AuditEntry {
  readonly num: number;
  readonly at: number;
}

export interface AuditFilter {
  readonly surface: Surface;
  readonly guild: string | null;
  /** `num` of the entry to page on from. */
  readonly before?: number;
  readonly limit: number;
}

const auditRow = z
  .object({
    num: z.number(),
    at: z.number(),
    surface: z.enum(SURFACES),
    guild: z.string().transform((guild) => (guild === '' ? null : guild)),
    actor: z.string(),
    action: z.string(),
    target: z.string(),
    detail_json: z.string(),
  })
  .transform(({ detail_json, ...row }): AuditRow => ({ ...row, detail: fromJson(detail_json) }));

/** Who is named in place of someone whose data was erased. */
const ERASED = 'erased';

/** Who changed, deleted, cancelled or erased what. */
export class Audit {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #insert;
  readonly #page;
  readonly #byActor;
  readonly #eraseActor;
  readonly #eraseTarget;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
    this.#insert = database.prepare<[number, string, string, string, string, string, string]>(
      'INSERT INTO audit (at, surface, guild, actor, action, target, detail_json) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#page = database.prepare<[string, string, number, number]>(
      'SELECT * FROM audit WHERE surface = ? AND guild = ? AND num < ? ORDER BY num DESC LIMIT ?',
    );
    this.#byActor = database.prepare<[string, string]>(
      'SELECT * FROM audit WHERE surface = ? AND actor = ? ORDER BY num',
    );
    this.#eraseActor = database.prepare<[string, string]>(
      `UPDATE audit SET actor = '${ERASED}' WHERE surface = ? AND actor = ?`,
    );
    this.#eraseTarget = database.prepare<[string, string]>(
      `UPDATE audit SET target = '${ERASED}' WHERE surface = ? AND target = ?`,
    );
  }

  add(entry: AuditEntry): void {
    const { surface, guild, actor, action, target, detail } = entry;
    this.#database.run(() =>
      this.#insert.run(this.#now(), surface, guild ?? '', actor, action, target, toJson(detail)),
    );
  }

  /** Newest first. */
  page(filter: AuditFilter): readonly AuditRow[] {
    const { surface, guild, before, limit } = filter;
    const rows = this.#database.run(() =>
      this.#page.all(surface, guild ?? '', before ?? Number.MAX_SAFE_INTEGER, limit),
    );
    return rows.map((row) => decode(auditRow, row, 'audit entry'));
  }

  byActor(surface: Surface, user: string): readonly AuditRow[] {
    const rows = this.#database.run(() => this.#byActor.all(surface, user));
    return rows.map((row) => decode(auditRow, row, 'audit entry'));
  }

  /** What was done stays; who it was, and to whom, goes. */
  erase(surface: Surface, user: string): void {
    this.#eraseActor.run(surface, user);
    this.#eraseTarget.run(surface, user);
  }
}
