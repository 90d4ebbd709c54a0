import { listedAs, t } from '../../texts/translate.ts';
import type { Span } from './lexer.ts';

/** A change to the source that mends it. */
export interface Edit extends Span {
  readonly text: string;
}

/** Behind all that was typed. */
export const END: Span = { start: Number.POSITIVE_INFINITY, end: Number.POSITIVE_INFINITY };

interface ProblemDetails {
  readonly code: string;
  /** What was expected and what came. */
  readonly message: string;
  /** What else is allowed, as whole sentences that do not repeat the message. */
  readonly allowed?: string | undefined;
  /** Changes that mend the command as it was typed; absent where it is unclear what was meant. */
  readonly edits?: readonly Edit[];
  /** Changes to the surface's native options that mend the command; `null` takes one away. */
  readonly options?: Readonly<Partial<Record<string, string | null>>>;
  /** A whole command that shows the right form, used where the command as typed cannot be mended. */
  readonly example?: string;
}

/** Why a command was not understood, without a corrected example yet. Never leaves the parser. */
export class CommandProblem extends Error {
  override readonly name = 'CommandProblem';
  readonly details: ProblemDetails;

  constructor(details: ProblemDetails) {
    super(details.message);
    this.details = details;
  }
}

/** Words that are named in one sentence. */
export const MAX_NAMED = 5;

const MAX_QUOTED = 40;

/** What was typed, for a message: in quotes, shortened. */
export function quoted(value: string): string {
  const characters = [...value.slice(0, 2 * MAX_QUOTED + 2)];
  const short = characters.length > MAX_QUOTED ? `${characters.slice(0, MAX_QUOTED).join('')}…` : value;
  return `"${short}"`;
}

/** `a, b or 3 more`: as many of the words as one sentence names. */
export function someOf(type: 'conjunction' | 'disjunction', words: readonly string[], most = MAX_NAMED): string {
  const left = words.length - most;
  const more = left > 0 ? [t('{count} more | {count} more', { count: left })] : [];
  return listedAs(type, [...words.slice(0, most), ...more]);
}

/** `a, b and 3 more`, of words that stand for themselves. */
export function enumerated(words: readonly string[], most = MAX_NAMED): string {
  const left = words.length - most;
  const names = words.slice(0, most).join(', ');
  return left > 0 ? t('{names} and {count} more | {names} and {count} more', { names, count: left }) : names;
}
