import { weightlessText } from '../../pipeline/images/prompt-weights.ts';
import { asciiSlug } from '../../system/slug.ts';
import type { ImagineRequest } from '../job.ts';
import { bracketed } from './format.ts';
import { tagsAsText } from './loras.ts';
import { PROMPT_PLACE } from './presets.ts';
import { withoutDraws } from './wildcards.ts';

const LONGEST_SLUG = 24;

/**
 * What the button `Save as preset` offers to save, to be edited: a name, and the words behind the first comma of the
 * prompt around `{prompt}`. People name what is to be seen first, and behind it how.
 */
export function presetOffer({ prompt, weighted }: Pick<ImagineRequest, 'prompt' | 'weighted'>): string {
  const typed = tagsAsText(withoutDraws(bracketed(prompt, weighted)));
  const style = typed.includes(',') ? typed.slice(typed.indexOf(',')) : '';
  const [subject = ''] = (weighted ? weightlessText(prompt) : prompt).split(',', 1);
  const words = asciiSlug(subject);
  const name = words.length > LONGEST_SLUG ? words.slice(0, LONGEST_SLUG + 1).replace(/-[^-]*$/, '') : words;
  return `${name}: ${PROMPT_PLACE}${style}`;
}
