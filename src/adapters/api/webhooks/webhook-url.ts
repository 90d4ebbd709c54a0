import { UserError } from '../../../system/errors.ts';
import { requirePublicHost } from './public-address.ts';

/** @throws UserError `webhook_url_invalid` */
export function readWebhookUrl(typed: string, { allowPrivate }: { readonly allowPrivate: boolean }): string {
  const url = URL.canParse(typed) ? new URL(typed) : null;
  const isAllowed = url?.protocol === 'https:' || (allowPrivate && url?.protocol === 'http:');
  if (url === null || !isAllowed || url.username !== '' || url.password !== '' || typed.length > 2000) {
    throw invalid(
      'Expected an https:// address without name and password.',
      'For example https://example.org/hooks/wuerst.',
    );
  }
  try {
    if (!allowPrivate) requirePublicHost(url);
  } catch (cause) {
    throw invalid(
      `${url.hostname} is not an address of the internet.`,
      'WUERST_WEBHOOK_PRIVATE=on allows such.',
      cause,
    );
  }
  return url.href;
}

function invalid(message: string, hint: string, cause?: unknown): UserError {
  return new UserError('webhook_url_invalid', message, { hint, cause });
}
