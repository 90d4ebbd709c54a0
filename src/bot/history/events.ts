import * as z from 'zod';
import type { Job, JobEvent, Surface } from '../job.ts';
import type { Database } from './database.ts';
import { decode, decodeImage, decodeJobRow, IMAGES_OF_JOB, JOB_COLUMNS, jobFrom } from './job-rows.ts';

/** The durable kinds of `JobEvent`. */
export type DurableType = Exclude<JobEvent['type'], 'step'>;

const eventRow = z.object({
  seq: z.number(),
  event_type: z.enum(['queued', 'started', 'image', 'done', 'failed', 'cancelled', 'changed']),
  image: z.string().nullable(),
  num: z.number(),
});

/** The numbered, durable events, for replay to whoever was away. */
export class EventLog {
  readonly #sql;

  constructor(database: Database) {
    this.#sql = {
      insert: database.statement('INSERT INTO events (job, surface, room, type, image, at) VALUES (?, ?, ?, ?, ?, ?)'),
      since: database.query(
        `SELECT events.seq, events.type AS event_type, events.image, ${JOB_COLUMNS}
         FROM events JOIN jobs ON jobs.num = events.job
         WHERE events.surface = ? AND events.room = ? AND events.seq > ? ORDER BY events.seq LIMIT ?`,
        (row) => ({ ...decode(eventRow, row, 'event'), row }),
      ),
      images: database.query(IMAGES_OF_JOB, decodeImage),
      ofJob: database.query('SELECT type, image, at FROM events WHERE job = ? ORDER BY seq', (row) => row),
      forgetStart: database.statement(
        "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events WHERE job = ? AND type = 'started')",
      ),
      prune: database.statement('DELETE FROM events WHERE at < ?'),
    };
  }

  /** Adds an event, inside the transaction that makes it true. `null` for an image that the job does not have. */
  add(jobNum: number, job: Job, type: DurableType, image: string | null, at: number): JobEvent | null {
    const { surface, room } = job.caller;
    const { lastInsertRowid } = this.#sql.insert.run(jobNum, surface, room, type, image, at);
    return durableEvent(Number(lastInsertRowid), type, job, image);
  }

  /**
   * Durable events of a room after `seq`, oldest first. Each carries its job as it is now, so a late reader ends in the
   * right state at once.
   */
  since(surface: Surface, room: string, seq: number, limit: number): readonly JobEvent[] {
    const jobs = new Map<number, Job>();
    return this.#sql.since.all(surface, room, seq, limit).flatMap(({ seq, event_type, image, num, row }) => {
      const job = jobs.get(num) ?? jobFrom(decodeJobRow(row), this.#sql.images.all(num));
      jobs.set(num, job);
      return durableEvent(seq, event_type, job, image) ?? [];
    });
  }

  /** What happened to a job and when, as it is stored. */
  ofJob(jobNum: number): readonly unknown[] {
    return this.#sql.ofJob.all(jobNum);
  }

  /** Forgets the last start of a job. */
  forgetStart(jobNum: number): void {
    this.#sql.forgetStart.run(jobNum);
  }

  /** Forgets the events before a time. */
  prune(before: number): void {
    this.#sql.prune.run(before);
  }
}

function durableEvent(seq: number, type: DurableType, job: Job, imageId: string | null): JobEvent | null {
  if (type === 'queued') return { seq, type, job, position: null, eta: null };
  if (type !== 'image') return { seq, type, job };
  const image = job.images.find(({ id }) => id === imageId);
  return image === undefined ? null : { seq, type, job, image };
}
