import { join } from 'node:path';
import { sourcesIn } from '../../scripts/texts/sources.ts';
import type { Language } from '../../src/texts/language.ts';
import { teach } from '../../src/texts/translate.ts';

/** By its plain form. */
export const ACCENTED: ReadonlyMap<string, string> = new Map(
  ['aàbƀcçdđeéfƒgĝhĥiîjĵkķlļmɱnñoôpþqɋrŕsštţuûvṽwŵxẋyŷzž', 'AÀBƁCÇDĐEÉFƑGĜHĤIÎJĴKĶLĻMṀNÑOÔPÞQɊRŔSŠTŢUÛVṼWŴXẊYŶZŽ']
    .flatMap((pairs) => pairs.match(/../gu) ?? [])
    .map(([plain = '', accented = '']) => [plain, accented]),
);

/** `⟦Šéñđ ~~⟧` of `Send`: other letters, 40 % more of them, and marks at both ends. Values, keys and their order stay. */
export function pseudo(source: string): string {
  const forms = source.split(' | ').map((form) => {
    const letters = form.replace(/\{\w+\}|\[\w+\]|[A-Za-z]/g, (part) => ACCENTED.get(part) ?? part);
    // In words, as those of real languages are, so that lines can break.
    const more = ' lorém'
      .repeat(Math.ceil((0.4 * form.length) / 6))
      .slice(0, Math.max(2, Math.ceil(0.4 * form.length)));
    return `⟦${letters}${more}⟧`;
  });
  return forms.join(' | ');
}

/** Lets a language be the pseudo-language, in this process, for all texts of the program. */
export function speakPseudo(language: Exclude<Language, 'en'>): void {
  const { sources } = sourcesIn(join(import.meta.dirname, '../../src'));
  teach(language, Object.fromEntries(sources.map((source) => [source, pseudo(source)])));
}
