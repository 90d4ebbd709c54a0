import * as z from 'zod';
import type { Job, Surface } from '../job.ts';
import type { Database } from './database.ts';
import { JOB_COLUMNS } from './job-rows.ts';
import type { Jobs } from './jobs.ts';
import { fromJson, toJson } from './json.ts';

/** The platform's message that shows a job, and whether it shows the end. */
export class Messages {
  readonly #now: () => number;
  readonly #sql;

  constructor(database: Database, jobs: Jobs, now: () => number) {
    this.#now = now;
    this.#sql = {
      save: database.statement('UPDATE jobs SET message_json = ? WHERE id = ?'),
      get: database.column('SELECT message_json FROM jobs WHERE id = ?', z.string().nullable().parse),
      deliver: database.statement(
        'UPDATE jobs SET delivered_at = ?, delivery_problem = ? WHERE id = ? AND delivered_at IS NULL',
      ),
      setOutdated: database.statement('UPDATE jobs SET outdated = ? WHERE id = ? AND message_json IS NOT NULL'),
      outdated: database.query(
        `SELECT ${JOB_COLUMNS} FROM jobs WHERE surface = ? AND outdated = 1 AND delivered_at IS NOT NULL`,
        (row) => jobs.fromRow(row),
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

  /** Whether the message still shows a picture that was deleted. */
  setOutdated(jobId: string, outdated: boolean): void {
    this.#sql.setOutdated.run(Number(outdated), jobId);
  }

  /** Jobs whose end was shown, with a picture that has been deleted since. */
  outdated(surface: Surface): readonly Job[] {
    return this.#sql.outdated.all(surface);
  }

  /**
   * The message shows the end of the job. The first mark stays.
   * @param problem why it never can
   */
  markDelivered(jobId: string, problem?: string): void {
    this.#sql.deliver.run(this.#now(), problem ?? null, jobId);
  }
}
