import { weightColonsIn } from '../../pipeline/images/prompt-weights.ts';
import { t } from '../../texts/translate.ts';
import type { RequestLimits } from '../request-limits.ts';
import { editDistance, nearest } from './edit-distance.ts';
import { foreignNamed, isForeignPair, wordsOfForeign } from './foreign-settings.ts';
import { fold, KEYS, type Key, type KeyName, keyNamed } from './keys.ts';
import { insideQuotes, NAME, type Span, wordsOf } from './lexer.ts';
import { CommandProblem, type Edit, quoted, someOf } from './problem.ts';
import { readRatio } from './values.ts';

/** What one word of a command is. */
export type Token = Span & { readonly raw: string } & (
    | { readonly kind: 'text'; readonly note: TextNote | null }
    /** `key:value`, or `--key=value`. */
    | { readonly kind: 'pair'; readonly key: Key; readonly valueStart: number }
    /** `--key`, whose value is in the words after it. */
    | { readonly kind: 'option'; readonly key: Key }
  );

/** Why text that resembles a setting is none: worth telling, so that nothing is ignored silently. */
export interface TextNote {
  readonly kind:
    | 'unknown-key'
    | 'space-after-colon'
    | 'looks-like-option'
    | 'weight'
    | 'bracketed'
    | 'network'
    | 'command';
  /** The setting that it resembles, where the words behind it may be its value. */
  readonly key?: Key;
  /** How to say it as a setting. */
  readonly instead?: string;
}

/** Names in other languages begin with other letters; what is none of them is text. */
const PAIR = new RegExp(`^(${NAME})([:：])(.*)$`, 'is');
const DASHED = /^(--|[—–]|[-—–]{2})(\p{L}.*)$/su;
const OPTION = /^(\p{L}[\p{L}\p{N}_-]{0,39})(?:([=:：])(.*))?$/su;
/** A name and its value without anything between them: `ar16:9`. */
const GLUED = new RegExp(`^(${NAME}?)(-?[\\d.].*)$`, 'is');
const NAME_AT_END = new RegExp(`${NAME}$`, 'i');
/** Its name may have blanks. */
const LORA_TAG = /<lora:[^<>]*>/gi;
/** An emoji shortcode stuck to a word: `fox:seedling:`. */
const SHORTCODE_VALUE = /^[a-z][a-z0-9_+-]{0,60}:$/i;

/**
 * Tells the words of a command apart.
 *
 * - `key:value` is a setting when `key` is one, in any case; under another name of the key only with a value of its kind.
 *   URLs and emoji shortcodes are text.
 * - Another word before the colon is a typing mistake when it is at most two edits from a key of four letters or more.
 *   Every short word is that near to `n` and `ar`, so for these one edit counts, and only before a value of their kind:
 *   `ra:2:3` is a mistake, `art:deco`, `in:out` and `at:10:30` are text.
 * - Inside brackets `:number)` is a weight, whatever stands before it.
 * - After `--` at the start of a word everything is a setting, known or not. A long dash is read so before a key and
 *   before one with a single slip, and before a setting of another program with its number; before other words it is the
 *   dash of a sentence.
 *
 * @throws CommandProblem `unknown_setting`, which names all the settings of other programs at once.
 */
export function tokensOf(text: string, limits: RequestLimits): Token[] {
  const spans = wordsOf(text);
  const words = spans.map((span) => text.slice(span.start, span.end));
  const weights = [...weightColonsIn(text)];
  const tags = [...text.matchAll(LORA_TAG)].map(({ index, 0: tag }) => ({ start: index, end: index + tag.length }));
  const foreign: Foreign[] = [];
  const tokens: Token[] = [];
  for (let i = 0; i < spans.length; i++) {
    const [span, raw] = [spans[i], words[i]];
    if (span === undefined || raw === undefined) break;
    const around = { after: words.slice(i + 1, i + 9), isBehind: tokens[0]?.kind === 'text' };
    const colon = weights.find((at) => at >= span.start && at < span.end);
    const isWeight = colon !== undefined && isFirstColon(text, span.start, colon);
    if (tags.some(({ start, end }) => start <= span.start && span.start < end)) {
      tokens.push({ ...span, raw, kind: 'text', note: null });
      continue;
    }
    const found: Token | Unknown = isWeight
      ? { ...span, raw, kind: 'text', note: noteOnWeight(text.slice(span.start, colon), text.slice(colon)) }
      : tokenOf(raw, around, span, limits);
    const wider = isWeight ? null : inTwoWords(tokens.at(-1), raw, span, text, limits);
    if (wider !== null) {
      tokens.splice(-1, 1, wider);
    } else if ('kind' in found) {
      tokens.push(found);
    } else {
      i += found.words;
      const next = found.isUnclear ? words[i + 1] : undefined;
      foreign.push({ name: found.name, next, start: span.start, end: spans[i]?.end ?? span.end });
    }
  }
  if (foreign.length > 0) throw unknownSettings(foreign);
  return tokens;
}

