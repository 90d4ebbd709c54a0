import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { layoutOf, partOf } from '../pipeline/checkpoint/layout.ts';

/**
 * How many tokens of a prompt a model reads, start and end included, before it is loaded; `undefined` where its tokenizer does
 * not say, or cannot be read: loading says why.
 */
export function promptTokens(folder: string): number | undefined {
  try {
    const { prior } = layoutOf(folder);
    if (prior === undefined) return undefined;
    const path = join(partOf(prior, 'tokenizer'), 'tokenizer_config.json');
    const { model_max_length: length } = JSON.parse(readFileSync(path, 'utf8')) as { model_max_length?: unknown };
    // transformers writes 10^30 where a tokenizer has no limit of its own.
    return typeof length === 'number' && length >= 2 && length < 1e6 ? Math.floor(length) : undefined;
  } catch {
    return undefined;
  }
}
