import type { ImagineRequest } from '../job.ts';
import { FIELD_KEYS } from './keys.ts';
import { isSubcommandName } from './subcommands.ts';

/** Words, digits and the punctuation of a sentence: nothing that the grammar could read as something else. */
const PLAIN = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N} ,.!?’_]|['-](?=[\p{L}\p{N}]))*$/u;

/**
 * The command that makes `request` again, with every setting that has a value; `parseCommand` reads it back as the same
 * request. Its prompt and negative prompt are taken to be in the parser's own form (`normaliseText`).
 */
export function formatRequest(request: ImagineRequest): string {
  const settings = FIELD_KEYS.flatMap(({ key, field }) => {
    const value = request[field];
    if (value === null || value === '' || value === false) return [];
    return [`${key.name}:${field === 'negative' ? quote(request.negative) : value === true ? 'yes' : value}`];
  });
  return [formatPrompt(request.prompt), ...settings].join(' ');
}

/** A prompt as a person would type it, in quotes where its text could be taken for something else. */
export function formatPrompt(prompt: string): string {
  const [first = ''] = prompt.split(' ', 1);
  return PLAIN.test(prompt) && !isSubcommandName(first.toLowerCase()) ? prompt : quote(prompt);
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
