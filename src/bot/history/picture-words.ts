import type { Surface } from '../job.ts';

/** Whose pictures, and which of them. */
export interface PictureSearch {
  readonly surface: Surface;
  /** Those of a room, or those of a person. */
  readonly of: { readonly room: string } | { readonly user: string };
  /** What people type to find pictures; nothing finds all. @default '' */
  readonly text?: string;
  /** Those that this person likes. @default all */
  readonly likedBy?: string | undefined;
}

/** What can be searched for as `key:value`. */
const KEYS: readonly string[] = [
  ...['seed', 'size', 'width', 'height', 'n', 'style', 'steps', 'guidance', 'decoder-steps', 'decoder-guidance'],
  ...['lora', 'preset', 'by', 'made'],
];
const ALIASES: Readonly<Record<string, string>> = { w: 'width', h: 'height', cfg: 'guidance' };
const NEGATIVE = ['negative', 'no'];
const MOST_WORDS = 16;
const LONGEST = 500;

/** A minus, a key with its colon, and a word or what stands in quotes. */
const TERM = /(-?)(?:([\p{L}-]+):)?(?:"([^"]*)"?|([^\s"]+))/gu;

/**
 * The query of SQLite's full-text index for a search; `null` where it looks for everything in its place. Words match as
 * beginnings and in any case, `"several words"` as they stand, `key:value` the settings, and `-` leaves out.
 *
 * @example wordsQuery({ surface: 'web', of: { room: 'lobby' }, text: 'pand -snow style:base' })
 */
export function wordsQuery({ surface, of, text = '', likedBy }: PictureSearch): string | null {
  const terms = [...text.normalize('NFKC').slice(0, LONGEST).matchAll(TERM)].slice(0, MOST_WORDS);
  const wanted: string[] = [];
  const unwanted: string[] = [];
  for (const [, minus, key, phrase, word = ''] of terms) {
    const query = queryOf(key?.toLowerCase(), phrase, word);
    if (query !== null) (minus === '-' ? unwanted : wanted).push(query);
  }
  if (wanted.length + unwanted.length === 0 && likedBy === undefined) return null;
  const place = 'room' in of ? `r${hex(`${surface} ${of.room}`)}` : `u${hex(`${surface} ${of.user}`)}`;
  const here = [`place : ${place}`, ...(likedBy === undefined ? [] : [`liked : l${hex(`${surface} ${likedBy}`)}`])];
  const all = [...here, ...wanted].join(' AND ');
  return unwanted.length === 0 ? all : `(${all}) NOT (${unwanted.join(' OR ')})`;
}

function queryOf(typed: string | undefined, phrase: string | undefined, word: string): string | null {
  const value = phrase ?? word;
  const key = (typed && Object.hasOwn(ALIASES, typed) ? ALIASES[typed] : typed) ?? '';
  if (KEYS.includes(key)) return isBlank(value) ? null : `settings : s${hex(`${key} ${stored(value)}`)}`;
  const isNegative = NEGATIVE.includes(key);
  const searched = isNegative ? value : `${key} ${value}`;
  if (isBlank(searched)) return null;
  return `${isNegative ? 'negative' : 'prompt'} : ${quoted(searched)}${phrase === undefined ? ' *' : ''}`;
}

/** Nothing of it is in an index of words. */
function isBlank(text: string): boolean {
  return !/[\p{L}\p{N}]/u.test(text);
}

/** A value as the index has it: `4.0` is `4`, `1024×1536` is `1024x1536`, and ASCII is in small letters. */
function stored(value: string): string {
  if (/^\d{1,15}(?:\.\d{1,6})?$/.test(value)) return String(Number(value));
  return value.replace(/(?<=\d)[×*](?=\d)/u, 'x').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

function hex(text: string): string {
  return Buffer.from(text, 'utf8').toString('hex');
}
