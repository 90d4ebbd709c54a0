import type { ImagineRequest } from '../job.ts';
import { type CommandLimits, defaultSize, fits, shrunk } from '../request-limits.ts';
import type { Field, SettingKey, Settings } from './key.ts';
import { KEYS } from './keys.ts';
import { isVisible, lengthOf, normaliseText } from './lexer.ts';
import { permutationsOf } from './permutations.ts';
import { CommandProblem, type Edit, toUserError } from './problem.ts';
import { badValue, clashing, readSettings, type TypedSetting } from './read-settings.ts';
import { readSubcommand, type Subcommand, type SubcommandOptions } from './subcommand.ts';

export { type CommandLimits, DEFAULT_LIMITS } from '../request-limits.ts';
export { completions } from './completion.ts';
export { formatPrompt, formatRequest } from './format.ts';
export type { KeyName, SettingKey } from './key.ts';
export { KEYS, keyNamed, ratioSizes } from './keys.ts';
export type { SettingChange, Subcommand } from './subcommand.ts';

export interface ParseOptions extends SubcommandOptions {
  readonly limits: CommandLimits;
  /** Settings that came as native options of the surface. */
  readonly settings?: Partial<Omit<ImagineRequest, 'prompt'>>;
  /** Drawn once for each request without a seed; its low 32 bits are used. */
  readonly randomSeed: () => bigint;
}

export type ParsedCommand =
  | {
      readonly kind: 'imagine';
      readonly request: ImagineRequest;
      /** What was read otherwise than it may have been meant; to be shown with the reply. */
      readonly notes: readonly string[];
    }
  | {
      readonly kind: 'permutations';
      /** In reading order, at least two. */
      readonly requests: readonly ImagineRequest[];
      /** To be asked before any is submitted: `Make 6 requests, 12 pictures in all?` */
      readonly question: string;
      readonly notes: readonly string[];
    }
  | Subcommand;

/** What a request is without settings. */
const DEFAULTS = { negative: '', n: 1, steps: null, decoderSteps: 12, guidance: 4, decoderGuidance: 0, spoiler: false };

/**
 * Reads what was typed after (or with) `/wuerst`.
 *
 * Free text with `key:value` or `--key value` anywhere, quotes for spaces, a backslash before a character that is to be
 * text, `{a, b}` for several requests at once; or a subcommand, if the whole text has the form of one. Work is
 * linear in the text.
 *
 * @throws UserError with what was expected and what came; its hint says what is allowed and ends in `Try: ` and a
 *   corrected command that is accepted.
 */
export function parseCommand(text: string, options: ParseOptions): ParsedCommand {
  const { limits, settings = {}, ...subcommands } = options;
  const dry: ParseOptions = { ...subcommands, limits, randomSeed: () => 0n };
  let source = '';
  const check = (command: string): void => {
    read(command, dry, {}, () => {});
  };
  try {
    return read(text, options, readNative(settings, limits), (part) => {
      source = part;
    });
  } catch (error) {
    if (error instanceof CommandProblem) throw toUserError(error, source, check);
    throw error;
  }
}

/** A random seed of 32 bits: more would not count, since generators take the low 32 bits only. */
export function randomSeed(): bigint {
  return BigInt(Math.floor(Math.random() * 2 ** 32));
}

/**
 * Reads the values of native options, by key name, into the `settings` of `parseCommand`: this is how a surface
 * offers `size`, `ar` and a seed that does not fit a native number.
 *
 * @throws UserError as `parseCommand` does.
 */
export function settingsFromOptions(
  values: Readonly<Partial<Record<SettingKey['name'], string | number | boolean>>>,
  limits: CommandLimits,
): Partial<Omit<ImagineRequest, 'prompt'>> {
  const check = (command: string): void => {
    read(command, { limits, randomSeed: () => 0n }, {}, () => {});
  };
  try {
    const typed = KEYS.flatMap((key): TypedSetting[] => {
      const value = values[key.name];
      if (value === undefined) return [];
      return [{ key, start: 0, end: 0, settings: readNativeValue(key, String(value), limits) }];
    });
    const { seed, ...rest } = merged(typed, {});
    return seed === null || seed === undefined ? rest : { ...rest, seed };
  } catch (error) {
    if (error instanceof CommandProblem) throw toUserError(error, '', check);
    throw error;
  }
}

type OnSource = (source: string) => void;

function read(text: string, options: ParseOptions, native: Settings, onSource: OnSource): ParsedCommand {
  const { limits } = options;
  const maxLength = 8 * limits.maxPromptLength + 1000;
  // Escapes, surrogate pairs and a negative prompt included, nothing longer can be valid.
  if (text.length > maxLength) throw promptTooLong(text.length, limits);
  const body = normaliseText(text.replace(/^\s*\/wuerst(?=\s|$)/i, ''));
  onSource(body);
  // Settings beside it say that a picture is wanted: `history` is a prompt then.
  const subcommand = Object.keys(native).length > 0 ? null : readSubcommand(body, options);
  if (subcommand !== null) return subcommand;
  const bodies = permutationsOf(body, limits);
  const read = bodies.map((one) => {
    onSource(one);
    return readRequest(one, options, native);
  });
  const notes = [...new Set(read.flatMap((one) => one.notes))];
  const requests = read.map((one) => one.request);
  const [request] = requests;
  if (requests.length === 1 && request !== undefined) return { kind: 'imagine', request, notes };
  const pictures = requests.reduce((sum, { n }) => sum + n, 0);
  return {
    kind: 'permutations',
    requests,
    question: `Make ${requests.length} requests, ${pictures} pictures in all?`,
    notes,
  };
}

