/**
 * The text level of the command grammar: what a word is, what quotes hold together and what a backslash protects.
 * Every scan here goes forward only, so the work is linear in the text.
 */

/** A stretch of the source, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const LINE_BREAKS = /\r\n|[\r\u0085\u2028\u2029]/g;
const OTHER_SPACING = /[\t\v\f]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the purpose
const CONTROLS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g;
/** Anything that leaves ink: not spacing, not an invisible format character such as a right-to-left mark. */
const VISIBLE = /[^\s\p{Cf}]/u;

/**
 * The form in which text is stored: line breaks are `\n`, tabs are spaces, other control characters are gone,
 * halves of surrogate pairs are U+FFFD, the ends are trimmed. Right-to-left marks and joiners stay: they belong to
 * the writing, and making them harmless on display is up to the surface.
 */
export function normaliseText(text: string): string {
  return text.replace(LINE_BREAKS, '\n').replace(OTHER_SPACING, ' ').replace(CONTROLS, '').toWellFormed().trim();
}

export function isVisible(text: string): boolean {
  return VISIBLE.test(text);
}

/** Length as people count it: code points, not UTF-16 units. */
export function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** The most UTF-16 units, which forms count, of a text of so many code points. */
export function unitsOf(codePoints: number): number {
  return 2 * codePoints;
}

/** Characters that a backslash turns into plain text; before any other character it is an ordinary backslash. */
const ESCAPABLE = new Set('\\"“”„\'‘’{},:：<-—–');

/** Whether a backslash at `at` protects the character after it. */
export function isEscape(text: string, at: number): boolean {
  return text[at] === '\\' && ESCAPABLE.has(text[at + 1] ?? '');
}

/** Without spaces, wide colons and wide equals signs. */
const LETTERS = 'a-z\\xa1-\\u1fff\\u2010-\\u2027\\u2030-\\u2fff\\u3001-\\uff19\\uff1b\\uff1c\\uff1e-\\uffff';

/**
 * The source of an expression for a name: of a key, also in another language, or of a setting of other programs. All letters
 * beyond ASCII are let through, since to compile an expression that knows them takes longer than to look a name up.
 */
export const NAME = `[${LETTERS}][${LETTERS}_-]{0,39}`;

const ESCAPED = /\\([\\"“”„'‘’{},:：<—–-])/g;

export function unescapeText(text: string): string {
  return text.replace(ESCAPED, '$1');
}

const SPACE = /\s/;

export function isSpace(character: string | undefined): boolean {
  return character !== undefined && SPACE.test(character);
}

type QuoteFamily = 'straight' | 'curly' | 'single';

const FAMILIES: Readonly<Record<string, QuoteFamily>> = {
  '"': 'straight',
  '“': 'curly',
  '”': 'curly',
  '„': 'curly',
  "'": 'single',
  '‘': 'single',
};

/** Phones curl one quote of a pair and not the other, so a curly one is also closed by a straight one. */
const CLOSERS: Readonly<Record<QuoteFamily, string>> = { straight: '"', curly: '”“"', single: "'’" };

/** Where a quote may open; anywhere else it is an inch mark or an apostrophe. */
const BEFORE_QUOTE = new Set([':', '：', '=', '{', ',', '(', '[']);
/** Single quotes open only as a value, since in prose they are apostrophes; and they close only before one of these. */
const BEFORE_SINGLE = new Set([':', '：', '=']);
const AFTER_SINGLE = new Set([',', ';', '}', ')', undefined]);

/** Finds quoted stretches of one text, left to right. */
export class QuoteScanner {
  readonly #text: string;
  /** Families of which no closing quote is left, so that a row of openers does not scan to the end each time. */
  readonly #exhausted = new Set<QuoteFamily>();

  constructor(text: string) {
    this.#text = text;
  }

  /** The index after the closing quote, if a quoted stretch opens at `at`, else `null`. Ask with growing `at`. */
  endOfQuoted(at: number): number | null {
    const text = this.#text;
    const family = FAMILIES[text[at] ?? ''];
    if (family === undefined || this.#exhausted.has(family)) return null;
    const before = text[at - 1];
    if (family === 'single') {
      if (before === undefined || !BEFORE_SINGLE.has(before)) return null;
    } else if (before !== undefined && !isSpace(before) && !BEFORE_QUOTE.has(before)) {
      return null;
    }
    const closers = CLOSERS[family];
    for (let i = at + 1; i < text.length; i++) {
      if (isEscape(text, i)) i += 1;
      else if (closers.includes(text[i] ?? '') && (family !== 'single' || closesSingle(text[i + 1]))) return i + 1;
    }
    this.#exhausted.add(family);
    return null;
  }
}

function closesSingle(after: string | undefined): boolean {
  return AFTER_SINGLE.has(after) || isSpace(after);
}

export function isDoubleQuote(character: string | undefined): boolean {
  return character !== undefined && (FAMILIES[character] ?? 'single') !== 'single';
}

export function isQuote(character: string | undefined): boolean {
  return FAMILIES[character ?? ''] !== undefined;
}

/** The words of a text: runs without spaces, where a quoted stretch counts as one piece. */
export function wordsOf(text: string): Span[] {
  const scanner = new QuoteScanner(text);
  const words: Span[] = [];
  let i = 0;
  while (i < text.length) {
    if (isSpace(text[i])) {
      i += 1;
      continue;
    }
    const start = i;
    while (i < text.length && !isSpace(text[i])) {
      i = isEscape(text, i) ? i + 2 : (scanner.endOfQuoted(i) ?? i + 1);
    }
    words.push({ start, end: Math.min(i, text.length) });
  }
  return words;
}

/** The text with straight quotes around what curly ones hold together. */
export function straightened(text: string): string {
  const scanner = new QuoteScanner(text);
  let result = '';
  for (let i = 0; i < text.length; ) {
    const end = isEscape(text, i) ? null : scanner.endOfQuoted(i);
    const next = end ?? i + (isEscape(text, i) ? 2 : 1);
    const isCurly = end !== null && FAMILIES[text[i] ?? ''] === 'curly';
    result += isCurly ? `"${text.slice(i + 1, next - 1)}"` : text.slice(i, next);
    i = next;
  }
  return result;
}

/** What is inside, if the whole of `text` is one quoted stretch with double quotes; else `null`. */
export function insideQuotes(text: string): string | null {
  if (!isDoubleQuote(text[0])) return null;
  return new QuoteScanner(text).endOfQuoted(0) === text.length ? unescapeText(text.slice(1, -1)) : null;
}
