import type { Language } from '../../src/texts/language.ts';
import type { Message } from '../../src/texts/message.js';
import { translationsFor } from '../../src/texts/translate.ts';

/** A pair of signs for each language, around what comes from the catalogue. */
export type Marks = readonly [open: string, close: string];

/**
 * From now on, every text of the catalogue stands between marks in this language, apart from the values in it: `«Picture
 * »3«»`. What is left outside of them is a value, or not in the catalogue.
 */
export function markTexts(language: Exclude<Language, 'en'>, [open, close]: Marks = ['«', '»']): void {
  const marked = (source: string) =>
    source
      .split(' | ')
      .map((form) => `${open}${form.replace(/\{\w+\}/g, (place) => `${close}${place}${open}`)}${close}`)
      .join(' | ');
  const catalogue = translationsFor(language) as Record<string, Message>;
  for (const source of Object.keys(catalogue)) delete catalogue[source];
  Object.setPrototypeOf(
    catalogue,
    new Proxy({}, { get: (_, source) => (typeof source === 'string' ? marked(source) : undefined) }),
  );
}

/** What stands outside of the marks, with a line for each piece. */
export function unmarked(text: string, [open, close]: Marks = ['«', '»']): string {
  return text.replace(new RegExp(`${open}[^${open}${close}]*${close}`, 'g'), '\n');
}
