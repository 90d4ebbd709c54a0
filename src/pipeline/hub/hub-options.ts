import { OperatorError } from '../../system/errors.ts';
import { type Proxies, proxiesFrom } from '../../system/proxies.ts';
import { t } from '../../texts/translate.ts';

export interface HubOptions extends Proxies {
  /** @default 'https://huggingface.co' */
  readonly endpoint?: string | undefined;
  /** Sent to the endpoint's own origin only, never to where it redirects. */
  readonly token?: string | undefined;
  /** Milliseconds without a byte after which a connection counts as lost. @default 60000 */
  readonly timeoutMs?: number;
  /** Attempts after the first one, without any progress in between. @default 5 */
  readonly retries?: number;
  /** Pause before the first retry, doubled for each further one. @default 1000 */
  readonly minRetryMs?: number;
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly onRetry?: (reason: string) => void;
}

export function hubOptionsFrom(env: NodeJS.ProcessEnv): HubOptions {
  const { HF_ENDPOINT, HF_TOKEN } = env;
  return {
    endpoint: HF_ENDPOINT || undefined,
    token: HF_TOKEN || undefined,
    ...proxiesFrom(env),
  };
}

export function checkEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search) return url;
  throw new OperatorError(
    'hf_endpoint_invalid',
    () => t('HF_ENDPOINT is not an http or https address without a user name.'),
    {
      hint: () => t('For example: {example}', { example: 'HF_ENDPOINT=https://huggingface.co' }),
    },
  );
}

export function checkToken(token: string | undefined): string | undefined {
  const trimmed = token?.trim();
  if (!trimmed) return undefined;
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  // Its value must not appear anywhere; fetch would print the whole header.
  throw new OperatorError('hf_token_invalid', () => t('HF_TOKEN has spaces or characters that no token has.'), {
    hint: () => t('Copy it again from the settings page of your account on the hub.'),
  });
}
