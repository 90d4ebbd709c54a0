import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { ImagineRequest } from '../job.ts';
import { examplePrompt, type RequestLimits } from '../request-limits.ts';
import { formatRequest, type NativeOptions, quote } from './format.ts';
import { isEscape, QuoteScanner, wordsOf } from './lexer.ts';
import { type Permutation, permutationsOf } from './permutations.ts';
import { CommandProblem, type Edit } from './problem.ts';

/** A command as it was given: text, and what came in native options. */
export interface GivenCommand {
  readonly text: string;
  readonly options: NativeOptions;
}

export interface Reader {
  readonly limits: RequestLimits;
  /** Reads a text whose braces stand for nothing. @throws CommandProblem */
  one(text: string, options: NativeOptions): ImagineRequest;
  /** Reads a whole command; empty for a subcommand. @throws CommandProblem */
  all(command: GivenCommand): readonly ImagineRequest[];
  /** A corrected command as it is typed on this surface. */
  show(command: GivenCommand): string;
}

/** Longer commands are not shown corrected. */
const MAX_SHOWN = 1500;
/** Rounds of mending: a command may have several mistakes. */
const MAX_ROUNDS = 20;

/**
 * The error to show for `problem`: its hint ends in `Try: ` and the command that was typed with its mistakes mended, where that
 * can be done; else in an example. Either is accepted.
 */
export function toUserError(problem: CommandProblem, given: GivenCommand, reader: Reader): UserError {
  const { code, message, allowed, example } = problem.details;
  const examples = [example, examplePrompt(reader.limits)].filter((text) => text !== undefined);
  const shown =
    mended(given, reader) ??
    examples.map((text) => ({ text, options: {} })).find((command) => isAccepted(command, reader));
  const parts = [allowed, shown && t('Try: {command}', { command: reader.show(shown) })].filter(
    (part) => part !== undefined,
  );
  return new UserError(code, message, { hint: parts.join(' ') });
}

/** The command without its mistakes: every request that its braces stand for is the one that was typed, mended. */
function mended({ text, options: given }: GivenCommand, reader: Reader): GivenCommand | null {
  let options = given;
  for (let round = 0; round < MAX_ROUNDS && text.length <= MAX_SHOWN; round += 1) {
    const permutations = tried(() => permutationsOf(text, reader.limits));
    const alternatives = permutations === undefined ? null : mendedEach(permutations, options, reader);
    if (alternatives === null) return null;
    if ('options' in alternatives) options = alternatives.options;
    else return together(text, alternatives.texts, options, reader);
  }
  return null;
}

/** Each text mended, or the options that have to be mended before any; `null` where it is unclear what was meant. */
function mendedEach(
  permutations: readonly Permutation[],
  options: NativeOptions,
  { one }: Reader,
): { readonly texts: readonly string[] } | { readonly options: NativeOptions } | null {
  const texts: string[] = [];
  for (const permutation of permutations) {
    let { text } = permutation;
    let problem = problemOf(() => one(text, options));
    for (let round = 0; problem !== null; round += 1) {
      const { edits, options: changes } = problem.details;
      if (changes !== undefined) return { options: changed(options, changes) };
      if (edits === undefined || round === MAX_ROUNDS) return null;
      text = withEdits(text, edits);
      problem = problemOf(() => one(text, options));
    }
    texts.push(text);
  }
  return { texts };
}

/** One command that stands for all of `texts`, like the one that was typed where that can be. */
function together(source: string, texts: readonly string[], options: NativeOptions, reader: Reader) {
  const wanted = texts.map((text) => identity(reader.one(text, options)));
  const [only = ''] = texts;
  const distinct = [...new Map(texts.map((text, i) => [wanted[i], text])).values()];
  const candidates = function* () {
    if (texts.length === 1) yield* [only, quote(only)];
    else {
      const inPlace = mendedInPlace(source, options, reader);
      if (inPlace !== null) yield inPlace;
      if (distinct.length === 1) yield only;
      for (const shareWords of [true, false]) yield inBraces(distinct, shareWords);
    }
  };
  for (const text of candidates()) {
    // One line, since not every command can have several.
    const command = { text: text.replace(/\s*\n\s*/g, ' '), options };
    if (command.text.length > MAX_SHOWN) continue;
    const read = tried(() => reader.all(command))?.map(identity);
    const expected = read?.length === texts.length ? wanted : [...new Set(wanted)];
    if (read !== undefined && String(read) === String(expected)) return command;
  }
  return null;
}

