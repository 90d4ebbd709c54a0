import { z } from 'zod';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';
import { fromJson, toJson } from './json.ts';

export interface Delivery {
  /** Milliseconds since 1970; `null` while the message does not show the end of the job. */
  readonly at: number | null;
  /** Why it never can. */
  readonly problem: string | null;
}

const delivery: z.ZodType<Delivery> = z.object({ at: z.number().nullable(), problem: z.string().nullable() });

/** The platform's message that shows a job, and whether it shows the end. */
export class Messages {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #save;
  readonly #get;
  readonly #deliver;
  readonly #delivery;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
    this.#save = database.prepare<[string, string]>('UPDATE jobs SET message_json = ? WHERE id = ?');
    this.#get = database.prepare<[string]>('SELECT message_json FROM jobs WHERE id = ?').pluck();
    this.#deliver = database.prepare<[number, string | null, string]>(
      'UPDATE jobs SET delivered_at = ?, delivery_problem = ? WHERE id = ? AND delivered_at IS NULL',
    );
    this.#delivery = database.prepare<[string]>(
      'SELECT delivered_at AS at, delivery_problem AS problem FROM jobs WHERE id = ?',
    );
  }

  save(jobId: string, message: unknown): void {
    this.#database.run(() => this.#save.run(toJson(message), jobId));
  }

  get(jobId: string): unknown {
    const text = this.#database.run(() => this.#get.get(jobId));
    return typeof text === 'string' ? fromJson(text) : null;
  }

  /** The first mark stays. */
  markDelivered(jobId: string, problem?: string): void {
    this.#database.run(() => this.#deliver.run(this.#now(), problem ?? null, jobId));
  }

  delivery(jobId: string): Delivery {
    const row = this.#database.run(() => this.#delivery.get(jobId));
    return row === undefined ? { at: null, problem: null } : decode(delivery, row, 'delivery');
  }
}
