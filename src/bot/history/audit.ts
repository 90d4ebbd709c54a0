import * as z from 'zod';
import { CHANGES, type ChangeKind } from '../change-kinds.ts';
import { SURFACES, type Surface } from '../job.ts';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';
import { fromJson, toJson } from './json.ts';

/** A guild of a surface, or every guild and direct message at once. */
export type SettingsScope = { readonly surface: Surface; readonly guild: string } | 'everywhere';

/** Who did something. */
export interface Actor {
  readonly surface: Surface;
  readonly user: string;
}

const ALL_CHANGES = Object.values(CHANGES).flat();

const entry = z.object({
  num: z.number(),
  /** Milliseconds since 1970. */
  at: z.number(),
  surface: z.enum(SURFACES),
  /** `null` for what concerns no single guild. */
  guild: z.string().transform((guild) => (guild === '' ? null : guild)),
  /** Id of who did it. */
  actor: z.string(),
  action: z.enum([...ALL_CHANGES, 'delete', 'erase']),
  /** What it was done to: the key of a setting, the id of a picture or job, a name. A person of another surface is `surface:id`. */
  target: z.string(),
  /** Anything that JSON can hold. */
  detail: z.string().transform(fromJson),
});
/** With what the actor is called; `null` for somebody who never asked for a picture. */
const change = entry.extend({ name: z.string().nullable() });

export type AuditEntry = z.output<typeof entry>;
export type AuditedChange = z.output<typeof change>;

const COLUMNS = ['num', 'at', 'surface', 'guild', 'actor', 'action', 'target', 'detail_json AS detail']
  .map((column) => `audit.${column}`)
  .join(', ');

/** How a person is named where something is done to them: from the same surface, and from any. */
function targetsOf(surface: Surface, user: string): [from: Surface, target: string][] {
  return [[surface, user], ...SURFACES.map((from): [Surface, string] => [from, `${surface}:${user}`])];
}

/** Empty for what is no change. */
function kindOf(action: AuditEntry['action']): string {
  const found = Object.entries(CHANGES).find(([, actions]: [string, readonly string[]]) => actions.includes(action));
  return found?.[0] ?? '';
}

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
        `SELECT ${COLUMNS}, users.name FROM audit
         LEFT JOIN users ON users.surface = audit.surface AND users.id = audit.actor
         WHERE ${where} ORDER BY audit.num DESC LIMIT ?`,
        (row) => decode(change, row, 'audit entry'),
      );
    this.#sql = {
      insert: database.statement(
        'INSERT INTO audit (at, surface, guild, actor, action, kind, target, detail_json) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      ),
      changes: changes("audit.kind <> '' AND audit.num > 0"),
      changesOf: changes('audit.kind = ?'),
      changesIn: changes("audit.guild = ? AND audit.surface = ? AND audit.kind <> ''"),
      changesEverywhere: changes("audit.guild = '' AND audit.kind <> ''"),
      lastIn: changes("audit.action = 'set' AND audit.guild = ? AND audit.surface = ? AND audit.target = ?"),
      lastEverywhere: changes("audit.action = 'set' AND audit.guild = '' AND audit.target = ?"),
      byActor: database.query(`SELECT ${COLUMNS} FROM audit WHERE surface = ? AND actor = ? ORDER BY num`, (row) =>
        decode(entry, row, 'audit entry'),
      ),
      byTarget: database.query(`SELECT ${COLUMNS} FROM audit WHERE surface = ? AND target = ? ORDER BY num`, (row) =>
        decode(entry, row, 'audit entry'),
      ),
      prune: database.statement('DELETE FROM audit WHERE at < ?'),
      eraseActor: database.statement(`UPDATE audit SET actor = '${ERASED}' WHERE surface = ? AND actor = ?`),
      eraseTarget: database.statement(`UPDATE audit SET target = '${ERASED}' WHERE surface = ? AND target = ?`),
    };
  }

  add({ surface, guild, actor, action, target, detail }: Omit<AuditEntry, 'num' | 'at'>): void {
    this.#sql.insert.run(this.#now(), surface, guild ?? '', actor, action, kindOf(action), target, toJson(detail));
  }

  /** What administrators changed, newest first. @param of @default everything */
  changes(limit: number, of?: ChangeKind): readonly AuditedChange[] {
    return of === undefined ? this.#sql.changes.all(limit) : this.#sql.changesOf.all(of, limit);
  }

  /** As `changes`, of one guild or of what concerns no single one. */
  changesAt(scope: SettingsScope, limit: number): readonly AuditedChange[] {
    return scope === 'everywhere'
      ? this.#sql.changesEverywhere.all(limit)
      : this.#sql.changesIn.all(scope.guild, scope.surface, limit);
  }

  /** Who changed a setting last in exactly this scope; `null` where nobody did, or so long ago that it is forgotten. */
  lastChange(scope: SettingsScope, key: string): AuditedChange | null {
    const [last] =
      scope === 'everywhere'
        ? this.#sql.lastEverywhere.all(key, 1)
        : this.#sql.lastIn.all(scope.guild, scope.surface, key, 1);
    return last ?? null;
  }

  /** Everything that a person did, oldest first. */
  byActor(surface: Surface, user: string): readonly AuditEntry[] {
    return this.#sql.byActor.all(surface, user);
  }

  /** Everything that was done to a person, oldest first. */
  byTarget(surface: Surface, user: string): readonly AuditEntry[] {
    return targetsOf(surface, user)
      .flatMap((target) => this.#sql.byTarget.all(...target))
      .toSorted((a, b) => a.num - b.num);
  }

  /** Forgets the entries before a time. */
  prune(before: number): void {
    this.#sql.prune.run(before);
  }

  /** What was done stays; who did it, and to whom, goes. */
  erase(surface: Surface, user: string): void {
    this.#sql.eraseActor.run(surface, user);
    for (const target of targetsOf(surface, user)) this.#sql.eraseTarget.run(...target);
  }
}
