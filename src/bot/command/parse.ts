import type { ImagineRequest } from '../job.ts';
import { fits, type RequestLimits, requestDefaults, type Size, shrunk } from '../request-limits.ts';
import { FIELD_KEYS, KEYS, type Key, type KeyName, type RequestSettings } from './keys.ts';
import { isVisible, lengthOf, normaliseText } from './lexer.ts';
import { modelNotes } from './model-note.ts';
import { permutationsOf } from './permutations.ts';
import { CommandProblem, EXAMPLE_PROMPT, toUserError } from './problem.ts';
import { clashing, readSettings, readValue, removal, type TypedSetting } from './read-settings.ts';
import { meantAsSubcommand, readSubcommand, type Subcommand } from './subcommands.ts';
import { formatSteps } from './values.ts';

export interface ParseOptions {
  readonly limits: RequestLimits;
  /** Values of the surface's native options, by the names of their keys. */
  readonly options?: Readonly<Partial<Record<KeyName, string | number | boolean>>>;
  /** Settings of an older request, for those that are not given. */
  readonly defaults?: Partial<Omit<ImagineRequest, 'prompt'>>;
  /** Names of the guild's settings, in the spelling to hand back. @default none */
  readonly guildSettings?: readonly string[];
  /** Drawn once for each request without a seed; its low 32 bits are used. */
  readonly randomSeed: () => bigint;
}

export type ParsedCommand =
  | {
      readonly kind: 'imagine';
      readonly request: ImagineRequest;
      /** What may have been meant otherwise than it was read; to be shown with the reply. */
      readonly notes: readonly string[];
      /** Present where a subcommand may have been meant, so that it is better to ask first: how that is written, if known. */
      readonly doubt?: readonly string[];
    }
  | {
      readonly kind: 'permutations';
      /** In reading order, at least two; to be asked about before any is submitted. */
      readonly requests: readonly ImagineRequest[];
      readonly notes: readonly string[];
    }
  | Subcommand;

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
  const { options: _options, defaults: _defaults, ...rest } = options;
  let source = '';
  try {
    return read(text, options, (part) => {
      source = part;
    });
  } catch (error) {
    if (!(error instanceof CommandProblem)) throw error;
    throw toUserError(error, source, (command) => void read(command, { ...rest, randomSeed: () => 0n }, () => {}));
  }
}

/** A random seed of 32 bits: more would not count, since generators take the low 32 bits only. */
export function randomSeed(): bigint {
  return BigInt(Math.floor(Math.random() * 2 ** 32));
}

function read(text: string, options: ParseOptions, onSource: (source: string) => void): ParsedCommand {
  const { limits, guildSettings, defaults = {} } = options;
  const native = readOptions(options.options ?? {}, limits);
  const maxLength = 8 * limits.maxPromptLength + 1000;
  // Escapes, surrogate pairs and a negative prompt included, nothing longer can be valid.
  if (text.length > maxLength) throw promptTooLong(text.length, limits);
  const body = normaliseText(text.replace(/^\s*\/wuerst(?=\s|$)/i, ''));
  onSource(body);
  // With settings beside it, a picture is wanted: `history` is a prompt then.
  const isPrompt = Object.keys(native.settings).length + Object.keys(defaults).length > 0;
  const subcommand = isPrompt ? null : readSubcommand(body, guildSettings);
  if (subcommand !== null) return subcommand;
  let doubt = isPrompt ? null : meantAsSubcommand(body, guildSettings);
  const requests: ImagineRequest[] = [];
  const notes = new Set<string>(native.notes);
  for (const one of permutationsOf(body, limits)) {
    onSource(one);
    const { prompt, typed, notes: found } = readSettings(one, limits);
    const chosen = merged(typed, native.settings);
    if (typed.length > 0) doubt = null;
    requests.push(requestOf(prompt, { ...readDefaults(defaults, chosen, limits), ...chosen }, typed, options));
    for (const note of found) notes.add(note);
  }
  for (const note of modelNotes(requests, limits)) notes.add(note);
  const [request] = requests;
  if (requests.length === 1 && request !== undefined) {
    return { kind: 'imagine', request, notes: [...notes], ...(doubt === null ? {} : { doubt }) };
  }
  return { kind: 'permutations', requests, notes: [...notes] };
}

