import * as z from 'zod';
import { ENGINE_STAGES } from '../pipeline/process/protocol.ts';
import { bareHashes, type Weights } from '../pipeline/process/weights.ts';
import { said } from './said.ts';

/**
 * What is kept in Redis: who works here, and the jobs that were handed over. No prompt and no picture is in it: those go
 * over HTTP. Every key begins with `wuerst:`.
 */

export const PREFIX = 'wuerst';
/** The ids of all workers. */
export const ROLL = `${PREFIX}:workers`;
/** What a worker says of itself; it is gone soon after the worker. */
export const registrationKey = (id: string): string => `${PREFIX}:worker:${id}`;
/** What the bot answers it. */
export const verdictKey = (id: string): string => `${PREFIX}:verdict:${id}`;
/** The queue of a worker: the bot decides who paints what. */
export const queueName = (id: string): string => `worker-${id}`;

export const workerId = z.string().regex(/^[0-9a-f]{16}$/);
export const botId = z.string().regex(/^[0-9a-f]{32}$/);
/** As a job of a worker's queue is called: the attempt that its path names. */
export const attemptId = z.string().regex(/^[0-9a-f-]{36}\.\d{1,15}$/);

const text = z.string().max(500);
const hash = z.string().max(128);
const hashes = { checkpoint: hash, formerCheckpoints: z.array(hash).max(20).readonly() };
const weights = { ...hashes, further: z.record(text, z.strictObject(hashes)) };

/** What identifies weights, with nothing that is told besides. */
export function identityOf({ further = {}, ...first }: Weights) {
  const parts = Object.entries(further).map(([part, hashes]) => [part, bareHashes(hashes)] as const);
  return { ...bareHashes(first), further: Object.fromEntries(parts) };
}

export const registration = z.strictObject({
  id: workerId,
  /** For people; two may have the same. */
  name: z.string().regex(/^[\w.-]{1,64}$/),
  /** Of the program. */
  version: z.string().max(50),
  /** To whom it sends what it paints: another bot may have the same Redis. */
  bot: botId,
  /** How long it has been there, in milliseconds. Not since when: its clock may be wrong. */
  age: z.number().min(0),
  model: text,
  ...weights,
  provider: text,
  /** What computes, as far as its pictures depend on it. */
  device: text.exactOptional(),
  /** What its speed depends on besides. */
  hardware: text,
  styles: z.array(text).max(20).readonly(),
  mixesStyles: z.boolean(),
  /** Hashes of its LoRAs' files. */
  loras: z.array(hash).max(10_000).readonly(),
  sizes: z
    .object({ minSide: z.number(), maxSide: z.number(), maxPixels: z.number(), gridStep: z.number() })
    .exactOptional(),
  startsFromPictures: z.boolean(),
  /** Its picture classifier, if it has one. */
  classifier: text.exactOptional(),
  /** Measured seconds a step, by stage. */
  stepSeconds: z.partialRecord(z.enum(ENGINE_STAGES), z.number().min(0)),
  /** Its pipeline process has the model loaded. */
  ready: z.boolean(),
  /** How many pictures of requests that are alike it paints at the same time. */
  together: z.number().int().min(1).max(1000),
  /** The attempts that it works on. */
  attempts: z.array(attemptId).max(1000).readonly(),
  style: text.exactOptional(),
  /** It wants to stop. */
  leaving: z.boolean(),
  lastError: said.exactOptional(),
});

/** A worker as it describes itself. */
export type Registration = Readonly<z.output<typeof registration>>;

export const verdict = z.discriminatedUnion('state', [
  z.strictObject({ state: z.literal('accepted') }),
  /** It gets no new job. */
  z.strictObject({ state: z.literal('draining') }),
  /** It can go: nothing is waiting for it any more. */
  z.strictObject({ state: z.literal('released') }),
  /** It never gets a job, for a reason that its operator can mend. */
  z.strictObject({ state: z.literal('refused'), reason: said }),
]);

export type Verdict = Readonly<z.output<typeof verdict>>;

/** A job of a worker's queue. */
export const handOver = z.strictObject({
  /** Path below the bot's address, with signature. */
  path: z.string().regex(/^\/workers\/jobs\/[0-9a-f-]{36}\/attempts\/\d{1,15}\/[\w-]{43}$/),
  /** Of which model it is. */
  ...weights,
});

export type HandOver = Readonly<z.output<typeof handOver>>;
