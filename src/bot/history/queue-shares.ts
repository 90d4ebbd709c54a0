import * as z from 'zod';
import type { Surface } from '../job.ts';
import type { Share, ShareChange } from '../queue/fair-queue.ts';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';

const share: z.ZodType<Share> = z.object({
  level: z.string(),
  key: z.string(),
  tag: z.number(),
  ticket: z.number().nullable(),
});

/** The fair queue's shares, from which it goes on after a restart in the order it had. */
export class QueueShares {
  readonly #database: Database;
  readonly #sql;

  constructor(database: Database) {
    this.#database = database;
    this.#sql = {
      save: database.statement(
        `INSERT INTO queue_shares (level, key, tag, ticket) VALUES (?, ?, ?, ?)
         ON CONFLICT (level, key) DO UPDATE SET tag = excluded.tag, ticket = excluded.ticket`,
      ),
      remove: database.statement('DELETE FROM queue_shares WHERE level = ? AND key = ?'),
      ofKey: database.query('SELECT level, key, tag FROM queue_shares WHERE key = ? OR level = ?', (row) => row),
      erase: database.statement('DELETE FROM queue_shares WHERE key = ? OR level = ?'),
      all: database.query('SELECT level, key, tag, ticket FROM queue_shares ORDER BY level, key', (row) =>
        decode(share, row, 'share of the queue'),
      ),
    };
  }

  /** Together with the change of the job that caused them: use `History.atomically`. */
  save(changes: readonly ShareChange[]): void {
    this.#database.write(() => {
      for (const { level, key, share } of changes) {
        if (share === undefined) this.#sql.remove.run(level, key);
        else this.#sql.save.run(level, key, share.tag, share.ticket);
      }
    });
  }

  /** The shares of a person and of payers that are this person alone, as they are stored. */
  ofUser(surface: Surface, user: string): readonly unknown[] {
    return sharesOf(surface, user).flatMap((key) => this.#sql.ofKey.all(key, key));
  }

  erase(surface: Surface, user: string): void {
    for (const key of sharesOf(surface, user)) this.#sql.erase.run(key, key);
  }

  all(): readonly Share[] {
    return this.#sql.all.all();
  }
}

/** What a person is called as a user and as a payer. */
function sharesOf(surface: Surface, user: string): readonly string[] {
  return [`${surface}/${user}`, `${surface}/${surface}:user:${user}`];
}
