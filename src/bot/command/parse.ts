import { MAX_LORAS } from '../../pipeline/images/lora-tag.ts';
import { t } from '../../texts/translate.ts';
import type { ImagineRequest } from '../job.ts';
import type { RequestLimits } from '../request-limits.ts';
import { asText, bracketed, type NativeOptions } from './format.ts';
import { settingWithin } from './glued-values.ts';
import { FIELD_KEYS, KEYS, type Key, type KeyName, type RequestSettings } from './keys.ts';
import { normaliseText } from './lexer.ts';
import { tooManyLoras, withLoraSettings, withoutRepeats, withPastedLoras } from './loras.ts';
import { type MakingOptions, nativeTemplate, promptTooLong, requestOf } from './made-request.ts';
import { type GivenCommand, type Reader, toUserError } from './mending.ts';
import { modelNotes } from './model-note.ts';
import { type PastedCommand, pastedCommand } from './pasted.ts';
import { permutationsOf } from './permutations.ts';
import { CommandProblem, type Edit, END } from './problem.ts';
import { clashing, readSettings, readValue, removal, type TypedSetting } from './read-settings.ts';
import { meantAsSubcommand, readSubcommand, type Subcommand } from './subcommands.ts';
import { formatSteps } from './values.ts';
import { WildcardError } from './wildcards.ts';

export interface ParseOptions extends MakingOptions {
  readonly options?: NativeOptions;
  /** Names of the guild's settings, in the spelling to hand back. @default none */
  readonly guildSettings?: readonly string[];
  /** A corrected command as it is typed on this surface. @default `/wuerst`, and the text */
  readonly show?: (command: GivenCommand) => string;
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
 * @throws UserError with what was expected and what came; its hint says what else is allowed and ends in `Try: ` and the
 *   command with its mistakes mended, or an example where it is unclear what was meant.
 */
export function parseCommand(text: string, options: ParseOptions): ParsedCommand {
  try {
    return read(text, options);
  } catch (error) {
    if (!(error instanceof CommandProblem)) throw error;
    throw toUserError(
      error,
      { text: commandIn(text, options.limits).command, options: options.options ?? {} },
      readerOf(options),
    );
  }
}

/** How corrected commands are read. Seeds are all the same, so that they can be compared. */
function readerOf(options: ParseOptions): Reader {
  const given = options.options ?? {};
  const all = { ...options, randomSeed: () => 0n };
  return {
    limits: options.limits,
    one: (text, native) => readOne(text, { ...all, options: native }).request,
    all: ({ text, options: native }) => {
      const parsed = read(text, { ...all, options: native });
      return parsed.kind === 'permutations' ? parsed.requests : parsed.kind === 'imagine' ? [parsed.request] : [];
    },
    show: options.show ?? ((command) => chatCommand(command, given)),
  };
}

/** Native options are only shown if they changed: otherwise they are still filled in. */
function chatCommand({ text, options }: GivenCommand, given: NativeOptions): string {
  const names = new Set([...Object.keys(options), ...Object.keys(given)]) as ReadonlySet<KeyName>;
  const isSame = [...names].every((name) => options[name] === given[name]);
  return `/wuerst ${isSame ? text : asText({ text, options })}`;
}

/** A random seed of 32 bits: more would not count, since generators take the low 32 bits only. */
export function randomSeed(): bigint {
  return BigInt(Math.floor(Math.random() * 2 ** 32));
}

/** Behind it stands what is kept as it is, whole files among it. */
const KEPT = /^\s*(?:\/wuerst\s+)?(?:presets\s+import|wildcards\s+set)\s/i;

/** What was typed, or what stands in what was pasted. */
function commandIn(text: string, limits: RequestLimits): PastedCommand {
  const body = normaliseText(text.replace(/^\s*\/wuerst(?=\s|$)/i, ''));
  if (KEPT.test(body)) return { command: body, notes: [] };
  const pasted = pastedCommand(body, limits);
  if (pasted === null) return { command: withLoraSettings(body), notes: [] };
  const { command, notes } = withPastedLoras(pasted.command, limits);
  return { command, notes: [...pasted.notes, ...notes] };
}

function read(text: string, options: ParseOptions): ParsedCommand {
  const { limits, guildSettings, defaults = {} } = options;
  const maxLength = 8 * limits.maxPromptLength + 1000;
  // Escapes, surrogate pairs and a negative prompt included, nothing longer can be valid.
  if (text.length > maxLength && !KEPT.test(text)) throw promptTooLong(text.length, limits);
  const { command: body, notes: pasted } = commandIn(text, limits);
  // With settings beside it, a picture is wanted: `history` is a prompt then.
  const settings = { ...options.options, ...defaults };
  const isPrompt = options.pictures !== undefined || Object.keys(settings).length > 0;
  const subcommand = isPrompt ? null : readSubcommand(body, guildSettings);
  if (subcommand !== null) return subcommand;
  const read = permutationsOf(body, limits).map((one) => readOne(one.text, options));
  const requests = read.map(({ request }) => request);
  const notes = [...new Set([...pasted, ...read.flatMap((one) => one.notes), ...modelNotes(requests, limits)])];
  const [request] = requests;
  if (requests.length > 1 || request === undefined) return { kind: 'permutations', requests, notes };
  const doubt = isPrompt || read.some(({ hasSettings }) => hasSettings) ? null : meantAsSubcommand(body, guildSettings);
  return { kind: 'imagine', request, notes, ...(doubt === null ? {} : { doubt }) };
}

/** Reads a text whose braces stand for nothing. */
function readOne(text: string, options: ParseOptions) {
  const { limits, defaults = {} } = options;
  const native = readOptions(options.options ?? {}, limits);
  const { template, typed, notes } = readSettings(text, limits);
  const given = { typed, native: Object.keys(options.options ?? {}) };
  const chosen = merged(typed, native.settings, (earlier, later) => inBatches(earlier, later, text, limits));
  const older = readDefaults(defaults, chosen, limits);
  const negative = [...typed, ...native.given].find(({ key }) => key.name === 'negative')?.template;
  const made = mendable(text, () => requestOf({ template, negative, chosen, older }, given, options));
  return {
    request: made.request,
    notes: [...native.notes, ...notes, ...made.notes],
    hasSettings: typed.length > 0,
  };
}

/** What cannot be drawn is mended where it stands in the text. */
function mendable<T>(text: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof WildcardError)) throw error;
    const { code, message, hint, wildcard, meant } = error;
    const word = `__${wildcard}__`;
    const start = text.indexOf(word);
    const instead = meant === null ? `\\${word}` : `__${meant}__`;
    throw new CommandProblem({
      ...{ code, message, allowed: hint },
      ...(start < 0 ? {} : { edits: [{ start, end: start + word.length, text: instead }] }),
    });
  }
}

