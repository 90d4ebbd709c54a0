import * as z from 'zod';
import { imagineRequest } from '../../pipeline/images/imagine-request.ts';
import type { Clock } from '../../system/clock.ts';
import type { Caller, ImagineRequest, Surface } from '../job.ts';
import { PERSON_BOUNDS } from '../person-bounds.ts';
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
const waitingRow = idRow.extend({ characters: z.number() });

/** How long a question waits for its answer, in milliseconds; after a restart, from then on. */
export const QUESTION_WAITS = 3_600_000;

/** Questions expire by the time in which the bot was there to be answered, not by that of the machine's clock. */
export class Confirmations {
  readonly #database: Database;
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  /** By id, in monotonic milliseconds. */
  readonly #deadlines: Map<string, number>;
  readonly #sql;

  constructor(database: Database, clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#database = database;
    this.#clock = clock;
    const find = (where: string) =>
      database.query(`SELECT * FROM confirmations WHERE ${where}`, (found) => decodeConfirmation(found));
    this.#sql = {
      insert: database.statement(
        'INSERT INTO confirmations (id, surface, user, caller_json, requests_json, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      get: find('id = ?'),
      ofUser: find('surface = ? AND user = ?'),
      waitingOfUser: database.query(
        'SELECT id, expires_at, length(requests_json) AS characters FROM confirmations WHERE surface = ? AND user = ?',
        (found) => decode(waitingRow, found, 'confirmation'),
      ),
      all: database.query('SELECT id, expires_at FROM confirmations WHERE expires_at > 0', (found) =>
        decode(idRow, found, 'confirmation'),
      ),
      remove: database.statement('DELETE FROM confirmations WHERE id = ?'),
      erase: database.statement('DELETE FROM confirmations WHERE surface = ? AND user = ?'),
    };
    const deadline = clock.monotonic() + QUESTION_WAITS;
    this.#deadlines = new Map(this.#sql.all.all().map(({ id }) => [id, deadline]));
  }

  /** Returns the id to confirm it with. Older questions of the same person are dropped beyond what one person may keep open. */
  save({ caller, requests, expiresAt }: Confirmation): string {
    const { surface, user } = caller;
    const id = randomId(JOB_ID_LENGTH);
    const requestsJson = toJson(requests);
    this.#database.write(() => {
      this.#makeRoom(surface, user, requestsJson.length);
      this.#sql.insert.run(id, surface, user, toJson(caller), requestsJson, expiresAt);
    });
    this.#deadlines.set(id, this.#clock.monotonic() + expiresAt - this.#clock.now());
    return id;
  }

  /** `null` if unknown, already taken or expired. */
  get(id: string): Confirmation | null {
    return this.#waits(id) ? (this.#sql.get.get(id) ?? null) : null;
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
    const newest = this.#newestFirst(surface, user).find(({ id }) => this.#waits(id));
    return newest?.id ?? null;
  }

  ofUser(surface: Surface, user: string): readonly Confirmation[] {
    return this.#sql.ofUser.all(surface, user);
  }

  /** Forgets those that have expired. */
  prune(): void {
    for (const id of this.#deadlines.keys()) {
      if (this.#waits(id)) continue;
      this.#sql.remove.run(id);
      this.#deadlines.delete(id);
    }
  }

  erase(surface: Surface, user: string): void {
    this.#sql.erase.run(surface, user);
  }

  /** For one more question of this size. */
  #makeRoom(surface: Surface, user: string, characters: number): void {
    const { questions } = PERSON_BOUNDS;
    let [count, size] = [1, characters];
    for (const { id, characters } of this.#newestFirst(surface, user)) {
      count += 1;
      size += characters;
      if (count <= questions.count && size <= questions.characters) continue;
      this.#sql.remove.run(id);
      this.#deadlines.delete(id);
    }
  }

  #newestFirst(surface: Surface, user: string) {
    const deadline = (id: string) => this.#deadlines.get(id) ?? 0;
    const questions = this.#sql.waitingOfUser.all(surface, user);
    return questions.toSorted((a, b) => deadline(b.id) - deadline(a.id) || b.expires_at - a.expires_at);
  }

  #waits(id: string): boolean {
    return (this.#deadlines.get(id) ?? 0) > this.#clock.monotonic();
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
