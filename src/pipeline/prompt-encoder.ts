import { join } from 'node:path';
import { OperatorError } from '../errors.ts';
import { ClipTextModel } from './networks.ts';
import type { Runtime } from './runtime.ts';
import { concatRows, type Tensor } from './tensor.ts';
import { ClipTokenizer } from './tokenizer.ts';

/** Tokenizer and text encoder of one pipeline. */
export class PromptEncoder {
  readonly tokenizer: ClipTokenizer;
  readonly model: ClipTextModel;

  private constructor(tokenizer: ClipTokenizer, model: ClipTextModel) {
    this.tokenizer = tokenizer;
    this.model = model;
  }

  static async load(dir: string, runtime: Runtime): Promise<PromptEncoder> {
    const tokenizer = await ClipTokenizer.load(join(dir, 'tokenizer'));
    const model = await ClipTextModel.load(join(dir, 'text_encoder'), runtime);
    const { vocab_size: words, max_position_embeddings: positions } = model.config;
    if (tokenizer.vocabSize > words || tokenizer.maxLength > positions) {
      throw new OperatorError(
        'tokenizer_mismatch',
        `${dir}: the tokenizer has ${tokenizer.vocabSize} words of ${tokenizer.maxLength} tokens, the text encoder ${words} of ${positions}`,
      );
    }
    return new PromptEncoder(tokenizer, model);
  }

  /** Hidden states [B, T, C] of each text. */
  async encode(texts: readonly string[]): Promise<Tensor> {
    const rows: Tensor[] = [];
    for (const text of texts) {
      const { inputIds, attentionMask } = this.tokenizer.encode(text);
      rows.push(await this.model.run(inputIds, attentionMask));
    }
    return concatRows(rows);
  }

  /** A warning that names what CLIP cannot take in, as the reference words it; `[]` when all fits. */
  warnings(texts: readonly string[]): string[] {
    const removed = this.tokenizer.removedText(texts);
    if (removed.length === 0) return [];
    return [
      `The following part of your input was truncated because CLIP can only handle sequences up to ${this.tokenizer.maxLength} tokens: ${JSON.stringify(removed)}`,
    ];
  }
}
