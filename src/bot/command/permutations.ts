import { t } from '../../texts/translate.ts';
import type { RequestLimits } from '../request-limits.ts';
import { isEscape, isSpace, QuoteScanner, type Span } from './lexer.ts';
import { CommandProblem } from './problem.ts';

/** A group of alternatives: where its brace opens and closes, and its commas. */
interface Group {
  readonly open: number;
  readonly close: number;
  readonly commas: readonly number[];
}

/** What is known of a brace while it is open, and of the whole text. */
interface Level {
  readonly open: number;
  readonly commas: number[];
  /** `{red|green, blue}` is one of two texts, which are drawn. */
  hasBar: boolean;
  /** Whether every alternative so far, and the current one, has something in it. */
  partsFilled: boolean;
  currentFilled: boolean;
  /** Texts that the alternatives so far stand for, and the current one. */
  earlier: number;
  current: number;
  /** Texts that the whole stands for if the brace turns out to be text. */
  asText: number;
}

const levelAt = (open: number): Level => ({
  ...{ open, commas: [], hasBar: false, partsFilled: true, currentFilled: false },
  ...{ earlier: 0, current: 1, asText: 1 },
});

/** One of the texts that a text with groups stands for, and the pieces of that text that it is made of. */
export interface Permutation {
  readonly text: string;
  readonly pieces: readonly Span[];
}

/**
 * All texts that the groups `{a, b}` of `text` stand for, in reading order, the last group varying fastest; groups nest.
 * Braces without a comma or with a bar of their own, with an empty alternative, unmatched, escaped (`\{`) or in quotes are text.
 *
 * @returns `text` alone where there is no group.
 * @throws CommandProblem `too_many_permutations`, before anything is expanded.
 */
export function permutationsOf(
  text: string,
  { maxPermutations }: Pick<RequestLimits, 'maxPermutations'>,
): readonly Permutation[] {
  const { groups, count } = groupsOf(text);
  if (count > maxPermutations) {
    throw new CommandProblem({
      code: 'too_many_permutations',
      message:
        count > 1e6
          ? t('Expected braces to make at most {most} requests, got more than a million.', { most: maxPermutations })
          : t('Expected braces to make at most {most} requests, got {got}.', { most: maxPermutations, got: count }),
      allowed: t('The numbers of alternatives multiply; write {escaped} for a brace that is text.', {
        escaped: '\\{',
      }),
      example: 'a {red, grey} fox in the snow',
    });
  }
  // Every group at least adds one to the count, so from here on their number and depth are small.
  return expand(text, 0, text.length, groups).map((pieces) => ({
    text: pieces.map(({ start, end }) => text.slice(start, end)).join(''),
    pieces,
  }));
}

/** The groups of a text by opening brace, and how many texts they stand for. Linear: one pass with a stack. */
function groupsOf(text: string): { readonly groups: readonly Group[]; readonly count: number } {
  const quotes = new QuoteScanner(text);
  const groups: Group[] = [];
  const whole = levelAt(0);
  const open: Level[] = [];
  const multiply = (level: Level, count: number): void => {
    level.current *= count;
    level.asText *= count;
  };
  for (let i = 0; i < text.length; ) {
    const character = text[i];
    const next = isEscape(text, i) ? i + 2 : (quotes.endOfQuoted(i) ?? i + 1);
    const top = open.at(-1);
    if (next === i + 1 && character === '{') {
      if (top !== undefined) top.currentFilled = true;
      open.push(levelAt(i));
    } else if (next === i + 1 && character === '}' && top !== undefined) {
      open.pop();
      const isGroup = !top.hasBar && top.commas.length > 0 && top.partsFilled && top.currentFilled;
      if (isGroup) groups.push({ open: top.open, close: i, commas: top.commas });
      multiply(open.at(-1) ?? whole, isGroup ? top.earlier + top.current : top.asText);
    } else if (next === i + 1 && character === ',' && top !== undefined) {
      top.commas.push(i);
      top.partsFilled &&= top.currentFilled;
      top.currentFilled = false;
      top.earlier += top.current;
      top.current = 1;
    } else if (top !== undefined && !isSpace(character)) {
      if (next === i + 1 && character === '|') top.hasBar = true;
      top.currentFilled = true;
    }
    i = next;
  }
  // What is still open is text.
  const count = open.reduce((product, { asText }) => product * asText, whole.asText);
  return { groups: groups.sort((a, b) => a.open - b.open), count };
}

function expand(text: string, start: number, end: number, groups: readonly Group[]): readonly Span[][] {
  const group = groups.find(({ open }) => open >= start && open < end);
  if (group === undefined) return [[{ start, end }]];
  const bounds = [group.open, ...group.commas, group.close];
  const middles = bounds.slice(1).flatMap((bound, i) => {
    const inner = expand(text, (bounds[i] ?? bound) + 1, bound, groups);
    return inner.map((pieces) => trimmed(text, pieces));
  });
  const afters = expand(text, group.close + 1, end, groups);
  return middles.flatMap((middle) => afters.map((after) => [{ start, end: group.open }, ...middle, ...after]));
}

/** Without the spaces at both ends. */
function trimmed(text: string, pieces: readonly Span[]): Span[] {
  const rest = [...pieces];
  for (let first = rest[0]; first !== undefined; first = rest[0]) {
    const { length } = text.slice(first.start, first.end).trimStart();
    if (length > 0) {
      rest[0] = { start: first.end - length, end: first.end };
      break;
    }
    rest.shift();
  }
  for (let last = rest.at(-1); last !== undefined; last = rest.at(-1)) {
    const { length } = text.slice(last.start, last.end).trimEnd();
    if (length > 0) {
      rest[rest.length - 1] = { start: last.start, end: last.start + length };
      break;
    }
    rest.pop();
  }
  return rest;
}
