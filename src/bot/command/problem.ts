import { UserError } from '../../system/errors.ts';
import type { Span } from './lexer.ts';

/** A change to the source that mends it. */
export interface Edit extends Span {
  readonly text: string;
}

interface ProblemDetails {
  readonly code: string;
  /** What was expected and what came. */
  readonly message: string;
  /** What is allowed, as whole sentences. */
  readonly allowed: string;
  /** Changes that mend the command as it was typed; absent where it is unclear what was meant. */
  readonly edits?: readonly Edit[];
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

/** Example commands longer than this are replaced by a short one. */
const MAX_EXAMPLE = 1500;
/** Rounds of mending: a command may have several mistakes. */
const MAX_ROUNDS = 20;
/** The prompt of examples. */
export const EXAMPLE_PROMPT = 'a red fox in the snow';

/**
 * The error to show for `problem`: its hint ends in `Try: /wuerst …`, where the command after "Try:" is the one that
 * was typed with its mistakes mended, if that can be done, and is accepted by `check` in any case.
 *
 * @param source the text that the problem's edits refer to.
 * @param check parses a command, throwing `CommandProblem`.
 */
export function toUserError(problem: CommandProblem, source: string, check: (text: string) => void): UserError {
  const { code, message, allowed, example } = problem.details;
  const candidates = [mended(problem, source, check), example, EXAMPLE_PROMPT];
  const shown = candidates.find((candidate) => candidate != null && problemOf(candidate, check) === null);
  return new UserError(code, message, { hint: `${allowed} Try: /wuerst ${shown ?? EXAMPLE_PROMPT}` });
}

function mended(problem: CommandProblem, source: string, check: (text: string) => void): string | null {
  let text = source;
  let next: CommandProblem | null = problem;
  for (let round = 0; next !== null && round < MAX_ROUNDS; round++) {
    const { edits } = next.details;
    if (edits === undefined || text.length > MAX_EXAMPLE) return null;
    // One line, since not every command can have several.
    text = withEdits(text, edits).replace(/\s*\n\s*/g, ' ');
    next = problemOf(text, check);
  }
  return next === null && text.length <= MAX_EXAMPLE ? text : null;
}

function problemOf(text: string, check: (text: string) => void): CommandProblem | null {
  try {
    check(text);
    return null;
  } catch (error) {
    if (error instanceof CommandProblem) return error;
    throw error;
  }
}

function withEdits(text: string, edits: readonly Edit[]): string {
  let result = text;
  for (const edit of [...edits].sort((a, b) => b.start - a.start)) {
    result = result.slice(0, edit.start) + edit.text + result.slice(edit.end);
  }
  return result.trim();
}

const MAX_QUOTED = 40;

/** What was typed, for a message: in quotes, shortened. */
export function quoted(value: string): string {
  const characters = [...value.slice(0, 2 * MAX_QUOTED + 2)];
  const short = characters.length > MAX_QUOTED ? `${characters.slice(0, MAX_QUOTED).join('')}…` : value;
  return `"${short}"`;
}

/** `a, b or c`. */
export function listed(words: readonly string[], conjunction = 'or'): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${conjunction} ${words.at(-1) ?? ''}`;
}
