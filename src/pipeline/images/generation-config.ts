import { z } from '../../system/zod-mini.ts';
import { t } from '../../texts/translate.ts';
import type { ImagineRequest } from './imagine-request.ts';
import { isSchedule } from './stage-c-steps.ts';

type Sampling = Pick<ImagineRequest, 'steps' | 'guidance' | 'decoderSteps' | 'decoderGuidance'>;

/** How a model is best asked. Sides in pixels. */
export interface Recommended extends Readonly<Sampling> {
  /** Width and height it was trained on; the first is the default. None where that is not known. */
  readonly nativeSizes: readonly (readonly [width: number, height: number])[];
  /** Prompts that it paints well. */
  readonly ideas: readonly string[];
  /** Every word that it knows, in lower case; `undefined` for a model that knows them all. */
  readonly words?: ReadonlySet<string>;
}

/** The reference's own defaults, for a model that recommends nothing. */
export const REFERENCE: Recommended = {
  ...{ steps: null, guidance: 4, decoderSteps: 12, decoderGuidance: 0 },
  nativeSizes: [],
  ideas: [
    'a red fox in the snow',
    'a lighthouse at dusk',
    'a dachshund astronaut, studio photograph',
    'a bratwurst grill at the edge of a Norwegian fjord',
  ],
};

/** Steps of one stage, and either guidance scale, at most. */
export const MAX_STEPS = 200;
export const MAX_GUIDANCE = 20;

/** @param expected what it should have been, in the language of whoever reads it */
function checked<T>(is: (value: unknown) => boolean, expected: () => string): z.ZodMiniType<T> {
  return z.custom<T>(is, { error: expected });
}

const isText = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';
const steps = z.optional(
  checked<number>(
    (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_STEPS,
    () => t('expected a whole number from {least} to {most}', { least: 1, most: MAX_STEPS }),
  ),
);
const guidance = z.optional(
  checked<number>(
    (value) => typeof value === 'number' && value >= 0 && value <= MAX_GUIDANCE,
    () => t('expected a number from {least} to {most}', { least: 0, most: MAX_GUIDANCE }),
  ),
);
const listOf = (expected: () => string) =>
  checked<readonly string[]>((value) => Array.isArray(value) && value.length > 0 && value.every(isText), expected);
const size = z.pipe(
  checked<string>(
    (value) => typeof value === 'string' && /^[1-9]\d{1,3}x[1-9]\d{1,3}$/.test(value),
    () => t('expected sizes such as {example}', { example: '"1024x1536"' }),
  ),
  z.transform((text: string): [number, number] => {
    const [width = 0, height = 0] = text.split('x').map(Number);
    return [width, height];
  }),
);

/** What `generation_config.json` in a model folder may say; each part may be missing. */
export const generationConfig = z
  .strictObject({
    /** Equal steps of Stage C. */
    steps,
    /** Instead of `steps`: each timestep of Stage C, and where it ends. */
    timesteps: z.optional(
      checked<readonly number[]>(isSchedule, () =>
        t('expected numbers that fall from at most 1 to at least 0, such as {example}', {
          example: '[1, 0.6, 0.3, 0]',
        }),
      ),
    ),
    guidance,
    decoderSteps: steps,
    decoderGuidance: guidance,
    nativeSizes: z.optional(
      z
        .array(size, { error: () => t('expected a list of sizes such as {example}', { example: '["1024x1536"]' }) })
        .check(z.minLength(1)),
    ),
    ideas: z.optional(listOf(() => t('expected a list of prompts'))),
    words: z.optional(listOf(() => t('expected a list of words'))),
  })
  .check(
    z.refine(({ steps: equal, timesteps }) => equal === undefined || timesteps === undefined, {
      error: () => t('expected one of {first} and {second}, found both', { first: 'steps', second: 'timesteps' }),
      path: ['timesteps'],
    }),
  );

export type GenerationConfig = z.output<typeof generationConfig>;

/** What a model recommends, with the reference's defaults for what it does not say. */
export function recommendedBy({ steps: equal, timesteps, words, ...config }: GenerationConfig): Recommended {
  const said = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
  return {
    ...REFERENCE,
    ...said,
    steps: equal ?? timesteps ?? null,
    ...(words ? { words: new Set(words.map((word) => word.toLowerCase())) } : {}),
  };
}
