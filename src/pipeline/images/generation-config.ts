import { z } from '../../system/zod-mini.ts';
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

function checked<T>(is: (value: unknown) => boolean, expected: string): z.ZodMiniType<T> {
  return z.custom<T>(is, `expected ${expected}`);
}

const isText = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';
const steps = z.optional(
  checked<number>(
    (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_STEPS,
    `a whole number from 1 to ${MAX_STEPS}`,
  ),
);
const guidance = z.optional(
  checked<number>(
    (value) => typeof value === 'number' && value >= 0 && value <= MAX_GUIDANCE,
    `a number from 0 to ${MAX_GUIDANCE}`,
  ),
);
const listOf = (what: string) =>
  checked<readonly string[]>((value) => Array.isArray(value) && value.length > 0 && value.every(isText), what);
const size = z.pipe(
  checked<string>(
    (value) => typeof value === 'string' && /^[1-9]\d{1,3}x[1-9]\d{1,3}$/.test(value),
    'sizes such as "1024x1536"',
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
      checked<readonly number[]>(
        isSchedule,
        'numbers that fall from at most 1 to at least 0, such as [1, 0.6, 0.3, 0]',
      ),
    ),
    guidance,
    decoderSteps: steps,
    decoderGuidance: guidance,
    nativeSizes: z.optional(z.array(size, 'expected a list of sizes such as ["1024x1536"]').check(z.minLength(1))),
    ideas: z.optional(listOf('a list of prompts')),
    words: z.optional(listOf('a list of words')),
  })
  .check(
    z.refine(({ steps: equal, timesteps }) => equal === undefined || timesteps === undefined, {
      error: 'expected one of steps and timesteps, found both',
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
