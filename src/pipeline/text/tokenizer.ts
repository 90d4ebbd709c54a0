import { Tokenizer } from '@huggingface/tokenizers';
import type { WeightedText } from '../images/prompt-weights.ts';
import { AddedTokens, type Section } from './added-tokens.ts';
import { readTokenizer, type TokenizerParts } from './tokenizer-files.ts';

export interface Encoding {
  /** [maxLength], padded at the end. */
  readonly inputIds: BigInt64Array;
  /** [maxLength], 1 for the prompt with its start and end tokens, 0 for padding. */
  readonly attentionMask: BigInt64Array;
  /** What did not fit, as text; empty when everything did. */
  readonly truncated: string;
}

export interface WeightedEncoding extends Encoding {
  /** [maxLength], 1 for start, end and padding. */
  readonly weights: Float32Array;
}

/**
 * transformers' CLIPTokenizer: a lower-cased byte-level BPE, truncated and padded to `maxLength`.
 *
 * Any string has an encoding: empty ones, emoji, control characters; half of a surrogate pair counts as U+FFFD.
 */
export class ClipTokenizer {
  /** Tokens in an encoding, start and end included: 77 for the published checkpoints. */
  readonly maxLength: number;
  /** One more than the largest token id. */
  readonly vocabSize: number;
  readonly #tokenizer: Tokenizer;
  readonly #finder: TokenFinder | undefined;
  readonly #bos: number;
  readonly #eos: number;
  readonly #pad: number;

  private constructor(parts: TokenizerParts) {
    const { special, vocab, addedTokens } = parts;
    this.maxLength = parts.maxLength;
    this.#bos = special.bos_token.id;
    this.#eos = special.eos_token.id;
    this.#pad = special.pad_token.id;
    this.#tokenizer = new Tokenizer(tokenizerJson(parts), OPTIONS);
    // The library knows the flag and does not apply it; a second tokenizer is made only where it has to be.
    this.#finder = addedTokens.some(({ singleWord }) => singleWord) ? new TokenFinder(parts) : undefined;
    let largest = 0;
    for (const id of Object.values(vocab)) largest = Math.max(largest, id);
    for (const { id } of addedTokens) largest = Math.max(largest, id);
    this.vocabSize = largest + 1;
  }

  /**
   * Opens a `tokenizer` folder of a checkpoint: `tokenizer.json`, or `vocab.json` and `merges.txt`.
   *
   * @throws OperatorError `tokenizer_missing` or `tokenizer_corrupt`
   */
  static async load(dir: string): Promise<ClipTokenizer> {
    return new ClipTokenizer(await readTokenizer(dir));
  }

  encode(text: string): Encoding {
    return this.#padded(this.#untruncated(text));
  }

  /** Each stretch is tokenized by itself, as A1111's web UI does. */
  encodeWeighted(stretches: readonly WeightedText[]): WeightedEncoding {
    const words = stretches.flatMap(({ text, weight }) => this.#idsOf(text).map((id) => ({ id, weight })));
    const weights = new Float32Array(this.maxLength).fill(1);
    words.slice(0, this.maxLength - 2).forEach(({ weight }, i) => {
      weights[i + 1] = weight;
    });
    return { ...this.#padded([this.#bos, ...words.map(({ id }) => id), this.#eos]), weights };
  }

  #padded(ids: readonly number[]): Encoding {
    const kept = ids.length > this.maxLength ? [...ids.slice(0, this.maxLength - 1), this.#eos] : ids;
    const inputIds = new BigInt64Array(this.maxLength).fill(BigInt(this.#pad));
    const attentionMask = new BigInt64Array(this.maxLength);
    kept.forEach((id, i) => {
      inputIds[i] = BigInt(id);
      attentionMask[i] = 1n;
    });
    return { inputIds, attentionMask, truncated: this.#removed([ids])[0] ?? '' };
  }

  /**
   * What the reference's truncation warning prints for a batch: nothing when every text fits, else one entry per
   * text. The texts are first padded to the longest one, so the entry of a text that fits is padding.
   */
  removedText(texts: readonly string[]): string[] {
    return this.#removed(texts.map((text) => this.#untruncated(text)));
  }

  /** Token ids as text, special tokens included. */
  decode(ids: readonly number[]): string {
    if (ids.length === 0) return '';
    return strip(this.#tokenizer.decode([...ids]));
  }

  #removed(batch: readonly (readonly number[])[]): string[] {
    const longest = batch.reduce((length, ids) => Math.max(length, ids.length), 0);
    if (longest <= this.maxLength) return [];
    return batch.map((ids) => {
      const padding = new Array<number>(longest - ids.length).fill(this.#pad);
      return this.decode([...ids, ...padding].slice(this.maxLength - 1, -1));
    });
  }

  #untruncated(text: string): number[] {
    return [this.#bos, ...this.#idsOf(text), this.#eos];
  }

  #idsOf(text: string): number[] {
    return this.#finder?.encode(text) ?? this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
  }
}

const OPTIONS = { clean_up_tokenization_spaces: false };

/** Finds added tokens as the reference does, before the text between them is tokenized. */
class TokenFinder {
  readonly #asTyped: AddedTokens;
  readonly #normalized: AddedTokens;
  /** Of text without added tokens that is normalized already. */
  readonly #plain: Tokenizer;

  constructor(parts: TokenizerParts) {
    const { addedTokens } = parts;
    this.#asTyped = new AddedTokens(addedTokens.filter((token) => !token.normalized));
    const normalized = addedTokens.filter((token) => token.normalized);
    this.#normalized = new AddedTokens(normalized, ({ content }) => normalize(content));
    this.#plain = new Tokenizer({ ...tokenizerJson({ ...parts, addedTokens: [] }), normalizer: null }, OPTIONS);
  }

  encode(text: string): number[] {
    return idsOf(this.#asTyped.sectionsOf(text), (typed) =>
      idsOf(
        this.#normalized.sectionsOf(normalize(typed)),
        (plain) => this.#plain.encode(plain, { add_special_tokens: false }).ids,
      ),
    );
  }
}

function idsOf(sections: readonly Section[], idsOfText: (text: string) => readonly number[]): number[] {
  return sections.flatMap((section) => ('id' in section ? [section.id] : idsOfText(section.text)));
}

/** As the normalizer of {@link tokenizerJson} does. */
function normalize(text: string): string {
  return text
    .normalize('NFC')
    .replace(/\p{White_Space}+/gu, ' ')
    .replaceAll('Σ', 'σ')
    .toLowerCase();
}

/** Python's `str.strip`, which unlike `trim` leaves U+FEFF alone. */
function strip(text: string): string {
  return text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, '');
}

/** The tokenizer.json that transformers 5 builds for its CLIPTokenizer, whatever else the file may have said. */
function tokenizerJson({ vocab, merges, addedTokens, special }: TokenizerParts): object {
  return {
    added_tokens: addedTokens,
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        // The reference lower-cases code points one by one. So does JavaScript, but for the sigma at a word's end.
        { type: 'Replace', pattern: { String: 'Σ' }, content: 'σ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        split("<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"),
        // The pattern that the byte-level step itself would split by, were U+FEFF not whitespace to JavaScript.
        split("'s|'t|'re|'ve|'m|'ll|'d|\\p{L}+|\\p{N}+|[^\\s\\p{L}\\p{N}]+"),
        { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      unk_token: special.unk_token.content,
      end_of_word_suffix: '</w>',
      vocab,
      merges,
    },
  };
}

function split(pattern: string): object {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Removed', invert: true };
}
