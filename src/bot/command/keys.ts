import type { Provenance } from '../../pipeline/images/imagine-request.ts';
import { stepCount } from '../../pipeline/images/stage-c-steps.ts';
import { DEFAULT_STRENGTH, MAX_START_PICTURES } from '../../pipeline/images/start-limits.ts';
import { t, translatable } from '../../texts/translate.ts';
import type { ImagineRequest } from '../job.ts';
import {
  defaultSize,
  fits,
  nativeSizes,
  type RequestLimits,
  type Size,
  shrunk,
  sizeForRatio,
} from '../request-limits.ts';
import {
  decimalNumber,
  type Expectation,
  freeText,
  presentStyle,
  ratio,
  seedOrRandom,
  sides,
  styleOrMixture,
  weightsOfPictures,
  wholeNumber,
  yesOrNo,
} from './expectation.ts';
import { isVisible, lengthOf, normaliseText } from './lexer.ts';
import { KEY_NAMES, type LocalNames } from './local-names.ts';
import { expectedLoras, readLoras } from './loras.ts';
import { expectedPresetName, NO_PRESET, presetName } from './presets.ts';
import {
  formatSteps,
  MAX_SEED,
  type Range,
  type Reading,
  readDecimal,
  readRatio,
  readSeed,
  readSides,
  readSteps,
  readStyle,
  readSwitch,
  readWeights,
  readWhole,
} from './values.ts';

/** What the settings of a command choose; `seed: null` asks for a random one. */
export type RequestSettings = {
  -readonly [K in Exclude<
    keyof ImagineRequest,
    'prompt' | 'seed' | 'start' | 'weighted' | Provenance
  >]?: ImagineRequest[K];
} & {
  seed?: bigint | null;
  /** The name of a saved style, as `presetName` gives it. */
  preset?: string;
  /** How to start from pictures: parts of a request's `start`. */
  strength?: number;
  weights?: readonly number[];
  transparent?: boolean;
};
export type Field = keyof RequestSettings;
/** What a request has of them. */
export type RequestField = Exclude<Field, 'preset' | 'strength' | 'weights' | 'transparent'>;

interface KeyDefinition {
  /** Other spellings that people bring along. */
  readonly aliases?: readonly string[];
  /** How a surface with native options offers it. */
  readonly type: 'integer' | 'number' | 'text' | 'switch';
  /** To be shown with `t`; with its usual value at most 100 characters. */
  readonly description: string;
  /** The fields it fills; two keys that fill the same one exclude each other. */
  readonly fields: readonly Field[];
  expected(limits: RequestLimits): Expectation;
  /** What is chosen where nothing is given, if that can be said. */
  usual?(limits: RequestLimits): number | string;
  /** Bounds of the numeric types, inclusive. */
  range?(limits: RequestLimits): Range;
  /** The usual values, or all there are. */
  choices?(limits: RequestLimits): readonly string[];
  /** A value that is allowed. */
  example(limits: RequestLimits): string;
  /** Given several times, it adds up. @default false */
  readonly repeats?: boolean;
  /** Reads a value without its quotes. */
  read(value: string, limits: RequestLimits): Reading<RequestSettings>;
}

function map<T>(reading: Reading<T>, settings: (value: T) => RequestSettings): Reading<RequestSettings> {
  return 'value' in reading ? { ...reading, value: settings(reading.value) } : reading;
}

interface NumericOptions extends Pick<KeyDefinition, 'aliases' | 'description' | 'usual'> {
  choices?(limits: RequestLimits): readonly string[];
  range(limits: RequestLimits): Range;
  example(limits: RequestLimits): number;
}

/** A key whose value is one number. */
function numeric(type: 'integer' | 'number', field: Field, options: NumericOptions): KeyDefinition {
  const { choices, range, example, ...rest } = options;
  const read = type === 'integer' ? readWhole : readDecimal;
  const expected = type === 'integer' ? wholeNumber : decimalNumber;
  const within = (values: readonly string[], { min, max }: Range) =>
    values.filter((value) => Number(value) >= min && Number(value) <= max);
  return {
    ...rest,
    type,
    fields: [field],
    range,
    ...(choices === undefined ? {} : { choices: (limits) => within(choices(limits), range(limits)) }),
    expected: (limits) => expected(range(limits)),
    example: (limits) => String(example(limits)),
    read: (value, limits) => map(read(value, range(limits), example(limits)), (number) => ({ [field]: number })),
  };
}

