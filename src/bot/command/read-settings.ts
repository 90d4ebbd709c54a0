import type { RequestLimits } from '../request-limits.ts';
import type { Field, Key, RequestSettings } from './keys.ts';
import { insideQuotes, isDoubleQuote, QuoteScanner, type Span, unescapeText } from './lexer.ts';
import { CommandProblem, quoted } from './problem.ts';
import { type TextNote, type Token, tokensOf } from './tokens.ts';
import { readSwitch } from './values.ts';

/** A setting as it was typed; the span covers key and value. */
export interface TypedSetting extends Span {
  readonly key: Key;
  readonly settings: RequestSettings;
}

export interface ReadCommand {
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
  const prose: { readonly text: string; readonly word: string; readonly note: TextNote | null }[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === undefined) break;
    if (token.kind === 'text') {
      const gapStart = tokens[i - 1]?.end ?? 0;
      prose.push({ text: text.slice(gapStart, token.end), word: token.raw, note: token.note });
    } else if (token.kind === 'pair') {
      typed.push(readPair(token.key, token.value, token, token.valueStart, text, limits));
    } else {
      const taken = wordsOfOption(tokens, i, token.key);
      typed.push(readOption(token, tokens.slice(i + 1, i + 1 + taken), text, limits));
      i += taken;
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
  const { key } = option;
  const [first] = values;
  const end = values.at(-1)?.end ?? option.end;
  if (first !== undefined) {
    return readPair(key, text.slice(first.start, end), { start: option.start, end }, first.start, text, limits);
  }
  if (key.type === 'switch') return readPair(key, 'yes', option, option.end, text, limits);
  throw new CommandProblem({
    code: 'setting_without_value',
    message: `Expected ${key.expected(limits)} after "--${key.name}", got nothing.`,
    allowed: `Write --${key.name} ${key.example(limits)}, or leave it out.`,
    edits: [{ start: option.end, end: option.end, text: ` ${key.example(limits)}` }],
  });
}

function readPair(
  key: Key,
  raw: string,
  { start, end }: Span,
  valueStart: number,
  source: string,
  limits: RequestLimits,
): TypedSetting {
  const value = plainValue(key, raw, valueStart, source);
  const reading = key.read(value, limits);
  if ('value' in reading) return { key, start, end, settings: reading.value };
  throw badValue(key, value, limits, [{ start: valueStart, end, text: reading.instead }], reading.instead);
}

export function badValue(
  key: Key,
  value: string,
  limits: RequestLimits,
  edits: readonly { start: number; end: number; text: string }[],
  instead: string,
): CommandProblem {
  const allowed = `Allowed for ${key.name}: ${key.expected(limits)}.`;
  return new CommandProblem({
    code: `bad_${key.name.replace('-', '_')}`,
    message: `Expected ${key.name} to be ${key.expected(limits)}, got ${quoted(value)}.`,
    allowed: key.type === 'text' ? `${allowed} To keep it as text, put a space after the colon.` : allowed,
    ...(edits.length > 0 ? { edits } : {}),
    example: `a red fox in the snow ${key.name}:${instead}`,
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
    allowed: 'A value with spaces stands between two quotes.',
    edits: [
      { start: valueStart, end: valueStart + 1, text: '"' },
      { start: end, end, text: '"' },
    ],
    example: 'a red fox in the snow negative:"text, frame"',
  });
}

const MAX_NAMED = 5;

const NOTES: Readonly<Record<TextNote, string>> = {
  'unknown-key': 'Read as text, since it is no setting I know',
  'space-after-colon': 'Read as text, since a setting has no space after its colon',
  'looks-like-option': 'Read as text, since a setting starts its word, as in width:1024 or --width 1024',
};

function notesOn(prose: readonly { readonly word: string; readonly note: TextNote | null }[]): string[] {
  return (Object.keys(NOTES) as TextNote[]).flatMap((kind) => {
    const words = [...new Set(prose.filter((piece) => piece.note === kind).map((piece) => quoted(piece.word)))];
    if (words.length === 0) return [];
    const more = words.length > MAX_NAMED ? ` and ${words.length - MAX_NAMED} more` : '';
    return [`${NOTES[kind]}: ${words.slice(0, MAX_NAMED).join(', ')}${more}.`];
  });
}

/** The name of the setting among `typed` that already fills a field of `settings[at]`, if there is one. */
export function clashing(typed: readonly TypedSetting[], at: number): TypedSetting | null {
  const fields = new Set<Field>(typed[at]?.key.fields);
  return typed.slice(0, at).find((earlier) => earlier.key.fields.some((field) => fields.has(field))) ?? null;
}
