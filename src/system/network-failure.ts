import { t } from '../texts/translate.ts';
import { foreignWords } from './foreign-words.ts';
import type { Headers } from './retry-after.ts';

/** Where a connection leads. */
export interface Destination {
  /** E.g. `huggingface.co`, or `127.0.0.1:8080`. */
  readonly host: string;
  /** The proxy on the way there, without its password, and the variable that names it. */
  readonly proxy?: { readonly host: string; readonly variable: string } | undefined;
  /** It is never reached through a proxy, whatever the environment says. */
  readonly direct?: boolean;
  /** It has answered before: what is refused now may be a restart. */
  readonly answered?: boolean;
}

/** Its texts are in the language of whoever reads them. */
export interface NetworkFailure {
  /** Trying again is pointless before somebody has changed something. */
  readonly permanent: boolean;
  /** The end of a sentence, with the host where it is not the destination, and the code or status. */
  readonly reason: string;
  /** What helps, in sentences. */
  readonly hint: string;
}

interface Kind {
  readonly codes: RegExp;
  /** `at first`: until the destination has answered once. */
  readonly permanent: 'always' | 'at first' | 'never';
  readonly reason: (to: Destination) => string;
  readonly hint: (to: Destination) => string;
}

/** The first that fits an error's code counts. Node's own codes of certificates are OpenSSL's. */
const KINDS: readonly Kind[] = [
  {
    codes: /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    permanent: 'always',
    reason: () => t('its certificate is not valid at the time of this machine'),
    hint: ({ host }) =>
      t("Check this machine's clock. If it is right, the operator of {host} must renew the certificate.", { host }),
  },
  {
    codes: /^(ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)$/,
    permanent: 'always',
    reason: () => t('its certificate is for other names'),
    hint: ({ host }) =>
      t(
        'Something else answers in the place of {host}: check the address and the DNS, and look in a browser whether this network wants you to sign in.',
        { host },
      ),
  },
  {
    codes: /^(SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_UNTRUSTED|INVALID_CA)/,
    permanent: 'always',
    reason: () => t('its certificate is not trusted here'),
    hint: () =>
      t(
        'If a firewall or proxy reads the traffic, or the server has its own authority, start wuerst with {setting} in its environment (in .env it comes too late).',
        { setting: 'NODE_EXTRA_CA_CERTS=/path/to/authority.pem' },
      ),
  },
  {
    codes: /^(CERT_|UNABLE_TO_|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|CRL_|ERR_TLS_CERT|UND_ERR_PRX_TLS)/,
    permanent: 'always',
    reason: () => t('its certificate is broken or withdrawn'),
    hint: ({ host, proxy }) => t('The operator of {host} must replace the certificate.', { host: proxy?.host ?? host }),
  },
  {
    codes: /^(ERR_SSL_|ERR_TLS_|EPROTO$|HPE_)/,
    permanent: 'at first',
    reason: () => t('it does not speak the expected protocol'),
    hint: (to) =>
      `${t('Check whether the address should begin with http:// or https://, and its port.')} ${firewall(to)}`,
  },
  {
    codes: /^ENOTFOUND$/,
    permanent: 'at first',
    reason: ({ proxy }) =>
      proxy ? t('the DNS does not know the proxy {host}', { host: proxy.host }) : t('the DNS does not know this name'),
    hint: wayThere,
  },
  {
    codes: /^ECONNREFUSED$/,
    permanent: 'at first',
    reason: ({ host, proxy }) =>
      proxy ? t('the proxy {host} does not answer', { host: proxy.host }) : t('nothing listens at {host}', { host }),
    hint: wayThere,
  },
  {
    codes: /^(EAI_|ETIMEDOUT|ECONN|EPIPE|EHOST|ENET|UND_ERR_(SOCKET|\w*TIMEOUT|CLOSED|DESTROYED|ABORTED|RES_))/,
    permanent: 'never',
    reason: () => t('the connection failed'),
    hint: wayThere,
  },
];

/** Answers that may be different in a moment. */
export function isPassing(status: number): boolean {
  return [408, 425, 429].includes(status) || (status >= 500 && ![501, 505, 511].includes(status));
}

/**
 * What a failed connection means: the one place that decides what is permanent, for everything that the program connects
 * to. Understands errors of fetch, undici, ws, Node and the clients of the platforms, however deep they are wrapped.
 *
 * @returns `undefined` for errors of another kind
 */