const side = ({ minSide, maxSide }: RequestLimits): Range => ({ min: minSide, max: maxSide });
const steps = ({ maxSteps }: RequestLimits): Range => ({ min: 1, max: maxSteps });
const scale = ({ maxGuidance }: RequestLimits): Range => ({ min: 0, max: maxGuidance });

const COMMON_SIDES = [512, 768, 1024, 1280, 1536];
const COMMON_RATIOS = ['1:1', '2:3', '3:2', '3:4', '4:3', '9:16', '16:9', '21:9'];

/** Sides that the model was trained on, or else common ones. */
function commonSides(limits: RequestLimits, side: keyof Size): readonly string[] {
  const trained = nativeSizes(limits).map((size) => size[side]);
  const sides = trained.length > 0 ? trained : COMMON_SIDES;
  return [...new Set(sides)].sort((a, b) => a - b).map(String);
}

/** A number of steps that may be typed: the model's own, if it has equal steps. */
function exampleSteps({ recommended: { steps }, maxSteps }: RequestLimits): number {
  return Math.min(typeof steps === 'number' ? steps : 30, maxSteps);
}

const DEFINITIONS = {
  width: numeric('integer', 'width', {
    aliases: ['w'],
    description: translatable('Width in pixels'),
    usual: (limits) => defaultSize(limits).width,
    choices: (limits) => commonSides(limits, 'width'),
    range: side,
    example: (limits) => defaultSize(limits).width,
  }),
  height: numeric('integer', 'height', {
    aliases: ['h'],
    description: translatable('Height in pixels'),
    usual: (limits) => defaultSize(limits).height,
    choices: (limits) => commonSides(limits, 'height'),
    range: side,
    example: (limits) => defaultSize(limits).height,
  }),
  size: {
    aliases: ['resolution', 'aspect-ratios-selection'],
    type: 'text',
    description: translatable('Width and height at once, such as 1024x1536'),
    fields: ['width', 'height'],
    expected: (limits) => sides(side(limits), '1024x1536'),
    choices: (limits) => {
      const sizes = COMMON_RATIOS.flatMap((ratio) => sizeForRatio(readRatio(ratio) ?? Number.NaN, limits) ?? []);
      return [...new Set([...nativeSizes(limits), ...sizes].map(formatSize))];
    },
    example: (limits) => formatSize(defaultSize(limits)),
    read: (value, limits) => {
      const sides = readSides(value);
      const [width = limits.defaultWidth, height = width] = sides ?? numbersIn(value);
      if (sides !== null && fits({ width, height }, { ...limits, maxPixels: Number.POSITIVE_INFINITY })) {
        return { value: { width, height } };
      }
      return { instead: formatSize(shrunk({ width, height }, limits)) };
    },
  },
  ar: {
    aliases: ['aspect', 'aspect-ratio', 'ratio'],
    type: 'text',
    description: translatable('Aspect ratio such as 2:3: picks a size with about the usual number of pixels'),
    fields: ['width', 'height'],
    expected: (limits) => ratio(widestRatio(limits)),
    choices: commonRatios,
    example: (limits) => commonRatios(limits)[1] ?? '1:1',
    read: (value, limits) => {
      const size = sizeForRatio(readRatio(value) ?? Number.NaN, limits);
      return size === null ? { instead: nearestRatio(value, limits) } : { value: { ...size } };
    },
  },
  n: numeric('integer', 'n', {
    aliases: [
      ...['images', 'num-images', 'image-number', 'num-images-per-prompt', 'n-samples', 'n-iter'],
      ...['batch-size', 'batch-count', 'iterations'],
    ],
    description: translatable('How many pictures'),
    usual: () => 1,
    choices: () => ['1', '2', '4', '10'],
    range: ({ maxImages }) => ({ min: 1, max: maxImages }),
    example: ({ maxImages }) => Math.min(4, maxImages),
  }),
  style: {
    type: 'text',
    description: translatable('Which model paints; a number from 0 (base) to 1 (aesthetic) mixes the two'),
    fields: ['style'],
    expected: ({ styles, mixesStyles }) => (mixesStyles ? styleOrMixture(styles) : presentStyle(styles)),
    choices: ({ styles }) => styles,
    example: ({ styles }) => styles.at(-1) ?? 'interpolated',
    read: (value, { styles, mixesStyles }) => map(readStyle(value, styles, mixesStyles), (style) => ({ style })),
  },
  seed: {
    aliases: ['noise-seed', 'image-seed'],
    type: 'text',
    description: translatable('What the randomness starts from: the same seed and settings give the same picture'),
    fields: ['seed'],
    expected: () => seedOrRandom(MAX_SEED),
    choices: () => ['random'],
    example: () => '7',
    read: (value) => map(readSeed(value), (seed) => ({ seed })),
  },
  steps: {
    ...numeric('integer', 'steps', {
      aliases: [
        ...['sampling-steps', 'num-inference-steps', 'inference-steps', 'num-steps', 'ddim-steps', 'overwrite-step'],
        ...['prior-steps', 'prior-num-inference-steps'],
      ],
      description: translatable('Equal steps of the first stage, or reference for the usual schedule'),
      usual: ({ recommended: { steps } }) =>
        Array.isArray(steps) ? t("{count} of the model's own", { count: stepCount(steps) }) : formatSteps(steps),
      range: steps,
      example: exampleSteps,
    }),
    read: (value, limits) => map(readSteps(value, steps(limits), exampleSteps(limits)), (steps) => ({ steps })),
  },
  'decoder-steps': numeric('integer', 'decoderSteps', {
    description: translatable('Steps of the second stage'),
    usual: ({ recommended }) => recommended.decoderSteps,
    range: steps,
    example: ({ recommended, maxSteps }) => Math.min(recommended.decoderSteps, maxSteps),
  }),
  guidance: numeric('number', 'guidance', {
    aliases: ['cfg', 'cfg-scale', 'scale', 'guidance-scale', 'prior-guidance', 'prior-guidance-scale'],
    description: translatable('How closely to follow the prompt; 1 or less switches it off'),
    usual: ({ recommended }) => recommended.guidance,
    range: scale,
    example: ({ recommended, maxGuidance }) => Math.min(recommended.guidance, maxGuidance),
  }),
  'decoder-guidance': numeric('number', 'decoderGuidance', {
    aliases: ['decoder-cfg-scale', 'decoder-guidance-scale'],
    description: translatable('The same for the second stage'),
    usual: ({ recommended }) => recommended.decoderGuidance,
    range: scale,
    example: ({ recommended }) => recommended.decoderGuidance,
  }),
  negative: {
    aliases: ['no', 'neg', 'negative-prompt', 'prior-negative-prompt'],
    type: 'text',
    description: translatable('What to keep out of the picture'),
    fields: ['negative'],
    expected: ({ maxPromptLength }) => freeText(maxPromptLength),
    example: () => '"text, frame"',
    read: (value, { maxPromptLength }) => {
      const negative = normaliseText(value);
      if (lengthOf(negative) > maxPromptLength) return { instead: '"text, frame"' };
      return { value: { negative: isVisible(negative) ? negative : '' } };
    },
  },
  strength: {
    ...numeric('number', 'strength', {
      aliases: ['denoise', 'denoising', 'denoising-strength'],
      description: translatable('How much of a given picture is painted anew: 0 nothing, 1 all'),
      usual: () => DEFAULT_STRENGTH,
      range: () => ({ min: 0, max: 1 }),
      example: () => DEFAULT_STRENGTH,
    }),
  },
  'picture-weights': {
    type: 'text',
    description: translatable('How much each of several given pictures counts, such as 2,1'),
    fields: ['weights'],
    expected: () => weightsOfPictures(MAX_START_PICTURES, '2,1'),
    example: () => '2,1',
    read: (value) => map(readWeights(value), (weights) => ({ weights })),
  },
  transparent: {
    type: 'switch',
    description: translatable('Paint only what is transparent in the given picture'),
    fields: ['transparent'],
    expected: yesOrNo,
    choices: () => ['yes', 'no'],
    example: () => 'yes',
    read: (value) => map(readSwitch(value), (transparent) => ({ transparent })),
  },
  preset: {
    type: 'text',
    description: translatable('A saved style: words around the prompt, and settings; /wuerst presets lists them'),
    fields: ['preset'],
    expected: expectedPresetName,
    choices: ({ presets = [] }) => presets,
    example: ({ presets = [] }) => presets[0] ?? NO_PRESET,
    read: (value) => {
      const preset = presetName(value);
      return preset === undefined ? { instead: null } : { value: { preset } };
    },
  },
  lora: {
    aliases: ['loras'],
    type: 'text',
    description: translatable('A LoRA and its weight, such as sketch:0.8; /wuerst loras lists them'),
    fields: ['loras'],
    repeats: true,
    expected: expectedLoras,
    choices: ({ loras = [] }) => loras.map(({ name }) => (/\s/.test(name) ? `"${name}"` : name)),
    example: ({ loras: [first] = [] }) => (first === undefined ? 'none' : `"${first.name}:0.8"`),
    read: (value, limits) => map(readLoras(value, limits), (loras) => ({ loras })),
  },
  spoiler: {
    type: 'switch',
    description: translatable('Hide the result behind a spoiler cover'),
    fields: ['spoiler'],
    expected: yesOrNo,
    choices: () => ['yes', 'no'],
    example: () => 'yes',
    read: (value) => map(readSwitch(value), (spoiler) => ({ spoiler })),
  },
} as const satisfies Record<string, KeyDefinition>;

