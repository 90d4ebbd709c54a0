import type { Provenance } from '../../pipeline/images/imagine-request.ts';
import { stepCount } from '../../pipeline/images/stage-c-steps.ts';
import { DEFAULT_STRENGTH, MAX_START_PICTURES } from '../../pipeline/images/start-limits.ts';
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
import { isVisible, lengthOf, normaliseText } from './lexer.ts';
import { expectedLoras, readLoras } from './loras.ts';
import { NO_PRESET, PRESET_NAME, presetName } from './presets.ts';
import { listed } from './problem.ts';
import {
  formatSteps,
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
  /** With its usual value at most 100 characters. */
  readonly description: string;
  /** German name and description. */
  readonly de: readonly [name: string, description: string];
  /** The fields it fills; two keys that fill the same one exclude each other. */
  readonly fields: readonly Field[];
  /** A noun phrase: `a whole number from 1 to 10`. */
  expected(limits: RequestLimits): string;
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

interface NumericOptions extends Pick<KeyDefinition, 'aliases' | 'description' | 'de' | 'usual'> {
  choices?(limits: RequestLimits): readonly string[];
  range(limits: RequestLimits): Range;
  example(limits: RequestLimits): number;
}

/** A key whose value is one number. */
function numeric(type: 'integer' | 'number', field: Field, options: NumericOptions): KeyDefinition {
  const { choices, range, example, ...rest } = options;
  const read = type === 'integer' ? readWhole : readDecimal;
  const noun = type === 'integer' ? 'a whole number' : 'a number';
  const within = (values: readonly string[], { min, max }: Range) =>
    values.filter((value) => Number(value) >= min && Number(value) <= max);
  return {
    ...rest,
    type,
    fields: [field],
    range,
    ...(choices === undefined ? {} : { choices: (limits) => within(choices(limits), range(limits)) }),
    expected: (limits) => `${noun} from ${range(limits).min} to ${range(limits).max}`,
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
    description: 'Width in pixels',
    de: ['breite', 'Breite in Pixeln'],
    usual: (limits) => defaultSize(limits).width,
    choices: (limits) => commonSides(limits, 'width'),
    range: side,
    example: (limits) => defaultSize(limits).width,
  }),
  height: numeric('integer', 'height', {
    aliases: ['h'],
    description: 'Height in pixels',
    de: ['höhe', 'Höhe in Pixeln'],
    usual: (limits) => defaultSize(limits).height,
    choices: (limits) => commonSides(limits, 'height'),
    range: side,
    example: (limits) => defaultSize(limits).height,
  }),
  size: {
    aliases: ['resolution', 'aspect-ratios-selection'],
    type: 'text',
    description: 'Width and height at once, such as 1024x1536',
    de: ['format', 'Breite und Höhe in Pixeln, etwa 1024x1536'],
    fields: ['width', 'height'],
    expected: ({ minSide, maxSide }) => `width×height such as 1024x1536, each side from ${minSide} to ${maxSide}`,
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
    description: 'Aspect ratio such as 2:3: picks a size with about the usual number of pixels',
    de: ['seitenverhältnis', 'Seitenverhältnis, etwa 2:3'],
    fields: ['width', 'height'],
    expected: (limits) => {
      const widest = widestRatio(limits);
      return `a ratio of width to height such as 2:3, from 1:${widest} to ${widest}:1`;
    },
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
    description: 'How many pictures',
    de: ['bilder', 'Wie viele Bilder'],
    usual: () => 1,
    choices: () => ['1', '2', '4', '10'],
    range: ({ maxImages }) => ({ min: 1, max: maxImages }),
    example: ({ maxImages }) => Math.min(4, maxImages),
  }),
  style: {
    type: 'text',
    description: 'Which model paints; a number from 0 (base) to 1 (aesthetic) mixes the two',
    de: ['stil', 'interpolated, base, aesthetic oder eine Zahl von 0 (base) bis 1 (aesthetic)'],
    fields: ['style'],
    expected: ({ styles, mixesStyles }) =>
      mixesStyles
        ? listed([...styles, 'a number from 0 (base) to 1 (aesthetic)'])
        : `${listed(styles)} (the operator gets the others with "wuerst models pull --style all")`,
    choices: ({ styles }) => styles,
    example: ({ styles }) => styles.at(-1) ?? 'interpolated',
    read: (value, { styles, mixesStyles }) => map(readStyle(value, styles, mixesStyles), (style) => ({ style })),
  },
  seed: {
    aliases: ['noise-seed', 'image-seed'],
    type: 'text',
    description: 'What the randomness starts from: the same seed and settings give the same picture',
    de: ['startwert', 'Gleicher Startwert und gleiche Einstellungen geben das gleiche Bild'],
    fields: ['seed'],
    expected: () => 'a whole number from 0 to 18446744073709551615, a word, or random',
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
      description: `Equal steps of the first stage, or reference for the usual ${stepCount(null)}`,
      de: ['schritte', 'Gleiche Schritte der ersten Stufe'],
      usual: ({ recommended: { steps } }) =>
        Array.isArray(steps) ? `${stepCount(steps)} of its own` : formatSteps(steps),
      range: steps,
      example: exampleSteps,
    }),
    read: (value, limits) => map(readSteps(value, steps(limits), exampleSteps(limits)), (steps) => ({ steps })),
  },
  'decoder-steps': numeric('integer', 'decoderSteps', {
    description: 'Steps of the second stage',
    de: ['decoder-schritte', 'Schritte der zweiten Stufe'],
    usual: ({ recommended }) => recommended.decoderSteps,
    range: steps,
    example: ({ recommended, maxSteps }) => Math.min(recommended.decoderSteps, maxSteps),
  }),
  guidance: numeric('number', 'guidance', {
    aliases: ['cfg', 'cfg-scale', 'scale', 'guidance-scale', 'prior-guidance', 'prior-guidance-scale'],
    description: 'How closely to follow the prompt; 1 or less switches it off',
    de: ['führung', 'Wie genau dem Text gefolgt wird'],
    usual: ({ recommended }) => recommended.guidance,
    range: scale,
    example: ({ recommended, maxGuidance }) => Math.min(recommended.guidance, maxGuidance),
  }),
  'decoder-guidance': numeric('number', 'decoderGuidance', {
    aliases: ['decoder-cfg-scale', 'decoder-guidance-scale'],
    description: 'The same for the second stage',
    de: ['decoder-führung', 'Dasselbe für die zweite Stufe'],
    usual: ({ recommended }) => recommended.decoderGuidance,
    range: scale,
    example: ({ recommended }) => recommended.decoderGuidance,
  }),
  negative: {
    aliases: ['no', 'neg', 'negative-prompt', 'prior-negative-prompt'],
    type: 'text',
    description: 'What to keep out of the picture',
    de: ['ohne', 'Was nicht im Bild sein soll'],
    fields: ['negative'],
    expected: ({ maxPromptLength }) => `text of at most ${maxPromptLength} characters, in quotes if it has spaces`,
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
      description: 'How much of a given picture is painted anew: 0 nothing, 1 all',
      de: ['stärke', 'Wie viel eines gegebenen Bildes neu gemalt wird: 0 nichts, 1 alles'],
      usual: () => DEFAULT_STRENGTH,
      range: () => ({ min: 0, max: 1 }),
      example: () => DEFAULT_STRENGTH,
    }),
  },
  'picture-weights': {
    type: 'text',
    description: 'How much each of several given pictures counts, such as 2,1',
    de: ['bild-gewichte', 'Wie viel jedes von mehreren gegebenen Bildern zählt, etwa 2,1'],
    fields: ['weights'],
    expected: () => `up to ${MAX_START_PICTURES} numbers above 0 with commas, such as 2,1`,
    example: () => '2,1',
    read: (value) => map(readWeights(value), (weights) => ({ weights })),
  },
  transparent: {
    type: 'switch',
    description: 'Paint only what is transparent in the given picture',
    de: ['durchsichtiges', 'Nur malen, was im gegebenen Bild durchsichtig ist'],
    fields: ['transparent'],
    expected: () => 'yes or no',
    choices: () => ['yes', 'no'],
    example: () => 'yes',
    read: (value) => map(readSwitch(value), (transparent) => ({ transparent })),
  },
  preset: {
    type: 'text',
    description: 'A saved style: words around the prompt, and settings; /wuerst presets lists them',
    de: ['vorlage', 'Ein gespeicherter Stil: Worte um die Beschreibung und Einstellungen'],
    fields: ['preset'],
    expected: () => PRESET_NAME,
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
    description: 'A LoRA and its weight, such as sketch:0.8; /wuerst loras lists them',
    de: ['lora', 'Ein LoRA und sein Gewicht, etwa sketch:0.8'],
    fields: ['loras'],
    repeats: true,
    expected: expectedLoras,
    choices: ({ loras = [] }) => loras.map(({ name }) => (/\s/.test(name) ? `"${name}"` : name)),
    example: ({ loras: [first] = [] }) => (first === undefined ? 'none' : `"${first.name}:0.8"`),
    read: (value, limits) => map(readLoras(value, limits), (loras) => ({ loras })),
  },
  spoiler: {
    type: 'switch',
    description: 'Hide the result behind a spoiler cover',
    de: ['spoiler', 'Die Bilder hinter einer Abdeckung zeigen'],
    fields: ['spoiler'],
    expected: () => 'yes or no',
    choices: () => ['yes', 'no'],
    example: () => 'yes',
    read: (value) => map(readSwitch(value), (spoiler) => ({ spoiler })),
  },
} as const satisfies Record<string, KeyDefinition>;

