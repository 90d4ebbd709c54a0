import { editDistance, nearest } from './edit-distance.ts';
import { fold, KEYS, type Key, type KeyName, keyNamed } from './keys.ts';
import { type Span, wordsOf } from './lexer.ts';
import { CommandProblem, type Edit, quoted } from './problem.ts';
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
export type TextNote = 'unknown-key' | 'space-after-colon' | 'looks-like-option';

const PAIR = /^([a-z][a-z_-]{0,39})([:：])(.*)$/is;
const OPTION = /^(--|[—–])(\p{L}[\p{L}\p{N}_-]{0,39})(?:([=:：])(.*))?$/su;
/** An emoji shortcode stuck to a word: `fox:seedling:`. */
const SHORTCODE_VALUE = /^[a-z][a-z0-9_+-]{0,60}:$/i;
const MEANT_AS_SETTING = /^(?:-|[([*_~]{1,3})([a-z][a-z_-]{0,39})[:：]?/i;

/**
 * Tells the words of a command apart.
 *
 * - `key:value` is a setting when `key` is one, in any case. URLs and emoji shortcodes are text.
 * - Another word before the colon is a typing mistake when it is at most two edits from a key of four letters or more.
 *   Every short word is that near to `n` and `ar`, so for these one edit counts, and only before a value of their kind:
 *   `ra:2:3` is a mistake, `art:deco`, `in:out` and `at:10:30` are text.
 * - After `--` at the start of a word everything is a setting, known or not. A long dash is read so before a key and
 *   before one with a single slip; before other words it is the dash of a sentence.
 *
 * @throws CommandProblem `unknown_setting`.
 */
export function tokensOf(text: string): Token[] {
  return wordsOf(text).map((span) => tokenOf(text, span));
}

function tokenOf(text: string, span: Span): Token {
  const raw = text.slice(span.start, span.end);
  const option = OPTION.exec(raw);
  if (option !== null) return optionToken(option, text, span);
  if (/^--\p{L}/u.test(raw)) throw unknownOption(/^--[\p{L}\p{N}_-]+/u.exec(raw)?.[0].slice(2) ?? raw, text, span);
  const pair = PAIR.exec(raw);
  if (pair !== null) return pairToken(pair, raw, span);
  return { ...span, raw, kind: 'text', note: meantAsSetting(raw) ? 'looks-like-option' : null };
}

function optionToken(match: RegExpExecArray, text: string, span: Span): Token {
  const [raw, dash = '', name = '', separator, value = ''] = match;
  const key = keyNamed(name);
  if (key === null) {
    if (dash === '--' || isSlip(name)) throw unknownOption(name, text, span, dash);
    return { ...span, raw, kind: 'text', note: 'unknown-key' };
  }
  if (separator === undefined) return { ...span, raw, kind: 'option', key };
  return { ...span, raw, kind: 'pair', key, valueStart: span.end - value.length };
}

function pairToken(match: RegExpExecArray, raw: string, span: Span): Token {
  const [, name = '', colon = ':', value = ''] = match;
  const key = keyNamed(name);
  if (value === '') return { ...span, raw, kind: 'text', note: key === null ? null : 'space-after-colon' };
  const isOther = value.startsWith('//') || SHORTCODE_VALUE.test(value);
  if (key !== null && !isOther) {
    return { ...span, raw, kind: 'pair', key, valueStart: span.end - value.length };
  }
  const meant = isOther || colon !== ':' ? null : misspelt(name, value);
  if (meant === null) return { ...span, raw, kind: 'text', note: isOther ? null : 'unknown-key' };
  const edit = { start: span.start, end: span.start + name.length, text: meant };
  throw unknownSetting(name, meant, `write ${shortened(name)}\\: with a backslash`, edit);
}

const LONG_NAMES = KEYS.map((key) => key.name).filter((name) => name.length >= 4);
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

function unknownOption(name: string, text: string, span: Span, dash = '--'): CommandProblem {
  const meant = suggestion(name);
  const start = span.start + dash.length;
  const edit = meant === null ? withItsNumber(text, span) : { start, end: start + name.length, text: meant };
  const shown = meant === null ? null : `--${meant}`;
  return unknownSetting(`${dash}${name}`, shown, 'put a space after the dashes', edit);
}

/** @param asText how to keep it as text */
function unknownSetting(name: string, meant: string | null, asText: string, edit: Edit): CommandProblem {
  return new CommandProblem({
    code: 'unknown_setting',
    message: `There is no setting ${quoted(name)}${meant === null ? '.' : `; did you mean "${meant}"?`}`,
    allowed: `Settings are ${KEYS.map((key) => key.name).join(', ')}. To keep it as text, ${asText}.`,
    edits: [edit],
  });
}

/** Takes out the option together with the space before it and a number after it (`--v 6`). */
function withItsNumber(text: string, { start, end }: Span): Edit {
  const number = /^\s[\d.:]{1,20}(?=\s|$)/.exec(text.slice(end, end + 30))?.[0] ?? '';
  return { start: Math.max(0, start - 1), end: end + number.length, text: '' };
}

function shortened(name: string): string {
  return name.length > 20 ? `${name.slice(0, 20)}…` : name;
}

function meantAsSetting(raw: string): boolean {
  const match = MEANT_AS_SETTING.exec(raw);
  if (match === null) return false;
  const name = match[1] ?? '';
  const hasColon = /[:：]$/.test(match[0]);
  // `-n 4` is the only form without a colon; `(seed` and `*width*` are prose.
  return keyNamed(name) !== null && (hasColon ? match[0].length < raw.length : raw === `-${name}`);
}
