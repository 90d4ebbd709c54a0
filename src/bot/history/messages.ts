import * as z from 'zod';
import type { Database } from './database.ts';
import { fromJson, toJson } from './json.ts';

/** The platform's message that shows a job, and whether it shows the end. */
export class Messages {
  readonly #now: () => number;
  readonly #sql;

  constructor(database: Database, now: () => number) {
    this.#now = now;
    this.#sql = {
      save: database.statement('UPDATE jobs SET message_json = ? WHERE id = ?'),
      get: database.column('SELECT message_json FROM jobs WHERE id = ?', z.string().nullable().parse),
      deliver: database.statement(
        'UPDATE jobs SET delivered_at = ?, delivery_problem = ? WHERE id = ? AND delivered_at IS NULL',
      ),
    };
  }

  save(jobId: string, message: unknown): void {
    this.#sql.save.run(toJson(message), jobId);
  }

  /** What was saved; `null` for a job without a message. */
  get(jobId: string): unknown {
    const text = this.#sql.get.get(jobId) ?? null;
    return text === null ? null : fromJson(text);
  }

  /**
   * The message shows the end of the job. The first mark stays.
   * @param problem why it never can
   */
  markDelivered(jobId: string, problem?: string): void {
    this.#sql.deliver.run(this.#now(), problem ?? null, jobId);
  }
}
