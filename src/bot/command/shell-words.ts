import { quote } from './format.ts';
import { keyNamed } from './keys.ts';
import { insideQuotes } from './lexer.ts';

const OPTION = /^-{1,2}\p{L}/u;

/** The words of a line that was written for a shell, without its quotes. */
export function shellWords(line: string): string[] {
  const words = line.matchAll(/(?:'[^']*'|"(?:\\[\s\S]|[^"\\])*"|\\[\s\S]|[^\s'"\\]|['"\\])+/g);
  return [...words].map(([word]) =>
    word.replace(/'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|\\([\s\S])/g, (_all, single, double, escaped) =>
      String(single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped),
    ),
  );
}

/** Words of a shell as one command of the chat, in which a value that a shell's quotes held together stays together. */
export function commandOfWords(words: readonly string[]): string {
  return words
    .map((word, i) => {
      if (OPTION.test(word)) return asOption(word);
      const before = words[i - 1] ?? '';
      if (!OPTION.test(before) || before.includes('=')) return word;
      const isNegative = keyNamed(before.replace(/^-+/, ''))?.name === 'negative';
      return (isNegative || /\s/.test(word)) && insideQuotes(word) === null ? quote(word) : word;
    })
    .join(' ');
}

/** `-w` is `--w` here. */
function asOption(word: string): string {
  const [, name = '', value = ''] = /^-{1,2}([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  if (!word.includes('=')) return `--${name}`;
  return `--${name}=${/\s/.test(value) && insideQuotes(value) === null ? quote(value) : value}`;
}
