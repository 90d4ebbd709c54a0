import * as z from 'zod';
import { hashesOfStart } from '../../pipeline/images/start-request.ts';
import { OperatorError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { type Caller, type Job, type JobEvent, type JobState, ruledBy, type Surface } from '../job.ts';
import type { Database } from './database.ts';
import type { DurableType, EventLog } from './events.ts';
import { JOB_ID_LENGTH, randomId } from './id.ts';
import {
  type Accepted,
  decode,
  decodeImage,
  decodeJobRow,
  IMAGES_OF_JOB,
  INSERT_JOB,
  insertValues,
  JOB_COLUMNS,
  type JobRow,
  jobFrom,
  type NewJob,
  type StoredJob,
  storedJobFrom,
} from './job-rows.ts';
import { toJson } from './json.ts';
import { dayOf, type Usage } from './usage.ts';

export interface JobError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

interface Options {
  readonly database: Database;
  readonly events: EventLog;
  readonly usage: Usage;
  readonly now: () => number;
}

const keyed = z.object({ id: z.string(), fingerprint: z.string().nullable() });
const styleSeconds = z.object({ style: z.string(), seconds: z.number() });

/**
 * Jobs and their states. A change is one transaction together with its event, which is returned to be passed on; `null`
 * means that the job's present state forbids the change, and nothing was written. So of two racing ends exactly one counts.
 */
export class Jobs {
  readonly #options: Options;
  readonly #sql;

  constructor(options: Options) {
    this.#options = options;
    const { database } = options;
    const find = (where: string) => database.query(`SELECT ${JOB_COLUMNS} FROM jobs WHERE ${where}`, decodeJobRow);
    this.#sql = {
      insert: database.statement(INSERT_JOB),
      byId: find('id = ?'),
      images: database.query(IMAGES_OF_JOB, decodeImage),
      waiting: find("state = 'queued' ORDER BY num"),
      waitingSeconds: database.query(
        "SELECT style, sum(estimate_ms) / 1000.0 AS seconds FROM jobs WHERE state = 'queued' GROUP BY style",
        (row) => decode(styleSeconds, row, 'sum of what waits'),
      ),
      running: find("state = 'running' ORDER BY num"),
      byKey: database.query(
        `SELECT jobs.id, keys.fingerprint FROM idempotency_keys AS keys JOIN jobs ON jobs.num = keys.job
         WHERE keys.surface = ? AND keys.user = ? AND keys.key = ?`,
        (row) => decode(keyed, row, 'idempotency key'),
      ),
      insertKey: database.statement(
        'INSERT INTO idempotency_keys (surface, user, key, job, at, fingerprint) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      keysOf: database.query('SELECT key, at FROM idempotency_keys WHERE surface = ? AND user = ?', (row) => row),
      endedBefore: database.column('SELECT num FROM jobs WHERE finished_at < ? ORDER BY finished_at LIMIT ?', Number),
      delete: database.statement('DELETE FROM jobs WHERE num = ?'),
      pruneUsers: database.statement(
        `DELETE FROM users WHERE last_seen < ? AND NOT EXISTS (
           SELECT 1 FROM jobs WHERE jobs.surface = users.surface AND jobs.user = users.id)`,
      ),
      pruneKeys: database.statement('DELETE FROM idempotency_keys WHERE at < ?'),
      upsertUser: database.statement(
        `INSERT INTO users (surface, id, name, first_seen, last_seen) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (surface, id) DO UPDATE SET name = excluded.name, last_seen = excluded.last_seen`,
      ),
      insertGiven: database.statement('INSERT INTO given_pictures (job, hash) VALUES (?, ?)'),
      insertGuild: database.statement(
        'INSERT INTO guilds (surface, id, first_seen) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
      ),
      setState: database.statement(
        'UPDATE jobs SET state = ?, attempts = ?, started_at = ?, finished_at = ?, error_json = ? WHERE num = ?',
      ),
      setCharge: database.statement('UPDATE jobs SET charged_ms = ? WHERE num = ?'),
      cover: database.statement('UPDATE jobs SET spoiler = 1 WHERE id = ?'),
      setNotes: database.statement('UPDATE jobs SET notes_json = ? WHERE num = ?'),
      setQueuePayer: database.statement('UPDATE jobs SET queue_payer = ? WHERE id = ?'),
      setAttempts: database.statement('UPDATE jobs SET attempts = ? WHERE id = ?'),
      starts: database.column(
        `SELECT count(*) FROM jobs JOIN events ON events.job = jobs.num WHERE jobs.id = ? AND events.type = 'started'`,
        Number,
      ),
      startsInVain: database.column(
        `SELECT count(*) FROM jobs JOIN events ON events.job = jobs.num WHERE jobs.id = ? AND events.type = 'started'
         AND seq > coalesce((SELECT max(seq) FROM events WHERE job = jobs.num AND type = 'image'), 0)`,
        Number,
      ),
    };
  }

  get(id: string): Job | null {
    return this.stored(id)?.job ?? null;
  }

  /** The job with what the queue and the pipeline's watcher need to know. */
  stored(id: string): StoredJob | null {
    const row = this.row(id);
    return row === null ? null : this.#stored(row);
  }

  /** The job that an idempotency key of this person led to, and the fingerprint that came with it. */
  byKey({ surface, user }: Pick<Caller, 'surface' | 'user'>, key: string) {
    const found = this.#sql.byKey.get(surface, user, key);
    const stored = found === undefined ? null : this.stored(found.id);
    return found === undefined || stored === null ? null : { stored, fingerprint: found.fingerprint };
  }

  /** Queued jobs in the order of arrival. */
  waiting(): readonly StoredJob[] {
    return this.#sql.waiting.all().map((row) => this.#stored(row));
  }

  /** Estimated accelerator seconds of the queued jobs, by style. */
  waitingSeconds(): readonly { readonly style: string; readonly seconds: number }[] {
    return this.#sql.waitingSeconds.all();
  }

  /** Running jobs: at start, those that a crash interrupted. */
  running(): readonly StoredJob[] {
    return this.#sql.running.all().map((row) => this.#stored(row));
  }

  /** Stores the job with its person, guild, reservation, idempotency key and `queued` event, or finds the earlier one. */
  accept(input: NewJob): Accepted {
    const { database, usage, now } = this.#options;
    return database.write(() => {
      const { caller, idempotencyKey, fingerprint = null } = input;
      const { surface, user, name, guild } = caller;
      const earlier = idempotencyKey === undefined ? null : this.byKey(caller, idempotencyKey);
      if (earlier !== null) return { ...earlier.stored, repeated: true, event: null };
      const at = now();
      this.#sql.upsertUser.run(surface, user, name, at, at);
      if (guild !== null) this.#sql.insertGuild.run(surface, guild, at);
      const id = randomId(JOB_ID_LENGTH);
      const chargedMs = Math.round(input.estimate * 1000);
      const num = Number(this.#sql.insert.run(...insertValues(id, input, chargedMs, at)).lastInsertRowid);
      const { start } = input.request;
      for (const hash of start === undefined ? [] : hashesOfStart(start)) this.#sql.insertGiven.run(num, hash);
      usage.charge({ surface, user, guild: ruledBy(caller) }, dayOf(at), chargedMs);
      if (idempotencyKey !== undefined) this.#sql.insertKey.run(surface, user, idempotencyKey, num, at, fingerprint);
      const stored = this.#written(id);
      return { ...stored, repeated: false, event: this.#options.events.add(num, stored.job, 'queued', null, at) };
    });
  }

  /** From now on its pictures are shown behind a spoiler cover. */
  cover(id: string): void {
    this.#sql.cover.run(id);
  }

  /** queued → running. The attempt is counted before anything can crash: call it before the pipeline has the job. */
  start(id: string): JobEvent | null {
    return this.#change(id, ['queued'], 'started', (row, at) =>
      this.#sql.setState.run('running', row.attempts + 1, row.started_at ?? at, null, null, row.num),
    );
  }

  /**
   * running → queued; from now on it counts as resumed. With `forgiveAttempt` the start does not count against the job:
   * the bot is stopping, and the job is not to blame. With `forgetStart` it does not count among all starts either.
   */
  requeue(
    id: string,
    {
      forgiveAttempt = false,
      forgetStart = false,
    }: { readonly forgiveAttempt?: boolean; readonly forgetStart?: boolean } = {},
  ): JobEvent | null {
    return this.#change(id, ['running'], 'queued', ({ attempts, started_at, num }) => {
      if (forgetStart) this.#options.events.forgetStart(num);
      const counted = Math.max(0, attempts - (forgiveAttempt ? 1 : 0));
      this.#sql.setState.run('queued', counted, started_at, null, null, num);
    });
  }

  /** running → done. `seconds` of accelerator time take the place of the reserved estimate; `notes` are added. */
  finish(
    id: string,
    { seconds, notes = [] }: { readonly seconds: number; readonly notes?: readonly string[] },
  ): JobEvent | null {
    return this.#change(id, ['running'], 'done', (row, at) => {
      this.#sql.setState.run('done', row.attempts, row.started_at, at, null, row.num);
      const known = jobFrom(row, []).notes;
      if (notes.length > 0) this.#sql.setNotes.run(toJson([...new Set([...known, ...notes])]), row.num);
      this.#recharge(row, Math.round(seconds * 1000));
    });
  }

  /** queued or running → failed. Of what was reserved, all but the `seconds` that were computed is given back. */
  fail(id: string, error: JobError, seconds = 0): JobEvent | null {
    return this.#end(id, 'failed', error, seconds);
  }

  /** queued or running → cancelled. Charges as `fail` does. Counts at once, whatever the pipeline still does. */
  cancel(id: string, reason: JobError, seconds = 0): JobEvent | null {
    return this.#end(id, 'cancelled', reason, seconds);
  }

  /** Whose share of the queue a job uses: not its payer's. */
  setQueuePayer(id: string, payer: string): void {
    this.#sql.setQueuePayer.run(payer, id);
  }

  /** How many starts count against a job now. */
  setAttempts(id: string, attempts: number): void {
    this.#sql.setAttempts.run(attempts, id);
  }

  /** How often a job was started in all. */
  starts(id: string): number {
    return this.#sql.starts.get(id) ?? 0;
  }

  /** How often it was started since it has got a picture. */
  startsInVain(id: string): number {
    return this.#sql.startsInVain.get(id) ?? 0;
  }

  /** The idempotency keys of a person, as they are stored. */
  keysOf(surface: Surface, user: string): readonly unknown[] {
    return this.#sql.keysOf.all(surface, user);
  }

  /** Numbers of jobs that ended before a time, oldest first. */
  endedBefore(before: number, limit: number): readonly number[] {
    return this.#sql.endedBefore.all(before, limit);
  }

  /** Forgets a job, with its images, events and keys. */
  delete(num: number): void {
    this.#sql.delete.run(num);
  }

  /** Forgets people who were not seen since a time and have no jobs left. */
  pruneUsers(before: number): void {
    this.#sql.pruneUsers.run(before);
  }

  /** Forgets the idempotency keys from before a time. */
  pruneKeys(before: number): void {
    this.#sql.pruneKeys.run(before);
  }

  /** For the other parts of the history: a job from a row of `jobs`. */
  fromRow(row: unknown): Job {
    return this.#stored(decodeJobRow(row)).job;
  }

  /** For the other parts of the history: a job's row as it is now. */
  row(id: string): JobRow | null {
    return this.#sql.byId.get(id) ?? null;
  }

  #stored(row: JobRow): StoredJob {
    return storedJobFrom(row, this.#sql.images.all(row.num));
  }

  /** A job that was written just now. */
  #written(id: string): StoredJob {
    const stored = this.stored(id);
    if (stored === null)
      throw new OperatorError('database_row', () => t('Job {id} was written and cannot be found.', { id }));
    return stored;
  }

  #end(id: string, state: 'failed' | 'cancelled', error: JobError, seconds: number): JobEvent | null {
    return this.#change(id, ['queued', 'running'], state, (row, at) => {
      this.#sql.setState.run(state, row.attempts, row.started_at, at, toJson(error), row.num);
      this.#recharge(row, Math.round(seconds * 1000));
    });
  }

  #change(
    id: string,
    from: readonly JobState[],
    type: DurableType,
    apply: (row: JobRow, at: number) => void,
  ): JobEvent | null {
    const { database, events, now } = this.#options;
    return database.write(() => {
      const row = this.row(id);
      if (row === null || !from.includes(row.state)) return null;
      const at = now();
      apply(row, at);
      return events.add(row.num, this.#written(id).job, type, null, at);
    });
  }

  #recharge(row: JobRow, ms: number): void {
    const { surface, user } = row.caller;
    this.#options.usage.charge({ surface, user, guild: row.charged_guild }, row.charged_day, ms - row.charged_ms);
    this.#sql.setCharge.run(ms, row.num);
  }
}
