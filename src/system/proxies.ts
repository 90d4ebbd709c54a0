import { t } from '../texts/translate.ts';
import { OperatorError } from './errors.ts';
import type { Destination } from './network-failure.ts';

/** Addresses of proxies, and hosts that are reached without one. */
export interface Proxies {
  readonly httpProxy?: string | undefined;
  readonly httpsProxy?: string | undefined;
  readonly noProxy?: string | undefined;
}

/** Small letters win, as in curl. */
export function proxiesFrom(env: NodeJS.ProcessEnv): Proxies {
  return {
    httpProxy: env.http_proxy || env.HTTP_PROXY || undefined,
    httpsProxy: env.https_proxy || env.HTTPS_PROXY || undefined,
    noProxy: env.no_proxy || env.NO_PROXY || undefined,
  };
}

/** @throws OperatorError `proxy_invalid` */
export function checkProxies({ httpProxy, httpsProxy }: Proxies): void {
  checkProxy('HTTP_PROXY', httpProxy);
  checkProxy('HTTPS_PROXY', httpsProxy);
}

function checkProxy(name: string, address: string | undefined): void {
  if (!address || (URL.canParse(address) && /^https?:$/.test(new URL(address).protocol))) return;
  // Its value stays out: it may hold a password.
  throw new OperatorError('proxy_invalid', () => t('{name} is not an http or https address.', { name }), {
    hint: () => t('For example: {example}', { example: 'HTTPS_PROXY=http://proxy.example:3128' }),
  });
}

/** The proxy that undici goes through to reach an address, without its password, and the variable that names it. */
export function proxyFor(url: URL, { httpProxy, httpsProxy, noProxy = '' }: Proxies): Destination['proxy'] {
  const usual = url.protocol === 'https:' ? '443' : '80';
  const excepted = noProxy
    .toLowerCase()
    .split(/[,\s]+/)
    .some((entry) => {
      const [, name = '', port] = /^(?:\*?\.)?(.+?)(?::(\d+))?$/.exec(entry) ?? [];
      if (name === '' || (port !== undefined && port !== (url.port || usual))) return false;
      return name === '*' || url.hostname === name || url.hostname.endsWith(`.${name}`);
    });
  if (excepted) return undefined;
  const variable = url.protocol === 'https:' && httpsProxy ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const proxy = variable === 'HTTPS_PROXY' ? httpsProxy : httpProxy;
  return proxy ? { host: new URL(proxy).host, variable } : undefined;
}
