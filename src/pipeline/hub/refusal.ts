import type { Response } from 'undici';
import { OperatorError } from '../../system/errors.ts';
import { type Destination, isStrange, strangeAnswer } from '../../system/network-failure.ts';
import { t } from '../../texts/translate.ts';

export interface Refused {
  readonly response: Response;
  /** The hub's address, or the host that it sent to. */
  readonly who: string;
  readonly to: Destination;
  /** Repository, or file in it. */
  readonly what: string;
  readonly endpoint: string;
  readonly hasToken: boolean;
}

/** An answer that stays the same until somebody changes something, and what that is. */
export function refusal({ response, who, to, what, endpoint, hasToken }: Refused): OperatorError {
  const { status, headers } = response;
  const code = headers.get('x-error-code');
  const values = { who, status, what };
  const message = () =>
    code && /^\w+$/.test(code)
      ? t('{who} answered {status} for {what} ({code}).', { ...values, code })
      : t('{who} answered {status} for {what}.', values);
  // The hub marks its refusals.
  const marked = code !== null || headers.has('x-error-message');
  const strange = strangeAnswer(status, to);
  if (!marked && isStrange(response)) {
    const kind = status === 403 ? 'hub_forbidden' : 'hub_refused';
    return new OperatorError(
      kind,
      () => t('{who} cannot be reached for {what}: {reason}.', { who, what, reason: strange.reason }),
      { hint: () => strange.hint },
    );
  }
  if (status === 401) {
    const hint = () =>
      hasToken
        ? t('It refuses the token in HF_TOKEN: set one that is valid and may read this repository.')
        : t(
            'Set HF_TOKEN to a token that may read this repository; the hub answers the same for names that do not exist.',
          );
    return new OperatorError('hub_unauthorized', message, { hint });
  }
  if (status === 403) {
    const repo = what.split('/').slice(0, 2).join('/');
    const hint = () => {
      const terms = t('Accept the terms at {url}, then set HF_TOKEN to a token of that account.', {
        url: `${endpoint}/${repo}`,
      });
      if (marked) return terms;
      return `${terms} ${t('If there are none to accept, a firewall refuses: {hint}', { hint: strange.hint })}`;
    };
    return new OperatorError('hub_forbidden', message, { hint });
  }
  if (status === 404) {
    const hint = () =>
      t('The repository, revision or file does not exist there: check the name, --revision and HF_ENDPOINT.');
    return new OperatorError('hub_not_found', message, { hint });
  }
  return new OperatorError('hub_refused', message, { hint: () => t('Check HF_ENDPOINT and the proxy settings.') });
}
