import { Locale, type LocalizationMap } from 'discord.js';
import type { Language } from '../../../texts/language.ts';

/** Discord's names of the languages but English, which is what stands where a locale has nothing of its own. */
const LOCALES = {
  de: [Locale.German],
  fr: [Locale.French],
  es: [Locale.SpanishES, Locale.SpanishLATAM],
  ja: [Locale.Japanese],
  'pt-BR': [Locale.PortugueseBR],
} as const satisfies Record<Exclude<Language, 'en'>, readonly Locale[]>;

export const ALL_LOCALES: readonly Locale[] = Object.values(LOCALES).flat();

/** A name or a description in every locale. */
export function localised(textIn: (language: keyof typeof LOCALES) => string): LocalizationMap {
  return Object.fromEntries(
    Object.entries(LOCALES).flatMap(([language, locales]) => {
      const text = textIn(language as keyof typeof LOCALES);
      return locales.map((locale) => [locale, text]);
    }),
  );
}
