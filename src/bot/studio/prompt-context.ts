import type { PromptSources } from '../command/prompt-sources.ts';
import type { Caller } from '../job.ts';
import { promptSources } from '../prompts/sources.ts';
import type { PromptContext } from './change-presets.ts';
import type { StudioParts } from './studio-parts.ts';

/** What holds for the prompts of a caller. */
export function sourcesFor(
  { history, prompts }: Pick<StudioParts, 'history' | 'prompts'>,
  caller: Caller,
): PromptSources {
  return promptSources(caller, history, prompts);
}

/** For changes of what is saved for prompts. */
export function promptContext(
  { history, rules, prompts }: Pick<StudioParts, 'history' | 'rules' | 'prompts'>,
  caller: Caller,
): PromptContext {
  const refusal = (prompt: string, negative = '') => rules.refusal({ prompt, negative, weighted: true }, caller);
  return { history, folder: prompts, limits: rules.limits(caller), caller, refusal };
}
