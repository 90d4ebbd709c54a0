import * as z from 'zod';
import type { Preset } from '../command/presets.ts';
import type { Surface } from '../job.ts';
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
  readonly #sql;

  constructor(database: Database) {
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

  set(scope: PresetScope, name: string, preset: Preset): void {
    this.#sql.set.run(...columnsOf(scope), name, toJson(preset));
  }

  /** @returns whether it was there */
  remove(scope: PresetScope, name: string): boolean {
    return this.#sql.remove.run(...columnsOf(scope), name).changes > 0;
  }

  erase(surface: Surface, user: string): void {
    this.#sql.erase.run(...columnsOf({ surface, user }));
  }
}

function columnsOf(scope: PresetScope): [surface: string, scope: string, owner: string] {
  if (scope === 'everywhere') return ['*', 'everywhere', ''];
  return 'user' in scope ? [scope.surface, 'person', scope.user] : [scope.surface, 'guild', scope.guild];
}