function readRequest(
  body: string,
  { limits, randomSeed }: ParseOptions,
  native: Settings,
): { readonly request: ImagineRequest; readonly notes: readonly string[] } {
  const { prompt: raw, typed, notes } = readSettings(body, limits);
  const { seed, ...chosen } = merged(typed, native);
  const prompt = normaliseText(raw);
  if (!isVisible(prompt)) throw promptMissing(typed);
  const length = lengthOf(prompt);
  if (length > limits.maxPromptLength) throw promptTooLong(length, limits);
  const [style = 'interpolated'] = limits.styles;
  const size = { ...defaultSize(limits), ...chosen };
  if (!fits(size, limits)) throw tooManyPixels(size, typed, limits);
  return {
    request: { ...DEFAULTS, style, ...size, prompt, seed: seed ?? BigInt.asUintN(32, randomSeed()) },
    notes,
  };
}

function merged(typed: readonly TypedSetting[], native: Settings): Settings {
  for (const [i, setting] of typed.entries()) {
    const earlier = clashing(typed, i);
    if (earlier !== null) throw conflict(setting, earlier);
    const field = setting.key.fields.find((one) => native[one] !== undefined);
    if (field !== undefined) throw givenTwice(setting, field);
  }
  return Object.assign({}, native, ...typed.map((setting) => setting.settings));
}

/** Native options are checked like typed ones, by the key that fills their field alone. */
function readNative(settings: Partial<Omit<ImagineRequest, 'prompt'>>, limits: CommandLimits): Settings {
  const read: Settings = {};
  for (const key of KEYS) {
    const [field] = key.fields;
    if (field === undefined || key.fields.length > 1) continue;
    const value = settings[field];
    if (value !== undefined && value !== null) Object.assign(read, readNativeValue(key, String(value), limits));
  }
  return read;
}

function readNativeValue(key: SettingKey, value: string, limits: CommandLimits): Settings {
  const reading = key.read(value, limits);
  if ('value' in reading) return reading.value;
  throw badValue(key, value, limits, [], reading.instead);
}

const MADE_BY_EXAMPLE = 'a red fox in the snow';

function conflict(setting: TypedSetting, earlier: TypedSetting): CommandProblem {
  const same = setting.key === earlier.key;
  return new CommandProblem({
    code: same ? 'setting_given_twice' : 'settings_conflict',
    message: same
      ? `Expected ${setting.key.name} once, got it twice.`
      : `Expected one of ${earlier.key.name} and ${setting.key.name}, got both.`,
    allowed: same
      ? 'Each setting is given once.'
      : 'The size is given by width and height, by size, or by ar: one of the three.',
    edits: [removal(setting)],
  });
}

function givenTwice(setting: TypedSetting, field: Field): CommandProblem {
  const option = KEYS.find((key) => key.fields.length === 1 && key.fields[0] === field)?.name ?? field;
  return new CommandProblem({
    code: 'setting_given_twice',
    message: `Expected ${option} once, got it both as an option and in the text (${setting.key.name}).`,
    allowed: 'Give it either as an option or in the text.',
    edits: [removal(setting)],
  });
}

function removal({ start, end }: TypedSetting): Edit {
  // With the space before it, so that none is left doubled.
  return { start: Math.max(0, start - 1), end, text: '' };
}

function promptMissing(typed: readonly TypedSetting[]): CommandProblem {
  return new CommandProblem({
    code: 'prompt_missing',
    message: typed.length > 0 ? 'Expected a prompt, got settings only.' : 'Expected a prompt, got nothing.',
    allowed: 'Say what to paint; settings may stand anywhere in it.',
    ...(typed.length > 0 ? { edits: [{ start: 0, end: 0, text: `${MADE_BY_EXAMPLE} ` }] } : {}),
    example: `${MADE_BY_EXAMPLE} style:aesthetic`,
  });
}

function promptTooLong(length: number, { maxPromptLength }: CommandLimits): CommandProblem {
  return new CommandProblem({
    code: 'prompt_too_long',
    message: `Expected a prompt of at most ${maxPromptLength} characters, got ${length}.`,
    allowed: 'The model reads no more than 75 word pieces of it, so a shorter prompt loses nothing.',
  });
}

function tooManyPixels(
  size: { readonly width: number; readonly height: number },
  typed: readonly TypedSetting[],
  limits: CommandLimits,
): CommandProblem {
  const smaller = shrunk(size, limits);
  const instead = `size:${smaller.width}x${smaller.height}`;
  const sized = typed.filter(({ key }) => key.fields.includes('width') || key.fields.includes('height'));
  return new CommandProblem({
    code: 'too_many_pixels',
    message: `Expected a picture of at most ${limits.maxPixels} pixels, got ${size.width}×${size.height} = ${size.width * size.height}.`,
    allowed: `Sides go from ${limits.minSide} to ${limits.maxSide} pixels; width × height is at most ${limits.maxPixels}.`,
    ...(sized.length > 0 ? { edits: sized.map((one, i) => (i === 0 ? { ...one, text: instead } : removal(one))) } : {}),
    example: `${MADE_BY_EXAMPLE} ${instead}`,
  });
}