export type KeyName = keyof typeof DEFINITIONS;
const NAMES: Readonly<Record<KeyName, LocalNames>> = KEY_NAMES;

/** One setting of a request: everything that parser, help, completion and native options know of it. */
export interface Key extends KeyDefinition {
  readonly name: KeyName;
  readonly aliases: readonly string[];
  /** What it is called in other languages. */
  readonly names: LocalNames;
}

export const KEYS: readonly Key[] = Object.entries<KeyDefinition>(DEFINITIONS).map(([name, definition]) => ({
  aliases: [],
  ...definition,
  name: name as KeyName,
  names: NAMES[name as KeyName],
}));

/** What a key is for, and its usual value here, in the reader's language. */
export function describeKey({ description, usual }: Key, limits: RequestLimits): string {
  if (usual === undefined) return t(description);
  return t('{setting} ({value} unless given)', { setting: t(description), value: String(usual(limits)) });
}

/** What a request does not have under its own name. */
const OTHER_FIELDS: readonly Field[] = ['preset', 'strength', 'weights', 'transparent'];

/** One key for each field of a request: those that it is written with. */
export const FIELD_KEYS = KEYS.flatMap((key) =>
  key.fields.length > 1 ? [] : key.fields.flatMap((field) => (isOther(field) ? [] : [{ key, field }])),
);

