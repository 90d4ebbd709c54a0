import { loraTag } from '../../pipeline/images/lora-tag.ts';
import { withoutWeights } from '../../pipeline/images/prompt-weights.ts';
import type { ImagineRequest } from '../job.ts';
import { DEFAULT_LIMITS, type Recommended } from '../request-limits.ts';
import { FIELD_KEYS, KEYS, type KeyName } from './keys.ts';
import { wordsOf } from './lexer.ts';
import { tagsAsText } from './loras.ts';
import { isSubcommandName, meantAsSubcommand } from './subcommands.ts';
import { tokensOf } from './tokens.ts';
import { formatSteps } from './values.ts';
import { hasDraws, withoutDraws } from './wildcards.ts';

/** Values of a surface's native options, by the names of their keys. */
export type NativeOptions = Readonly<Partial<Record<KeyName, string | number | boolean>>>;

/** Words, digits and the punctuation of a sentence: nothing that the grammar could read as something else. */
const PLAIN = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N} ,.!?’_]|['-](?=[\p{L}\p{N}]))*$/u;

/**
 * The command that makes `request` again, with every setting that has a value; `parseCommand` reads it back as the same
 * request. Its prompt and negative prompt are taken to be in the parser's own form (`normaliseText`).
 *
 * @param usualSteps of the model that will be asked: the reference's own schedule is named where another one is usual.
 */
export function formatRequest(request: ImagineRequest, usualSteps: Recommended['steps'] = null): string {
  const settings = FIELD_KEYS.flatMap(({ key, field }) => {
    const value = field === 'steps' && request.steps !== usualSteps ? formatSteps(request.steps) : request[field];
    if (value === undefined || value === null || value === '' || value === false || field === 'loras') return [];
    if (field === 'negative') {
      return [`${key.name}:"${tagsAsText(withoutDraws(bracketed(request.negative, request.weighted)))}"`];
    }
    return [`${key.name}:${value === true ? 'yes' : value}`];
  });
  const prompt = bracketed(request.prompt, request.weighted);
  const loras = (request.loras ?? []).map(loraTag);
  return [isPlain(prompt) ? prompt : tagsAsText(quote(prompt)), ...loras, ...settings].join(' ');
}

/** A text of a request as it is typed: brackets that are text have backslashes. */
export function bracketed(text: string, weighted: boolean | undefined): string {
  return weighted ? text : withoutWeights(text);
}

/**
 * A prompt as a person would type it, in quotes where its text could be taken for something else.
 * @param weighted its brackets are weights
 */
export function formatPrompt(text: string, weighted = false): string {
  const prompt = bracketed(text, weighted);
  return isPlain(prompt) && meantAsSubcommand(prompt) === null ? prompt : quote(prompt);
}

/** Settings as a person would type them behind a prompt; one that could run into them goes behind. */
export function asText({ text, options }: { readonly text: string; readonly options: NativeOptions }): string {
  const settings = KEYS.flatMap(({ name, type }) => {
    const value = options[name];
    if (value === undefined) return [];
    return [`${name}:${type === 'text' && !/^[\p{L}\p{N}.:]+$/u.test(String(value)) ? quote(String(value)) : value}`];
  }).join(' ');
  const joined = `${text} ${settings}`;
  const isApart = wordsOf(joined).every(({ start, end }) => start >= text.length || end <= text.length);
  return (isApart ? joined : `${settings} ${text}`).trim();
}

/** Beside settings it is read as it is, without notes. */
function isPlain(prompt: string): boolean {
  const [first = ''] = prompt.split(' ', 1);
  if (!PLAIN.test(prompt) || hasDraws(prompt) || isSubcommandName(first.toLowerCase())) return false;
  return tokensOf(prompt, DEFAULT_LIMITS).every((token) => token.kind === 'text' && token.note === null);
}

/** As text, whatever is in it. */
export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
