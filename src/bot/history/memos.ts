import * as z from 'zod';
import { ENGINE_STAGES } from '../../pipeline/process/protocol.ts';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';
import { fromJson, toJson } from './json.ts';

const stepTime = z.object({
  stage: z.enum(ENGINE_STAGES),
  /** Pixels of the picture. */
  width: z.number(),
  height: z.number(),
  seconds: z.number(),
  /** Measurements behind it. */
  samples: z.number(),
});

/** How long one step (of a stage without steps: the whole stage) takes at a size. */
export type StepTime = Readonly<z.output<typeof stepTime>>;

/** What the bot should not have to learn again after a restart: step times, and small values of its other parts. */
export class Memos {
  readonly #sql;

  constructor(database: Database) {
    this.#sql = {
      saveTime: database.statement(
        `INSERT INTO step_times (checkpoint, stage, width, height, seconds, samples) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET seconds = excluded.seconds, samples = excluded.samples`,
      ),
      times: database.query(
        'SELECT stage, width, height, seconds, samples FROM step_times WHERE checkpoint = ?',
        (row) => decode(stepTime, row, 'step time'),
      ),
      set: database.statement(
        `INSERT INTO memos (owner, key, value_json) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET value_json = excluded.value_json`,
      ),
      get: database.column('SELECT value_json FROM memos WHERE owner = ? AND key = ?', String),
    };
  }

  /** `checkpoint` tells apart whatever changes the speed: weights, provider, precision. */
  saveStepTime(checkpoint: string, { stage, width, height, seconds, samples }: StepTime): void {
    this.#sql.saveTime.run(checkpoint, stage, width, height, seconds, samples);
  }

  stepTimes(checkpoint: string): readonly StepTime[] {
    return this.#sql.times.all(checkpoint);
  }

  /** Keeps anything that JSON can hold. `owner` is the part of the bot that it is for. */
  set(owner: string, key: string, value: unknown): void {
    this.#sql.set.run(owner, key, toJson(value));
  }

  get(owner: string, key: string): unknown {
    const text = this.#sql.get.get(owner, key);
    return text === undefined ? undefined : fromJson(text);
  }
}
