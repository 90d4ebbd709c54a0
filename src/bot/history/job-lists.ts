import * as z from 'zod';
import { withoutWeights } from '../../pipeline/images/prompt-weights.ts';
import type { Caller, Job, Surface } from '../job.ts';
import { type Database, inBlocks } from './database.ts';
import { decode, JOB_COLUMNS } from './job-rows.ts';
import type { Jobs } from './jobs.ts';

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
  /** As it is typed: brackets that are text have backslashes. */
  readonly prompt: string;
}

/** Whose unfinished jobs: a guild's with those in the direct messages that it pays for. */
export type Party =
  | { readonly surface: Surface; readonly user: string }
  | { readonly surface: Surface; readonly guild: string };

/** How far back completion looks in one person's jobs. */
const RECENT = 1000;

const promptRow = z
  .object({ id: z.string(), prompt: z.string(), weighted: z.number().nullable() })
  .transform(({ id, prompt, weighted }): RecentPrompt => ({ id, prompt: weighted ? prompt : withoutWeights(prompt) }));

const roomRow = z.object({ room: z.string(), num: z.number() });

/** Lists of jobs, each read along an index. */
export class JobLists {
  readonly #sql;

  constructor(database: Database, jobs: Jobs) {
    const list = (where: string) =>
      database.query(`SELECT ${JOB_COLUMNS} FROM jobs WHERE ${where}`, (row) => jobs.fromRow(row));
    const page = (where: string) => list(`${where} AND num < ? ORDER BY num DESC LIMIT ?`);
    const unfinished = (column: 'user' | 'charged_guild') => {
      const where = `surface = ? AND ${column} = ? AND state IN ('queued', 'running')`;
      return {
        all: list(`${where} ORDER BY num`),
        oldest: list(`${where} ORDER BY num LIMIT 1`),
        count: database.column(`SELECT count(*) FROM jobs WHERE ${where}`, Number),
      };
    };
    this.#sql = {
      // A plus keeps SQLite off an index: here from sorting all jobs of a surface to find the newest,
      surface: page('+surface = ?'),
      room: page('surface = ? AND room = ?'),
      user: page('surface = ? AND user = ?'),
      // and here from the room's jobs, which are many, while the user's are few.
      userInRoom: page('surface = ? AND user = ? AND +room = ?'),
      number: database.column('SELECT num FROM jobs WHERE id = ?', Number),
      rooms: database.query(
        'SELECT room, max(num) AS num FROM jobs WHERE surface = ? AND user = ? GROUP BY room',
        (row) => decode(roomRow, row, 'room'),
      ),
      prompts: database.query(
        'SELECT id, prompt, weighted FROM jobs WHERE surface = ? AND user = ? ORDER BY num DESC LIMIT ? OFFSET ?',
        (row) => decode(promptRow, row, 'prompt'),
      ),
      prompt: database.query('SELECT id, prompt, weighted FROM jobs WHERE id = ? AND surface = ? AND user = ?', (row) =>
        decode(promptRow, row, 'prompt'),
      ),
      unfinished: { user: unfinished('user'), guild: unfinished('charged_guild') },
      undelivered: list(
        "surface = ? AND delivered_at IS NULL AND state IN ('done', 'failed', 'cancelled') ORDER BY num",
      ),
    };
  }

  /** Newest first. Nothing for an unknown `before`. */
  page({ surface, room, user, before, limit }: JobFilter): readonly Job[] {
    const top = before === undefined ? Number.MAX_SAFE_INTEGER : this.#sql.number.get(before);
    if (top === undefined) return [];
    const range = [top, Math.max(0, Math.min(1000, Math.trunc(limit)))];
    if (room !== undefined && user !== undefined) return this.#sql.userInRoom.all(surface, user, room, ...range);
    if (room !== undefined) return this.#sql.room.all(surface, room, ...range);
    if (user !== undefined) return this.#sql.user.all(surface, user, ...range);
    return this.#sql.surface.all(surface, ...range);
  }

  /** Rooms of a person's jobs, that of the latest one first. */
  rooms(surface: Surface, user: string): readonly string[] {
    const found = [...this.#sql.rooms.all(surface, user)].sort((a, b) => b.num - a.num);
    return found.map(({ room }) => room);
  }

  /** Different prompts of a person, newest first, that contain a text, whatever the case and width of its letters. */
  recentPrompts(
    { surface, user }: Pick<Caller, 'surface' | 'user'>,
    containing: string,
    limit: number,
  ): readonly RecentPrompt[] {
    const wanted = fold(containing);
    const found = new Map<string, RecentPrompt>();
    for (const { id, prompt } of inBlocks(this.#sql.prompts, RECENT, surface, user)) {
      if (found.size >= limit) break;
      if (prompt !== '' && !found.has(prompt) && fold(prompt).includes(wanted)) found.set(prompt, { id, prompt });
    }
    return [...found.values()];
  }

  /** The prompt of a job, for the person who asked for it. */
  promptById(id: string, { surface, user }: Pick<Caller, 'surface' | 'user'>): string | null {
    return this.#sql.prompt.get(id, surface, user)?.prompt ?? null;
  }

  /** Queued and running jobs, oldest first. */
  unfinished(party: Party): readonly Job[] {
    const [kind, id] = kindOf(party);
    return this.#sql.unfinished[kind].all.all(party.surface, id);
  }

  /** How many jobs `unfinished` would give. */
  countUnfinished(party: Party): number {
    const [kind, id] = kindOf(party);
    return this.#sql.unfinished[kind].count.get(party.surface, id) ?? 0;
  }

  /** The first of `unfinished`. */
  oldestUnfinished(party: Party): Job | null {
    const [kind, id] = kindOf(party);
    return this.#sql.unfinished[kind].oldest.get(party.surface, id) ?? null;
  }

  /** Finished jobs whose message does not yet show it, oldest first. */
  undelivered(surface: Surface): readonly Job[] {
    return this.#sql.undelivered.all(surface);
  }
}

function kindOf(party: Party): ['user' | 'guild', id: string] {
  return 'user' in party ? ['user', party.user] : ['guild', party.guild];
}

function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}
