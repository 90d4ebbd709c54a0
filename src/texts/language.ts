import { AsyncLocalStorage } from 'node:async_hooks';

/** English is the source; the others have a file of translations each. */
export const LANGUAGES = ['en', 'de', 'fr', 'es', 'ja', 'pt-BR'] as const;
export type Language = (typeof LANGUAGES)[number];

const reader = new AsyncLocalStorage<Language>();
let standard: Language = 'en';

/**
 * Runs something for a reader of this language: `t` gives its texts there, also after an `await`. A task that outlives the
 * request that started it (a queue, a listener) has to name the language of each reader itself.
 */
export function inLanguage<T>(language: Language, run: () => T): T {
  return reader.run(language, run);
}

/** Of whoever reads what is being made. */
export function currentLanguage(): Language {
  return reader.getStore() ?? standard;
}

/** Runs something for whoever runs the program. */
export function inStandardLanguage<T>(run: () => T): T {
  return reader.run(standard, run);
}

/** For a program with one reader: the terminal. */
export function setStandardLanguage(language: Language): void {
  standard = language;
}

/**
 * The first of the tags that is spoken here, else English.
 *
 * @param tags BCP 47 as Discord, Slack and browsers write them (`pt-BR`, `es-419`, `de`), or POSIX locales (`de_DE.UTF-8`,
 * `C`), the most wanted first
 */
export function languageOf(tags: readonly string[]): Language {
  for (const tag of tags) {
    const [language = ''] = tag.toLowerCase().split(/[-_.@]/);
    const found = LANGUAGES.find((one) => one.toLowerCase().split('-')[0] === language);
    if (found !== undefined) return found;
    if (language === 'c' || language === 'posix') return 'en';
  }
  return 'en';
}

/**
 * Of the person at a terminal, as POSIX and gettext have it: the list in `LANGUAGE` counts unless the locale is `C`.
 *
 * @see https://www.gnu.org/software/gettext/manual/html_node/Locale-Environment-Variables.html
 */
export function terminalLanguage({ LANGUAGE, LC_ALL, LC_MESSAGES, LANG }: NodeJS.ProcessEnv): Language {
  const locale = LC_ALL || LC_MESSAGES || LANG || 'C';
  const isPlain = /^(?:C|POSIX)(?![a-z])/i.test(locale);
  return languageOf(LANGUAGE && !isPlain ? LANGUAGE.split(':') : [locale]);
}

/** The languages of an `Accept-Language` header, the most wanted first. */
export function acceptedLanguages(header: string): readonly string[] {
  return header
    .slice(0, 1000)
    .split(',')
    .map((entry) => {
      const [tag = '', ...parameters] = entry.trim().split(/\s*;\s*/);
      const quality = parameters.find((parameter) => /^q=/i.test(parameter))?.slice(2);
      return { tag, quality: quality === undefined ? 1 : Number(quality) };
    })
    .filter(({ tag, quality }) => tag !== '' && tag !== '*' && quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ tag }) => tag);
}