/** The source with the edits made where their words stand in it; `null` where one spans a brace. */
function mendedInPlace(source: string, options: NativeOptions, reader: Reader): string | null {
  let text = source;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    let mistaken: { readonly permutation: Permutation; readonly problem: CommandProblem } | undefined;
    for (const permutation of tried(() => permutationsOf(text, reader.limits)) ?? []) {
      const problem = problemOf(() => reader.one(permutation.text, options));
      if (problem !== null) mistaken ??= { permutation, problem };
    }
    if (mistaken === undefined) return text;
    const { permutation, problem } = mistaken;
    const edits = (problem.details.edits ?? []).map((edit) => inSource(edit, permutation, text));
    if (edits.length === 0 || edits.includes(null)) return null;
    text = withEdits(
      text,
      edits.filter((edit) => edit !== null),
    );
  }
  return null;
}

/** An edit of a text that braces stand for, as one of the text with the braces. */
function inSource(edit: Edit, { text, pieces }: Permutation, source: string): Edit | null {
  if (edit.start >= text.length && text !== '') return { ...edit, start: source.length, end: source.length };
  let at = 0;
  for (const { start, end } of pieces) {
    const length = end - start;
    const isInside = edit.start >= at && edit.end <= at + length && (edit.start < at + length || edit.end > edit.start);
    if (isInside) return { ...edit, start: start + edit.start - at, end: start + edit.end - at };
    at += length;
  }
  return null;
}

/** `a {red, grey} fox`: the words that all texts begin or end with stand once, if `shareWords`. */
function inBraces(texts: readonly string[], shareWords: boolean): string {
  const lists = texts.map((text) => wordsOf(text).map(({ start, end }) => text.slice(start, end)));
  const [first = []] = lists;
  const shortest = Math.min(...lists.map(({ length }) => length));
  const most = shareWords ? shortest - 1 : 0;
  const isShared = (at: number) => lists.every((words) => words.at(at) === first.at(at));
  let before = 0;
  while (before < most && isShared(before)) before += 1;
  let behind = 0;
  while (behind < most - before && isShared(-1 - behind)) behind += 1;
  const middles = lists.map((words) => protectedCommas(words.slice(before, words.length - behind).join(' ')));
  const end = first.slice(first.length - behind);
  return [...first.slice(0, before), `{${middles.join(', ')}}`, ...end].join(' ');
}

/** With backslashes before what would part alternatives. */
function protectedCommas(text: string): string {
  const quotes = new QuoteScanner(text);
  let result = '';
  for (let i = 0; i < text.length; ) {
    const next = isEscape(text, i) ? i + 2 : (quotes.endOfQuoted(i) ?? i + 1);
    const piece = text.slice(i, next);
    result += /^[{},]$/.test(piece) ? `\\${piece}` : piece;
    i = next;
  }
  return result;
}

function identity(request: ImagineRequest): string {
  return formatRequest({ ...request, prompt: request.prompt.replace(/\s+/g, ' ') });
}

function isAccepted(command: GivenCommand, reader: Reader): boolean {
  return problemOf(() => reader.all(command)) === null;
}

function problemOf(read: () => unknown): CommandProblem | null {
  try {
    read();
    return null;
  } catch (error) {
    if (error instanceof CommandProblem) return error;
    throw error;
  }
}

function tried<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof CommandProblem) return undefined;
    throw error;
  }
}

function changed(options: NativeOptions, changes: Readonly<Partial<Record<string, string | null>>>): NativeOptions {
  const values = Object.entries({ ...options, ...changes }).filter(([, value]) => value !== null);
  return Object.fromEntries(values) as NativeOptions;
}

export function withEdits(text: string, edits: readonly Edit[]): string {
  let result = text;
  for (const edit of [...edits].sort((a, b) => b.start - a.start)) {
    result = result.slice(0, edit.start) + edit.text + result.slice(edit.end);
  }
  return result.trim();
}