/** `CFG scale:7`, `decoder steps:8`: a setting whose name has two words. */
function inTwoWords(
  before: Token | undefined,
  raw: string,
  { end }: Span,
  text: string,
  limits: RequestLimits,
): Token | null {
  const [, name = '', , value = ''] = PAIR.exec(raw) ?? [];
  // "An image seed:4" has the seed of an image.
  if (before?.kind !== 'text' || /^image$/i.test(before.raw)) return null;
  const key = keyNamed(`${before.raw}-${name}`);
  if (key === null || value === '' || !takes(key, value, limits)) return null;
  // "A batch size:512x512" has no number of pictures.
  if (/^(?:integer|number)$/.test(key.type) && !/^[+-]?[\d.,]+;?$/.test(value)) return null;
  const { start } = before;
  return { start, end, raw: text.slice(start, end), kind: 'pair', key, valueStart: end - value.length };
}

/** Whether no setting can begin before the colon: `(a step:1.3)`, but not `negative:(frame:1.3)`. */
function isFirstColon(text: string, start: number, colon: number): boolean {
  return !/[:：=]/.test(text.slice(start, colon));
}

/** What stands before the colon of a weight may be meant as a setting: `(seed:4)`. */
function noteOnWeight(before: string, behind: string): TextNote | null {
  const key = keyNamed(NAME_AT_END.exec(before)?.[0] ?? '');
  // Weights are seldom whole numbers.
  const [, value] = /^:\s*(\d{1,20})\s*\)/.exec(behind) ?? [];
  if (key === null || value === undefined || (key.type === 'text' && key.name !== 'seed')) return null;
  return { kind: 'bracketed', instead: `${key.name}:${value}` };
}

interface Foreign extends Span {
  readonly name: string;
  /** The word behind it that may be its value, or stays in the prompt. */
  readonly next?: string | undefined;
}

/** A setting that nobody knows here, and how many words behind it are its value. */
interface Unknown {
  readonly name: string;
  readonly words: number;
  /** Whether a word behind it may be its value although it is not taken for that. */
  readonly isUnclear?: boolean;
}

/** What stands around a word. */
interface Around {
  /** The words behind it. */
  readonly after: readonly string[];
  /** Whether the prompt is before it. */
  readonly isBehind: boolean;
}

function tokenOf(raw: string, around: Around, span: Span, limits: RequestLimits): Token | Unknown {
  const [, dash, rest] = DASHED.exec(raw) ?? [];
  if (dash !== undefined && rest !== undefined) return dashedToken(dash, rest, around, { ...span, raw }, limits);
  const pair = PAIR.exec(raw);
  if (pair !== null && (isPlainName(pair[1]) || keyNamed(pair[1] ?? '') !== null)) {
    return pairToken(pair, raw, span, limits);
  }
  return { ...span, raw, kind: 'text', note: noteOn(raw, around.after, span.start, limits) };
}

function isPlainName(name = ''): boolean {
  return /^[a-z_-]*$/i.test(name);
}

