import type { RequestLimits } from '../request-limits.ts';
import { isEscape, isSpace, QuoteScanner } from './lexer.ts';
import { CommandProblem } from './problem.ts';

/** A group of alternatives: where its brace opens and closes, and its commas. */
interface Group {
  readonly open: number;
  readonly close: number;
  readonly commas: readonly number[];
}

interface OpenBrace {
  readonly at: number;
  readonly commas: number[];
  /** Whether every part so far, and the current one, has something in it. */
  partsFilled: boolean;
  currentFilled: boolean;
}

/**
 * All texts that the groups `{a, b}` of `text` stand for, in reading order, the last group varying fastest; groups nest.
 * Braces without a comma of their own, with an empty alternative, unmatched, escaped (`\{`) or in quotes are text.
 *
 * @returns `[text]` where there is no group.
 * @throws CommandProblem `too_many_permutations`, before anything is expanded.
 */
export function permutationsOf(text: string, { maxPermutations }: Pick<RequestLimits, 'maxPermutations'>): string[] {
  const groups = groupsOf(text);
  const count = countOf(groups);
  if (count > maxPermutations) {
    const shown = count > 1e6 ? 'more than a million' : String(count);
    throw new CommandProblem({
      code: 'too_many_permutations',
      message: `Expected braces to make at most ${maxPermutations} requests, got ${shown}.`,
      allowed: `The alternatives of all {a, b} multiply to at most ${maxPermutations}; write \\{ for a brace that is text.`,
      example: 'a {red, grey} fox in the snow',
    });
  }
  // Every group at least adds one to the count, so from here on their number and depth are small.
  return expand(text, 0, text.length, groups);
}

/** The groups of a text, by opening brace. Linear: one pass with a stack. */
function groupsOf(text: string): Group[] {
  const quotes = new QuoteScanner(text);
  const groups: Group[] = [];
  const open: OpenBrace[] = [];
  let i = 0;
  while (i < text.length) {
    const character = text[i];
    const next = isEscape(text, i) ? i + 2 : (quotes.endOfQuoted(i) ?? i + 1);
    const top = open.at(-1);
    if (next === i + 1 && character === '{') {
      if (top !== undefined) top.currentFilled = true;
      open.push({ at: i, commas: [], partsFilled: true, currentFilled: false });
    } else if (next === i + 1 && character === '}' && top !== undefined) {
      open.pop();
      if (top.commas.length > 0 && top.partsFilled && top.currentFilled) {
        groups.push({ open: top.at, close: i, commas: top.commas });
      }
    } else if (next === i + 1 && character === ',' && top !== undefined) {
      top.commas.push(i);
      top.partsFilled &&= top.currentFilled;
      top.currentFilled = false;
    } else if (top !== undefined && !isSpace(character)) {
      top.currentFilled = true;
    }
    i = next;
  }
  return groups.sort((a, b) => a.open - b.open);
}

/** Product over neighbours, sum over alternatives; saturates at Infinity. */
function countOf(groups: readonly Group[]): number {
  interface Level {
    readonly group: Group | null;
    sum: number;
    product: number;
    comma: number;
  }
  const levels: Level[] = [{ group: null, sum: 0, product: 1, comma: 0 }];
  const closeBefore = (position: number): void => {
    for (let top = levels.at(-1); top?.group && top.group.close < position; top = levels.at(-1)) {
      levels.pop();
      const parent = levels.at(-1);
      // Alternatives after the last nested group have not been counted one by one.
      const total = top.sum + top.product + (top.group.commas.length - top.comma);
      if (parent !== undefined) parent.product *= total;
    }
  };
  for (const group of groups) {
    closeBefore(group.open);
    const level = levels.at(-1);
    if (level === undefined) break;
    for (const commas = level.group?.commas ?? []; (commas[level.comma] ?? Infinity) < group.open; level.comma += 1) {
      level.sum += level.product;
      level.product = 1;
    }
    levels.push({ group, sum: 0, product: 1, comma: 0 });
  }
  closeBefore(Number.POSITIVE_INFINITY);
  return levels[0]?.product ?? 1;
}

function expand(text: string, start: number, end: number, groups: readonly Group[]): string[] {
  const group = groups.find(({ open }) => open >= start && open < end);
  if (group === undefined) return [text.slice(start, end)];
  const before = text.slice(start, group.open);
  const bounds = [group.open, ...group.commas, group.close];
  const middles = bounds.slice(1).flatMap((bound, i) => {
    const inner = expand(text, (bounds[i] ?? bound) + 1, bound, groups);
    return inner.map((alternative) => alternative.trim());
  });
  const afters = expand(text, group.close + 1, end, groups);
  return middles.flatMap((middle) => afters.map((after) => before + middle + after));
}
