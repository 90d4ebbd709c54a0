import * as z from 'zod';
import { type Job, SURFACES } from '../job.ts';
import { type Database, inBlocks } from './database.ts';
import { decode, JOB_COLUMNS } from './job-rows.ts';
import type { Jobs } from './jobs.ts';

const personRow = z
  .object({ surface: z.enum(SURFACES), id: z.string(), name: z.string(), last_seen: z.number() })
  .transform(({ id, last_seen, ...person }) => ({ ...person, user: id, lastSeen: last_seen }));

export type KnownPerson = Readonly<z.output<typeof personRow>>;

const filesRow = z.object({ files: z.number(), bytes: z.number() });

/** How many people are looked through for those that are wanted. */
const LOOKED_THROUGH = 20_000;

/** What whoever runs the bot looks at, across all places. */
export class Overview {
  readonly #sql;

  constructor(database: Database, jobs: Jobs) {
    this.#sql = {
      people: database.query(
        'SELECT surface, id, name, last_seen FROM users WHERE last_seen > 0 ORDER BY last_seen DESC LIMIT ? OFFSET ?',
        (row) => decode(personRow, row, 'person'),
      ),
      failures: database.query(
        `SELECT ${JOB_COLUMNS} FROM jobs WHERE state = 'failed' AND finished_at > 0 ORDER BY finished_at DESC LIMIT ?`,
        (row) => jobs.fromRow(row),
      ),
      files: database.query('SELECT count(*) AS files, coalesce(sum(bytes), 0) AS bytes FROM files', (row) =>
        decode(filesRow, row, 'files'),
      ),
    };
  }

  /** Those seen last whose name or id contains a text, in any case. */
  people(containing: string, limit: number): readonly KnownPerson[] {
    const wanted = containing.normalize('NFKC').toLowerCase();
    const found: KnownPerson[] = [];
    for (const person of inBlocks(this.#sql.people, LOOKED_THROUGH)) {
      if (found.length >= limit) break;
      const text = `${person.name}\n${person.user}`.normalize('NFKC').toLowerCase();
      if (text.includes(wanted)) found.push(person);
    }
    return found;
  }

  /** Requests that failed, the latest first. */
  failures(limit: number): readonly Job[] {
    return this.#sql.failures.all(limit);
  }

  /** Picture files, and their bytes together. */
  files(): z.output<typeof filesRow> {
    return this.#sql.files.get() ?? { files: 0, bytes: 0 };
  }
}
