import { z } from 'zod';
import { imagineRequest } from '../../pipeline/images/imagine-request.ts';
import type { Caller, ImagineRequest, Surface } from '../job.ts';
import type { Database } from './database.ts';
import { JOB_ID_LENGTH, randomId } from './id.ts';
import { callerSchema, decode, decodeJson } from './job-rows.ts';
import { toJson } from './json.ts';

/** Several requests that wait for a yes of the person who asked. */
export interface Confirmation {
  readonly caller: Caller;
  readonly requests: readonly ImagineRequest[];
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

const row = z.object({ caller_json: z.string(), requests_json: z.string(), expires_at: z.number() });

const idRow = z.object({ id: z.string(), expires_at: z.number() });

export class Confirmations {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #sql;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
    const find = (where: string) =>
      database.query(`SELECT * FROM confirmations WHERE ${where}`, (found) => decodeConfirmation(found));
    this.#sql = {
      insert: database.statement(
        'INSERT INTO confirmations (id, surface, user, caller_json, requests_json, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      get: find('id = ? AND expires_at > ?'),
      ofUser: find('surface = ? AND user = ?'),
      idsOfUser: database.query(
        'SELECT id, expires_at FROM confirmations WHERE surface = ? AND user = ? AND expires_at > ?',
        (found) => decode(idRow, found, 'confirmation'),
      ),
      remove: database.statement('DELETE FROM confirmations WHERE id = ?'),
      prune: database.statement('DELETE FROM confirmations WHERE expires_at <= ?'),
      erase: database.statement('DELETE FROM confirmations WHERE surface = ? AND user = ?'),
    };
  }

  /** Returns the id to confirm it with. */
  save({ caller, requests, expiresAt }: Confirmation): string {
    const id = randomId(JOB_ID_LENGTH);
    this.#sql.insert.run(id, caller.surface, caller.user, toJson(caller), toJson(requests), expiresAt);
    return id;
  }

  /** `null` if unknown, already taken or expired. */
  get(id: string): Confirmation | null {
    return this.#sql.get.get(id, this.#now()) ?? null;
  }

  /** As `get`, and gone from then on. */
  take(id: string): Confirmation | null {
    return this.#database.write(() => {
      const confirmation = this.get(id);
      this.#sql.remove.run(id);
      return confirmation;
    });
  }

  /** Id of what this person was asked last; `null` if nothing waits for their yes. */
  newestOf(surface: Surface, user: string): string | null {
    const waiting = this.#sql.idsOfUser.all(surface, user, this.#now());
    return waiting.toSorted((a, b) => b.expires_at - a.expires_at)[0]?.id ?? null;
  }

  ofUser(surface: Surface, user: string): readonly Confirmation[] {
    return this.#sql.ofUser.all(surface, user);
  }

  /** Forgets those that have expired. */
  prune(): void {
    this.#sql.prune.run(this.#now());
  }

  erase(surface: Surface, user: string): void {
    this.#sql.erase.run(surface, user);
  }
}

function decodeConfirmation(found: unknown): Confirmation {
  const { caller_json, requests_json, expires_at } = decode(row, found, 'confirmation');
  return {
    caller: decodeJson(callerSchema, caller_json, 'caller of a confirmation'),
    requests: decodeJson(z.array(imagineRequest), requests_json, 'requests of a confirmation'),
    expiresAt: expires_at,
  };
}
