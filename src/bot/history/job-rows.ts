import * as z from 'zod';
import { imagineRequest, uint64Text } from '../../pipeline/images/imagine-request.ts';
import { pictureVerdict } from '../../pipeline/images/picture-verdict.ts';
import { startRequest } from '../../pipeline/images/start-request.ts';
import { OperatorError } from '../../system/errors.ts';
import { foreignWords } from '../../system/foreign-words.ts';
import { LANGUAGES } from '../../texts/language.ts';
import { t } from '../../texts/translate.ts';
import {
  type Caller,
  JOB_STATES,
  type Job,
  type JobEvent,
  type JobImage,
  OVERRULINGS,
  type Repeatable,
  ruledBy,
  SURFACES,
  VERBS,
} from '../job.ts';
import type { Value } from './database.ts';
import { fromJson, toJson } from './json.ts';
import { dayOf } from './usage.ts';

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
  /** Whose share of the queue it uses, where that is not its payer's. */
  readonly queuePayer?: string;
  /** It had started before, so the fair queue has charged it already. */
  readonly resumed: boolean;
}

export interface NewJob extends Pick<Job, 'caller' | 'request' | 'derivation' | 'notes'>, Repeatable {
  /** Expected accelerator seconds; reserved in the usage until the job ends. */
  readonly estimate: number;
  /** Among this person's own waiting jobs, the greater goes first. @default 0 */
  readonly priority?: number;
}

/** The job as stored: its `estimate` is a whole number of milliseconds, and what the fair queue should reckon with. */
export interface Accepted extends StoredJob {
  /** The key was known: this is the earlier job, and nothing was written. */
  readonly repeated: boolean;
  /** The durable `queued` event; `null` if repeated. */
  readonly event: JobEvent | null;
}

const flag = z.union([z.literal(0), z.literal(1)]).transform((value) => value === 1);

export const callerSchema = z.object({
  surface: z.enum(SURFACES),
  user: z.string(),
  name: z.string(),
  room: z.string(),
  guild: z.string().nullable(),
  payer: z.string(),
  moderator: z.boolean(),
  ageRestricted: z.boolean(),
  language: z.enum(LANGUAGES).optional(),
}) satisfies z.ZodType<Caller>;

const errorSchema = z
  .object({ code: z.string(), message: z.string(), hint: z.string().optional() })
  .transform(({ code, message, hint }) => (hint === undefined ? { code, message } : { code, message, hint }));

// A row is read in parts, each by the schema of what it becomes.
const callerRow = callerSchema.extend({
  ...{ moderator: flag, ageRestricted: flag },
  language: callerSchema.shape.language.unwrap().nullable(),
});
const requestRow = imagineRequest.extend({
  spoiler: flag,
  steps: z.number().nullable(),
  timesteps: z.string().nullable(),
  weighted: flag.nullable(),
  original: z.string().nullable(),
  originalNegative: z.string().nullable(),
  origins: z.string().nullable(),
  loras: z.string().nullable(),
  start: z.string().nullable(),
});
const loraList = imagineRequest.shape.loras.unwrap();
const originsRecord = z.record(z.string(), z.string());
const timestepList = z.array(z.number());
const derivationRow = z.object({
  verb: z.enum(VERBS).nullable(),
  parentImage: z.string().nullable(),
  parentJob: z.string().nullable(),
  strength: z.number().nullable(),
});
const stateRow = z.object({
  num: z.number(),
  id: z.string(),
  notes_json: z.string(),
  state: z.enum(JOB_STATES),
  error_json: z.string().nullable(),
  attempts: z.number(),
  created_at: z.number(),
  started_at: z.number().nullable(),
  finished_at: z.number().nullable(),
  priority: z.number(),
  estimate_ms: z.number(),
  charged_ms: z.number(),
  charged_day: z.number(),
  charged_guild: z.string().nullable(),
  queue_payer: z.string().nullable(),
});

/** Fields of a caller, a request and a derivation, in the order of their columns. */
export const JOB_FIELDS = [callerRow, requestRow, derivationRow].flatMap(({ shape }) => Object.keys(shape));

