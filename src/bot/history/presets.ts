import * as z from 'zod';
import type { Preset } from '../command/presets.ts';
import type { Surface } from '../job.ts';
import type { Actor, Audit, AuditEntry } from './audit.ts';
import type { Database } from './database.ts';
import { decode, decodeJson } from './job-rows.ts';
import { toJson } from './json.ts';

/** Whose presets: a person's, a guild's, or everyone's. */
export type PresetScope =
  | { readonly surface: Surface; readonly user: string }
  | { readonly surface: Surface; readonly guild: string }
  | 'everywhere';

const presetSchema = z.object({
  prompt: z.string(),
  negative: z.string(),
  settings: z.record(z.string(), z.string()),
});
const presetRow = z.object({ name: z.string(), preset_json: z.string() });

/** Saved styles. Names are those of `presetName`. */
export class SavedPresets {
  readonly #database: Database;
  readonly #audit: Audit;
  readonly #sql;

  constructor(database: Database, audit: Audit) {
    this.#database = database;
    this.#audit = audit;
    const where = 'surface = ? AND scope = ? AND owner = ?';
    this.#sql = {
      names: database.column(`SELECT name FROM presets WHERE ${where} ORDER BY name`, String),
      get: database.column(`SELECT preset_json FROM presets WHERE ${where} AND name = ?`, String),
      all: database.query(`SELECT name, preset_json FROM presets WHERE ${where} ORDER BY name`, (row) =>
        decode(presetRow, row, 'preset'),
      ),
      set: database.statement(
        `INSERT INTO presets (surface, scope, owner, name, preset_json) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET preset_json = excluded.preset_json`,
      ),
      remove: database.statement(`DELETE FROM presets WHERE ${where} AND name = ?`),
      erase: database.statement(`DELETE FROM presets WHERE ${where}`),
    };
  }

  names(scope: PresetScope): readonly string[] {
    return this.#sql.names.all(...columnsOf(scope));
  }

  get(scope: PresetScope, name: string): Preset | undefined {
    const json = this.#sql.get.get(...columnsOf(scope), name);
    return json === undefined ? undefined : decodeJson(presetSchema, json, `preset ${name}`);
  }

  all(scope: PresetScope): readonly (Preset & { readonly name: string })[] {
    return this.#sql.all
      .all(...columnsOf(scope))
      .map(({ name, preset_json }) => ({ name, ...decodeJson(presetSchema, preset_json, `preset ${name}`) }));
  }

  save(scope: PresetScope, presets: readonly (Preset & { readonly name: string })[], by: Actor): void {
    this.#database.write(() => {
      for (const { name, ...preset } of presets) this.#sql.set.run(...columnsOf(scope), name, toJson(preset));
      const names = presets.map(({ name }) => name);
      this.#record(scope, { action: 'save-preset', target: names[0] ?? '', detail: { names } }, by);
    });
  }

  /** @returns whether it was there */
  remove(scope: PresetScope, name: string, by: Actor): boolean {
    return this.#database.write(() => {
      if (this.#sql.remove.run(...columnsOf(scope), name).changes === 0) return false;
      this.#record(scope, { action: 'delete-preset', target: name, detail: null }, by);
      return true;
    });
  }

  erase(surface: Surface, user: string): void {
    this.#sql.erase.run(...columnsOf({ surface, user }));
  }

  /** What people change for themselves is theirs alone. */
  #record(
    scope: PresetScope,
    change: Pick<AuditEntry, 'action' | 'target' | 'detail'>,
    { surface, user }: Actor,
  ): void {
    if (scope !== 'everywhere' && 'user' in scope) return;
    this.#audit.add({ surface, guild: scope === 'everywhere' ? null : scope.guild, actor: user, ...change });
  }
}

function columnsOf(scope: PresetScope): [surface: string, scope: string, owner: string] {
  if (scope === 'everywhere') return ['*', 'everywhere', ''];
  return 'user' in scope ? [scope.surface, 'person', scope.user] : [scope.surface, 'guild', scope.guild];
}
