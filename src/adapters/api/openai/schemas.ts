import * as z from 'zod';
import { PICTURE_FORMATS } from '../serving/picture-files.ts';
import { file } from '../serving/read-body.ts';

/** Where a client may send `null` for what it leaves out. */
const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? undefined);

/** OpenAI's own: language models write long ones. */
const LONGEST_PROMPT = 32_000;

const size = z
  .string()
  .regex(/^(?:auto|\d{1,5}x\d{1,5})$/, 'expected auto, or width and height in pixels such as 1024x1024');

const shared = {
  model: optional(z.string().max(200)).describe('The model in use. The names of OpenAI’s own models stand for it.'),
  n: optional(z.int().min(1).max(10)).describe('Pictures. Default 1.'),
  size: optional(size).describe('auto, or width and height in pixels. Default auto: what the model paints best.'),
  response_format: optional(z.enum(['b64_json', 'url'])).describe(
    'Default b64_json; url for the model dall-e-2 or dall-e-3.',
  ),
  output_format: optional(z.enum(PICTURE_FORMATS)).describe('Default png.'),
  output_compression: optional(z.int().min(0).max(100)).describe('Quality of jpeg and webp. Default 92.'),
  quality: optional(z.string().max(40)).describe('Has no effect: a note says so.'),
  background: optional(z.string().max(40)).describe('auto or opaque: pictures have no transparent parts.'),
  user: optional(z.string().max(1000)).describe('Has no effect.'),
  seed: optional(z.int().min(0).max(Number.MAX_SAFE_INTEGER)).describe(
    'Not of OpenAI: the same seed makes the same picture.',
  ),
  negative_prompt: optional(z.string().max(LONGEST_PROMPT)).describe('Not of OpenAI: what to keep out.'),
};

const streamed = {
  stream: optional(z.boolean()).describe('Answer with server-sent events.'),
  partial_images: optional(z.int().min(0).max(3)).describe('Unfinished pictures to send in a stream. Default 0.'),
};

const prompt = z.string().min(1).max(LONGEST_PROMPT);

export const GENERATION = z.looseObject({
  prompt: prompt.describe('What to paint, read as words alone.'),
  ...shared,
  ...streamed,
  style: optional(z.string().max(40)).describe('A style of the model; vivid and natural have no effect.'),
  moderation: optional(z.string().max(40)).describe('Has no effect: the rules of the place hold.'),
});

const images = z.union([file, z.array(file).min(1)]).transform((given) => (Array.isArray(given) ? given : [given]));

export const EDIT = z.looseObject({
  image: images.describe('One to three pictures; several are blended.'),
  mask: optional(file).describe('What is transparent in it is painted anew.'),
  prompt: prompt.describe('What the picture is to show.'),
  ...shared,
  ...streamed,
  input_fidelity: optional(z.enum(['high', 'low'])).describe('high keeps more of the picture. Default low.'),
});

export const VARIATION = z.looseObject({
  image: file.describe('The picture to vary.'),
  ...shared,
});

export type Generation = z.output<typeof GENERATION>;
export type Edit = z.output<typeof EDIT>;
export type Variation = z.output<typeof VARIATION>;

const outcome = {
  created: z.int(),
  background: z.literal('opaque'),
  output_format: z.enum(PICTURE_FORMATS),
  size: z.string(),
};

/** What this program says beyond OpenAI’s fields. */
const wuerst = z.object({
  job: z.string(),
  /** Decimal digits. */
  seeds: z.array(z.string()),
  notes: z.array(z.string()),
});

export const PICTURES = z.object({
  ...outcome,
  data: z.array(
    z.object({ b64_json: z.string().optional(), url: z.url().optional(), revised_prompt: z.string().optional() }),
  ),
  wuerst,
});

const KINDS = ['image_generation', 'image_edit'] as const;
export type StreamKind = (typeof KINDS)[number];

const pictureEvent = {
  b64_json: z.string(),
  created_at: z.int(),
  background: z.literal('opaque'),
  output_format: z.enum(PICTURE_FORMATS),
  quality: z.literal('auto'),
  size: z.string(),
};
const usage = z.object({
  ...{ input_tokens: z.literal(0), output_tokens: z.literal(0), total_tokens: z.literal(0) },
  input_tokens_details: z.object({ text_tokens: z.literal(0), image_tokens: z.literal(0) }),
});

export const PROBLEM = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string(),
  }),
});

export const STREAM_EVENT = z.union([
  z.object({
    type: z.enum(KINDS.map((kind) => `${kind}.partial_image` as const)),
    partial_image_index: z.int(),
    ...pictureEvent,
  }),
  z.object({ type: z.enum(KINDS.map((kind) => `${kind}.completed` as const)), ...pictureEvent, usage, wuerst }),
  z.object({ type: z.literal('error'), ...PROBLEM.shape }),
]);

export const MODEL = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.literal('wuerst'),
});

export const MODELS = z.object({ object: z.literal('list'), data: z.array(MODEL) });
