import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError } from '../../system/errors.ts';
import { Recent } from '../../system/memo.ts';
import { type PlacedHalf, partOf } from '../checkpoint/layout.ts';
import { hasWeights, promptWeights, weightlessText } from '../images/prompt-weights.ts';
import { concatRows, type Tensor } from '../math/tensor.ts';
import { ClipTextModel } from '../networks/clip-text-model.ts';
import type { OpenOptions } from '../networks/network.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { ClipTokenizer, type Encoding, type WeightedEncoding } from './tokenizer.ts';
import { weighStates } from './weigh-states.ts';

/** Texts whose hidden states are kept: 0.4 MB each with the large checkpoints. */
const KEPT_TEXTS = 64;

export interface ReadingOptions {
  /** Brackets are weights, in the grammar of `promptWeights`. @default false */
  readonly weighted?: boolean | undefined;
}

/** Tokenizer and text encoder of one pipeline. A text that was encoded lately is not encoded again. */
export class PromptEncoder {
  /** Where its tokenizer and text encoder lie. */
  readonly place: PlacedHalf;
  readonly tokenizer: ClipTokenizer;
  readonly model: ClipTextModel;
  readonly #kept = new Recent<Tensor>(KEPT_TEXTS);

  private constructor(place: PlacedHalf, tokenizer: ClipTokenizer, model: ClipTextModel) {
    this.place = place;
    this.tokenizer = tokenizer;
    this.model = model;
  }

  /** @param options.like of another repository: its tokenizer is shared when the files are the same */
  static async load(
    place: PlacedHalf,
    runtime: Runtime,
    { like, ...options }: OpenOptions & { readonly like?: PromptEncoder | undefined } = {},
  ): Promise<PromptEncoder> {
    const folder = partOf(place, 'tokenizer');
    const shared = like && (await sameFiles(folder, partOf(like.place, 'tokenizer')));
    const tokenizer = shared ? like.tokenizer : await ClipTokenizer.load(folder);
    const model = await ClipTextModel.load(partOf(place, 'text_encoder'), runtime, options);
    const { vocab_size: words, max_position_embeddings: positions } = model.config;
    if (tokenizer.vocabSize > words || tokenizer.maxLength > positions) {
      throw new OperatorError(
        'tokenizer_mismatch',
        `The tokenizer ${folder} has ${tokenizer.vocabSize} words of ${tokenizer.maxLength} tokens, its text encoder ${words} of ${positions}.`,
      );
    }
    return new PromptEncoder(place, tokenizer, model);
  }

  /**
   * Hidden states [B, T, C] of each text.
   * @throws UserError `weights_too_large`
   */
  async encode(texts: readonly string[], options: ReadingOptions = {}): Promise<Tensor> {
    const rows: Tensor[] = [];
    for (const text of texts) {
      const encoding = this.#read(text, options);
      const { inputIds, attentionMask } = encoding;
      // Texts that only differ in what the tokenizer drops are one.
      const key = `${inputIds.join(' ')} ${attentionMask.join('')} ${this.model.adapter?.id ?? ''}`;
      const states = await this.#kept.get(key, () => this.model.run(inputIds, attentionMask));
      rows.push('weights' in encoding ? weighStates(states, encoding.weights) : states);
    }
    return concatRows(rows);
  }

  /** A sentence that says what the model did not read, where the reference warns too; `[]` when all fits. */
  warnings(texts: readonly string[], options: ReadingOptions = {}): string[] {
    const removed = options.weighted
      ? texts.map((text) => this.#read(text, options).truncated).filter((end) => end !== '')
      : this.tokenizer.removedText(texts);
    if (removed.length === 0) return [];
    const ends = [...new Set(removed)].map((end) => `"${end}"`).join(', ');
    return [`The model reads ${this.tokenizer.maxLength} tokens of a prompt and left out the end: ${ends}.`];
  }

  /** A prompt whose words all have the weight 1 is one without weights. */
  #read(text: string, { weighted = false }: ReadingOptions): Encoding | WeightedEncoding {
    if (!weighted) return this.tokenizer.encode(text);
    return hasWeights(text)
      ? this.tokenizer.encodeWeighted(promptWeights(text))
      : this.tokenizer.encode(weightlessText(text));
  }
}

async function sameFiles(a: string, b: string): Promise<boolean> {
  const [names, others] = await Promise.all([a, b].map((dir) => readdir(dir).catch(() => [])));
  if (!names || names.length === 0 || String(names.sort()) !== String(others?.sort())) return false;
  const same = names.map(async (name) => {
    const [one, other] = await Promise.all([readFile(join(a, name)), readFile(join(b, name))]);
    return one.equals(other);
  });
  return (await Promise.all(same)).every(Boolean);
}
