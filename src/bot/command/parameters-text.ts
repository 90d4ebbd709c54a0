import { foreignNamed } from './foreign-settings.ts';
import { fold, type KeyName, keyInEnglish } from './keys.ts';
import { QuoteScanner } from './lexer.ts';
import { readSides } from './values.ts';

/** The text in which image browsers for Stable Diffusion tell how a picture was made. */
export interface ParametersText {
  /** As it stands there: brackets are weights. */
  readonly prompt: string;
  /** By the names of the command's settings, as they stand there. */
  readonly settings: Readonly<Partial<Record<KeyName, string>>>;
  /** Everything behind the prompts, by its name there. */
  readonly named: ReadonlyMap<string, string>;
  /** Names of what has no meaning here. */
  readonly dropped: readonly string[];
  /** Where the list of settings begins, else the negative prompt. */
  readonly behind: number;
}

const NEGATIVE = /(?:^|\s)Negative prompt:[ \t]*/i;
const NEGATIVE_LINE = /^[ \t]*Negative(?: prompt)?:[ \t]*(.*)$/im;
const PAIR = /\s*(\w[\w /-]{0,60}):\s*("(?:\\.|[^\\"])*"|[^,\n]*)(?:,|\n|$)/g;
const FIRST_PAIR = new RegExp(`^${PAIR.source}`);
/** A name at the beginning of a line or behind a space or comma, with a space behind its colon: without one, it is the grammar's. */
const BEGINNING = /(?<=^|[\s,])([A-Za-z][A-Za-z ]{1,30}?):(?=[ \t]+\S)/gm;
const LONGEST_SETTINGS = 20_000;
/** So much of them is looked at to tell whether they are some. */
const LOOKED_AT = 3000;
/** Names that are not looked at further where so many were in vain. */
const MOST_BEGINNINGS = 40;
/** Of such a text only; others are settings of other programs, or none. */
const FURTHER_NAMES = new Set([
  ...['model hash', 'vae hash', 'lora hashes', 'hires upscaler', 'timesteps'],
  ...[
    'made by',
    'stage c seed',
    'stage b seed',
    'provider',
    'picture',
    'request',
    'typed as',
    'negative typed as',
    'values from',
  ],
]);

/**
 * Reads `prompt\nNegative prompt: …\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 123, Size: 512x768, …`, as A1111's web UI, many
 * other programs and this one write it, with any of its parts, in any order, and also where line breaks became spaces.
 *
 * @returns `null` for any other text: one setting such as `Seed: 7` inside of a line may be prose, and what stands in quotes is.
 */
export function readParametersText(text: string): ParametersText | null {
  const masked = withoutQuoted(text);
  const start = beginningOfSettings(text, masked);
  if (start === null && !NEGATIVE.test(masked)) return null;
  return parametersIn(text, start ?? text.length, masked);
}

/**
 * Reads a text that is known to be of that form.
 *
 * @param start where the settings begin
 * @param masked the text without what is to be taken as it is, in the same length
 */
export function parametersIn(text: string, start: number, masked: string = text): ParametersText {
  const tail = text.slice(start, start + LONGEST_SETTINGS);
  const [, below = ''] = NEGATIVE_LINE.exec(tail) ?? [];
  const named = namedValues(tail.replace(NEGATIVE_LINE, ''));
  const at = NEGATIVE.exec(masked.slice(0, start));
  const negative = (at === null ? below : text.slice(at.index + at[0].length, start)).trim();
  const end = at?.index ?? start;
  const isLine = /(?:^|\n)[ \t]*$/.test(text.slice(Math.max(0, end - 80), end));
  const before = text.slice(0, end).trim();
  const prompt = [isLine ? before : before.replace(/,$/, ''), ...proseIn(tail)].filter(Boolean).join('\n');
  const { settings, dropped } = settingsOf(named);
  return {
    prompt: prompt.replace(/^(?:Positive )?Prompt:\s+/i, ''),
    settings: negative === '' ? settings : { ...settings, negative },
    named,
    dropped,
    behind: start < text.length ? start : end,
  };
}

