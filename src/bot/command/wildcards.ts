import { UserError } from '../../system/errors.ts';
import { RecentMap } from '../../system/memo.ts';
import { t } from '../../texts/translate.ts';
import { nearest } from './edit-distance.ts';
import { isEscape, QuoteScanner } from './lexer.ts';
import { quoted, someOf } from './problem.ts';

/** Lists of words that prompts draw from: `__colour__` is a line of the list `colour`. */
export interface Wildcards {
  /** In the order of display. */
  readonly names: readonly string[];
  /** The text of a list; `undefined` where there is none of that name. */
  get(name: string): string | undefined;
}

export const NO_WILDCARDS: Wildcards = { names: [], get: () => undefined };

/** Why words could not be drawn. */
export class WildcardError extends UserError {
  /** As it stands in the text, between its underscores; `undefined` where no single one is to blame. */
  readonly wildcard: string | undefined;
  /** What may have been meant. */
  readonly meant: string | null;

  constructor(code: string, message: string, hint: string, wildcard?: string, meant: string | null = null) {
    super(code, message, { hint });
    this.wildcard = wildcard;
    this.meant = meant;
  }
}

/** One of several texts, and how often it is drawn compared with the others. */
interface Choice {
  readonly text: string;
  readonly weight: number;
}

/** Lists inside lists, and braces inside braces. */
const MOST_NESTED = 20;
const MOST_DRAWS = 200;
/** Characters of a prompt while it is being drawn; longer ones are refused anyway. */
const MOST_CHARACTERS = 20_000;
/** Characters of lines and braces that are read for one prompt. */
const MOST_READ = 200_000;
const MOST_NAMED = 20;

/** By list, because each draw needs them all. */
const KEPT_LISTS = 20;
const keptChoices = new RecentMap<string, readonly Choice[]>(KEPT_LISTS);

const WILDCARD = /__([^\s_{}|\\](?:[^\s{}|]*?[^\s_{}|])??)__(?!_)/uy;
const ESCAPED_WILDCARD = /\\(__[^\s_{}|\\](?:[^\s{}|]*?[^\s_{}|])??__)(?!_)/uy;
const NAME = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}_-]{0,62}[\p{L}\p{M}\p{N}])?$/u;
const WEIGHTED = /^\s*(\d{1,6}(?:\.\d{1,6})?)::(.*)$/s;

/** The name as lists are kept under it; `undefined` for what cannot be one, such as a path. */
export function wildcardName(typed: string): string | undefined {
  const name = typed.normalize('NFC').toLowerCase();
  return NAME.test(name) && !name.includes('__') ? name : undefined;
}

/** The choices of a list: one a line, `3::red` three times as often, `#` for a comment. */
export function choicesIn(list: string): readonly Choice[] {
  const kept = keptChoices.get(list);
  if (kept !== undefined) return kept;
  const choices = list
    .replace(/^\uFEFF/, '')
    .split(/\r\n|[\n\r]/)
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
    .map(choiceOf);
  keptChoices.set(list, choices);
  return choices;
}

function choiceOf(text: string): Choice {
  const [, weight, rest] = WEIGHTED.exec(text) ?? [];
  return weight === undefined || rest === undefined
    ? { text, weight: 1 }
    : { text: rest.trim(), weight: Number(weight) };
}

/** Whether a text may have something to draw, so that it is worth a look. */
function mayDraw(text: string): boolean {
  return /__\S|\{[^}]*\|/.test(text);
}

