import { listedAs, t, translatable } from '../../texts/translate.ts';
import type { RequestLimits } from '../request-limits.ts';
import { type SettingWithin, settingWithin } from './glued-values.ts';
import { type Field, type Key, keyInEnglish, type RequestSettings } from './keys.ts';
import { insideQuotes, isDoubleQuote, isQuote, QuoteScanner, type Span, straightened, unescapeText } from './lexer.ts';
import { tagsAsText } from './loras.ts';
import { CommandProblem, type Edit, enumerated, MAX_NAMED, quoted } from './problem.ts';
import { type TextNote, type Token, takes, tokensOf } from './tokens.ts';
import { readSwitch } from './values.ts';
import { withoutDraws } from './wildcards.ts';

/** A setting as it was typed; the span covers key and value. */
export interface TypedSetting extends Span {
  readonly key: Key;
  readonly settings: RequestSettings;
  /** How it was read, where that is not plain. */
  readonly notes: readonly string[];
  /** Of a negative prompt: as it was typed, without quotes and with its escapes. */
  readonly template?: string;
}

/** A word of the prompt, with the space before it. */
interface Prose {
  readonly text: string;
  readonly word: string;
  readonly note: TextNote | null;
  /** The word behind it, if that is text. */
  readonly next: string;
}

interface ReadCommand {
  /** As it was typed, with its escapes; not yet checked for being empty or too long. */
  readonly template: string;
  /** The prompt as it was typed. */
  readonly prose: string;
  readonly typed: readonly TypedSetting[];
  readonly notes: readonly string[];
}

/**
 * Parts a command into prompt and settings. The prompt keeps its spacing; a setting is taken out together with the space
 * before it. A prompt that is one quoted stretch loses its quotes, others keep theirs, straight ones for curly ones. What follows a comma in `negative`
 * belongs to it until the next setting.
 * In quotes nothing is drawn.
 *
 * @throws CommandProblem for a setting that is unknown, has no value, or a value that its key does not take.
 */
export function readSettings(text: string, limits: RequestLimits): ReadCommand {
  const tokens = tokensOf(text, limits);
  const typed: TypedSetting[] = [];
  const prose: Prose[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === undefined) break;
    if (token.kind === 'text') {
      const gapStart = tokens[i - 1]?.end ?? 0;
      const [behind] = tokens.slice(i + 1, i + 2);
      const next = behind?.kind === 'text' ? behind.raw : '';
      prose.push({ text: text.slice(gapStart, token.end), word: token.raw, note: token.note, next });
    } else if (token.kind === 'pair') {
      const more = wordsOfList(tokens, i, token, text);
      const end = more.at(-1)?.end ?? token.end;
      const setting = readPair(token.key, { start: token.start, end }, token.valueStart, text, limits);
      const isList = more.length > 0 && setting.settings.negative?.includes(',');
      typed.push(isList ? { ...setting, notes: [listNote(setting), ...setting.notes] } : setting);
      i += more.length;
    } else {
      const values = tokens.slice(i + 1, i + 1 + wordsOfOption(tokens, i, token.key));
      typed.push(readOption(token, values, text, limits));
      i += values.length;
    }
  }
  const afterLoras = typed.flatMap((setting) => weightNote(setting, tokens, text));
  const [only] = prose;
  const whole = prose.length === 1 && only !== undefined ? insideQuotes(only.word) : null;
  const source = prose.map((piece) => piece.text).join('');
  return {
    template: whole === null ? straightened(source) : tagsAsText(withoutDraws(whole)),
    prose: source.trim(),
    typed,
    notes: [...typed.flatMap(({ notes }) => notes), ...afterLoras, ...(whole === null ? notesOn(prose, limits) : [])],
  };
}

/** `lora:sketch 0.8` has a weight of 1, and a number in the prompt. */
function weightNote({ key, start, end }: TypedSetting, tokens: readonly Token[], text: string): readonly string[] {
  const typed = text.slice(start, end);
  const behind = tokens.find((token) => token.start >= end);
  if (key.name !== 'lora' || behind?.kind !== 'text' || !/^-?[0-2]?(?:[.,]\d+)?$/.test(behind.raw)) return [];
  const name = typed.replace(/^\W*loras?[\s:=]+/i, '').replace(/^"(.*)"$/, '$1');
  if (/:[^:]*\d$/.test(name)) return [];
  const instead = `${name}:${behind.raw.replace(',', '.')}`;
  return [
    t('Read as text: {word}; for the weight of a LoRA, write {setting}.', {
      word: quoted(behind.raw),
      setting: `lora:${/\s/.test(name) ? `"${instead}"` : instead}`,
    }),
  ];
}

