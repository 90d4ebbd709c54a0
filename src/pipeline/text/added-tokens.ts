import type { AddedToken } from './tokenizer-files.ts';

/** A part of a text: a token that was found in it, or what stands between two. */
export type Section = { readonly id: number } | { readonly text: string };

/** What the `\w` of Rust's regular expressions is. */
const BEFORE_WORD = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const BEHIND_WORD = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;

/**
 * Finds tokens in a text, from its start on and the longest first, with the blanks that they take (`lstrip`, `rstrip`). A token that
 * has to be a word of its own (`single_word`) counts only as such; where it does not, nothing else is looked for in it.
 *
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/tokenizer/added_vocabulary.rs
 */
export class AddedTokens {
  readonly #tokens: ReadonlyMap<string, AddedToken>;
  readonly #pattern: RegExp;

  /** @param contentOf what is looked for. @default the token's content */
  constructor(tokens: readonly AddedToken[], contentOf: (token: AddedToken) => string = ({ content }) => content) {
    this.#tokens = new Map(tokens.map((token) => [contentOf(token), token]));
    const contents = [...this.#tokens.keys()].sort((a, b) => b.length - a.length);
    // Without tokens, nothing is found.
    this.#pattern = new RegExp(contents.map(literal).join('|') || '(?!)', 'g');
  }

  sectionsOf(text: string): Section[] {
    const sections: Section[] = [];
    let done = 0;
    for (const { 0: content, index } of text.matchAll(this.#pattern)) {
      const token = this.#tokens.get(content);
      let [start, end] = [index, index + content.length];
      const [before, behind] = [text.slice(0, start), text.slice(end)];
      if (!token || (token.singleWord && (BEHIND_WORD.test(before) || BEFORE_WORD.test(behind)))) continue;
      if (token.lstrip) start = Math.max(done, before.replace(/\p{White_Space}+$/u, '').length);
      if (token.rstrip) end = text.length - behind.replace(/^\p{White_Space}+/u, '').length;
      if (done < start) sections.push({ text: text.slice(done, start) });
      sections.push({ id: token.id });
      done = end;
    }
    if (done < text.length) sections.push({ text: text.slice(done) });
    return sections;
  }
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
