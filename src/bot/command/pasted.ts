import { t } from '../../texts/translate.ts';
import type { RequestLimits } from '../request-limits.ts';
import { formatPrompt } from './format.ts';
import { keyNamed } from './keys.ts';
import { NAME } from './lexer.ts';
import { labelsOf } from './local-names.ts';
import { readParametersText } from './parameters-text.ts';
import { CommandProblem, MAX_NAMED, quoted, someOf } from './problem.ts';
import { commandOfWords, shellWords } from './shell-words.ts';
import { tokensOf } from './tokens.ts';
import { withoutDraws } from './wildcards.ts';

export interface PastedCommand {
  readonly command: string;
  readonly notes: readonly string[];
}

/** The answer to Info: the picture's size and seed, and at its end the command. */
const OWN_COMMAND = new RegExp(
  `^(?=[\\s\\S]*${labelled('size')}\\d+×\\d)(?=[\\s\\S]*${labelled('seed')}\\d)[\\s\\S]*\\s/wuerst\\s+([\\s\\S]+)$`,
  'u',
);
/** What `wuerst info` prints below the parameters. */
const INTRODUCED_COMMAND = /\s(?:To (?:make|paint)|Made with)\b[^\n:]*:\s+wuerst imagine\s[\s\S]*$/;
const TERMINAL_COMMAND = /^(?:\$\s+)?(?:npx\s+)?wuerst imagine\s+(?=\S)/i;
/** Settings of the grammar behind what was pasted. */
const ADDED = new RegExp(`\\s(?:(?:--|[—–])(${NAME})|(${NAME}):(?=\\S))`, 'gi');

/**
 * The command that stands in a pasted text: this program's own Info, parameters of a picture, or a command for a terminal.
 * Brackets in parameters are weights, as the programs that write them read them.
 */
export function pastedCommand(text: string, limits: RequestLimits): PastedCommand | null {
  if (TERMINAL_COMMAND.test(text)) {
    return { command: commandOfWords(shellWords(text.replace(TERMINAL_COMMAND, ''))), notes: [] };
  }
  const [, own] = OWN_COMMAND.exec(text) ?? [];
  if (own !== undefined) return { command: own.trim(), notes: [] };
  const shown = unfolded(text.replace(INTRODUCED_COMMAND, ''));
  const whole = readParametersText(shown);
  if (whole === null) return null;
  const added = addedAt(shown, whole.behind);
  const found = added === null ? whole : readParametersText(shown.slice(0, added));
  const { prompt, settings, dropped } = found ?? whole;
  const { negative, ...others } = settings;
  const parts = [
    ...(prompt === '' ? [] : [formatPrompt(prompt, true)]),
    ...(negative === undefined ? [] : [`negative:"${withoutDraws(negative)}"`]),
    ...Object.entries(others).map(([name, value]) => `${name}:${value}`),
    ...(added === null ? [] : [shown.slice(added).trim()]),
  ];
  return { command: parts.join(' '), notes: [...droppedNote(dropped), ...promptNotes(prompt, limits)] };
}

/** A setting as Info calls it in any language. */
function labelled(name: Parameters<typeof labelsOf>[0]): string {
  return `(?<!\\p{L})(?:${Object.values(labelsOf(name)).join('|')}):?\\s+`;
}

/** Names and values that stand on lines of their own, as pages show them, each pair on one line. */
function unfolded(text: string): string {
  const pairs =
    /^(Size|Negative|Style|Seed|Steps|Decoder steps|Guidance|Decoder guidance|Made by|Strength|Stage [BC] seed|Checkpoint|Provider|Version|Picture|Request|Typed as|Negative typed as|Values from)\n(?=\S)/gm;
  return (text.match(pairs) ?? []).length > 1 ? text.replace(pairs, '$1: ') : text;
}

/** Where settings of the grammar begin that somebody typed behind the parameters. */
function addedAt(text: string, from: number): number | null {
  for (const { index, 1: option, 2: key } of text.matchAll(ADDED)) {
    if (index >= from && keyNamed(option ?? key ?? '') !== null) return index;
  }
  return null;
}

function droppedNote(dropped: readonly string[]): readonly string[] {
  if (dropped.length === 0) return [];
  const names = someOf('conjunction', dropped);
  return [t('Left out of what was pasted, since it means nothing here: {names}.', { names })];
}

/** A pasted prompt is taken as it is; what means something in other programs, or would here, is mentioned. */
function promptNotes(prompt: string, limits: RequestLimits): readonly string[] {
  if (formatPrompt(prompt, true) === prompt) return [];
  try {
    const tokens = tokensOf(prompt, limits);
    const weights = tokens.filter((token) => token.kind === 'text' && token.note?.kind === 'weight');
    const settings = tokens.filter((token) => token.kind !== 'text');
    const words = (found: typeof tokens) =>
      found
        .slice(0, MAX_NAMED)
        .map(({ raw }) => quoted(raw))
        .join(', ');
    return [
      ...(weights.length > 0
        ? [
            t('Read as text, since a weight looks like {example}: {words}.', {
              example: '(panda:1.3)',
              words: words(weights),
            }),
          ]
        : []),
      ...(settings.length > 0
        ? [t('Read as text, since it stands in a pasted prompt: {words}.', { words: words(settings) })]
        : []),
    ];
  } catch (error) {
    if (error instanceof CommandProblem) return [];
    throw error;
  }
}