/** Lines among the settings that are none: the prompt may stand below them. */
function proseIn(tail: string): readonly string[] {
  const others = tail.replace(NEGATIVE_LINE, '').replace(PAIR, '\n').split('\n');
  return others.map((line) => line.trim()).filter((line) => /^[\p{L}(][^:"{}[\]]*$/u.test(line));
}

/** With other characters in place of what stands in quotes; quotes that are open at the end of a line may be inch marks. */
function withoutQuoted(text: string): string {
  const quotes = new QuoteScanner(text);
  let result = '';
  for (let i = 0; i < text.length; ) {
    const end = quotes.endOfQuoted(i) ?? i + 1;
    const piece = text.slice(i, end);
    result +=
      end > i + 1 && (!piece.includes('\n') || (i === 0 && !/\nSteps: \d/.test(piece))) ? '_'.repeat(end - i) : piece;
    i = end;
  }
  return result;
}

/** Where the settings begin: at a line, or inside of one if two of them have values of their kind. */
function beginningOfSettings(text: string, masked: string): number | null {
  const negative = NEGATIVE.exec(masked)?.index;
  let looked = 0;
  for (const { index, 1: name = '' } of masked.matchAll(BEGINNING)) {
    // The name may have words of the prompt before it.
    for (const { index: word } of name.matchAll(/(?<!\S)\S/g)) {
      if (!isSettingName(name.slice(word))) continue;
      looked += 1;
      const at = index + word;
      const isApart = /(?:^|\n)[ \t]*$/.test(text.slice(Math.max(0, at - 80), at)) || at > (negative ?? at);
      if (isList(text.slice(at, at + LOOKED_AT), isApart)) return at;
    }
    if (looked > MOST_BEGINNINGS) return null;
  }
  return null;
}

function isList(tail: string, isApart: boolean): boolean {
  const [, name = '', value = ''] = FIRST_PAIR.exec(tail) ?? [];
  if (!isApart && keyInEnglish(hyphenated(name)) !== null && keyFor(name, value.trim()) === null) return false;
  const named = namedValues(tail);
  const fitting = [...named].filter(([name, value]) => keyFor(name, value) !== null).length;
  const [first = ''] = tail.split('\n', 1);
  const parts = first.replaceAll(/"(?:\\.|[^\\"])*"|[[{][^\]}]*[\]}]/g, '').split(',');
  if (!parts.every((part) => part.trim() === '' || /^\s*\w[\w /-]{0,60}:/.test(part))) return false;
  if (!isApart) return fitting >= 2 && /^[A-Z]/.test(tail) && /\b(?:Steps|CFG scale|Guidance|Seed|Size):/.test(first);
  const foreign = [...named.keys()].filter((name) => isSettingName(name) && keyInEnglish(hyphenated(name)) === null);
  return fitting >= 1 || (foreign.length === named.size && (named.size > 1 || /^(?:Sampler|Model hash):/.test(tail)));
}

/** `Name: value, Name: "a value, in quotes"`. */
function namedValues(tail: string): Map<string, string> {
  return new Map([...tail.matchAll(PAIR)].map(([, name = '', value = '']) => [name, value.trim()]));
}

function settingsOf(named: ReadonlyMap<string, string>) {
  const settings: Partial<Record<KeyName, string>> = {};
  const dropped: string[] = [];
  const isOwn = (named.get('Version') ?? '').startsWith('wuerst');
  for (const [name, value] of named) {
    const key = keyFor(name, value);
    if (key !== null) settings[key] = plain(value);
    else if (name === 'Timesteps') settings.steps = plain(value).replaceAll(' ', '');
    else if (isOwn && name === 'Model') settings.style = value.split(' ').at(-1) ?? value;
    else dropped.push(name);
  }
  if (settings.width !== undefined && settings.height !== undefined) delete settings.size;
  return { settings, dropped };
}

/** The setting that a name stands for, where its value is of the kind; the pictures of a batch are no setting of one. */
function keyFor(name: string, value: string): KeyName | null {
  const key = keyInEnglish(hyphenated(name));
  if (key === null || key.name === 'n' || key.name === 'negative' || key.name === 'spoiler') return null;
  const typed = plain(value);
  switch (key.name) {
    case 'size':
      return readSides(typed) === null ? null : key.name;
    case 'seed':
      return /^-?\d+$/.test(typed) ? key.name : null;
    case 'ar':
      return /^\d+:\d+$/.test(typed) ? key.name : null;
    case 'style':
      return /^(?:interpolated|base|aesthetic|[01]?\.\d+|[01])$/i.test(typed) ? key.name : null;
    case 'steps':
      return /^(?:\d+|reference\b.*)$/i.test(typed) ? key.name : null;
    default:
      return /^[+-]?\d*\.?\d+(?:e[+-]?\d+)?$/.test(typed) ? key.name : null;
  }
}

function plain(value: string): string {
  const unquoted = value.replace(/^"(.*)"$/s, '$1').trim();
  return unquoted.replace(/^(\d+)\s*[x×]\s*(\d+)$/, '$1x$2').replace(/^(reference)\b.*$/is, '$1');
}

function isSettingName(name: string): boolean {
  const folded = hyphenated(name);
  const key = keyInEnglish(folded);
  if (key !== null) return key.name !== 'negative';
  return (foreignNamed(folded) ?? 'none') !== 'none' || FURTHER_NAMES.has(name.toLowerCase());
}

function hyphenated(name: string): string {
  return fold(name.trim().replace(/\s+/g, '-'));
}