export function networkFailure(error: unknown, to: Destination): NetworkFailure | undefined {
  const chain = causesOf(error);
  for (const { message } of chain) {
    const status = refusedTunnel(message);
    if (status !== undefined) return proxyRefusal(status, to);
    const answered = /^Unexpected server response: (\d{3})$/.exec(message)?.[1];
    if (answered !== undefined) return strangeAnswer(Number(answered), to);
  }
  // The innermost code is the most exact one.
  const innermostFirst = [...chain].reverse();
  for (const { code = '' } of innermostFirst) {
    const kind = KINDS.find(({ codes }) => codes.test(code));
    if (!kind) continue;
    return failure(
      kind.permanent === 'always' || (kind.permanent === 'at first' && to.answered !== true),
      () => `${kind.reason(to)}, ${code}`,
      () => kind.hint(to),
    );
  }
  const timedOut = chain.find(({ name }) => name === 'TimeoutError' || name === 'AbortError');
  if (timedOut) {
    return failure(
      false,
      () => t('it did not answer in time'),
      () => wayThere(to),
    );
  }
  // What fetch refuses by itself has no code, e.g. "bad port".
  const [inner, fetched] = innermostFirst;
  if (fetched?.message !== 'fetch failed' || inner === undefined) return undefined;
  // It keeps an answer with 407 back, and gives no reason.
  if (inner.message === '') return strangeAnswer(407, to);
  return failure(
    true,
    () => foreignWords(inner.message),
    () => t('Check the address of {host}.', { host: to.host }),
  );
}

function failure(permanent: boolean, reason: () => string, hint: () => string): NetworkFailure {
  return {
    permanent,
    get reason() {
      return reason();
    },
    get hint() {
      return hint();
    },
  };
}

/** Whether a firewall, a proxy or a network that wants a sign-in answered in the place of a service that speaks JSON. */
export function isStrange({ status, headers }: Pick<Response, 'status'> & { readonly headers: Headers }): boolean {
  if (status === 407 || status === 511) return true;
  return [401, 403, 451].includes(status) && /html/i.test(headers.get('content-type') ?? '');
}

/** What takes the place of a strange answer; ws words it like this. */
export function unexpectedAnswer(status: number): Error {
  return new Error(`Unexpected server response: ${status}`);
}

/** What an answer that does not come from the service itself means. */
export function strangeAnswer(status: number, to: Destination): NetworkFailure {
  if (status === 407 && !to.direct) return proxyRefusal(status, to);
  if (status === 511) {
    return failure(
      true,
      () => t('this network wants you to sign in first, status 511'),
      () => t('Open any page in a browser on this machine and sign in to the network.'),
    );
  }
  return failure(
    !isPassing(status),
    () => t('a firewall or proxy seems to have answered in its place, status {status}', { status }),
    () => firewall(to),
  );
}

function proxyRefusal(status: number, to: Destination): NetworkFailure {
  const { host, proxy } = to;
  const reason = () =>
    proxy
      ? t('the proxy {proxy} refuses to connect to {host}, status {status}', { proxy: proxy.host, host, status })
      : t('a proxy on the way refuses to connect to {host}, status {status}', { host, status });
  if (status === 407) {
    const variable = proxy?.variable ?? 'HTTPS_PROXY';
    const setting = `${variable}=http://user:password@${proxy?.host ?? 'proxy.example:3128'}`;
    return failure(true, reason, () =>
      t('The proxy wants a name and a password that it knows: {setting} (special characters percent-encoded).', {
        setting,
      }),
    );
  }
  const passing = isPassing(status) && (status === 408 || status === 429 || status > 502 || to.answered === true);
  return failure(!passing, reason, () =>
    t('Have the proxy allow {host}, or put {name} into NO_PROXY if it can be reached without one.', {
      ...{ host, name: hostname(host) },
    }),
  );
}

/** The status with which a proxy refused to open a tunnel, in the words of undici and of global-agent. */
function refusedTunnel(message: string): number | undefined {
  const found =
    /^Proxy response \((\d{3})\) !== 200/.exec(message) ??
    /^Proxy server refused connecting to .*\(HTTP\/\d\.\d (\d{3})/.exec(message);
  return found ? Number(found[1]) : undefined;
}

function wayThere(to: Destination): string {
  const { host, proxy } = to;
  if (proxy) {
    return t('Check {variable}; {setting} goes around the proxy.', {
      ...{ variable: proxy.variable, setting: `NO_PROXY=${hostname(host)}` },
    });
  }
  if (to.direct) return `${t('Check the network.')} ${firewall(to)}`;
  return t(
    'Check the network and the address. Where only a proxy leads out, set {setting} (for http:// addresses HTTP_PROXY).',
    { setting: 'HTTPS_PROXY=http://proxy.example:3128' },
  );
}

function firewall({ host, direct }: Destination): string {
  return direct
    ? t('Have the firewall of your network let wuerst reach {host}: it connects directly, not through HTTPS_PROXY.', {
        host,
      })
    : t('Have the firewall of your network let wuerst reach {host}.', { host });
}

function hostname(host: string): string {
  return host.replace(/:\d+$/, '');
}

interface Cause {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
}

/** An error and what it was caused by, from the outside in. */
function causesOf(error: unknown): Cause[] {
  const causes: Cause[] = [];
  for (
    let at = error;
    at instanceof Error && causes.length < 10;
    at = at.cause ?? ('original' in at ? at.original : undefined)
  ) {
    causes.push({
      name: at.name,
      message: at.message,
      code: 'code' in at && typeof at.code === 'string' ? at.code : undefined,
    });
  }
  return causes;
}
