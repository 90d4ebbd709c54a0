import * as z from 'zod';
import { picture } from '../serving/read-body.ts';

/** Where a client may send `null` for what it leaves out. */
const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

const count = z.number().int().min(1).max(100);
const side = z.number().int().min(1).max(100_000);
const name = z.string().max(200);

const shared = {
  prompt: optional(z.string().max(100_000)).describe(
    'With weights such as (panda:1.2) and tags such as <lora:sketch:0.8>.',
  ),
  negative_prompt: optional(z.string().max(100_000)),
  styles: optional(z.array(name).max(100)).describe('Names of saved styles; the first counts.'),
  seed: optional(z.number().int().min(-1).max(Number.MAX_SAFE_INTEGER)).describe('-1 for a random one.'),
  batch_size: optional(count).describe('Times n_iter, at most 10 pictures.'),
  n_iter: optional(count),
  steps: optional(z.number().int().min(1).max(10_000)).describe('Of Stage C. Default: what the model recommends.'),
  cfg_scale: optional(z.number().min(0).max(1000)).describe('Of Stage C. Default: what the model recommends.'),
  width: optional(side),
  height: optional(side),
  sampler_name: optional(name).describe('Has no effect.'),
  sampler_index: optional(name).describe('Has no effect.'),
  scheduler: optional(name).describe('Has no effect.'),
  restore_faces: optional(z.boolean()).describe('Has no effect.'),
  tiling: optional(z.boolean()).describe('Has no effect.'),
  override_settings: optional(z.record(z.string(), z.unknown())).describe('Have no effect.'),
  subseed_strength: optional(z.number()).describe('Has no effect.'),
  script_name: optional(name).describe('Has no effect.'),
  alwayson_scripts: optional(z.record(z.string(), z.unknown())).describe('Have no effect.'),
  send_images: optional(z.boolean()).describe('Default true.'),
};

export const TXT2IMG = z.looseObject({
  ...shared,
  enable_hr: optional(z.boolean()).describe('Has no effect: ask for a larger picture.'),
  denoising_strength: optional(z.number()).describe('Of the second pass, which is not there.'),
});

export const IMG2IMG = z.looseObject({
  ...shared,
  init_images: z.array(picture).min(1).max(3).describe('Pictures to start from; several are blended.'),
  mask: optional(picture).describe('What is white in it is painted anew.'),
  inpainting_mask_invert: optional(z.union([z.number(), z.boolean()])).describe('Only 0.'),
  denoising_strength: optional(z.number().min(0).max(1)).describe('How much is painted anew. Default 0.75.'),
});

export type Txt2Img = z.output<typeof TXT2IMG>;
export type Img2Img = z.output<typeof IMG2IMG>;

export const PICTURES = z.object({
  images: z.array(z.string()),
  /** What was asked for, as it was read. */
  parameters: z.record(z.string(), z.unknown()),
  /** JSON. */
  info: z.string(),
});

export const PROGRESS_QUERY = z.object({
  skip_current_image: z.string().optional().describe('true leaves the unfinished picture out.'),
});

export const PROGRESS = z.object({
  /** 0 to 1. */
  progress: z.number().min(0).max(1),
  /** Seconds. */
  eta_relative: z.number().min(0),
  state: z.object({
    ...{ skipped: z.boolean(), interrupted: z.boolean() },
    job: z.string(),
    ...{ job_count: z.int(), job_timestamp: z.string(), job_no: z.int() },
    ...{ sampling_step: z.int(), sampling_steps: z.int() },
  }),
  current_image: z.string().nullable(),
  textinfo: z.string().nullable(),
});

export const PNG_INFO = z.object({ image: picture });
export const PNG_TEXTS = z.object({
  /** The parameters, or empty. */
  info: z.string(),
  items: z.record(z.string(), z.string()),
  parameters: z.record(z.string(), z.string()),
});

export const NEW_OPTIONS = z.looseObject({ sd_model_checkpoint: optional(name).describe('Only the model in use.') });
export const OPTIONS = z.object({
  sd_model_checkpoint: z.string(),
  sd_checkpoint_hash: z.string(),
  samples_format: z.literal('png'),
  CLIP_stop_at_last_layers: z.literal(1),
});

export const SD_MODELS = z.array(
  z.object({
    ...{ title: z.string(), model_name: z.string(), filename: z.string() },
    ...{ hash: z.null(), sha256: z.null(), config: z.null() },
  }),
);
export const SAMPLERS = z.array(
  z.object({ name: z.string(), aliases: z.array(z.string()), options: z.record(z.string(), z.string()) }),
);
export const SCHEDULERS = z.array(z.object({ name: z.string(), label: z.string() }));
export const LORAS = z.array(
  z.object({ name: z.string(), alias: z.string(), path: z.string(), metadata: z.record(z.string(), z.string()) }),
);
export const STYLES = z.array(z.object({ name: z.string(), prompt: z.string(), negative_prompt: z.string() }));

export const PROBLEM = z.object({
  /** A stable code. */
  error: z.string(),
  detail: z.string(),
  body: z.literal(''),
  errors: z.string(),
});
