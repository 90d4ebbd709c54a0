import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  type FinishedImage,
  History,
  type HistoryOptions,
  type NewJob,
  type Recipe,
} from '../../../src/bot/history/history.ts';
import type { Caller, ImagineRequest } from '../../../src/bot/job.ts';
import { openSqlite } from '../../../src/system/sqlite.ts';

/** Noon of a day, so that a test never crosses midnight by chance. */
export const NOON = Date.UTC(2030, 0, 15, 12);

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'wuerst-history-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A history in a folder of its own, with a clock that the test moves. */
export function openHistory(t: TestContext, options: Partial<HistoryOptions> = {}) {
  const clock = { now: NOON };
  const folder = options.folder ?? temporaryFolder(t);
  const history = History.open({ now: () => clock.now, ...options, folder });
  t.after(() => history.close());
  return { history, clock, folder };
}

export function caller(change: Partial<Caller> = {}): Caller {
  return {
    surface: 'web',
    user: 'ann',
    name: 'Ann',
    room: 'lobby',
    guild: 'lobby',
    payer: 'lobby',
    moderator: false,
    ageRestricted: false,
    ...change,
  };
}

export function request(change: Partial<ImagineRequest> = {}): ImagineRequest {
  return {
    prompt: 'a red fox in the snow',
    negative: '',
    width: 1024,
    height: 1536,
    n: 2,
    style: 'interpolated',
    seed: 7n,
    steps: null,
    decoderSteps: 12,
    guidance: 4,
    decoderGuidance: 0,
    spoiler: false,
    ...change,
  };
}

export function newJob(change: Partial<NewJob> = {}): NewJob {
  return { caller: caller(), request: request(), derivation: null, notes: [], estimate: 10, ...change };
}

export function recipe(change: Partial<Recipe> = {}): Recipe {
  return {
    parentImage: null,
    verb: null,
    strength: null,
    stageCSeed: 7n,
    stageBSeed: 7n,
    checkpoint: 'c0ffee',
    style: 'interpolated',
    provider: 'cpu-fp32',
    version: '0.1.0',
    ...change,
  };
}

export function finishedImage(content: string, change: Partial<FinishedImage> = {}): FinishedImage {
  return {
    index: 0,
    seed: 7n,
    width: 1024,
    height: 1536,
    recipe: recipe(),
    embedding: null,
    png: Buffer.from(content),
    ...change,
  };
}

/** A job that was accepted, started and finished with these pictures; returns the images' ids. */
export async function finishedJob(history: History, contents: readonly string[], change: Partial<NewJob> = {}) {
  const { job } = history.jobs.accept(newJob(change));
  history.jobs.start(job.id);
  for (const [index, content] of contents.entries()) {
    await history.images.finish(job.id, finishedImage(content, { index }));
  }
  history.jobs.finish(job.id, { seconds: 5 });
  const images = history.jobs.get(job.id)?.images ?? [];
  return { id: job.id, images: images.map(({ id }) => id) };
}

/** What the database of a history answers to a query, through a connection of its own. */
export function rowsOf(history: History, sql: string, ...values: readonly (string | number | null)[]): unknown[] {
  const sqlite = openSqlite(history.database.path, { readonly: true });
  try {
    return sqlite.prepare(sql).all(...values);
  } finally {
    sqlite.close();
  }
}

/** Number of the newest durable event of all rooms; 0 before the first. */
export function latestSeq(history: History): number {
  const [newest] = rowsOf(history, "SELECT seq FROM sqlite_sequence WHERE name = 'events'") as { seq: number }[];
  return newest?.seq ?? 0;
}

/** Bytes of all pictures that should be on disk. */
export function imageBytes(history: History): number {
  const files = rowsOf(history, 'SELECT bytes FROM files') as { bytes: number }[];
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What the audit log has about a guild (about none of them: `null`), newest first. */
export function auditLog(history: History, surface: string, guild: string | null) {
  const sql = 'SELECT actor, action, target FROM audit WHERE surface = ? AND guild = ? ORDER BY num DESC';
  return rowsOf(history, sql, surface, guild ?? '') as { actor: string; action: string; target: string }[];
}

/** When the message of a job showed its end, and why it never can; `null` for neither. */
export function deliveryOf(history: History, jobId: string) {
  const sql = 'SELECT delivered_at AS at, delivery_problem AS problem FROM jobs WHERE id = ?';
  return { ...(rowsOf(history, sql, jobId)[0] as { at: number | null; problem: string | null }) };
}

/** Whoever runs the bot. */
export const ROOT = { surface: 'terminal', user: 'root' } as const;
