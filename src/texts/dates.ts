import { currentLanguage } from './language.ts';

/** A day in the reader's language, by the calendar of UTC. In English as ISO 8601 has it, which programs read too. */
export function dateText(date: Date): string {
  const language = currentLanguage();
  if (language === 'en') return date.toISOString().slice(0, 10);
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone: 'UTC' }).format(date);
}
