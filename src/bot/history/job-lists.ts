import { z } from 'zod';
import type { Caller, Job, Surface } from '../job.ts';
import type { Database, Statement, Value } from './database.ts';
import { decode, JOB_COLUMNS } from './job-rows.ts';
import type { JobRecords } from './jobs.ts';

export interface JobFilter {
  readonly surface: Surface;
  readonly room?: string;
  readonly user?: string;
  /** A job's id: only older ones. */
  readonly before?: string;
  /** 1 to 1000. */
  readonly limit: number;
}

export interface RecentPrompt {
  /** The job's id. */
  readonly id: string;
  readonly prompt: string;
}

export type Person = Pick<Caller, 'surface' | 'user'>;

/** Whose unfinished jobs. */
export type Party =
  | { readonly surface: Surface; readonly user: string }
  | { readonly surface: Surface; readonly guild: string };

/** How far back completion looks in one person's jobs. */
const RECENT = 1000;

const UNFINISHED = "state IN ('queued', 'running')";
const promptRow = z.object({ id: z.string(), prompt: z.string() });

/** Lists of jobs, each read along an index. */
export class JobLists {
  readonly #database: Database;
  readonly #jobs: JobRecords;
  readonly #pages: Readonly<Record<'surface' | 'room' | 'user' | 'both', Statement<Value[]>>>;
  readonly #number;
  readonly #prompts;
  readonly #prompt;
  readonly #ofUser;
  readonly #ofGuild;
  readonly #counts;
  readonly #oldest;
  readonly #undelivered;

  constructor(database: Database, jobs: JobRecords) {
    this.#database = database;
    this.#jobs = jobs;
    const page = (where: string) =>
      database.prepare<Value[]>(`SELECT ${JOB_COLUMNS} FROM jobs WHERE ${where} AND num < ? ORDER BY num DESC LIMIT ?`);
    this.#pages = {
      // A plus keeps SQLite off an index: here from sorting all jobs of a surface to find the newest,
      surface: page('+surface = ?'),
      room: page('surface = ? AND room = ?'),
      user: page('surface = ? AND user = ?'),
      // and here from the room's jobs, which are many, while the user's are few.
      both: page('surface = ? AND user = ? AND +room = ?'),
    };
    this.#number = database.prepare<[string]>('SELECT num FROM jobs WHERE id = ?').pluck();
    this.#prompts = database.prepare<[string, string, number]>(
      'SELECT id, prompt FROM jobs WHERE surface = ? AND user = ? ORDER BY num DESC LIMIT ?',
    );
    this.#prompt = database
      .prepare<[string, string, string]>('SELECT prompt FROM jobs WHERE id = ? AND surface = ? AND user = ?')
      .pluck();
    const unfinished = (column: 'user' | 'guild') =>
      database.prepare<[string, string]>(
        `SELECT ${JOB_COLUMNS} FROM jobs WHERE surface = ? AND ${column} = ? AND ${UNFINISHED} ORDER BY num`,
      );
    this.#ofUser = unfinished('user');
    this.#ofGuild = unfinished('guild');
    const count = (column: 'user' | 'guild') =>
      database
        .prepare<[string, string]>(`SELECT count(*) FROM jobs WHERE surface = ? AND ${column} = ? AND ${UNFINISHED}`)
        .pluck();
    this.#counts = { user: count('user'), guild: count('guild') };
    const oldest = (column: 'user' | 'guild') =>
      database
        .prepare<[string, string]>(
          `SELECT id FROM jobs WHERE surface = ? AND ${column} = ? AND ${UNFINISHED} ORDER BY num LIMIT 1`,
        )
        .pluck();
    this.#oldest = { user: oldest('user'), guild: oldest('guild') };
    this.#undelivered = database.prepare<[string]>(
      `SELECT ${JOB_COLUMNS} FROM jobs
       WHERE surface = ? AND delivered_at IS NULL AND state IN ('done', 'failed', 'cancelled') ORDER BY num`,
    );
  }

  /** Newest first. Nothing for an unknown `before`. */
  page(filter: JobFilter): readonly Job[] {
    const { surface, room, user, before } = filter;
    const limit = Math.max(0, Math.min(1000, Math.trunc(filter.limit)));
    return this.#database.run(() => {
      const top = before === undefined ? Number.MAX_SAFE_INTEGER : this.#number.get(before);
      if (typeof top !== 'number') return [];
      return this.#rows(surface, room, user, top, limit).map((row) => this.#jobs.fromRow(row));
    });
  }

  #rows(surface: Surface, room: string | undefined, user: string | undefined, top: number, limit: number) {
    if (room !== undefined && user !== undefined) return this.#pages.both.all(surface, user, room, top, limit);
    if (room !== undefined) return this.#pages.room.all(surface, room, top, limit);
    if (user !== undefined) return this.#pages.user.all(surface, user, top, limit);
    return this.#pages.surface.all(surface, top, limit);
  }

  /** Different prompts of a person, newest first, that contain a text in whatever case and width of letters. */
  recentPrompts(person: Person, containing: string, limit: number): readonly RecentPrompt[] {
    const wanted = fold(containing);
    return this.#database.run(() => {
      const found = new Map<string, RecentPrompt>();
      for (const row of this.#prompts.iterate(person.surface, person.user, RECENT)) {
        if (found.size >= limit) break;
        const { id, prompt } = decode(promptRow, row, 'prompt');
        if (!found.has(prompt) && fold(prompt).includes(wanted)) found.set(prompt, { id, prompt });
      }
      return [...found.values()];
    });
  }

  /** The prompt of a job, for the person who asked for it. */
  promptById(id: string, person: Person): string | null {
    const prompt = this.#database.run(() => this.#prompt.get(id, person.surface, person.user));
    return typeof prompt === 'string' ? prompt : null;
  }

  /** Queued and running jobs, oldest first. */
  unfinished(party: Party): readonly Job[] {
    return this.#database.run(() => {
      const rows =
        'user' in party ? this.#ofUser.all(party.surface, party.user) : this.#ofGuild.all(party.surface, party.guild);
      return rows.map((row) => this.#jobs.fromRow(row));
    });
  }

  /** How many jobs `unfinished` would give. */
  countUnfinished(party: Party): number {
    const count =
      'user' in party
        ? this.#database.run(() => this.#counts.user.get(party.surface, party.user))
        : this.#database.run(() => this.#counts.guild.get(party.surface, party.guild));
    return Number(count);
  }

  /** The first of `unfinished`. */
  oldestUnfinished(party: Party): Job | null {
    const id =
      'user' in party
        ? this.#database.run(() => this.#oldest.user.get(party.surface, party.user))
        : this.#database.run(() => this.#oldest.guild.get(party.surface, party.guild));
    return typeof id === 'string' ? this.#jobs.job(id) : null;
  }

  /** Finished jobs whose message does not yet show it, oldest first. */
  undelivered(surface: Surface): readonly Job[] {
    return this.#database.run(() => this.#undelivered.all(surface).map((row) => this.#jobs.fromRow(row)));
  }
}

function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}
