import { bracketed } from '../../../bot/command/format.ts';
import { withoutDraws } from '../../../bot/command/wildcards.ts';

/** A program's text as the grammar reads it back, whatever is in it: no settings, no braces, no weights. */
export function literalPrompt(text: string): string {
  return weightedPrompt(bracketed(text, false));
}

/** The same, with weights such as `(panda:1.2)` and tags of LoRAs, as A1111 reads them. */
export function weightedPrompt(text: string): string {
  // On one line it cannot be taken for the parameters of a picture that somebody has pasted.
  return `"${withoutDraws(text.replace(/\s+/g, ' ').trim())}"`;
}