/** The text as one that draws nothing and, unescaped, is the same again. */
export function withoutDraws(text: string): string {
  return text.replace(/["“”„\\{}]/g, '\\$&').replace(new RegExp(WILDCARD, 'gu'), '\\$&');
}

/** Whether anything is drawn for a text. */
export function hasDraws(text: string): boolean {
  return mayDraw(text) && [...piecesOf(text)].some(({ kind }) => kind !== 'text');
}

export interface DrawOptions {
  readonly wildcards: Wildcards;
  /** The same seed draws the same words. */
  readonly seed: bigint;
  /** Tells texts of one request apart, so that they draw independently. */
  readonly of: 'prompt' | 'negative';
}

/**
 * The text with a line of a list for every `__name__` and one of the alternatives for every `{red|green}`; both may hold
 * others. What is escaped (`\{`, `\__name__`) or in quotes is text. Escapes of the command grammar stay in place.
 *
 * @throws WildcardError `wildcard_unknown`, `wildcard_name`, `wildcard_empty`, `wildcard_cycle`, `wildcards_too_many`
 */
export function drawn(text: string, { wildcards, seed, of }: DrawOptions): string {
  let draws = 0;
  let read = 0;
  const pick = (choices: readonly Choice[]): string | undefined => {
    draws += 1;
    if (draws > MOST_DRAWS) throw tooMany();
    const total = choices.reduce((sum, { weight }) => sum + weight, 0);
    let left = fraction(`${seed}/${of}/${draws}`) * total;
    const chosen = choices.find(({ weight }) => {
      left -= weight;
      return left < 0;
    });
    return chosen?.text;
  };
  const resolve = (source: string, path: readonly string[], depth: number): string => {
    read += source.length;
    if (depth > MOST_NESTED || read > MOST_READ) throw tooMany();
    let result = '';
    for (const piece of piecesOf(source)) {
      if (piece.kind === 'text') result += piece.text;
      else if (piece.kind === 'group') result += resolve(pick(piece.choices) ?? '', path, depth + 1).trim();
      else {
        const { name, list } = listNamed(piece.name, wildcards, path);
        const line = pick(choicesIn(list));
        if (line === undefined) throw empty(name, path[0] ?? piece.name);
        result += resolve(line, [...path, name], depth + 1);
      }
      if (result.length > MOST_CHARACTERS) throw tooMany();
    }
    return result;
  };
  return mayDraw(text) ? resolve(text, [], 0) : text;
}

/** From 0 to below 1. A hash, so that neighbouring seeds have nothing in common, nor have draws and the picture's noise. */
function fraction(key: string): number {
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(key).digest().readUIntBE(0, 6) / 2 ** 48;
}

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'wildcard'; readonly name: string }
  | { readonly kind: 'group'; readonly choices: readonly Choice[] };

function* piecesOf(text: string): Generator<Piece> {
  const groups = barGroupsOf(text);
  const quotes = new QuoteScanner(text);
  const at = (pattern: RegExp, index: number) => {
    pattern.lastIndex = index;
    return pattern.exec(text);
  };
  for (let i = 0; i < text.length; ) {
    const kept = at(ESCAPED_WILDCARD, i);
    const wildcard = at(WILDCARD, i);
    const bounds = groups.get(i);
    if (kept !== null) {
      yield { kind: 'text', text: kept[1] ?? '' };
      i += kept[0].length;
    } else if (wildcard !== null) {
      yield { kind: 'wildcard', name: wildcard[1] ?? '' };
      i += wildcard[0].length;
    } else if (bounds !== undefined) {
      const choices = bounds.slice(1).map((end, k) => choiceOf(text.slice((bounds[k] ?? end) + 1, end)));
      yield { kind: 'group', choices };
      i = (bounds.at(-1) ?? i) + 1;
    } else {
      const next = isEscape(text, i) ? i + 2 : (quotes.endOfQuoted(i) ?? i + 1);
      yield { kind: 'text', text: text.slice(i, next) };
      i = next;
    }
  }
}

/** The groups `{a|b}` by where they open: their opening brace, bars and closing brace. */
function barGroupsOf(text: string): ReadonlyMap<number, readonly number[]> {
  const quotes = new QuoteScanner(text);
  const groups = new Map<number, readonly number[]>();
  const open: number[][] = [];
  for (let i = 0; i < text.length; ) {
    const next = isEscape(text, i) ? i + 2 : (quotes.endOfQuoted(i) ?? i + 1);
    const character = next === i + 1 ? text[i] : undefined;
    if (character === '{') open.push([i]);
    else if (character === '|') open.at(-1)?.push(i);
    else if (character === '}') {
      const bounds = open.pop() ?? [];
      const [start] = bounds;
      if (start !== undefined && bounds.length > 1) groups.set(start, [...bounds, i]);
    }
    i = next;
  }
  return groups;
}

/** Whether a place of the text is inside `{a|b}`, of which one alternative is drawn. */
export function partsDrawnIn(text: string): (at: number) => boolean {
  if (!text.includes('|')) return () => false;
  const groups = [...barGroupsOf(text).values()].map((bounds) => [bounds[0] ?? 0, bounds.at(-1) ?? 0] as const);
  return (at) => groups.some(([open, close]) => at > open && at < close);
}

function listNamed(typed: string, wildcards: Wildcards, path: readonly string[]) {
  const name = wildcardName(typed);
  if (name === undefined) {
    throw new WildcardError(
      'wildcard_name',
      t('Expected the name of a wildcard, got {typed}.', { typed: quoted(typed) }),
      `${t('A name has letters, digits, - and _ only, and no path: {example}.', { example: '__colour__' })} ${asText(typed)}`,
      typed,
    );
  }
  if (path.includes(name)) {
    const circle = [...path.slice(path.indexOf(name)), name].join(' → ');
    throw new WildcardError(
      'wildcard_cycle',
      t('The wildcard {name} draws from itself: {circle}.', { name: quoted(name), circle }),
      t('Whoever keeps these lists has to take one of them out of another.'),
      path[0],
    );
  }
  const list = wildcards.get(name);
  if (list === undefined) throw unknown(name, typed, wildcards.names);
  return { name, list };
}

function asText(typed: string): string {
  return t('To keep it as text, write {escaped}.', { escaped: `\\__${typed.slice(0, 40)}__` });
}

function unknown(name: string, typed: string, names: readonly string[]): WildcardError {
  const here =
    names.length === 0
      ? t('There are none here yet.')
      : t('Here are {names}.', { names: someOf('conjunction', names, MOST_NAMED) });
  const meant = nearest(name.slice(0, 64), names, 2);
  return new WildcardError(
    'wildcard_unknown',
    meant === null
      ? t('There is no wildcard {name} here.', { name: quoted(name) })
      : t('There is no wildcard {name} here; did you mean {meant}?', { name: quoted(name), meant: quoted(meant) }),
    `${here} ${asText(typed)}`,
    typed,
    meant,
  );
}

function empty(name: string, typed: string): WildcardError {
  return new WildcardError(
    'wildcard_empty',
    t('The wildcard {name} has no line to draw.', { name: quoted(name) }),
    t('A list has one choice a line; lines that begin with # and those of weight 0 are never drawn.'),
    typed,
  );
}

function tooMany(): WildcardError {
  return new WildcardError(
    'wildcards_too_many',
    t('This prompt draws more words than a prompt can have.'),
    t('At most {words} words are drawn for one prompt, and lists lie at most {depth} deep in each other.', {
      words: MOST_DRAWS,
      depth: MOST_NESTED,
    }),
  );
}
