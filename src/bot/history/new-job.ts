import type { Caller, Derivation, ImagineRequest, JobEvent } from '../job.ts';
import type { Value } from './database.ts';
import { columnOf, JOB_FIELDS, type StoredJob } from './job-rows.ts';
import { toJson } from './json.ts';
import { dayOf } from './usage.ts';

export interface NewJob {
  readonly caller: Caller;
  readonly request: ImagineRequest;
  readonly derivation: Derivation | null;
  readonly notes: readonly string[];
  /** Expected accelerator seconds; reserved in the usage until the job ends. */
  readonly estimate: number;
  /** Among this person's own waiting jobs, the greater goes first. @default 0 */
  readonly priority?: number;
  /** The same key of the same person answers with the same job. */
  readonly idempotencyKey?: string;
}

/** The job as stored: its `estimate` is a whole number of milliseconds, and what the fair queue should reckon with. */
export interface Accepted extends StoredJob {
  /** The key was known: this is the earlier job, and nothing was written. */
  readonly repeated: boolean;
  /** The durable `queued` event; `null` if repeated. */
  readonly event: JobEvent | null;
}

const FIELDS = [
  ...['id', ...JOB_FIELDS, 'notesJson', 'state', 'createdAt'],
  ...['priority', 'estimateMs', 'chargedMs', 'chargedDay'],
];

/** Takes what `insertValues` gives. */
export const INSERT_JOB = `INSERT INTO jobs (${FIELDS.map(columnOf).join(', ')}) VALUES (${FIELDS.map(() => '?').join(', ')})`;

export function insertValues(id: string, input: NewJob, chargedMs: number, now: number): readonly Value[] {
  const { caller, request, derivation, priority = 0 } = input;
  const record: Readonly<Record<string, Value | boolean>> = {
    ...{ id, ...caller, ...request, ...derivation },
    ...{ notesJson: toJson(input.notes), state: 'queued', createdAt: now, priority },
    ...{ estimateMs: chargedMs, chargedMs, chargedDay: dayOf(now) },
  };
  return FIELDS.map((field) => stored(record[field]));
}

function stored(value: Value | boolean | undefined): Value {
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'bigint' ? value.toString() : (value ?? null);
}