function dashedToken(
  dash: string,
  rest: string,
  around: Around,
  at: Span & { readonly raw: string },
  limits: RequestLimits,
): Token | Unknown {
  const [, name = '', separator, value = ''] = OPTION.exec(rest) ?? [];
  const key = keyNamed(name);
  const isBehind = separator !== undefined && value === '' && untilSetting(around.after).length > 0;
  if (key !== null && (separator === undefined || isBehind)) return { ...at, kind: 'option', key };
  if (key !== null) return { ...at, kind: 'pair', key, valueStart: at.end - value.length };
  const [, gluedName = '', gluedValue = ''] = GLUED.exec(rest) ?? [];
  const glued = foreignNamed(name) === null ? keyNamed(gluedName) : null;
  if (glued !== null && glued.name !== 'negative') {
    return { ...at, kind: 'pair', key: glued, valueStart: at.end - gluedValue.length };
  }
  return unknownOption(dash, rest, around, at, limits);
}

/** After `--` an error; after a long dash only where it cannot be the dash of a sentence. */
function unknownOption(
  dash: string,
  rest: string,
  around: Around,
  at: Span & { readonly raw: string },
  limits: RequestLimits,
): Token | Unknown {
  const after = untilSetting(around.after);
  const [name = rest] = /^[\p{L}\p{N}_-]+/u.exec(rest) ?? [];
  const [, gluedName = ''] = GLUED.exec(rest) ?? [];
  const isGlued = foreignNamed(name) === null && foreignNamed(gluedName) !== null;
  const kind = foreignNamed(isGlued ? gluedName : name);
  const [, separator, value = ''] = /^([=:：])(.*)$/su.exec(rest.slice(name.length)) ?? [];
  const words = isGlued || separator !== undefined ? 0 : wordsOfForeign(kind, after, around.isBehind);
  const shown = `${dash}${isGlued ? gluedName : name}`;
  if (kind !== null) {
    if (dash === '--' || isGlued || /^[\d.]/.test(separator === undefined && words > 0 ? (after[0] ?? '') : value)) {
      return { name: shown, words };
    }
    return { ...at, kind: 'text', note: { kind: 'unknown-key' } };
  }
  const meant = guess(name, separator === undefined ? (after[0] ?? '') : value, limits);
  if (dash !== '--' && !isSlip(name)) {
    return { ...at, kind: 'text', note: OPTION.test(rest) ? { kind: 'unknown-key' } : null };
  }
  const isUnclear = words === 0 && separator === undefined && after.length > 0;
  if (meant === null) return { name: shown, words, isUnclear };
  const start = at.start + dash.length;
  throw unknownSetting(shown, `--${meant}`, dashesAsText(), {
    ...{ start, end: start + name.length, text: meant },
  });
}

/** The words before the next setting. */
function untilSetting(words: readonly string[]): readonly string[] {
  const next = words.findIndex((word) => DASHED.test(word) || keyNamed(PAIR.exec(word)?.[1] ?? '') !== null);
  return next < 0 ? words : words.slice(0, next);
}

function pairToken(match: RegExpExecArray, raw: string, span: Span, limits: RequestLimits): Token | Unknown {
  const [, name = '', colon = ':', value = ''] = match;
  const key = keyNamed(name);
  const text = (note: TextNote | null): Token => ({ ...span, raw, kind: 'text', note });
  if (value === '')
    return text(
      key === null ? (foreignNamed(name) === 'none' ? { kind: 'command' } : null) : { kind: 'space-after-colon', key },
    );
  if (value.startsWith('//') || SHORTCODE_VALUE.test(value)) return text(null);
  if (
    key !== null &&
    (key.name === fold(name) || key.name.replaceAll('-', '') === fold(name) || takes(key, value, limits))
  ) {
    return { ...span, raw, kind: 'pair', key, valueStart: span.end - value.length };
  }
  const near = key === null && colon === ':' ? misspelt(name, value) : null;
  if (near === null) return text({ kind: WEIGHT.test(raw.slice(0, LONGEST_NOTED)) ? 'weight' : 'unknown-key' });
  if (isForeignPair(name, value)) return { name, words: 0 };
  const meant = near === 'ar' || near === 'n' ? near : guess(name, value, limits);
  const end = span.start + name.length;
  const edit = meant === null ? { start: end, end, text: '\\' } : { start: span.start, end, text: meant };
  throw unknownSetting(name, meant, colonAsText(name), edit);
}

/** Many words and names are near to `lora`: logo, look, Nora. */
const LONG_NAMES = KEYS.map((key) => key.name).filter((name) => name.length >= 4 && name !== 'lora');
const LONGEST_NAME = Math.max(...LONG_NAMES.map((name) => name.length));