/** @param together how two settings of one key come to one; `undefined` where only one of them can be meant */
function merged(
  typed: readonly TypedSetting[],
  native: RequestSettings,
  together: (earlier: TypedSetting, later: TypedSetting) => Edit | undefined = () => undefined,
): RequestSettings {
  for (const [i, setting] of typed.entries()) {
    const earlier = clashing(typed, i);
    if (earlier !== null) {
      const both = together(earlier, setting);
      throw conflict(setting.key, earlier.key, { edits: [...(both === undefined ? [] : [both]), removal(setting)] });
    }
    const given = FIELD_KEYS.find(({ field }) => setting.key.fields.includes(field) && native[field] !== undefined);
    if (given !== undefined && !given.key.repeats) throw givenTwice(setting, given.key);
  }
  const all = [native, ...typed.map((setting) => setting.settings)];
  return Object.assign({}, ...all, lorasOf(all, typed));
}

/** Other programs paint so many pictures at once, and that so often. */
const AT_ONCE = /^-*(?:batch[_-]?size|n[_-]?samples|num[_-]?images[_-]?per[_-]?prompt)\b/i;
const SO_OFTEN = /^-*(?:batch[_-]?count|n[_-]?iter|iterations)\b/i;

/** `--batch_size 2 --n_iter 3` comes to 6 pictures. */
function inBatches(earlier: TypedSetting, later: TypedSetting, text: string, limits: RequestLimits): Edit | undefined {
  const [one, other] = [earlier, later].map(({ start, end }) => text.slice(start, end)) as [string, string];
  const isProduct = (AT_ONCE.test(one) && SO_OFTEN.test(other)) || (SO_OFTEN.test(one) && AT_ONCE.test(other));
  const count = (earlier.settings.n ?? 1) * (later.settings.n ?? 1);
  return isProduct ? { ...earlier, text: `n:${Math.min(count, limits.maxImages)}` } : undefined;
}

