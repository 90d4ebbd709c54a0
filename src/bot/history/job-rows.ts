import { z } from 'zod';
import { OperatorError } from '../../system/errors.ts';
import type { Derivation, Job, JobImage } from '../job.ts';
import { bigintText, fromJson } from './json.ts';

/** A job with what only the core needs to know about it. */
export interface StoredJob {
  readonly job: Job;
  /** How often it was started, counted before each start. */
  readonly attempts: number;
  /** Expected accelerator seconds. */
  readonly estimate: number;
  /** Order of arrival; unique and growing. */
  readonly arrival: number;
  /** Among one person's own waiting jobs, the greater goes first. */
  readonly priority: number;
  /** It had started before, so the fair queue has charged it already. */
  readonly resumed: boolean;
}

const flag = z.union([z.literal(0), z.literal(1)]).transform((value) => value === 1);
const verb = z.enum(['reroll', 'vary-subtle', 'vary-strong', 'larger', 'remix']);

const errorSchema = z
  .object({ code: z.string(), message: z.string(), hint: z.string().optional() })
  .transform(({ code, message, hint }) => (hint === undefined ? { code, message } : { code, message, hint }));

const jobRow = z.object({
  num: z.number(),
  id: z.string(),
  surface: z.enum(['discord', 'slack', 'web', 'terminal']),
  user: z.string(),
  user_name: z.string(),
  room: z.string(),
  guild: z.string().nullable(),
  payer: z.string(),
  moderator: flag,
  age_restricted: flag,
  prompt: z.string(),
  negative: z.string(),
  width: z.number(),
  height: z.number(),
  n: z.number(),
  style: z.string(),
  seed: bigintText,
  steps: z.number().nullable(),
  decoder_steps: z.number(),
  guidance: z.number(),
  decoder_guidance: z.number(),
  spoiler: flag,
  verb: verb.nullable(),
  parent_image: z.string().nullable(),
  parent_job: z.string().nullable(),
  strength: z.number().nullable(),
  notes_json: z.string(),
  state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
  error_json: z.string().nullable(),
  attempts: z.number(),
  created_at: z.number(),
  started_at: z.number().nullable(),
  finished_at: z.number().nullable(),
  priority: z.number(),
  estimate_ms: z.number(),
  charged_ms: z.number(),
  charged_day: z.number(),
});

/** The columns that `jobRow` reads, for SELECT lists. */
export const JOB_COLUMNS = Object.keys(jobRow.shape)
  .map((name) => `jobs.${name}`)
  .join(', ');

export type JobRow = z.output<typeof jobRow>;

const imageRow = z
  .object({
    id: z.string(),
    idx: z.number(),
    seed: bigintText,
    width: z.number(),
    height: z.number(),
    hash: z.string(),
    deleted: flag,
  })
  .transform(({ idx, ...image }): JobImage => ({ ...image, index: idx }));

export const IMAGE_COLUMNS =
  'images.id, images.idx, images.seed, images.width, images.height, images.hash, images.deleted';

/** @throws OperatorError `database_row`: the row was changed by something else than this program */
export function decode<T>(schema: z.ZodType<T>, row: unknown, what: string): T {
  const result = schema.safeParse(row);
  if (result.success) return result.data;
  throw unreadable(what, z.prettifyError(result.error), result.error);
}

/** As `decode`, from JSON text. */
export function decodeJson<T>(schema: z.ZodType<T>, text: string, what: string): T {
  let value: unknown;
  try {
    value = fromJson(text);
  } catch (cause) {
    throw unreadable(what, 'not JSON', cause);
  }
  return decode(schema, value, what);
}

function unreadable(what: string, finding: string, cause: unknown): OperatorError {
  return new OperatorError('database_row', `Stored ${what} cannot be read: ${finding}`, {
    hint: 'Restore the newest backup (`wuerst backup` makes them).',
    cause,
  });
}

export function decodeJobRow(row: unknown): JobRow {
  return decode(jobRow, row, 'job');
}

export function decodeImage(row: unknown): JobImage {
  return decode(imageRow, row, 'image');
}

const notes = z.array(z.string());

export function jobFrom(row: JobRow, images: readonly JobImage[]): Job {
  return {
    id: row.id,
    caller: {
      surface: row.surface,
      user: row.user,
      name: row.user_name,
      room: row.room,
      guild: row.guild,
      payer: row.payer,
      moderator: row.moderator,
      ageRestricted: row.age_restricted,
    },
    state: row.state,
    request: {
      prompt: row.prompt,
      negative: row.negative,
      width: row.width,
      height: row.height,
      n: row.n,
      style: row.style,
      seed: row.seed,
      steps: row.steps,
      decoderSteps: row.decoder_steps,
      guidance: row.guidance,
      decoderGuidance: row.decoder_guidance,
      spoiler: row.spoiler,
    },
    derivation: derivationFrom(row),
    images,
    error: row.error_json === null ? null : decodeJson(errorSchema, row.error_json, 'error of a job'),
    notes: decodeJson(notes, row.notes_json, 'notes of a job'),
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

export function storedJobFrom(row: JobRow, images: readonly JobImage[]): StoredJob {
  return {
    job: jobFrom(row, images),
    attempts: row.attempts,
    estimate: row.estimate_ms / 1000,
    arrival: row.num,
    priority: row.priority,
    resumed: row.started_at !== null,
  };
}

function derivationFrom(row: JobRow): Derivation | null {
  if (row.verb === null || row.parent_job === null) return null;
  return { verb: row.verb, parentImage: row.parent_image, parentJob: row.parent_job, strength: row.strength };
}