export type KeyName = keyof typeof DEFINITIONS;

/** One setting of a request: everything that parser, help, completion and native options know of it. */
export interface Key extends KeyDefinition {
  readonly name: KeyName;
  readonly aliases: readonly string[];
}

export const KEYS: readonly Key[] = Object.entries<KeyDefinition>(DEFINITIONS).map(([name, definition]) => ({
  aliases: [],
  ...definition,
  name: name as KeyName,
}));

/** What a key is for, and its usual value here. */
export function describeKey({ description, usual }: Key, limits: RequestLimits): string {
  return usual === undefined ? description : `${description} (${usual(limits)} unless given)`;
}

export function describeKeyInGerman({ de: [, description], usual }: Key, limits: RequestLimits): string {
  return usual === undefined ? description : `${description} (sonst ${usual(limits)})`;
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

const BY_NAME = new Map(
  KEYS.flatMap((key) =>
    [key.name, ...key.aliases].flatMap((name) => spellings(name).map((one) => [one, key] as const)),
  ),
);

/** The key of that name or alias, in any case, with `_` for `-` or without either (`decoder_steps`, `decoderSteps`). */
export function keyNamed(name: string): Key | null {
  return BY_NAME.get(fold(name)) ?? null;
}

/** A folded name, with and without its hyphens. */
export function spellings(name: string): readonly string[] {
  return [name, name.replaceAll('-', '')];
}

export function fold(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}
