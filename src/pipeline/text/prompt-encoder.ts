import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError } from '../../system/errors.ts';
import { Recent } from '../../system/memo.ts';
import { t } from '../../texts/translate.ts';
import { type PlacedHalf, partOf } from '../checkpoint/layout.ts';
import { hasWeights, promptWeights, weightlessText } from '../images/prompt-weights.ts';
import { concatRows, sliceRows, type Tensor } from '../math/tensor.ts';
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
      throw new OperatorError('tokenizer_mismatch', () =>
        t(
          'The tokenizer {folder} has {vocabSize} words of {maxLength} tokens, its text encoder {words} of {positions}.',
          { folder, vocabSize: tokenizer.vocabSize, maxLength: tokenizer.maxLength, words, positions },
        ),
      );
    }
    return new PromptEncoder(place, tokenizer, model);
  }

  /**
   * Hidden states [B, T, C] of each text.
   * @throws UserError `weights_too_large`
   */
  async encode(texts: readonly string[], options: ReadingOptions = {}): Promise<Tensor> {
    const readings = texts.map((text) => this.#read(text, options));
    const missing = new Map(
      readings.map((one) => [this.#key(one), one] as const).filter(([key]) => !this.#kept.has(key)),
    );
    // Together, since the encoder may have to be loaded anew for each call.
    const made = missing.size > 0 ? await this.model.runEach([...missing.values()]) : [];
    const states = new Map([...missing.keys()].map((key, i) => [key, made[i]] as const));
    const rows: Tensor[] = [];
    for (const reading of readings) {
      const { inputIds, attentionMask } = reading;
      const key = this.#key(reading);
      const own = await this.#kept.get(key, async () => states.get(key) ?? this.model.run(inputIds, attentionMask));
      rows.push('weights' in reading ? weighStates(own, reading.weights) : own);
    }
    return concatRows(rows);
  }

  /** As `encode`, of prompts and negative prompts at once; `null` where there are none. */
  async encodeBoth(
    prompts: readonly string[],
    negatives: readonly string[],
    options: ReadingOptions = {},
  ): Promise<readonly [prompts: Tensor | null, negatives: Tensor | null]> {
    const texts = [...prompts, ...negatives];
    if (texts.length === 0) return [null, null];
    const states = await this.encode(texts, options);
    const rows = (from: number, to: number) => (from < to ? sliceRows(states, from, to) : null);
    return [rows(0, prompts.length), rows(prompts.length, texts.length)];
  }

  /** A sentence that says what the model did not read, where the reference warns too; `[]` when all fits. */
  warnings(texts: readonly string[], options: ReadingOptions = {}): string[] {
    const removed = options.weighted
      ? texts.map((text) => this.#read(text, options).truncated).filter((end) => end !== '')
      : this.tokenizer.removedText(texts);
    if (removed.length === 0) return [];
    const ends = [...new Set(removed)].map((end) => `"${end}"`).join(', ');
    return [
      t('The model reads {tokens} tokens of a prompt and left out the end: {ends}.', {
        tokens: this.tokenizer.maxLength,
        ends,
      }),
    ];
  }

  /** Texts that only differ in what the tokenizer drops are one. */
  #key({ inputIds, attentionMask }: Encoding): string {
    return `${inputIds.join(' ')} ${attentionMask.join('')} ${this.model.adapter?.id ?? ''}`;
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