/** The key that `name` is a misspelling of, if it can be told. */
function misspelt(name: string, value: string): KeyName | null {
  const long = suggestion(name);
  if (long !== null) return long;
  if (isNearShort(name, 'ar') && readRatio(value) !== null && !/:\d\d$/.test(value)) return 'ar';
  return isNearShort(name, 'n') && /^\d{1,2}$/.test(value) ? 'n' : null;
}

/** One edit away, or its two letters swapped. */
function isNearShort(name: string, key: 'ar' | 'n'): boolean {
  return name.length <= 3 && editDistance(fold(name), key, { swaps: true }) <= 1;
}

/** One slip from a key: after a long dash, which sentences have too, two edits are no sign of one (`—said`, `seed`). */
function isSlip(name: string): boolean {
  const meant = suggestion(name);
  return meant !== null && name.length >= 4 && editDistance(fold(name), meant, { swaps: true }) <= 1;
}

/** The key of four letters or more that `name` is nearest to. */
function suggestion(name: string): KeyName | null {
  return name.length > LONGEST_NAME + 2 ? null : nearest(fold(name), LONG_NAMES, 2);
}

/** The key to offer for `name`: one slip away, or two where it takes the value. */
function guess(name: string, value: string, limits: RequestLimits): KeyName | null {
  const meant = suggestion(name);
  const key = meant === null ? null : keyNamed(meant);
  return key !== null && (isSlip(name) || takes(key, value, limits)) ? key.name : null;
}

/** Whether `value` is of the kind that `key` takes, be it within the limits or not. */
export function takes(key: Key, value: string, limits: RequestLimits): boolean {
  const plain = (insideQuotes(value) ?? value).normalize('NFKC');
  if (key.type === 'integer' || key.type === 'number') return /^[+-]?\.?\d/.test(plain);
  if (key.name === 'seed') return /^(?:-?\d|random$)/i.test(plain);
  const reading = key.read(plain.replace(/[,;.]$/, ''), limits);
  if (plain === '' || !('value' in reading)) return false;
  // Any word may be the name of a preset.
  return key.name !== 'preset' || (limits.presets ?? []).includes(reading.value.preset ?? '');
}

function unknownSettings(unknown: readonly Foreign[]): CommandProblem {
  const names = [...new Set(unknown.map(({ name }) => quoted(name)))];
  const unclear = unknown.flatMap(({ name, next }) =>
    next === undefined
      ? []
      : [t('If {word} is meant for {setting}, leave it out, too.', { word: quoted(next), setting: quoted(name) })],
  );
  const shown = someOf('conjunction', names);
  return new CommandProblem({
    code: 'unknown_setting',
    message:
      names.length > 1
        ? t('There are no settings {names} here.', { names: shown })
        : t('There is no setting {name} here.', { name: shown }),
    allowed: [...unclear, allowedSettings(dashesAsText())].join(' '),
    edits: unknown.map(({ start, end }) => ({ start: Math.max(0, start - 1), end, text: '' })),
  });
}

/** @param asText how to keep it as text, as a sentence */
function unknownSetting(name: string, meant: string | null, asText: string, edit: Edit): CommandProblem {
  return new CommandProblem({
    code: 'unknown_setting',
    message:
      meant === null
        ? t('There is no setting {name}.', { name: quoted(name) })
        : t('There is no setting {name}; did you mean {meant}?', { name: quoted(name), meant: quoted(meant) }),
    allowed: allowedSettings(asText),
    edits: [edit],
  });
}

function allowedSettings(asText: string): string {
  return `${t('Settings are {names}.', { names: KEYS.map((key) => key.name).join(', ') })} ${asText}`;
}

function dashesAsText(): string {
  return t('To keep it as text, put a space after the dashes.');
}

function colonAsText(name: string): string {
  return t('To keep it as text, write {escaped} with a backslash.', { escaped: `${shortened(name)}\\:` });
}

function shortened(name: string): string {
  return name.length > 20 ? `${name.slice(0, 20)}…` : name;
}

