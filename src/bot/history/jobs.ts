import { z } from 'zod';
import type { Caller, Job, JobEvent, JobImage, JobState } from '../job.ts';
import type { Database, Value } from './database.ts';
import { type DurableType, durableEvent, type EventLog } from './events.ts';
import { JOB_ID_LENGTH, randomId } from './id.ts';
import {
  decode,
  decodeImage,
  decodeJobRow,
  IMAGE_COLUMNS,
  JOB_COLUMNS,
  type JobRow,
  jobFrom,
  type StoredJob,
  storedJobFrom,
} from './job-rows.ts';
import { toJson } from './json.ts';
import { type Accepted, INSERT_JOB, insertValues, type NewJob } from './new-job.ts';
import { dayOf, type Ledger } from './usage.ts';

export interface JobError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

const FROM = `SELECT ${JOB_COLUMNS} FROM jobs`;
const found = z.object({ id: z.string() });

/** Jobs and their states. Each change is one transaction with its event; `null` means that the state forbade it. */
export class JobRecords {
  readonly #database: Database;
  readonly #events: EventLog;
  readonly #ledger: Ledger;
  readonly #now: () => number;

  readonly #insert;
  readonly #byId;
  readonly #images;
  readonly #waiting;
  readonly #running;
  readonly #byKey;
  readonly #insertKey;
  readonly #pruneKeys;
  readonly #upsertUser;
  readonly #upsertGuild;
  readonly #setState;
  readonly #setCharge;
  readonly #setPriority;
  readonly #setNotes;
  readonly #setAttempts;
  readonly #starts;

