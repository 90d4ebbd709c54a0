import * as z from 'zod';
import { currentLanguage, LANGUAGES } from '../../texts/language.ts';
import type { Doomed, Failure } from '../core.ts';
import { readerOf, type Surface } from '../job.ts';
import type { Database } from './database.ts';
import { decode, decodeJson } from './job-rows.ts';
import { toJson } from './json.ts';

/** What a platform still shows of somebody who was erased. */
export interface Left {
  readonly tries: number;
  /** Why it could not be removed last; `null` before the first try. */
  readonly problem: string | null;
}

const doomedRow = z.object({
  ...{ num: z.number(), job: z.string(), handle_json: z.string(), tries: z.number() },
  language: z.enum(LANGUAGES).nullable(),
});
const leftRow = z.object({ tries: z.number(), problem: z.string().nullable() });
const postingRow = z.object({ job: z.string(), image: z.string().nullable(), handle_json: z.string(), at: z.number() });

/**
 * What platforms show apart from the messages of jobs, and what must go from them. Handles leave only when what they name is
 * gone, so a crash forgets none.
 */
export class Postings {
  readonly #now: () => number;
  readonly #sql;

  constructor(database: Database, now: () => number) {
    this.#now = now;
    const doom = (where: string) =>
      database.statement(
        `UPDATE postings SET doomed_at = ?, due_at = ?, language = ? WHERE doomed_at IS NULL AND ${where}`,
      );
    // Handles of messages, with the times from which they are doomed and due, and the language of whoever wants that.
    const take = (where: string) =>
      database.statement(
        `INSERT INTO postings (surface, user, job, handle_json, at, doomed_at, due_at, language)
         SELECT surface, user, id, message_json, ?, ?, ?, ? FROM jobs WHERE message_json IS NOT NULL AND ${where}`,
      );
    this.#sql = {
      insert: database.statement(
        `INSERT INTO postings (surface, user, job, image, handle_json, at, doomed_at, due_at, language)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ),
      doomImage: doom('job = ? AND (image = ? OR image IS NULL)'),
      doomUser: doom('surface = ? AND user = ?'),
      takeOfUser: take('surface = ? AND user = ?'),
      takeOfJob: take('num = ?'),
      due: database.query(
        `SELECT num, job, handle_json, tries, language FROM postings
         WHERE surface = ? AND doomed_at IS NOT NULL AND due_at <= ? ORDER BY due_at LIMIT ?`,
        (row) => decode(doomedRow, row, 'posting'),
      ),
      nextDue: database.column(
        'SELECT min(due_at) FROM postings WHERE surface = ? AND doomed_at IS NOT NULL',
        z.number().nullable().parse,
      ),
      hasten: database.statement('UPDATE postings SET due_at = ? WHERE surface = ? AND doomed_at IS NOT NULL'),
      remove: database.statement('DELETE FROM postings WHERE num = ?'),
      fail: database.statement(
        'UPDATE postings SET tries = tries + 1, problem = ?, handle_json = ?, due_at = ? WHERE num = ?',
      ),
      left: database.query(
        'SELECT tries, problem FROM postings WHERE surface = ? AND user = ? AND doomed_at IS NOT NULL',
        (row) => decode(leftRow, row, 'posting'),
      ),
      ofUser: database.query('SELECT job, image, handle_json, at FROM postings WHERE surface = ? AND user = ?', (row) =>
        decode(postingRow, row, 'posting'),
      ),
    };
  }

  /** Something that shows a picture of a job, or, where `image` is `null`, the job. */
  save(of: { surface: Surface; user: string; job: string; image: string | null }, handle: unknown): void {
    this.#sql.insert.run(of.surface, of.user, of.job, of.image, toJson(handle), this.#now(), null, null, null);
  }

  /** As `save`, for what is to be removed at once. */
  discard(of: { surface: Surface; user: string; job: string }, handle: unknown): void {
    const now = this.#now();
    this.#sql.insert.run(of.surface, of.user, of.job, null, toJson(handle), now, now, now, currentLanguage());
  }

  /** All that shows a picture is to be removed. Inside the transaction that deletes it. */
  doomImage(job: string, image: string): void {
    const now = this.#now();
    this.#sql.doomImage.run(now, now, currentLanguage(), job, image);
  }

  /** All that shows something of a person is to be removed. Inside the transaction that erases them, and before their jobs go. */
  doomUser(surface: Surface, user: string): void {
    const now = this.#now();
    const language = currentLanguage();
    this.#sql.doomUser.run(now, now, language, surface, user);
    this.#sql.takeOfUser.run(now, now, now, language, surface, user);
  }

  /** The message of a job stays in reach when its row goes. */
  keepMessage(jobNum: number): void {
    this.#sql.takeOfJob.run(this.#now(), null, null, null, jobNum);
  }

  /** What is to be removed now, the longest due first. */
  due(surface: Surface, limit: number): readonly Doomed[] {
    return this.#sql.due.all(surface, this.#now(), limit).map(({ num, job, handle_json, tries, language }) => ({
      ...{ id: num, job, tries },
      ...readerOf(language ?? 'en'),
      handle: decodeJson(z.unknown(), handle_json, 'posting'),
    }));
  }

  /** When something is to be removed next, in milliseconds since 1970. */
  nextDue(surface: Surface): number | undefined {
    return this.#sql.nextDue.get(surface) ?? undefined;
  }

  /** What waits is due now. */
  hasten(surface: Surface): void {
    this.#sql.hasten.run(this.#now(), surface);
  }

  removed(id: number): void {
    this.#sql.remove.run(id);
  }

  failed(id: number, { problem, handle, dueAt }: Failure): void {
    this.#sql.fail.run(problem, toJson(handle), dueAt, id);
  }

  /** What is still to be removed for a person. */
  leftOf(surface: Surface, user: string): readonly Left[] {
    return this.#sql.left.all(surface, user);
  }

  /** For the person themselves: handles without the tokens in them. */
  ofUser(surface: Surface, user: string): readonly unknown[] {
    return this.#sql.ofUser.all(surface, user).map(({ handle_json, ...posting }) => ({
      ...posting,
      handle: withoutTokens(decodeJson(z.unknown(), handle_json, 'posting')),
    }));
  }
}

/** A platform's handle as its person may see it. */
export function withoutTokens(handle: unknown): unknown {
  return JSON.parse(JSON.stringify(handle ?? null, (key, value: unknown) => (key === 'token' ? undefined : value)));
}
