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
  readonly #insert;
  readonly #get;
  readonly #ofUser;
  readonly #idsOfUser;
  readonly #remove;
  readonly #prune;
  readonly #erase;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
    this.#insert = database.prepare<[string, string, string, string, string, number]>(
      'INSERT INTO confirmations (id, surface, user, caller_json, requests_json, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#get = database.prepare<[string, number]>('SELECT * FROM confirmations WHERE id = ? AND expires_at > ?');
    this.#ofUser = database.prepare<[string, string]>('SELECT * FROM confirmations WHERE surface = ? AND user = ?');
    this.#idsOfUser = database.prepare<[string, string, number]>(
      'SELECT id, expires_at FROM confirmations WHERE surface = ? AND user = ? AND expires_at > ?',
    );
    this.#remove = database.prepare<[string]>('DELETE FROM confirmations WHERE id = ?');
    this.#prune = database.prepare<[number]>('DELETE FROM confirmations WHERE expires_at <= ?');
    this.#erase = database.prepare<[string, string]>('DELETE FROM confirmations WHERE surface = ? AND user = ?');
  }

  /** Returns the id to confirm it with. */
  save(confirmation: Confirmation): string {
    const { caller, requests, expiresAt } = confirmation;
    const id = randomId(JOB_ID_LENGTH);
    this.#database.run(() =>
      this.#insert.run(id, caller.surface, caller.user, toJson(caller), toJson(requests), expiresAt),
    );
    return id;
  }

  /** `null` if unknown, already taken or expired. */
  get(id: string): Confirmation | null {
    const found = this.#database.run(() => this.#get.get(id, this.#now()));
    return found === undefined ? null : decodeConfirmation(found);
  }

  /** As `get`, and gone from then on. */
  take(id: string): Confirmation | null {
    return this.#database.write(() => {
      const confirmation = this.get(id);
      this.#remove.run(id);
      return confirmation;
    });
  }

  /** Id of what this person was asked last; `null` if nothing waits for their yes. */
  newestOf(surface: Surface, user: string): string | null {
    const rows = this.#database.run(() => this.#idsOfUser.all(surface, user, this.#now()));
    const waiting = rows.map((found) => decode(idRow, found, 'confirmation'));
    return waiting.sort((a, b) => b.expires_at - a.expires_at)[0]?.id ?? null;
  }

  ofUser(surface: Surface, user: string): readonly Confirmation[] {
    return this.#database.run(() => this.#ofUser.all(surface, user)).map(decodeConfirmation);
  }

  prune(): number {
    return this.#prune.run(this.#now()).changes;
  }

  erase(surface: Surface, user: string): void {
    this.#erase.run(surface, user);
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
