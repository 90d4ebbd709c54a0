import * as z from 'zod';
import { isSchedule, type StageCSteps } from './stage-c-steps.ts';
import { startRequest } from './start-request.ts';

/** An unsigned integer of up to 64 bits, stored as decimal digits. */
export const uint64Text = z
  .string()
  .regex(/^\d{1,20}$/)
  .transform(BigInt)
  .refine((value) => value < 2n ** 64n, 'expected at most 64 bits');

const loraUse = z.object({
  /** As its file is called, without the ending. */
  name: z.string(),
  /** Factor of what it changes, −2 to 2. */
  weight: z.number(),
  /** SHA-256 of the file, in hex. */
  hash: z.string(),
});
/** A LoRA that a request uses. */
export type LoraUse = Readonly<z.output<typeof loraUse>>;

/** A request in its stored form. Rows, messages, confirmations and the parameters in files are derived from this. */
export const imagineRequest = z.object({
  prompt: z.string(),
  /** What to keep out of the picture; empty for nothing. */
  negative: z.string(),
  /** Pixels; the picture has exactly this size. */
  width: z.number(),
  /** Pixels; the picture has exactly this size. */
  height: z.number(),
  /** Pictures in this request, 1 to 10. */
  n: z.number(),
  /** `interpolated`, `base`, `aesthetic`, or a decimal from 0 (base) to 1 (aesthetic) that mixes the two. */
  style: z.string(),
  /** Unsigned, up to 64 bits. Picture k (from 0) uses `seed + k`, wrapping at 2^64. */
  seed: uint64Text,
  /** Equal steps of Stage C; or its timesteps and where it ends; `null` for `DEFAULT_STAGE_C_TIMESTEPS`. */
  steps: z.custom<StageCSteps>((value) => value === null || typeof value === 'number' || isSchedule(value)),
  decoderSteps: z.number(),
  /** Guidance scale of Stage C; 1 and below switch guidance off. */
  guidance: z.number(),
  decoderGuidance: z.number(),
  /** Show the result behind a spoiler cover, where the surface has one. */
  spoiler: z.boolean(),
  /** LoRAs that its pictures are made with. */
  loras: z.array(loraUse).readonly().exactOptional(),
  /** Pictures to start from, of which a part or nothing may stay. Absent: none. */
  start: startRequest.exactOptional(),
  /** Brackets in both prompts are weights, in the grammar of `promptWeights`; else they are text. */
  weighted: z.literal(true).exactOptional(),
  /** The prompt as it was typed, where a preset or words that were drawn changed it. */
  original: z.string().exactOptional(),
  originalNegative: z.string().exactOptional(),
  /** By the names of fields, for people: what chose their values; those that are not in it are the model's. */
  origins: z.record(z.string(), z.string()).exactOptional(),
});

/** Everything that a person can choose about pictures, with defaults filled in. */
export type ImagineRequest = Readonly<z.output<typeof imagineRequest>>;

/** What all pictures of a request have in common. */
export type PictureSettings = Omit<ImagineRequest, 'n' | 'seed' | 'spoiler' | Provenance>;

/** Where a request comes from: of no matter for its pictures. */
export type Provenance = 'original' | 'originalNegative' | 'origins';
