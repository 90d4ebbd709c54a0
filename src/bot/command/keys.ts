import { type CommandLimits, defaultSize, fits, type Size, shrunk, sizeForRatio } from '../request-limits.ts';
import { map, numeric, type SettingKey } from './key.ts';
import { isVisible, lengthOf, normaliseText } from './lexer.ts';
import { listed } from './problem.ts';
import { type Range, readRatio, readSeed, readSides, readStyle, readSwitch } from './values.ts';

const side = ({ minSide, maxSide }: CommandLimits): Range => ({ min: minSide, max: maxSide });
const steps = ({ maxSteps }: CommandLimits): Range => ({ min: 1, max: maxSteps });
const scale = ({ maxGuidance }: CommandLimits): Range => ({ min: 0, max: maxGuidance });

const COMMON_RATIOS = ['1:1', '2:3', '3:2', '3:4', '4:3', '9:16', '16:9', '21:9'];

export const KEYS: readonly SettingKey[] = [
  numeric('width', {
    type: 'integer',
    field: 'width',
    description: 'Width in pixels',
    choices: ['512', '768', '1024', '1280', '1536'],
    range: side,
    example: (limits) => defaultSize(limits).width,
  }),
  numeric('height', {
    type: 'integer',
    field: 'height',
    description: 'Height in pixels',
    choices: ['512', '768', '1024', '1280', '1536'],
    range: side,
    example: (limits) => defaultSize(limits).height,
  }),
  {
    name: 'size',
    aliases: [],
    type: 'text',
    description: 'Width and height at once, in pixels',
    fields: ['width', 'height'],
    expected: ({ minSide, maxSide }) => `width×height such as 1024x1536, each side from ${minSide} to ${maxSide}`,
    choices: (limits) => ({
      values: ratioSizes(limits).map(({ width, height }) => `${width}x${height}`),
      closed: false,
    }),
    example: (limits) => `${defaultSize(limits).width}x${defaultSize(limits).height}`,
    read: (value, limits) => {
      const sides = readSides(value);
      const [width, height] = sides ?? [limits.defaultWidth, limits.defaultHeight];
      if (sides !== null && fits({ width, height }, { ...limits, maxPixels: Number.POSITIVE_INFINITY })) {
        return { value: { width, height } };
      }
      const instead = shrunk({ width, height }, limits);
      return { instead: `${instead.width}x${instead.height}` };
    },
  },
  {
    name: 'ar',
    aliases: ['aspect'],
    type: 'text',
    description: 'Aspect ratio, width to height: picks a size of about the usual number of pixels',
    fields: ['width', 'height'],
    expected: (limits) => {
      const widest = widestRatio(limits);
      return `a ratio of width to height such as 2:3, from 1:${widest} to ${widest}:1`;
    },
    choices: (limits) => ({ values: commonRatios(limits), closed: false }),
    example: (limits) => commonRatios(limits)[1] ?? '1:1',
    read: (value, limits) => {
      const size = sizeForRatio(readRatio(value) ?? Number.NaN, limits);
      return size === null ? { instead: commonRatios(limits)[1] ?? '1:1' } : { value: { ...size } };
    },
  },
  numeric('n', {
    type: 'integer',
    field: 'n',
    aliases: ['images'],
    description: 'How many pictures',
    choices: ['1', '2', '4', '10'],
    range: ({ maxImages }) => ({ min: 1, max: maxImages }),
    example: ({ maxImages }) => Math.min(4, maxImages),
  }),
  {
    name: 'style',
    aliases: [],
    type: 'text',
    description: 'Which model paints; a number from 0 (base) to 1 (aesthetic) mixes two',
    fields: ['style'],
    expected: ({ styles, mixesStyles }) =>
      mixesStyles
        ? listed([...styles, 'a number from 0 (base) to 1 (aesthetic)'])
        : `${listed(styles)} (the operator gets the others with "wuerst models pull --style all")`,
    choices: ({ styles, mixesStyles }) => ({ values: styles, closed: !mixesStyles }),
    example: ({ styles }) => styles.at(-1) ?? 'interpolated',
    read: (value, { styles, mixesStyles }) => map(readStyle(value, styles, mixesStyles), (style) => ({ style })),
  },
  {
    name: 'seed',
    aliases: [],
    type: 'text',
    description: 'Starting number of the randomness: the same seed and settings make the same picture',
    fields: ['seed'],
    expected: () => 'a whole number from 0 to 18446744073709551615, or random',
    choices: () => ({ values: ['random'], closed: false }),
    example: () => '7',
    read: (value) => map(readSeed(value), (seed) => ({ seed })),
  },
  numeric('steps', {
    type: 'integer',
    field: 'steps',
    description: 'Equal steps of the first stage; without it, its own schedule of 29 steps',
    range: steps,
    example: ({ maxSteps }) => Math.min(30, maxSteps),
  }),
  numeric('decoder-steps', {
    type: 'integer',
    field: 'decoderSteps',
    description: 'Steps of the second stage, 12 unless given',
    range: steps,
    example: ({ maxSteps }) => Math.min(12, maxSteps),
  }),
  numeric('guidance', {
    type: 'number',
    field: 'guidance',
    aliases: ['cfg'],
    description: 'How closely to follow the prompt, 4 unless given; up to 1 is off',
    range: scale,
    example: ({ maxGuidance }) => Math.min(4, maxGuidance),
  }),
  numeric('decoder-guidance', {
    type: 'number',
    field: 'decoderGuidance',
    description: 'The same for the second stage, 0 (off) unless given',
    range: scale,
    example: () => 0,
  }),
  {
    name: 'negative',
    aliases: ['no'],
    type: 'text',
    description: 'What to keep out of the picture',
    fields: ['negative'],
    expected: ({ maxPromptLength }) => `text of at most ${maxPromptLength} characters, in quotes if it has spaces`,
    example: () => '"text, frame"',
    read: (value, { maxPromptLength }) => {
      const negative = normaliseText(value);
      if (lengthOf(negative) > maxPromptLength) return { instead: '"text, frame"' };
      return { value: { negative: isVisible(negative) ? negative : '' } };
    },
  },
  {
    name: 'spoiler',
    aliases: [],
    type: 'switch',
    description: 'Hide the result behind a spoiler cover',
    fields: ['spoiler'],
    expected: () => 'yes or no',
    choices: () => ({ values: ['yes', 'no'], closed: true }),
    example: () => 'yes',
    read: (value) => map(readSwitch(value), (spoiler) => ({ spoiler })),
  },
];

function widestRatio(limits: CommandLimits): number {
  let widest = 1;
  while (sizeForRatio(widest + 1, limits) !== null) widest += 1;
  return widest;
}

function commonRatios(limits: CommandLimits): readonly string[] {
  return COMMON_RATIOS.filter((ratio) => sizeForRatio(readRatio(ratio) ?? Number.NaN, limits) !== null);
}

/** Sizes to offer: one for each usual aspect ratio, without repeats. */
export function ratioSizes(limits: CommandLimits): readonly Size[] {
  const sizes = COMMON_RATIOS.flatMap((ratio) => sizeForRatio(readRatio(ratio) ?? Number.NaN, limits) ?? []);
  return [...new Map(sizes.map((size) => [`${size.width}x${size.height}`, size])).values()];
}

const BY_NAME = new Map(KEYS.flatMap((key) => [key.name, ...key.aliases].map((name) => [name, key] as const)));

/** The key of that name or alias, in any case, with `_` for `-` or none (`decoder_steps`, `decoderSteps`). */
export function keyNamed(name: string): SettingKey | null {
  const folded = fold(name);
  return BY_NAME.get(folded) ?? KEYS.find((key) => key.name.replace('-', '') === folded) ?? null;
}

export function fold(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}
