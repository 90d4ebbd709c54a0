import { t } from '../texts/translate.ts';
import { OperatorError, UserError } from './errors.ts';

/**
 * Why something failed, to stand in a sentence. What the system or a library says is in its own language: it is quoted, as
 * the reader's language quotes.
 */
export function reasonOf(error: unknown): string {
  if (error instanceof OperatorError) return error.told.message;
  if (error instanceof UserError) return error.message;
  return foreignWords(error instanceof Error ? error.message : String(error));
}

/** Words of others, as the reader's language quotes them. */
export function foreignWords(words: string): string {
  return t('"{words}"', { words });
}

/** What is wrong with a value, by its schema: rules of this program (`custom`) speak for themselves. */
export function ruleBroken(
  issue: { readonly code?: string | undefined; readonly message: string } | undefined,
): string {
  if (issue === undefined) return '';
  return issue.code === 'custom' ? issue.message : foreignWords(issue.message);
}
