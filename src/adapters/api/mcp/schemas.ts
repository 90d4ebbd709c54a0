import * as z from 'zod';

const id = z.string().regex(/^[a-z0-9]{4,32}$/i, 'expected the id of a picture or request');
const prompt = z.string().min(1).max(20_000);

/** Of one call: each comes back as a picture, too. */
export const MOST_PICTURES = 4;

/** Strict: a model that makes up a setting is told so, and can mend its call. */
export const PAINT = z.strictObject({
  prompt: prompt.describe('What to paint, in English words; weights such as (panda:1.2) are read.'),
  negative: z.string().max(20_000).optional().describe('What to keep out.'),
  width: z.int().optional().describe('Pixels. Default: what the model paints best.'),
  height: z.int().optional().describe('Pixels.'),
  count: z.int().min(1).max(MOST_PICTURES).optional().describe('Pictures, 1 to 4. Default 1.'),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional().describe('The same seed paints the same picture.'),
  style: z.string().max(40).optional().describe('One of those that the tool models lists.'),
});

/** What can be made of a picture, with the verb of its button. */
export const WAYS = {
  subtle: 'vary-subtle',
  strong: 'vary-strong',
  larger: 'larger',
  again: 'reroll',
  remix: 'remix',
} as const;

export const VARY = z.strictObject({
  picture: id.describe('The id of a picture.'),
  how: z
    .enum(Object.keys(WAYS) as (keyof typeof WAYS)[])
    .describe('subtle or strong variation, larger, again with other seeds, or remix with new words.'),
  prompt: prompt.optional().describe('The new words of a remix.'),
});

export const SHOW = z.strictObject({ id: id.describe('The id of a picture or request.') });

const picture = z.object({
  id: z.string(),
  /** Decimal digits. */
  seed: z.string(),
  width: z.int(),
  height: z.int(),
  /** Where the whole file can be read. */
  resource: z.string(),
  /** Opens for an hour, without a key. */
  url: z.string().optional(),
});

export const SHOWN = {
  request: z.string(),
  state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
  prompt: z.string(),
  pictures: z.array(picture),
  notes: z.array(z.string()),
};
export type Shown = z.output<z.ZodObject<typeof SHOWN>>;

export const MODEL = {
  model: z.string(),
  styles: z.array(z.string()),
  loras: z.array(z.string()),
  presets: z.array(z.string()),
  /** Of a request that names none, in pixels. */
  usualSize: z.object({ width: z.int(), height: z.int() }),
  sides: z.object({ min: z.int(), max: z.int() }),
  maxPixels: z.int(),
  maxCount: z.int(),
  /** Prompts that it paints well. */
  examples: z.array(z.string()),
};
