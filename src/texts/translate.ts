import { readFileSync } from 'node:fs';
import { currentLanguage, type Language } from './language.ts';
import { formatted, type Message, type Value } from './message.js';

/** Translations by their English source; one for each plural category where the source has two forms. */
export type Translations = Readonly<Record<string, Message>>;

/** The names in braces. */
type Placeholder<Source extends string> = Source extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;

type Given<Source extends string> = [Placeholder<Source>] extends [never]
  ? []
  : [values: Readonly<Record<Placeholder<Source>, Value>>];

const catalogues = new Map<Language, Translations>();

/** @returns nothing for English, which is the source */
export function translationsFor(language: Language): Translations {
  const known = catalogues.get(language);
  if (known !== undefined) return known;
  const file = new URL(`../texts/${language}.json`, import.meta.url);
  const read: Translations = language === 'en' ? {} : JSON.parse(readFileSync(file, 'utf8'));
  catalogues.set(language, read);
  return read;
}

/** Puts other translations in the place of a language's own: for tests, which make a language up. */
export function teach(language: Exclude<Language, 'en'>, translations: Translations): void {
  catalogues.set(language, translations);
}

/**
 * A text in the language of whoever reads it. The English text is its key in the catalogue.
 *
 * Names in braces are replaced: numbers as that language writes them, strings as they are. A text that differs for one and
 * for more is written `{count} picture | {count} pictures` and has a number called `count`. Braces that shall stay are given
 * as a value.
 *
 * @param source a literal or one of a table that was made with `translatable`, so that every text is in the catalogue
 */
export function t<const Source extends string>(source: Source, ...given: Given<Source>): string {
  const language = currentLanguage();
  return formatted(translationsFor(language)[source] ?? source, language, given[0] ?? {});
}

/** A text in a table, which is translated where it is shown: `t(TABLE[key])`. */
export function translatable<const Source extends string>(source: Source): Source {
  return source;
}

/** `a, b or c`, as the reader's language writes it. */
export function listedAs(type: 'conjunction' | 'disjunction', words: readonly string[]): string {
  const language = currentLanguage();
  // British English has no comma before the last one.
  return new Intl.ListFormat(language === 'en' ? 'en-GB' : language, { type }).format(words);
}
