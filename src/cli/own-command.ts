import type { Command } from 'commander';
import { editDistance, nearest } from '../bot/command/edit-distance.ts';
import { foreignNamed } from '../bot/command/foreign-settings.ts';
import { formatPrompt } from '../bot/command/format.ts';
import { fold, KEYS, type KeyName, keyNamed } from '../bot/command/keys.ts';
import { insideQuotes } from '../bot/command/lexer.ts';
import type { GivenCommand } from '../bot/command/mending.ts';
import { CommandProblem } from '../bot/command/problem.ts';
import { partsOf } from '../bot/command/read-settings.ts';
import type { RequestLimits } from '../bot/request-limits.ts';
import { UserError } from '../system/errors.ts';
import { t } from '../texts/translate.ts';
import { shellWord } from './shell-word.ts';

/** The command that is being run, as it was typed, with some of its words changed. */
export function typedCommand(change: (word: string, before: string) => string = (word) => word): string {
  const words = process.argv.slice(2);
  return ['wuerst', ...words.map((word, i) => shellWord(change(word, words[i - 1] ?? '')))].join(' ');
}

/** The command that is being run with another value of an option. */
export function withOption(name: string, value: string): string {
  return typedCommand((word, before) =>
    before === name ? value : word.startsWith(`${name}=`) ? `${name}=${value}` : word,
  );
}

/**
 * A command of the grammar as it is typed in a terminal.
 *
 * @param others options that are none of the grammar, as words
 */
export function shellCommand(command: GivenCommand, others: readonly string[], limits: RequestLimits): string {
  const { prompt, settings } = apart(command.text, limits);
  const given = [
    ...settings,
    ...Object.entries(command.options).map(([name, value]) => [name, String(value)] as const),
  ];
  const words = given.flatMap(([name, value]) => [name === 'n' ? '-n' : `--${name}`, shellWord(value)]);
  return ['wuerst imagine', shellWord(prompt), ...words, ...others.map(shellWord)].join(' ');
}

/** Settings become options, except beside braces that may hold them. */
function apart(text: string, limits: RequestLimits) {
  const whole = { prompt: text, settings: [] as readonly (readonly [KeyName, string])[] };
  try {
    const { prose, settings } = partsOf(text, limits);
    const lastBrace = text.lastIndexOf('}');
    if (settings.some(({ key, start }) => key === 'spoiler' || start < lastBrace)) return whole;
    const inside = insideQuotes(prose);
    const prompt = inside !== null && formatPrompt(inside) === inside ? inside : prose;
    return { prompt, settings: settings.map(({ key, value }) => [key, value] as const) };
  } catch (error) {
    if (error instanceof CommandProblem) return whole;
    throw error;
  }
}

/** Options as they were given, as words. */
export function givenOptions(command: Command, names: ReadonlySet<string>): readonly string[] {
  return command.options.flatMap((option) => {
    const name = option.attributeName();
    if (names.has(name) || command.getOptionValueSource(name) !== 'cli') return [];
    const value: unknown = command.getOptionValue(name);
    const flag = option.long ?? option.flags;
    if (value === true) return [flag];
    return (Array.isArray(value) ? value : [value]).flatMap((one) => [flag, String(one)]);
  });
}

/** @throws UserError `option_unknown` for words that are nearer to an option of the terminal than to a setting */
export function checkOptions(words: readonly string[], names: readonly string[]): void {
  const mended = new Map<string, string>();
  for (const word of words) {
    const [, name = ''] = /^--(\p{L}[\p{L}\p{N}_-]*)(?:=|$)/u.exec(word) ?? [];
    const meant = optionMeant(fold(name), names);
    if (meant !== null) mended.set(word, word.replace(name, meant));
  }
  const [first] = mended;
  if (first === undefined) return;
  const [typed = '', meant = ''] = first.map((word) => word.replace(/=.*$/s, ''));
  throw new UserError('option_unknown', t('There is no option "{typed}"; did you mean "{meant}"?', { typed, meant }), {
    hint: t('Try: {command}', { command: typedCommand((word) => mended.get(word) ?? word) }),
  });
}

function optionMeant(name: string, names: readonly string[]): string | null {
  if (name.length < 3 || keyNamed(name) !== null || foreignNamed(name) !== null) return null;
  const distance = (to: string | null) => (to === null ? 99 : editDistance(name, to, { swaps: true }));
  const near = nearest(name, names, name.length > 4 ? 2 : 1) ?? names.find((one) => name.startsWith(one)) ?? null;
  const key = nearest(
    name,
    KEYS.map((one) => one.name),
    2,
  );
  return near !== null && distance(near) < (key === null ? 99 : distance(key)) ? near : null;
}