const SETTING_NAME = /^(?:\p{L}[\p{L}_-]*\s\p{L}[\p{L}_-]*(?=[:：])|[-—–]*[\p{L}_-]+)(?:\s*[=:：]\s*|\s+)?/u;

/** What a setting of an unfinished command is, and where it stands. */
export interface SettingSpan extends Span {
  readonly key: Key;
  /** `undefined` where its value is none that the key takes. */
  readonly settings: RequestSettings | undefined;
}

/** The settings in a text that is still being written; those that can be told, where it has mistakes. */
export function settingSpans(text: string, limits: RequestLimits): readonly SettingSpan[] {
  try {
    return readSettings(text, limits).typed;
  } catch (error) {
    if (!(error instanceof CommandProblem)) throw error;
    return pairsIn(text, limits);
  }
}

function pairsIn(text: string, limits: RequestLimits): readonly SettingSpan[] {
  try {
    return tokensOf(text, limits).flatMap((token) => {
      if (token.kind !== 'pair') return [];
      const { key, start, end, valueStart } = token;
      const value = text.slice(valueStart, end);
      const reading = key.read(insideQuotes(value) ?? value, limits);
      return [{ key, start, end, settings: 'value' in reading ? reading.value : undefined }];
    });
  } catch (error) {
    if (error instanceof CommandProblem) return [];
    throw error;
  }
}

/** The prompt and the settings of a command as they were typed, the values without quotes. @throws CommandProblem as `readSettings` */
export function partsOf(text: string, limits: RequestLimits) {
  const { prose, typed } = readSettings(text, limits);
  const settings = typed.map(({ key, start, end }) => {
    const value = text.slice(start, end).replace(SETTING_NAME, '');
    return { key: key.name, start, value: insideQuotes(value) ?? unescapeText(value) };
  });
  return { prose, settings };
}

/** The words after `tokens[at]` that are text, up to the next setting. */
function textAfter(tokens: readonly Token[], at: number): readonly Token[] {
  let end = at + 1;
  while (tokens[end]?.kind === 'text') end += 1;
  return tokens.slice(at + 1, end);
}

/** The words that belong to `negative:dog, bird` behind its first comma. */
function wordsOfList(tokens: readonly Token[], at: number, pair: Token & { kind: 'pair' }, text: string) {
  if (pair.key.name === 'size')
    return tokens.slice(at + 1, at + 1 + wordsOfSize(text.slice(pair.valueStart, pair.end), tokens, at + 1));
  if (pair.key.name !== 'negative' || isQuote(text[pair.valueStart])) return [];
  const after = textAfter(tokens, at);
  const inBrackets = wordsUntilClosed(pair.raw.slice(pair.valueStart - pair.start), after);
  if (inBrackets.length > 0) return inBrackets;
  return pair.raw.endsWith(',') || after[0]?.raw.startsWith(',') ? after : [];
}

/** How many words behind the first of a size such as `1024 x 768` or `1024 768` belong to it. */
function wordsOfSize(first: string, tokens: readonly Token[], from: number): number {
  if (!/^\d+x?$/i.test(first)) return 0;
  const [next = '', last = ''] = tokens.slice(from, from + 2).map((token) => (token.kind === 'text' ? token.raw : ''));
  if (/^[x×]?\d{2,}[,;.]?$/i.test(next)) return 1;
  return /^[x×]$/i.test(next) && /^\d{2,}[,;.]?$/.test(last) ? 2 : 0;
}

