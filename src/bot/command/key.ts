import type { ImagineRequest } from '../job.ts';
import type { CommandLimits } from '../request-limits.ts';
import { type Range, type Reading, readDecimal, readWhole } from './values.ts';

/** What settings choose; `seed: null` asks for a random one. */
export type Settings = { -readonly [K in keyof Omit<ImagineRequest, 'prompt' | 'seed'>]?: ImagineRequest[K] } & {
  seed?: bigint | null;
};
export type Field = keyof Settings;

export type KeyName =
  | 'width'
  | 'height'
  | 'size'
  | 'ar'
  | 'n'
  | 'style'
  | 'seed'
  | 'steps'
  | 'decoder-steps'
  | 'guidance'
  | 'decoder-guidance'
  | 'negative'
  | 'spoiler';

/** How a surface with native options offers a key. */
export type KeyType = 'integer' | 'number' | 'text' | 'switch';

/** One setting: everything that parser, help, completion and native options know of it. */
export interface SettingKey {
  readonly name: KeyName;
  /** Other spellings that people bring along. */
  readonly aliases: readonly string[];
  readonly type: KeyType;
  /** At most 100 characters. */
  readonly description: string;
  /** The fields it fills; two keys that fill the same one exclude each other. */
  readonly fields: readonly Field[];
  /** A noun phrase: `a whole number from 1 to 10`. */
  expected(limits: CommandLimits): string;
  /** Bounds of the numeric types, inclusive. */
  range?(limits: CommandLimits): Range;
  /** The only values there are (`closed`), or the usual ones. */
  choices?(limits: CommandLimits): { readonly values: readonly string[]; readonly closed: boolean };
  /** A value that is allowed. */
  example(limits: CommandLimits): string;
  /** Understands a value without its quotes. */
  read(value: string, limits: CommandLimits): Reading<Settings>;
}

export function map<T>(reading: Reading<T>, settings: (value: T) => Settings): Reading<Settings> {
  return 'value' in reading ? { value: settings(reading.value) } : reading;
}

type NumericField = 'width' | 'height' | 'n' | 'steps' | 'decoderSteps' | 'guidance' | 'decoderGuidance';

interface NumericOptions {
  readonly type: 'integer' | 'number';
  readonly field: NumericField;
  readonly aliases?: readonly string[];
  readonly description: string;
  readonly choices?: readonly string[];
  range(limits: CommandLimits): Range;
  example(limits: CommandLimits): number;
}

/** A key that is one number. */
export function numeric(name: KeyName, options: NumericOptions): SettingKey {
  const { type, field, aliases = [], description, choices, range, example } = options;
  const read = type === 'integer' ? readWhole : readDecimal;
  const noun = type === 'integer' ? 'a whole number' : 'a number';
  return {
    name,
    aliases,
    type,
    description,
    fields: [field],
    range,
    ...(choices === undefined
      ? {}
      : { choices: (limits) => ({ values: within(choices, range(limits)), closed: false }) }),
    expected: (limits) => `${noun} from ${range(limits).min} to ${range(limits).max}`,
    example: (limits) => String(example(limits)),
    read: (value, limits) => map(read(value, range(limits), example(limits)), (number) => ({ [field]: number })),
  };
}

function within(values: readonly string[], { min, max }: Range): readonly string[] {
  return values.filter((value) => Number(value) >= min && Number(value) <= max);
}