function requestOf(
  text: string,
  { seed, ...chosen }: RequestSettings,
  typed: readonly TypedSetting[],
  { limits, randomSeed }: ParseOptions,
): ImagineRequest {
  const prompt = normaliseText(text);
  if (!isVisible(prompt)) throw promptMissing(typed);
  const length = lengthOf(prompt);
  if (length > limits.maxPromptLength) throw promptTooLong(length, limits);
  const request = { ...requestDefaults(limits), ...chosen, prompt };
  if (!fits(request, limits)) throw tooManyPixels(request, typed, limits);
  return { ...request, seed: seed ?? BigInt.asUintN(32, randomSeed()) };
}

function merged(typed: readonly TypedSetting[], native: RequestSettings): RequestSettings {
  for (const [i, setting] of typed.entries()) {
    const earlier = clashing(typed, i);
    if (earlier !== null) throw conflict(setting, earlier);
    const given = FIELD_KEYS.find(({ field }) => setting.key.fields.includes(field) && native[field] !== undefined);
    if (given !== undefined) throw givenTwice(setting, given.key);
  }
  return Object.assign({}, native, ...typed.map((setting) => setting.settings));
}

/** Native options are checked like typed settings, by key. */
function readOptions(values: NonNullable<ParseOptions['options']>, limits: RequestLimits) {
  const given = KEYS.flatMap((key): TypedSetting[] => {
    const value = values[key.name];
    return value === undefined ? [] : [{ key, start: 0, end: 0, ...readValue(key, String(value), limits) }];
  });
  return { settings: merged(given, {}), notes: given.flatMap((setting) => setting.notes) };
}

/** The defaults of fields that nothing was chosen for. They are checked, since limits may have changed. */
function readDefaults(
  defaults: NonNullable<ParseOptions['defaults']>,
  chosen: RequestSettings,
  limits: RequestLimits,
): RequestSettings {
  const read = FIELD_KEYS.flatMap(({ key, field }) => {
    if (chosen[field] !== undefined || defaults[field] === undefined) return [];
    const value = field === 'steps' ? formatSteps(defaults.steps ?? null) : String(defaults[field]);
    return [readValue(key, value, limits).settings];
  });
  return Object.assign({}, ...read);
}

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

function givenTwice(setting: TypedSetting, option: Key): CommandProblem {
  return new CommandProblem({
    code: 'setting_given_twice',
    message: `Expected ${option.name} once, got it both as an option and in the text (${setting.key.name}).`,
    allowed: 'Give it either as an option or in the text.',
    edits: [removal(setting)],
  });
}

function promptMissing(typed: readonly TypedSetting[]): CommandProblem {
  return new CommandProblem({
    code: 'prompt_missing',
    message: typed.length > 0 ? 'Expected a prompt, got settings only.' : 'Expected a prompt, got nothing.',
    allowed: 'Say what to paint; settings may go anywhere in it.',
    ...(typed.length > 0 ? { edits: [{ start: 0, end: 0, text: `${EXAMPLE_PROMPT} ` }] } : {}),
    example: `${EXAMPLE_PROMPT} style:aesthetic`,
  });
}

function promptTooLong(length: number, { maxPromptLength }: RequestLimits): CommandProblem {
  return new CommandProblem({
    code: 'prompt_too_long',
    message: `Expected a prompt of at most ${maxPromptLength} characters, got ${length}.`,
    allowed: 'The model reads no more than 75 word pieces of it, so a shorter prompt loses nothing.',
  });
}

function tooManyPixels(size: Size, typed: readonly TypedSetting[], limits: RequestLimits): CommandProblem {
  const smaller = shrunk(size, limits);
  const instead = `size:${smaller.width}x${smaller.height}`;
  const sized = typed.filter(({ key }) => key.fields.includes('width') || key.fields.includes('height'));
  return new CommandProblem({
    code: 'too_many_pixels',
    message: `Expected a picture of at most ${limits.maxPixels} pixels, got ${size.width}×${size.height} = ${size.width * size.height}.`,
    allowed: `Sides go from ${limits.minSide} to ${limits.maxSide} pixels; width × height is at most ${limits.maxPixels}.`,
    ...(sized.length > 0 ? { edits: sized.map((one, i) => (i === 0 ? { ...one, text: instead } : removal(one))) } : {}),
    example: `${EXAMPLE_PROMPT} ${instead}`,
  });
}