/** Where a field of `JOB_FIELDS` is stored. */
export function columnOf(field: string): string {
  return field === 'name' ? 'user_name' : field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** What `decodeJobRow` reads, for SELECT lists. */
export const JOB_COLUMNS = [
  ...Object.keys(stateRow.shape).map((column) => `jobs.${column}`),
  ...JOB_FIELDS.map((field) => `jobs.${columnOf(field)} AS ${field}`),
].join(', ');

export type JobRow = z.output<typeof stateRow> & Pick<Job, 'caller' | 'request' | 'derivation'>;

const imageRow = z
  .object({
    id: z.string(),
    idx: z.number(),
    seed: uint64Text,
    width: z.number(),
    height: z.number(),
    hash: z.string(),
    deleted: flag,
    verdict_json: z.string().nullable(),
    overruled: z.enum(OVERRULINGS).nullable(),
  })
  .transform(
    ({ idx, verdict_json, overruled, ...image }): JobImage => ({
      ...{ ...image, index: idx },
      ...(verdict_json === null ? {} : { verdict: decodeJson(pictureVerdict, verdict_json, 'verdict') }),
      ...(overruled === null ? {} : { overruled }),
    }),
  );

export const IMAGE_COLUMNS = [
  ...['id', 'idx', 'seed', 'width', 'height', 'hash', 'deleted', 'verdict_json', 'overruled'],
]
  .map((column) => `images.${column}`)
  .join(', ');

/** Takes a job's number. */
export const IMAGES_OF_JOB = `SELECT ${IMAGE_COLUMNS} FROM images WHERE job = ? ORDER BY idx`;

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
  return new OperatorError(
    'database_row',
    () =>
      t('Something stored in the database cannot be read: {finding}.', {
        finding: foreignWords(`${what}: ${finding}`),
      }),
    { hint: () => t('Restore the newest backup (`wuerst backup` makes them).'), cause },
  );
}

export function decodeJobRow(row: unknown): JobRow {
  const { verb, parentImage, parentJob, strength } = decode(derivationRow, row, 'job');
  const { language, ...caller } = decode(callerRow, row, 'job');
  const { timesteps, steps, weighted, original, originalNegative, origins, loras, start, ...request } = decode(
    requestRow,
    row,
    'job',
  );
  return {
    ...decode(stateRow, row, 'job'),
    caller: language === null ? caller : { ...caller, language },
    request: {
      ...request,
      steps: timesteps === null ? steps : decodeJson(timestepList, timesteps, 'timesteps'),
      ...(weighted === true ? { weighted } : {}),
      ...(original === null ? {} : { original }),
      ...(originalNegative === null ? {} : { originalNegative }),
      ...(start === null ? {} : { start: decodeJson(startRequest, start, 'start') }),
      ...(origins === null ? {} : { origins: decodeJson(originsRecord, origins, 'origins') }),
      ...(loras === null ? {} : { loras: decodeJson(loraList, loras, 'LoRAs') }),
    },
    derivation: verb === null || parentJob === null ? null : { verb, parentImage, parentJob, strength },
  };
}

export function decodeImage(row: unknown): JobImage {
  return decode(imageRow, row, 'image');
}

const notes = z.array(z.string());

export function jobFrom(row: JobRow, images: readonly JobImage[]): Job {
  return {
    id: row.id,
    caller: row.caller,
    state: row.state,
    request: row.request,
    derivation: row.derivation,
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
    ...(row.queue_payer === null ? {} : { queuePayer: row.queue_payer }),
    resumed: row.started_at !== null,
  };
}

const FIELDS = [
  ...['id', ...JOB_FIELDS, 'notesJson', 'state', 'createdAt'],
  ...['priority', 'estimateMs', 'chargedMs', 'chargedDay', 'chargedGuild'],
];

/** Takes what `insertValues` gives. */
export const INSERT_JOB = `INSERT INTO jobs (${FIELDS.map(columnOf).join(', ')}) VALUES (${FIELDS.map(() => '?').join(', ')})`;

export function insertValues(id: string, input: NewJob, chargedMs: number, now: number): readonly Value[] {
  const { caller, derivation, priority = 0 } = input;
  const { steps, origins, loras, start, ...request } = input.request;
  const record: Readonly<Record<string, Value | boolean | undefined>> = {
    ...{ id, ...caller, ...request, ...derivation },
    ...(typeof steps === 'number' ? { steps } : { timesteps: steps && toJson(steps) }),
    ...(origins === undefined ? {} : { origins: toJson(origins) }),
    ...(loras === undefined ? {} : { loras: toJson(loras) }),
    ...(start === undefined ? {} : { start: toJson(start) }),
    ...{ notesJson: toJson(input.notes), state: 'queued', createdAt: now, priority },
    ...{ estimateMs: chargedMs, chargedMs, chargedDay: dayOf(now), chargedGuild: ruledBy(caller) },
  };
  return FIELDS.map((field) => stored(record[field]));
}

function stored(value: Value | boolean | undefined): Value {
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'bigint' ? value.toString() : (value ?? null);
}
