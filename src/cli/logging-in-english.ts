import { OperatorError } from '../system/errors.ts';
import { currentLanguage, inLanguage, setStandardLanguage } from '../texts/language.ts';

/**
 * Runs what serves many people and logs: that is English, whatever the terminal speaks. What ends it is told in the terminal's
 * language.
 *
 * @param run is given what computes a text for the terminal
 */
export async function loggingInEnglish<T>(run: (inTerminal: (text: () => string) => string) => Promise<T>): Promise<T> {
  const language = currentLanguage();
  setStandardLanguage('en');
  try {
    return await run((text) => inLanguage(language, text));
  } catch (error) {
    setStandardLanguage(language);
    throw error instanceof OperatorError ? error.again() : error;
  }
}
