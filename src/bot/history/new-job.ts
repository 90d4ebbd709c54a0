import type { Caller, Derivation, ImagineRequest, JobEvent } from '../job.ts';
import type { Value } from './database.ts';
import type { StoredJob } from './job-rows.ts';
import { toJson } from './json.ts';
import { dayOf } from './usage.ts';

export interface NewJob {
  readonly caller: Caller;
  readonly request: ImagineRequest;
  readonly derivation: Derivation | null;
  readonly notes: readonly string[];
  /** Expected accelerator seconds; reserved in the ledger until the job ends. */
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

const COLUMNS = [
  'id, surface, user, user_name, room, guild, payer, moderator, age_restricted',
  'prompt, negative, width, height, n, style, seed, steps, decoder_steps, guidance, decoder_guidance, spoiler',
  'verb, parent_image, parent_job, strength, notes_json, state, created_at',
  'priority, estimate_ms, charged_ms, charged_day',
].join(', ');

const PLACES = COLUMNS.replace(/\w+/g, '?');

/** Takes what `insertValues` gives. */
export const INSERT_JOB = `INSERT INTO jobs (${COLUMNS}) VALUES (${PLACES})`;

export function insertValues(id: string, input: NewJob, chargedMs: number, now: number): readonly Value[] {
  const { caller, request, derivation, priority = 0 } = input;
  return [
    ...[id, caller.surface, caller.user, caller.name, caller.room, caller.guild, caller.payer],
    ...[Number(caller.moderator), Number(caller.ageRestricted)],
    ...[request.prompt, request.negative, request.width, request.height, request.n, request.style],
    ...[request.seed.toString(), request.steps, request.decoderSteps, request.guidance, request.decoderGuidance],
    Number(request.spoiler),
    ...[derivation?.verb ?? null, derivation?.parentImage ?? null, derivation?.parentJob ?? null],
    ...[derivation?.strength ?? null, toJson(input.notes), 'queued', now],
    ...[priority, chargedMs, chargedMs, dayOf(now)],
  ];
}
