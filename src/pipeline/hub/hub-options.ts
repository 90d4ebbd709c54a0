import { OperatorError } from '../../system/errors.ts';
import type { Destination } from '../../system/network-failure.ts';

/** Addresses of proxies, and hosts that are reached without one. */
export interface Proxies {
  readonly httpProxy?: string | undefined;
  readonly httpsProxy?: string | undefined;
  readonly noProxy?: string | undefined;
}

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
    httpProxy: env.http_proxy || env.HTTP_PROXY || undefined,
    httpsProxy: env.https_proxy || env.HTTPS_PROXY || undefined,
    noProxy: env.no_proxy || env.NO_PROXY || undefined,
  };
}

export function checkEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search) return url;
  throw new OperatorError('hf_endpoint_invalid', 'HF_ENDPOINT is not an http or https address without a user name.', {
    hint: 'For example: HF_ENDPOINT=https://huggingface.co',
  });
}

export function checkToken(token: string | undefined): string | undefined {
  const trimmed = token?.trim();
  if (!trimmed) return undefined;
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  // Its value must not appear anywhere; fetch would print the whole header.
  throw new OperatorError('hf_token_invalid', 'HF_TOKEN has spaces or characters that no token has.', {
    hint: 'Copy it again from the settings page of your account on the hub.',
  });
}

export function checkProxy(name: string, address: string | undefined): void {
  if (!address || (URL.canParse(address) && /^https?:$/.test(new URL(address).protocol))) return;
  // Its value stays out: it may hold a password.
  throw new OperatorError('proxy_invalid', `${name} is not an http or https address.`, {
    hint: 'For example: HTTPS_PROXY=http://proxy.example:3128',
  });
}

/** The proxy that undici goes through to reach an address, without its password, and the variable that names it. */
export function proxyFor(url: URL, { httpProxy, httpsProxy, noProxy = '' }: Proxies): Destination['proxy'] {
  const hidden = noProxy.split(/[,\s]+/).some((entry) => {
    const [, name = '', port] = /^\*?\.?(.+?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    const usual = url.protocol === 'https:' ? '443' : '80';
    if (name === '' || (port !== undefined && port !== (url.port || usual))) return false;
    return entry === '*' || url.hostname === name || url.hostname.endsWith(`.${name}`);
  });
  if (hidden) return undefined;
  const variable = url.protocol === 'https:' && httpsProxy ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const proxy = variable === 'HTTPS_PROXY' ? httpsProxy : httpProxy;
  return proxy ? { host: new URL(proxy).host, variable } : undefined;
}
