import { z } from 'zod';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';
import { fromJson, toJson } from './json.ts';

const delivery = z.object({
  /** Milliseconds since 1970; `null` while the message does not show the end of the job. */
  at: z.number().nullable(),
  /** Why it never can. */
  problem: z.string().nullable(),
});

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
      delivery: database.query('SELECT delivered_at AS at, delivery_problem AS problem FROM jobs WHERE id = ?', (row) =>
        decode(delivery, row, 'delivery'),
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

  /** The first mark stays. */
  markDelivered(jobId: string, problem?: string): void {
    this.#sql.deliver.run(this.#now(), problem ?? null, jobId);
  }

  delivery(jobId: string): z.output<typeof delivery> {
    return this.#sql.delivery.get(jobId) ?? { at: null, problem: null };
  }
}
