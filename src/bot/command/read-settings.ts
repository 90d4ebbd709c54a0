import type { RequestLimits } from '../request-limits.ts';
import type { Field, Key, RequestSettings } from './keys.ts';
import { insideQuotes, isDoubleQuote, QuoteScanner, type Span, unescapeText } from './lexer.ts';
import { CommandProblem, EXAMPLE_PROMPT, quoted } from './problem.ts';
import { type TextNote, type Token, tokensOf } from './tokens.ts';
import { readSwitch } from './values.ts';

/** A setting as it was typed; the span covers key and value. */
export interface TypedSetting extends Span {
  readonly key: Key;
  readonly settings: RequestSettings;
}

/** A word of the prompt, with the space before it. */
interface Prose {
  readonly text: string;
  readonly word: string;
  readonly note: TextNote | null;
}

interface ReadCommand {
  /** Not yet checked for being empty or too long. */
  readonly prompt: string;
  readonly typed: readonly TypedSetting[];
  readonly notes: readonly string[];
}

/**
 * Parts a command into prompt and settings. The prompt keeps its spacing; a setting is taken out together with the space
 * before it. A prompt that is one quoted stretch loses its quotes, others keep theirs.
 *
 * @throws CommandProblem for a setting that is unknown, has no value, or a value that its key does not take.
 */
export function readSettings(text: string, limits: RequestLimits): ReadCommand {
  const tokens = tokensOf(text);
  const typed: TypedSetting[] = [];
  const prose: Prose[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === undefined) break;
    if (token.kind === 'text') {
      const gapStart = tokens[i - 1]?.end ?? 0;
      prose.push({ text: text.slice(gapStart, token.end), word: token.raw, note: token.note });
    } else if (token.kind === 'pair') {
      typed.push(readPair(token.key, token, token.valueStart, text, limits));
    } else {
      const values = tokens.slice(i + 1, i + 1 + wordsOfOption(tokens, i, token.key));
      typed.push(readOption(token, values, text, limits));
      i += values.length;
    }
  }
  const [only] = prose;
  const whole = prose.length === 1 && only !== undefined ? insideQuotes(only.word) : null;
  return {
    prompt: whole ?? unescapeText(prose.map((piece) => piece.text).join('')),
    typed,
    notes: whole === null ? notesOn(prose) : [],
  };
}

/** How many of the words after an option are its value. */
function wordsOfOption(tokens: readonly Token[], at: number, key: Key): number {
  const first = tokens[at + 1];
  if (first === undefined || first.kind !== 'text') return 0;
  if (key.type === 'switch') return 'value' in readSwitch(first.raw) ? 1 : 0;
  if (key.name !== 'negative' || insideQuotes(first.raw) !== null) return 1;
  let end = at + 1;
  while (tokens[end]?.kind === 'text') end += 1;
  return end - at - 1;
}

function readOption(option: Token & { kind: 'option' }, values: readonly Token[], text: string, limits: RequestLimits) {
  const { key, start } = option;
  const [first] = values;
  if (first !== undefined) {
    return readPair(key, { start, end: values.at(-1)?.end ?? first.end }, first.start, text, limits);
  }
  if (key.type === 'switch') return { key, start, end: option.end, settings: readValue(key, 'yes', limits) };
  throw new CommandProblem({
    code: 'setting_without_value',
    message: `Expected ${key.expected(limits)} after "--${key.name}", got nothing.`,
    allowed: `Write --${key.name} ${key.example(limits)}, or leave it out.`,
    edits: [{ start: option.end, end: option.end, text: ` ${key.example(limits)}` }],
  });
}

function readPair(key: Key, span: Span, valueStart: number, text: string, limits: RequestLimits): TypedSetting {
  const { start, end } = span;
  const value = plainValue(key, text.slice(valueStart, end), valueStart, text);
  return { key, start, end, settings: readValue(key, value, limits, { start: valueStart, end }) };
}

/**
 * @param at where the value was typed, for mending the command
 * @throws CommandProblem for a value that the key does not take
 */
export function readValue(key: Key, value: string, limits: RequestLimits, at?: Span): RequestSettings {
  const reading = key.read(value, limits);
  if ('value' in reading) return reading.value;
  const allowed = `Allowed for ${key.name}: ${key.expected(limits)}.`;
  throw new CommandProblem({
    code: `bad_${key.name.replace('-', '_')}`,
    message: `Expected ${key.name} to be ${key.expected(limits)}, got ${quoted(value)}.`,
    allowed: key.type === 'text' ? `${allowed} To keep it as text, put a space after the colon.` : allowed,
    ...(at === undefined ? {} : { edits: [{ start: at.start, end: at.end, text: reading.instead }] }),
    example: `${EXAMPLE_PROMPT} ${key.name}:${reading.instead}`,
  });
}

const TRAILING = /[,;.]$/;

/** The value without quotes and escapes and, except in text, without the punctuation of a list. */
function plainValue(key: Key, raw: string, valueStart: number, source: string): string {
  // A single quote counts as one only after a colon; `--no 'a b'` gets one here.
  const scanned = `:${raw}`;
  const close = new QuoteScanner(scanned).endOfQuoted(1);
  if (close !== null) {
    const rest = scanned.slice(close).replace(/^[,;.]$/, '');
    return unescapeText(scanned.slice(2, close - 1) + rest);
  }
  if (isDoubleQuote(raw[0])) throw unclosedQuote(key, raw, valueStart, source);
  if (key.name === 'negative') return unescapeText(raw);
  return unescapeText(raw).normalize('NFKC').replace(TRAILING, '');
}

const NEXT_SETTING = /\s(?:--\p{L}|[a-z-]{1,40}:\S)/iu;

function unclosedQuote(key: Key, raw: string, valueStart: number, source: string): CommandProblem {
  const rest = source.slice(valueStart + 1);
  const next = NEXT_SETTING.exec(rest)?.index ?? rest.length;
  const end = valueStart + 1 + next;
  return new CommandProblem({
    code: 'unclosed_quote',
    message: `Expected a closing quote for ${key.name}, got ${quoted(raw)}.`,
    allowed: 'A value with spaces goes between two quotes.',
    edits: [
      { start: valueStart, end: valueStart + 1, text: '"' },
      { start: end, end, text: '"' },
    ],
    example: `${EXAMPLE_PROMPT} negative:"text, frame"`,
  });
}

const MAX_NAMED = 5;

const NOTES: Readonly<Record<TextNote, string>> = {
  'unknown-key': 'Read as text, since there is no such setting',
  'space-after-colon': 'Read as text, since a setting has no space after the colon',
  'looks-like-option': 'Read as text, since a setting looks like width:1024 or --width 1024',
};

function notesOn(prose: readonly Prose[]): string[] {
  return (Object.keys(NOTES) as TextNote[]).flatMap((kind) => {
    const words = [...new Set(prose.filter((piece) => piece.note === kind).map((piece) => quoted(piece.word)))];
    if (words.length === 0) return [];
    const more = words.length > MAX_NAMED ? ` and ${words.length - MAX_NAMED} more` : '';
    return [`${NOTES[kind]}: ${words.slice(0, MAX_NAMED).join(', ')}${more}.`];
  });
}

/** The setting before `typed[at]` that already fills one of its fields, if there is one. */
export function clashing(typed: readonly TypedSetting[], at: number): TypedSetting | null {
  const fields = new Set<Field>(typed[at]?.key.fields);
  return typed.slice(0, at).find((earlier) => earlier.key.fields.some((field) => fields.has(field))) ?? null;
}
