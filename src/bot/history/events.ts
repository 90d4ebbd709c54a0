import { z } from 'zod';
import type { Job, JobEvent, JobImage, Surface } from '../job.ts';
import type { Database } from './database.ts';
import { decode } from './job-rows.ts';

/** The durable kinds of `JobEvent`. */
export type DurableType = Exclude<JobEvent['type'], 'step'>;

const eventRow = z.object({
  seq: z.number(),
  type: z.enum(['queued', 'started', 'image', 'done', 'failed', 'cancelled', 'changed']),
  job: z.string(),
  image: z.string().nullable(),
});

/** The numbered, durable events, for replay to whoever was away. */
export class EventLog {
  readonly #insert;
  readonly #since;
  readonly #latest;
  readonly #prune;

  constructor(database: Database) {
    this.#insert = database.prepare<[number, string, string, string, string | null, number]>(
      'INSERT INTO events (job, surface, room, type, image, at) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#since = database.prepare<[string, string, number, number]>(
      `SELECT events.seq, events.type, jobs.id AS job, events.image
       FROM events JOIN jobs ON jobs.num = events.job
       WHERE events.surface = ? AND events.room = ? AND events.seq > ? ORDER BY events.seq LIMIT ?`,
    );
    this.#latest = database.prepare<[]>("SELECT seq FROM sqlite_sequence WHERE name = 'events'").pluck();
    this.#prune = database.prepare<[number]>('DELETE FROM events WHERE at < ?');
  }

  /** Adds an event, inside the transaction that makes it true, and returns its number. */
  add(jobNum: number, job: Job, type: DurableType, image: string | null, at: number): number {
    const { surface, room } = job.caller;
    return Number(this.#insert.run(jobNum, surface, room, type, image, at).lastInsertRowid);
  }

  /** Oldest first. Each event carries its job as it is now, so a late reader ends in the right state at once. */
  since(
    surface: Surface,
    room: string,
    seq: number,
    limit: number,
    job: (id: string) => Job | null,
  ): readonly JobEvent[] {
    const seen = new Map<string, Job | null>();
    const events: JobEvent[] = [];
    for (const found of this.#since.all(surface, room, seq, limit)) {
      const row = decode(eventRow, found, 'event');
      if (!seen.has(row.job)) seen.set(row.job, job(row.job));
      const event = durableEvent(row.seq, row.type, seen.get(row.job) ?? null, row.image);
      if (event !== null) events.push(event);
    }
    return events;
  }

  /** Number of the newest event of all rooms; 0 before the first. */
  latest(): number {
    const seq = this.#latest.get();
    return typeof seq === 'number' ? seq : 0;
  }

  prune(before: number): number {
    return this.#prune.run(before).changes;
  }
}

/** `null` where the job or the image is gone. */
export function durableEvent(seq: number, type: DurableType, job: Job | null, imageId: string | null): JobEvent | null {
  if (job === null) return null;
  if (type === 'queued') return { seq, type, job, position: null, eta: null };
  if (type !== 'image') return { seq, type, job };
  const image: JobImage | undefined = job.images.find(({ id }) => id === imageId);
  return image === undefined ? null : { seq, type, job, image };
}
