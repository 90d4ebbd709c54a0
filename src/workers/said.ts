import * as z from 'zod';
import { inLanguage } from '../texts/language.ts';
import { t } from '../texts/translate.ts';

/** What stands in the braces of a sentence is cut after so many characters. */
const LONGEST = 500;

/** A sentence that is made on one machine and read on another: its English text, which is its key in the catalogue there. */
export const said = z.strictObject({
  // A sentence, or braces: no name of what every object has, which a catalogue would be asked for.
  text: z.string().max(LONGEST).regex(/[ {]/),
  values: z.record(z.string().max(20), z.string().max(LONGEST)),
});

export type Said = Readonly<z.output<typeof said>>;

/** @param text made with `translatable`, so that it is in the catalogue */
export function saying(text: string, values: Readonly<Record<string, string>> = {}): Said {
  const cut = Object.entries(values).map(([name, value]) => [name, value.slice(0, LONGEST)]);
  return { text, values: Object.fromEntries(cut) };
}

/** Words of an error, which are in no catalogue. */
export function quoting(error: unknown): Said {
  return saying('{words}', { words: error instanceof Error ? error.message : String(error) });
}

/** Which values a text takes is only known where it was made. */
const translated: (text: string, values: Said['values']) => string = t;

/** In the language of whoever reads it; in English where another version has made it. */
export function told({ text, values }: Said): string {
  return translated(text, values);
}

/** For logs. */
export function toldInEnglish(sentence: Said): string {
  return inLanguage('en', () => told(sentence));
}
