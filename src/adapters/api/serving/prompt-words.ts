import { bracketed } from '../../../bot/command/format.ts';
import { tagsAsText } from '../../../bot/command/loras.ts';
import { withoutDraws } from '../../../bot/command/wildcards.ts';

/** A program's text as the grammar reads it back, whatever is in it: no settings, no braces, no weights, no LoRAs. */
export function literalPrompt(text: string): string {
  return tagsAsText(weightedPrompt(bracketed(text, false)));
}

/** The same, with weights such as `(panda:1.2)` and tags of LoRAs, as A1111 reads them. */
export function weightedPrompt(text: string): string {
  // On one line it cannot be taken for the parameters of a picture that somebody has pasted.
  return `"${withoutDraws(text.replace(/\s+/g, ' ').trim())}"`;
}

/** A word may be cut in two where none ends within so many letters, as in languages without spaces. */
const LONGEST_WORD = 60;

/** The words at the beginning, in at most so many code points. */
export function beginningOf(text: string, most: number): string {
  const points = [...text.trim()];
  if (points.length <= most) return text;
  const cut = points.slice(0, most).join('');
  const endsWord = /\s/.test(points[most] ?? '');
  return endsWord ? cut : cut.replace(new RegExp(`\\s\\S{0,${LONGEST_WORD}}$`, 'u'), '');
}
