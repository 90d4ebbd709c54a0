import { expected, type UserError } from '../../system/errors.ts';
import type { Tensor } from '../math/tensor.ts';
import { describeValue, isTensor, negativeList, promptList, type SamplingOptions } from './pipeline-options.ts';

/** Prompts as texts, or as what the pipeline's own text encoder made of them. */
export interface PromptOptions extends SamplingOptions {
  /** Instead of `prompt`: hidden states [B, T, C]. */
  readonly promptEmbeds?: Tensor | undefined;
  /** Instead of `negativePrompt`, of the shape of the prompt's. */
  readonly negativePromptEmbeds?: Tensor | undefined;
}

/**
 * @throws UserError `prompt_missing`, `prompt_twice`, `embeds_mismatch`, `batch_mismatch` or `invalid_type`
 */
export function checkPrompts(options: PromptOptions, guided: boolean): void {
  const { prompt, negativePrompt, promptEmbeds, negativePromptEmbeds } = options;
  if (prompt !== undefined && promptEmbeds !== undefined) {
    throw expected('prompt_twice', 'either prompt or promptEmbeds', 'both');
  }
  if (prompt === undefined && promptEmbeds === undefined) {
    throw expected('prompt_missing', 'either prompt or promptEmbeds', 'neither');
  }
  if (negativePrompt !== undefined && negativePromptEmbeds !== undefined) {
    throw expected('prompt_twice', 'either negativePrompt or negativePromptEmbeds', 'both');
  }
  const embeds = { promptEmbeds, negativePromptEmbeds };
  for (const [name, value] of Object.entries(embeds)) {
    if (value !== undefined && !isTensor(value))
      throw expected('invalid_type', `${name} to be a tensor`, describeValue(value));
  }
  if (promptEmbeds && negativePromptEmbeds && String(promptEmbeds.dims) !== String(negativePromptEmbeds.dims)) {
    throw embedsMismatch(promptEmbeds, negativePromptEmbeds);
  }
  if (guided && promptEmbeds && negativePrompt !== undefined) {
    throw expected('invalid_type', 'negativePromptEmbeds beside promptEmbeds', 'negativePrompt');
  }
  if (prompt !== undefined) {
    const prompts = promptList('prompt', prompt);
    if (guided) negativeList(negativePrompt, prompts);
  }
}

export function embedsMismatch(positive: Tensor, negative: Tensor): UserError {
  return expected(
    'embeds_mismatch',
    'promptEmbeds and negativePromptEmbeds of one shape',
    `[${positive.dims}] and [${negative.dims}]`,
  );
}
