import * as z from 'zod';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';

const messageRow = z
  .object({ id: z.string(), api_key: z.string(), job: z.string(), due_at: z.number(), tries: z.number() })
  .transform(({ id, api_key, job, tries }) => ({ id, keyId: api_key, jobId: job, tries }));

/** A message to a program that is still to be sent. */
export type WebhookMessage = Readonly<z.output<typeof messageRow>>;

/** Messages to programs, kept until they were taken. They go with their key. */
export class WebhookMessages {
  readonly #sql;

  constructor(database: Database) {
    this.#sql = {
      add: database.statement(
        'INSERT INTO webhook_messages (id, api_key, job, due_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      ),
      due: database.query(
        'SELECT * FROM webhook_messages WHERE api_key = ? AND due_at <= ? ORDER BY due_at LIMIT 1',
        (row) => decode(messageRow, row, 'message to a program'),
      ),
      next: database.column('SELECT due_at FROM webhook_messages WHERE api_key = ? ORDER BY due_at LIMIT 1', Number),
      postpone: database.statement('UPDATE webhook_messages SET due_at = ?, tries = tries + 1 WHERE id = ?'),
      remove: database.statement('DELETE FROM webhook_messages WHERE id = ?'),
    };
  }

  /** Once for each id, however often it is called. */
  add({ id, keyId, jobId }: Omit<WebhookMessage, 'tries'>, dueAt: number): void {
    this.#sql.add.run(id, keyId, jobId, dueAt);
  }

  /** What a key is to be told now, the oldest first. */
  due(keyId: string, now: number): WebhookMessage | undefined {
    return this.#sql.due.get(keyId, now);
  }

  /** Milliseconds since 1970. */
  nextDue(keyId: string): number | undefined {
    return this.#sql.next.get(keyId);
  }

  /** After an attempt that failed. */
  postpone(id: string, dueAt: number): void {
    this.#sql.postpone.run(dueAt, id);
  }

  remove(id: string): void {
    this.#sql.remove.run(id);
  }
}