/** The words that close the brackets that `value` opens; none if they do not. */
function wordsUntilClosed(value: string, after: readonly Token[]): readonly Token[] {
  let open = count(value, '(') - count(value, ')');
  if (open <= 0) return [];
  const last = after.findIndex(({ raw }) => {
    open += count(raw, '(') - count(raw, ')');
    return open <= 0;
  });
  return after.slice(0, last + 1);
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

function listNote({ settings }: TypedSetting): string {
  const [first = ''] = (settings.negative ?? '').split(',', 1);
  return t('Kept out is {all}: all up to the next setting; to keep out less, write {setting}.', {
    all: quoted(settings.negative ?? ''),
    setting: `negative:"${first.trim().slice(0, 40)}"`,
  });
}

/** How many of the words after an option are its value. */
function wordsOfOption(tokens: readonly Token[], at: number, key: Key): number {
  const first = tokens[at + 1];
  if (first === undefined || first.kind !== 'text') return 0;
  if (key.type === 'switch') return 'value' in readSwitch(first.raw) ? 1 : 0;
  if (key.name === 'size') return 1 + wordsOfSize(first.raw, tokens, at + 2);
  if (key.name !== 'negative' || insideQuotes(first.raw) !== null) return 1;
  return textAfter(tokens, at).length;
}

function readOption(option: Token & { kind: 'option' }, values: readonly Token[], text: string, limits: RequestLimits) {
  const { key, start } = option;
  const [first] = values;
  if (first !== undefined) {
    return readPair(key, { start, end: values.at(-1)?.end ?? first.end }, first.start, text, limits);
  }
  if (key.type === 'switch') return { key, start, end: option.end, ...readValue(key, 'yes', limits, () => ({})) };
  throw new CommandProblem({
    code: 'setting_without_value',
    message: key.expected(limits).missing(`"--${key.name}"`),
    allowed: t('Write {option}, or leave it out.', { option: `--${key.name} ${key.example(limits)}` }),
    edits: [{ start: option.end, end: option.end, text: ` ${key.example(limits)}` }],
  });
}

function readPair(key: Key, span: Span, valueStart: number, text: string, limits: RequestLimits): TypedSetting {
  const typed = plainValue(key, text.slice(valueStart, span.end), valueStart, text);
  const value = unescapeText(typed);
  const hasColon = /[:：]/.test(text[valueStart - 1] ?? '') && !/^[-—–]/.test(text.slice(span.start));
  return {
    ...span,
    key,
    ...(key.name === 'negative' ? { template: typed } : {}),
    ...readValue(
      key,
      value,
      limits,
      (instead) => {
        const within = settingWithin(key, text.slice(valueStart, span.end), limits);
        if (within !== null) return { edits: [parting(within, valueStart)] };
        if (instead === null) return { edits: [removal(span)] };
        const isLocal = keyInEnglish(typedName(text.slice(span.start, valueStart))) === null;
        if (isLocal) return { edits: [{ ...span, text: `${key.name}:${instead}` }] };
        return { edits: [{ ...span, start: valueStart, text: instead }] };
      },
      hasColon ? t('To keep it as text, put a space after the colon.') : undefined,
    ),
  };
}

/** Of `--höhe=` or `decoder führung:`, as the table has it. */
function typedName(text: string): string {
  return text.replace(/^[-—–]+|[\s=:：]+$/g, '').replace(/\s+/g, '-');
}

/** A space between a value and the setting that runs into it. */
function parting({ value, at }: SettingWithin, valueStart: number): Edit {
  return { start: valueStart + value.length, end: valueStart + at, text: ' ' };
}

/**
 * @param mending how to give another value, or none
 * @param asText how to keep it as text
 * @throws CommandProblem for a value that the key does not take
 */
export function readValue(
  key: Key,
  value: string,
  limits: RequestLimits,
  mending: (instead: string | null) => Pick<CommandProblem['details'], 'edits' | 'options'>,
  asText?: string,
): Pick<TypedSetting, 'settings' | 'notes'> {
  const reading = key.read(value, limits);
  if ('value' in reading) return { settings: reading.value, notes: reading.note === undefined ? [] : [reading.note] };
  throw new CommandProblem({
    code: `bad_${key.name.replace('-', '_')}`,
    message: key.expected(limits).wrong(key.name, quoted(value)),
    allowed: key.type === 'text' ? asText : undefined,
    ...mending(reading.instead),
  });
}

/** Takes a setting out with the space before it, so that none is left doubled. */
export function removal({ start, end }: Span): Edit {
  return { start: Math.max(0, start - 1), end, text: '' };
}

const TRAILING = /[,;.]$/;

/** The value without quotes and, except in text, without the punctuation of a list. */
function plainValue(key: Key, raw: string, valueStart: number, source: string): string {
  // A single quote counts as one only after a colon; `--no 'a b'` gets one here.
  const scanned = `:${raw}`;
  const close = new QuoteScanner(scanned).endOfQuoted(1);
  if (close !== null) {
    const rest = scanned.slice(close).replace(/^[,;.]$/, '');
    return scanned.slice(2, close - 1) + rest;
  }
  if (isDoubleQuote(raw[0])) throw unclosedQuote(key, raw, valueStart, source);
  if (key.name === 'negative') return raw.replace(/(?<=[^\s,])[\s,]+$/, '');
  return raw.normalize('NFKC').replace(TRAILING, '');
}

const NEXT_SETTING = /\s(?:--\p{L}|[a-z-]{1,40}:\S)/iu;

function unclosedQuote(key: Key, raw: string, valueStart: number, source: string): CommandProblem {
  const rest = source.slice(valueStart + 1);
  const next = NEXT_SETTING.exec(rest)?.index ?? rest.length;
  const end = valueStart + 1 + next;
  return new CommandProblem({
    code: 'unclosed_quote',
    message: t('Expected a closing quote for {name}, got {value}.', { name: key.name, value: quoted(raw) }),
    allowed: t('A value with spaces goes between two quotes.'),
    edits: [
      { start: valueStart, end: valueStart + 1, text: '"' },
      { start: end, end, text: '"' },
    ],
  });
}

/** What is said of words that were read as text. */
const NOTES = {
  'unknown-key': translatable('Read as text, since there is no such setting: {words}.'),
  'space-after-colon': translatable('Read as text, since a setting has no space after the colon: {words}.'),
  'looks-like-option': translatable('Read as text, since a setting looks like {example} or {option}: {words}.'),
  bracketed: translatable('Read as a weight, since it is in brackets: {words}.'),
  weight: translatable('Read as text, since a weight looks like {example}: {words}.'),
  network: translatable('Read as text, since only LoRAs are used here, written {example}: {words}.'),
  command: translatable('Read as text, since a prompt needs no command before it: {words}.'),
} as const satisfies Record<TextNote['kind'], string>;

/** The same where it can be told how to say them as settings. */
const NOTES_WITH_SETTINGS = {
  'unknown-key': translatable(
    'Read as text, since there is no such setting: {words}; for a setting, write {settings}.',
  ),
  'space-after-colon': translatable(
    'Read as text, since a setting has no space after the colon: {words}; for a setting, write {settings}.',
  ),
  'looks-like-option': translatable(
    'Read as text, since a setting looks like {example} or {option}: {words}; for a setting, write {settings}.',
  ),
  bracketed: translatable('Read as a weight, since it is in brackets: {words}; for a setting, write {settings}.'),
  weight: translatable('Read as text, since a weight looks like {example}: {words}; for a setting, write {settings}.'),
  network: translatable(
    'Read as text, since only LoRAs are used here, written {example}: {words}; for a setting, write {settings}.',
  ),
  command: translatable(
    'Read as text, since a prompt needs no command before it: {words}; for a setting, write {settings}.',
  ),
} as const satisfies Record<TextNote['kind'], string>;

const NOTE_EXAMPLES: Readonly<Partial<Record<TextNote['kind'], string>>> = {
  'looks-like-option': 'width:1024',
  weight: '(panda:1.3)',
  network: '<lora:name:0.8>',
};

function notesOn(prose: readonly Prose[], limits: RequestLimits): string[] {
  return (Object.keys(NOTES) as TextNote['kind'][]).flatMap((kind) => {
    const noted = prose.filter(({ note }) => note?.kind === kind);
    const words = [...new Set(noted.map(({ word }) => quoted(word)))];
    if (words.length === 0) return [];
    const instead = [...new Set(noted.flatMap((piece) => asSetting(piece, limits)))].slice(0, MAX_NAMED);
    const given = { words: enumerated(words), example: NOTE_EXAMPLES[kind] ?? '', option: '--width 1024' };
    if (instead.length === 0) return [t(NOTES[kind], given)];
    return [t(NOTES_WITH_SETTINGS[kind], { ...given, settings: listedAs('disjunction', instead) })];
  });
}

/** How to say a word that was read as text as the setting that it resembles. */
function asSetting({ note, next }: Prose, limits: RequestLimits): readonly string[] {
  if (note?.instead !== undefined) return [note.instead];
  if (note?.key === undefined) return [];
  const { key } = note;
  return [`${key.name}:${takes(key, next, limits) ? next.replace(/[,;.]$/, '') : key.example(limits)}`];
}

/** The setting before `typed[at]` that already fills one of its fields, if there is one. */
export function clashing(typed: readonly TypedSetting[], at: number): TypedSetting | null {
  if (typed[at]?.key.repeats) return null;
  const fields = new Set<Field>(typed[at]?.key.fields);
  return typed.slice(0, at).find((earlier) => earlier.key.fields.some((field) => fields.has(field))) ?? null;
}
