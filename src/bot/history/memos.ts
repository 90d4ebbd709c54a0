import { z } from 'zod';
import type { Stage, Surface } from '../job.ts';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';
import { fromJson, toJson } from './json.ts';

/** How long one step (of a stage without steps: the whole stage) takes at a size. */
export interface StepTime {
  readonly stage: Stage;
  /** Pixels of the picture. */
  readonly width: number;
  readonly height: number;
  readonly seconds: number;
  /** Measurements behind it. */
  readonly samples: number;
}

const stepTime: z.ZodType<StepTime> = z.object({
  stage: z.enum(['load', 'text', 'prior', 'decoder', 'vqgan', 'encode']),
  width: z.number(),
  height: z.number(),
  seconds: z.number(),
  samples: z.number(),
});

const memo = z.object({ key: z.string(), value_json: z.string() });

/** What other parts of the bot want to know again after a restart. Values are anything that JSON can hold. */
export class Learned {
  readonly #database: Database;
  readonly #saveTime;
  readonly #times;
  readonly #saveMap;
  readonly #map;
  readonly #remember;
  readonly #recall;
  readonly #forget;
  readonly #forgetAll;
  readonly #saveInstallation;
  readonly #installation;
  readonly #removeInstallation;

  constructor(database: Database) {
    this.#database = database;
    this.#saveTime = database.prepare<[string, string, number, number, number, number]>(
      `INSERT INTO step_times (checkpoint, stage, width, height, seconds, samples) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET seconds = excluded.seconds, samples = excluded.samples`,
    );
    this.#times = database.prepare<[string]>(
      'SELECT stage, width, height, seconds, samples FROM step_times WHERE checkpoint = ?',
    );
    this.#saveMap = database.prepare<[string, string, string]>(
      `INSERT INTO preview_maps (checkpoint, stage, map_json) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET map_json = excluded.map_json`,
    );
    this.#map = database
      .prepare<[string, string]>('SELECT map_json FROM preview_maps WHERE checkpoint = ? AND stage = ?')
      .pluck();
    this.#remember = database.prepare<[string, string, string]>(
      `INSERT INTO memos (owner, key, value_json) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET value_json = excluded.value_json`,
    );
    this.#recall = database.prepare<[string]>('SELECT key, value_json FROM memos WHERE owner = ? ORDER BY key');
    this.#forget = database.prepare<[string, string]>('DELETE FROM memos WHERE owner = ? AND key = ?');
    this.#forgetAll = database.prepare<[string]>('DELETE FROM memos WHERE owner = ?');
    this.#saveInstallation = database.prepare<[string, string, string]>(
      `INSERT INTO installations (surface, id, value_json) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET value_json = excluded.value_json`,
    );
    this.#installation = database
      .prepare<[string, string]>('SELECT value_json FROM installations WHERE surface = ? AND id = ?')
      .pluck();
    this.#removeInstallation = database.prepare<[string, string]>(
      'DELETE FROM installations WHERE surface = ? AND id = ?',
    );
  }

  /** `checkpoint` tells apart whatever changes the speed: weights, provider, precision. */
  saveStepTime(checkpoint: string, time: StepTime): void {
    const { stage, width, height, seconds, samples } = time;
    this.#database.run(() => this.#saveTime.run(checkpoint, stage, width, height, seconds, samples));
  }

  stepTimes(checkpoint: string): readonly StepTime[] {
    return this.#database.run(() => this.#times.all(checkpoint)).map((row) => decode(stepTime, row, 'step time'));
  }

  savePreviewMap(checkpoint: string, stage: Stage, map: unknown): void {
    this.#database.run(() => this.#saveMap.run(checkpoint, stage, toJson(map)));
  }

  /** `null` where none was fitted yet. */
  previewMap(checkpoint: string, stage: Stage): unknown {
    return json(this.#database.run(() => this.#map.get(checkpoint, stage)));
  }

  remember(owner: string, key: string, value: unknown): void {
    this.#database.run(() => this.#remember.run(owner, key, toJson(value)));
  }

  /** Everything that `owner` remembered, by key. */
  recall(owner: string): ReadonlyMap<string, unknown> {
    const rows = this.#database.run(() => this.#recall.all(owner)).map((row) => decode(memo, row, 'memo'));
    return new Map(rows.map(({ key, value_json }) => [key, fromJson(value_json)]));
  }

  /** One key, or all of an owner's. */
  forget(owner: string, key?: string): void {
    this.#database.run(() => (key === undefined ? this.#forgetAll.run(owner) : this.#forget.run(owner, key)));
  }

  saveInstallation(surface: Surface, id: string, value: unknown): void {
    this.#database.run(() => this.#saveInstallation.run(surface, id, toJson(value)));
  }

  installation(surface: Surface, id: string): unknown {
    return json(this.#database.run(() => this.#installation.get(surface, id)));
  }

  removeInstallation(surface: Surface, id: string): void {
    this.#database.run(() => this.#removeInstallation.run(surface, id));
  }
}

function json(text: unknown): unknown {
  return typeof text === 'string' ? fromJson(text) : null;
}