function isOther(field: Field): field is Exclude<Field, RequestField> {
  return OTHER_FIELDS.includes(field);
}

function formatSize({ width, height }: Size): string {
  return `${width}x${height}`;
}

function widestRatio(limits: RequestLimits): number {
  let widest = 1;
  while (sizeForRatio(widest + 1, limits) !== null) widest += 1;
  return widest;
}

/** What a ratio that is not allowed, or is written in another way (`16-9`, `1.5`), comes to. */
function nearestRatio(typed: string, limits: RequestLimits): string {
  const [width = 0, height = 1] = numbersIn(typed);
  const widest = widestRatio(limits);
  if (/^square/i.test(typed)) return '1:1';
  if (/^(?:landscape|wide|horizontal)/i.test(typed)) return '3:2';
  if (width <= 0 || height <= 0) return commonRatios(limits)[1] ?? '1:1';
  if (width / height > widest) return `${widest}:1`;
  if (height / width > widest) return `1:${widest}`;
  return `${width}:${height}`;
}

/** Two numbers at most. */
function numbersIn(typed: string): readonly number[] {
  return (typed.match(/\d{1,6}(?:\.\d{1,6})?/g) ?? []).slice(0, 2).map(Number);
}

function commonRatios(limits: RequestLimits): readonly string[] {
  return COMMON_RATIOS.filter((ratio) => sizeForRatio(readRatio(ratio) ?? Number.NaN, limits) !== null);
}

function byName(namesOf: (key: Key) => readonly string[]): ReadonlyMap<string, Key> {
  return new Map(
    KEYS.flatMap((key) => namesOf(key).flatMap((name) => spellings(fold(name)).map((one) => [one, key] as const))),
  );
}

const IN_ENGLISH = byName(({ name, aliases }) => [name, ...aliases]);
const LOCAL = byName(({ names }) => Object.values(names));

/**
 * The key of that name or alias, or of that name in any language; in any case, with `_` for `-` or without either
 * (`decoder_steps`, `decoderSteps`), also without its accents (`hohe`).
 */
export function keyNamed(name: string): Key | null {
  return keyInEnglish(name) ?? LOCAL.get(fold(name)) ?? null;
}

/** The same for English names alone: those that programs write. */
export function keyInEnglish(name: string): Key | null {
  return IN_ENGLISH.get(fold(name)) ?? null;
}

/** A folded name, with and without its hyphens. */
export function spellings(name: string): readonly string[] {
  return [name, name.replaceAll('-', '')];
}

/** Accents of Latin letters go, as they do where people write in capitals or in haste; the marks of Japanese kana, which tell them apart, stay. */
export function fold(name: string): string {
  const folded = name.toLowerCase().replaceAll('_', '-');
  if (/^[\0-\x7f]*$/.test(folded)) return folded;
  return folded
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .replaceAll('ß', 'ss')
    .normalize('NFC');
}