/** Those of all settings together. */
function lorasOf(all: readonly RequestSettings[], typed: readonly TypedSetting[]): Pick<RequestSettings, 'loras'> {
  const given = all.flatMap(({ loras }) => (loras === undefined ? [] : [loras]));
  const loras = given.flat();
  const last = typed.findLast(({ settings }) => settings.loras !== undefined);
  if (loras.length > MAX_LORAS || withoutRepeats(loras).length < loras.length) {
    throw tooManyLoras(loras, last && [removal(last)]);
  }
  return given.length === 0 ? {} : { loras };
}

/** Native options are checked like typed settings, by key. */
function readOptions(values: NativeOptions, limits: RequestLimits) {
  const given = KEYS.flatMap((key): TypedSetting[] => {
    const value = values[key.name];
    if (value === undefined) return [];
    const where = (instead: string | null) => {
      const within = settingWithin(key, String(value), limits);
      if (within === null || within.keyValue === '' || values[within.key.name] !== undefined) {
        return { options: { [key.name]: instead } };
      }
      return { options: { [key.name]: within.value, [within.key.name]: within.keyValue } };
    };
    const template = key.name === 'negative' ? { template: nativeTemplate(String(value)) } : {};
    return [{ key, start: 0, end: 0, ...template, ...readValue(key, String(value), limits, where) }];
  });
  for (const [i, { key }] of given.entries()) {
    const earlier = clashing(given, i);
    if (earlier !== null) throw conflict(key, earlier.key, { options: { [key.name]: null } });
  }
  return { settings: merged(given, {}), notes: given.flatMap((setting) => setting.notes), given };
}

/** The defaults of fields that nothing was chosen for. They are checked, since limits may have changed. */
function readDefaults(
  defaults: NonNullable<ParseOptions['defaults']>,
  chosen: RequestSettings,
  limits: RequestLimits,
): RequestSettings {
  const read = FIELD_KEYS.flatMap(({ key, field }) => {
    if (chosen[field] !== undefined || defaults[field] === undefined) return [];
    if (field === 'loras') return defaults.loras ? [{ loras: defaults.loras }] : [];
    const text = field === 'negative' ? bracketed(defaults.negative ?? '', defaults.weighted) : String(defaults[field]);
    const value = field === 'steps' ? formatSteps(defaults.steps ?? null) : text;
    const where = (instead: string | null) => ({
      edits: [{ ...END, text: ` ${key.name}:${instead ?? key.example(limits)}` }],
    });
    return [readValue(key, value, limits, where).settings];
  });
  return Object.assign({}, ...read);
}

type Mending = Pick<CommandProblem['details'], 'edits' | 'options'>;

function conflict(key: Key, earlier: Key, mending: Mending): CommandProblem {
  if (key === earlier) {
    return new CommandProblem({
      code: 'setting_given_twice',
      message: t('Expected {name} once, got it twice.', { name: key.name }),
      ...mending,
    });
  }
  return new CommandProblem({
    code: 'settings_conflict',
    message: t('Expected one of {earlier} and {later}, got both.', { earlier: earlier.name, later: key.name }),
    allowed: t('The size is given by width and height, by size, or by ar: one of the three.'),
    ...mending,
  });
}

function givenTwice(setting: TypedSetting, option: Key): CommandProblem {
  return new CommandProblem({
    code: 'setting_given_twice',
    message: t('Expected {name} once, got it both as an option and in the text ({typed}).', {
      name: option.name,
      typed: setting.key.name,
    }),
    edits: [removal(setting)],
  });
}