  constructor(database: Database, events: EventLog, ledger: Ledger, now: () => number) {
    this.#database = database;
    this.#events = events;
    this.#ledger = ledger;
    this.#now = now;
    this.#insert = database.prepare<Value[]>(INSERT_JOB);
    this.#byId = database.prepare<[string]>(`${FROM} WHERE id = ?`);
    this.#images = database.prepare<[number]>(`SELECT ${IMAGE_COLUMNS} FROM images WHERE job = ? ORDER BY idx`);
    this.#waiting = database.prepare<[]>(`${FROM} WHERE state = 'queued' ORDER BY num`);
    this.#running = database.prepare<[]>(`${FROM} WHERE state = 'running' ORDER BY num`);
    this.#byKey = database.prepare<[string, string, string]>(
      `SELECT jobs.id FROM idempotency_keys AS keys JOIN jobs ON jobs.num = keys.job
       WHERE keys.surface = ? AND keys.user = ? AND keys.key = ?`,
    );
    this.#insertKey = database.prepare<[string, string, string, number, number]>(
      'INSERT INTO idempotency_keys (surface, user, key, job, at) VALUES (?, ?, ?, ?, ?)',
    );
    this.#pruneKeys = database.prepare<[number]>('DELETE FROM idempotency_keys WHERE at < ?');
    this.#upsertUser = database.prepare<[string, string, string, number, number]>(
      `INSERT INTO users (surface, id, name, first_seen, last_seen) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (surface, id) DO UPDATE SET name = excluded.name, last_seen = excluded.last_seen`,
    );
    this.#upsertGuild = database.prepare<[string, string, number]>(
      'INSERT INTO guilds (surface, id, first_seen) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    );
    this.#setState = database.prepare<[string, number, number | null, number | null, string | null, number]>(
      'UPDATE jobs SET state = ?, attempts = ?, started_at = ?, finished_at = ?, error_json = ? WHERE num = ?',
    );
    this.#setCharge = database.prepare<[number, number]>('UPDATE jobs SET charged_ms = ? WHERE num = ?');
    this.#setNotes = database.prepare<[string, number]>('UPDATE jobs SET notes_json = ? WHERE num = ?');
    this.#setAttempts = database.prepare<[number, string]>('UPDATE jobs SET attempts = ? WHERE id = ?');
    this.#starts = database
      .prepare<[string]>(
        `SELECT count(*) FROM jobs JOIN events ON events.job = jobs.num WHERE jobs.id = ? AND events.type = 'started'`,
      )
      .pluck();
    this.#setPriority = database.prepare<[number, string]>('UPDATE jobs SET priority = ? WHERE id = ?');
  }

  accept(input: NewJob): Accepted {
    return this.#database.write(() => {
      const { caller, idempotencyKey } = input;
      const earlier = idempotencyKey === undefined ? null : this.byKey(caller, idempotencyKey);
      if (earlier !== null) return { ...earlier, repeated: true, event: null };
      const now = this.#now();
      this.#upsertUser.run(caller.surface, caller.user, caller.name, now, now);
      if (caller.guild !== null) this.#upsertGuild.run(caller.surface, caller.guild, now);
      const id = randomId(JOB_ID_LENGTH);
      const chargedMs = Math.round(input.estimate * 1000);
      const num = Number(this.#insert.run(...insertValues(id, input, chargedMs, now)).lastInsertRowid);
      this.#ledger.charge(caller, dayOf(now), chargedMs);
      if (idempotencyKey !== undefined) this.#insertKey.run(caller.surface, caller.user, idempotencyKey, num, now);
      const stored = storedJobFrom(this.#row(id), []);
      return { ...stored, repeated: false, event: this.#log(num, stored.job, 'queued', now) };
    });
  }

  /** The job that an idempotency key led to. */
  byKey(caller: Pick<Caller, 'surface' | 'user'>, key: string): StoredJob | null {
    return this.#database.run(() => {
      const row = this.#byKey.get(caller.surface, caller.user, key);
      return row === undefined ? null : this.stored(decode(found, row, 'idempotency key').id);
    });
  }

  /** queued → running. The attempt is counted before anything can crash. */
  start(id: string): JobEvent | null {
    return this.#change(id, ['queued'], 'started', (row, now) =>
      this.#setState.run('running', row.attempts + 1, row.started_at ?? now, null, null, row.num),
    );
  }

  /** running → queued; from now on it counts as resumed. */
  requeue(id: string, forgiveAttempt: boolean): JobEvent | null {
    return this.#change(id, ['running'], 'queued', (row) =>
      this.#setState.run(
        'queued',
        Math.max(0, row.attempts - (forgiveAttempt ? 1 : 0)),
        row.started_at,
        null,
        null,
        row.num,
      ),
    );
  }

  /** running → done. The ledger's reservation becomes what was really used; `notes` come after those there are. */
  finish(id: string, seconds: number, notes: readonly string[]): JobEvent | null {
    return this.#change(id, ['running'], 'done', (row, now) => {
      this.#setState.run('done', row.attempts, row.started_at, now, null, row.num);
      const known = jobFrom(row, []).notes;
      const fresh = notes.filter((note) => !known.includes(note));
      if (fresh.length > 0) this.#setNotes.run(toJson([...known, ...fresh]), row.num);
      this.#recharge(row, Math.round(seconds * 1000));
    });
  }

  /** queued or running → failed or cancelled. What it was charged is refunded. */
  end(id: string, state: 'failed' | 'cancelled', error: JobError): JobEvent | null {
    return this.#change(id, ['queued', 'running'], state, (row, now) => {
      this.#setState.run(state, row.attempts, row.started_at, now, toJson(error), row.num);
      this.#recharge(row, 0);
    });
  }

  setAttempts(id: string, attempts: number): void {
    this.#database.run(() => this.#setAttempts.run(attempts, id));
  }

  starts(id: string): number {
    return Number(this.#database.run(() => this.#starts.get(id)));
  }

  setPriority(id: string, priority: number): void {
    this.#database.run(() => this.#setPriority.run(priority, id));
  }

  job(id: string): Job | null {
    return this.stored(id)?.job ?? null;
  }

  stored(id: string): StoredJob | null {
    return this.#database.run(() => {
      const row = this.#byId.get(id);
      return row === undefined ? null : this.#stored(row);
    });
  }

  /** Queued jobs, in the order of arrival. */
  waiting(): readonly StoredJob[] {
    return this.#database.run(() => this.#waiting.all().map((row) => this.#stored(row)));
  }

  /** Running jobs; right after a start of the bot, those that were interrupted. */
  running(): readonly StoredJob[] {
    return this.#database.run(() => this.#running.all().map((row) => this.#stored(row)));
  }

  /** A job from a row of `jobs`. */
  fromRow(row: unknown): Job {
    return this.#stored(row).job;
  }

  /** A job's row and images as they are now; `null` for an unknown id. */
  rowOf(id: string): JobRow | null {
    const row = this.#byId.get(id);
    return row === undefined ? null : decodeJobRow(row);
  }

  pruneKeys(before: number): number {
    return this.#pruneKeys.run(before).changes;
  }

  #stored(row: unknown): StoredJob {
    const decoded = decodeJobRow(row);
    return storedJobFrom(decoded, this.#imagesOf(decoded.num));
  }

  #imagesOf(num: number): readonly JobImage[] {
    return this.#images.all(num).map(decodeImage);
  }

  #row(id: string): JobRow {
    return decodeJobRow(this.#byId.get(id));
  }

  #log(num: number, job: Job, type: DurableType, at: number): JobEvent | null {
    return durableEvent(this.#events.add(num, job, type, null, at), type, job, null);
  }

  #change(
    id: string,
    from: readonly JobState[],
    type: DurableType,
    apply: (row: JobRow, now: number) => void,
  ): JobEvent | null {
    return this.#database.write(() => {
      const row = this.rowOf(id);
      if (row === null || !from.includes(row.state)) return null;
      const now = this.#now();
      apply(row, now);
      return this.#log(row.num, jobFrom(this.#row(id), this.#imagesOf(row.num)), type, now);
    });
  }

  #recharge(row: JobRow, ms: number): void {
    this.#ledger.charge(row.caller, row.charged_day, ms - row.charged_ms);
    this.#setCharge.run(ms, row.num);
  }
}