const MARKED = new RegExp(`^(?:-|[([*_~]{1,3})(${NAME})(?:[:：](.+))?$`, 'is');
const EQUALS = new RegExp(`^(${NAME})[=＝](.+)$`, 'is');
/** A setting that is glued to the word before it: `panda--ar 2:3`, `panda,seed:4`. */
const GLUED_DASHED = /[^\s-]--([a-z][a-z_-]*?)(?:[:：=](.+)|(-?\d.*))?$/is;
const GLUED_PAIR = new RegExp(`[^\\s:：][,;([{](${NAME})[:：](.+)$`, 'is');
const WEIGHT = /^[^:]*::?-?\d*\.?\d+\)+[,;.]?$|^\S+::-?[\d.]*$/i;
/** Tags of other programs for what is no LoRA, and one that is not closed. */
const NETWORK = /^<(?:lora|lyco|lycoris|hypernet|embedding):/i;
/** Longer words are not looked at closely. */
const LONGEST_NOTED = 80;
const BARE_SIZE = /^\d{3,4}[x×]\d{3,4}[,;.]?$/i;
const BARE_RATIO = /^(?:1:1|2:3|3:2|3:4|4:3|4:5|5:4|9:16|16:9|21:9)[,;.]?$/;

/** How to say the setting that is glued to a word. @param next the word behind it */
function gluedTo(raw: string, next: string, limits: RequestLimits): string | null {
  const [, dashed = '', value, number] = GLUED_DASHED.exec(raw) ?? [];
  const [, name = dashed, typed = value ?? number ?? next] = GLUED_PAIR.exec(raw) ?? [];
  const key = keyNamed(name);
  return key === null || !takes(key, typed, limits) ? null : `${key.name}:${typed.replace(/[)\]},;.]+$/, '')}`;
}

/** What text that is no setting resembles. @param after the words behind it @param at where it begins */
function noteOn(raw: string, after: readonly string[], at: number, limits: RequestLimits): TextNote | null {
  if (raw.length > LONGEST_NOTED) return null;
  const [, marked = '', value] = MARKED.exec(raw) ?? [];
  const key = keyNamed(marked);
  // `-n 4` is the only form without a colon; `(seed` and `*width*` are prose.
  if (key !== null && (value !== undefined || raw === `-${marked}`)) {
    if (value === undefined) return { kind: 'looks-like-option', key };
    return { kind: 'looks-like-option', instead: `${key.name}:${value.replace(/[)\]*_~,;.]+$/, '')}` };
  }
  const [, name = '', equal = ''] = EQUALS.exec(raw) ?? [];
  const glued = gluedTo(raw, after[0] ?? '', limits);
  if (glued !== null) return { kind: 'looks-like-option', instead: glued };
  const equals = keyNamed(name);
  if (equals !== null) return { kind: 'looks-like-option', instead: `${equals.name}:${equal}` };
  if (name !== '' && foreignNamed(name) !== null) return { kind: 'unknown-key' };
  // `-s 20`, as other programs have it.
  if (raw === `-${marked}` && foreignNamed(marked) !== null && /^\d/.test(after[0] ?? ''))
    return { kind: 'unknown-key' };
  const plain = raw.replace(/[,;.]$/, '');
  if (BARE_SIZE.test(raw)) return { kind: 'looks-like-option', instead: `size:${plain}` };
  if (BARE_RATIO.test(raw)) return { kind: 'looks-like-option', instead: `ar:${plain}` };
  if (WEIGHT.test(raw)) return { kind: 'weight' };
  if (NETWORK.test(raw)) return { kind: 'network' };
  if (at === 0 && /^[/!][a-z][a-z_-]{2,30}$/i.test(raw)) return { kind: 'command' };
  const bare = LONG_NAMES.find((one) => one === fold(raw));
  const numeric = bare === undefined ? null : keyNamed(bare);
  const [first = '', second = ''] = after;
  const next = /^[=:]$/.test(first) ? second : first.replace(/^[=:：](?=\d)/, '');
  if (numeric !== null && /^\d+(?:\.\d+)?[,;.]?$/.test(next) && takes(numeric, next, limits)) {
    const instead = `${numeric.name}:${next.replace(/[,;.]$/, '')}`;
    return numeric.type === 'text' && numeric.name !== 'seed' ? null : { kind: 'looks-like-option', instead };
  }
  return null;
}
