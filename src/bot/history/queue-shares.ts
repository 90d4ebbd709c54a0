import { z } from 'zod';
import type { Share, ShareChanges } from '../queue/fair-queue.ts';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';

const share: z.ZodType<Share> = z.object({
  payer: z.string(),
  user: z.string(),
  tag: z.number(),
  ticket: z.number().nullable(),
  clock: z.number(),
});

/** The fair queue's accounts, from which it goes on after a restart in the order it had. */
export class Shares {
  readonly #database: Database;
  readonly #save;
  readonly #remove;
  readonly #all;

  constructor(database: Database) {
    this.#database = database;
    this.#save = database.prepare<[string, string, number, number | null, number]>(
      `INSERT INTO queue_shares (payer, user, tag, ticket, clock) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (payer, user) DO UPDATE SET tag = excluded.tag, ticket = excluded.ticket, clock = excluded.clock`,
    );
    this.#remove = database.prepare<[string, string]>('DELETE FROM queue_shares WHERE payer = ? AND user = ?');
    this.#all = database.prepare<[]>('SELECT payer, user, tag, ticket, clock FROM queue_shares ORDER BY payer, user');
  }

  /** Together with the change of the job that caused them: use `History.atomically`. */
  save(changes: ShareChanges): void {
    this.#database.write(() => {
      for (const { payer, user, tag, ticket, clock } of changes.kept) this.#save.run(payer, user, tag, ticket, clock);
      for (const { payer, user } of changes.gone) this.#remove.run(payer, user);
    });
  }

  all(): readonly Share[] {
    return this.#database.run(() => this.#all.all().map((row) => decode(share, row, 'share of the queue')));
  }
}
