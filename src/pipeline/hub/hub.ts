import { listFiles, modelInfo } from '@huggingface/hub';
import pRetry from 'p-retry';
import { EnvHttpProxyAgent, Response, fetch as undiciFetch } from 'undici';
import { pause, systemClock } from '../../system/clock.ts';
import { OperatorError, type OperatorText } from '../../system/errors.ts';
import { foreignWords } from '../../system/foreign-words.ts';
import { type Destination, isPassing, networkFailure } from '../../system/network-failure.ts';
import { checkProxies, type Proxies, proxyFor } from '../../system/proxies.ts';
import { retryAfter } from '../../system/retry-after.ts';
import { t } from '../../texts/translate.ts';
import { checkEndpoint, checkToken, type HubOptions } from './hub-options.ts';
import { refusal } from './refusal.ts';

export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** The hub knows the sha256 of large files; small ones lie in git itself and have a blob id. */
  readonly sha256?: string;
  readonly gitOid?: string;
}

interface Init {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A longer wait is an error instead, so that the person at the terminal can decide. */
const LONGEST_WAIT_MS = 10 * 60_000;

const mirror = () => t('For a mirror, set HF_ENDPOINT.');

/** The hub sends from host to host at most this often. */
const MOST_REDIRECTS = 5;

/** A connection that broke or a server that is busy: worth another attempt. */
class Transient extends Error {
  readonly text: OperatorText;
  readonly hint: OperatorText;
  readonly waitMs: number;

  constructor(text: OperatorText, hint: OperatorText, waitMs = 0, cause?: unknown) {
    super(text(), { cause });
    this.text = text;
    this.hint = hint;
    this.waitMs = waitMs;
  }
}

/**
 * Reads repositories of the Hugging Face hub, or of a mirror with the same API.
 *
 * Revisions and listings go through @huggingface/hub. File bodies do not: its lazy blob would
 * take the whole file that a server without `Range` sends for the missing rest, and it hides `Retry-After` and broken
 * connections.
 */
export class Hub {
  readonly endpoint: string;
  readonly retries: number;
  readonly minRetryMs: number;
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly onRetry: (reason: string) => void;
  readonly #origin: string;
  readonly #token: string | undefined;
  readonly #agent: EnvHttpProxyAgent;
  readonly #proxies: Proxies;
  /** Hosts that have answered. */
  readonly #answered = new Set<string>();

  /** @throws OperatorError for an endpoint, token or proxy that cannot be right. */
  constructor(options: HubOptions = {}) {
    const endpoint = checkEndpoint(options.endpoint ?? 'https://huggingface.co');
    this.endpoint = endpoint.href.replace(/\/+$/, '');
    this.#origin = endpoint.origin;
    this.#token = checkToken(options.token);
    this.retries = options.retries ?? 5;
    this.minRetryMs = options.minRetryMs ?? 1000;
    this.sleep = options.sleep ?? ((ms, signal) => pause(systemClock, ms, signal));
    this.onRetry = options.onRetry ?? (() => {});
    const timeout = options.timeoutMs ?? 60_000;
    this.#proxies = options;
    checkProxies(options);
    // Empty strings, not undefined: undici would read the environment by itself.
    this.#agent = new EnvHttpProxyAgent({
      httpProxy: options.httpProxy ?? '',
      httpsProxy: options.httpsProxy ?? '',
      noProxy: options.noProxy ?? '',
      headersTimeout: timeout,
      bodyTimeout: timeout,
      connect: { timeout },
    });
  }

  /** @returns the commit that a branch, tag or commit stands for now. */
  async resolveRevision(repo: string, revision: string, signal?: AbortSignal): Promise<string> {
    return sensible(repo, signal, async () => {
      const { sha } = await modelInfo({
        name: repo,
        revision,
        hubUrl: this.endpoint,
        additionalFields: ['sha'],
        fetch: this.#fetchFor(repo, signal),
      });
      if (typeof sha === 'string' && /^[0-9a-f]{40,64}$/.test(sha)) return sha;
      throw wrongAnswer(repo, () =>
        t('it names no commit for {revision}, but {found}', { revision, found: JSON.stringify(sha) }),
      );
    });
  }

  async listFiles(repo: string, commit: string, signal?: AbortSignal): Promise<Map<string, HubFile>> {
    return sensible(repo, signal, async () => {
      const files = new Map<string, HubFile>();
      const listing = listFiles({
        repo,
        revision: commit,
        recursive: true,
        hubUrl: this.endpoint,
        fetch: this.#fetchFor(repo, signal),
      });
      for await (const { type, path, size, oid, lfs } of listing) {
        if (type !== 'file') continue;
        const sha256 = lfs?.oid.replace(/^sha256:/, '');
        const known = sha256 === undefined ? /^[0-9a-f]{40}$/.test(oid ?? '') : /^[0-9a-f]{64}$/.test(sha256);
        if (!known || !Number.isSafeInteger(size) || size < 0) {
          throw wrongAnswer(repo, () => t('it lists {path} without a hash or a size', { path }));
        }
        files.set(path, { path, size, ...(sha256 === undefined ? { gitOid: oid ?? '' } : { sha256 }) });
      }
      return files;
    });
  }

  /** Opens a file of a commit at a byte. The answer may start at byte 0 nevertheless: check its status. */
  async open(repo: string, commit: string, path: string, from: number, signal?: AbortSignal): Promise<Response> {
    const url = this.urlOf(repo, commit, path);
    // Byte ranges and sizes only make sense without compression.
    const headers = { 'accept-encoding': 'identity', ...(from > 0 && { range: `bytes=${from}-` }) };
    return this.#request(url, headers, `${repo}/${path}`, signal);
  }

  /** Where a file of a commit is. */
  protected urlOf(repo: string, commit: string, path: string): string {
    return `${this.endpoint}/${repo}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #fetchFor(repo: string, signal: AbortSignal | undefined): typeof fetch {
    const request = async (url: string | URL, init?: { headers?: Record<string, string> }) =>
      this.#request(String(url), init?.headers ?? {}, repo, signal, readWhole);
    // undici's own types and those that Node ships describe the same objects.
    return request as unknown as typeof fetch;
  }

  /** @param read what to do with an answer as part of the attempt: if it fails, there is another attempt */
  async #request(
    url: string,
    headers: Record<string, string>,
    what: string,
    signal?: AbortSignal,
    read: (response: Response) => Promise<Response> = async (response) => response,
  ): Promise<Response> {
    const init = { headers: { 'user-agent': 'wuerst', ...headers }, ...(signal && { signal }) };
    try {
      return await pRetry(() => this.#attempt(url, init, what, read), {
        retries: this.retries,
        minTimeout: this.minRetryMs,
        maxTimeout: 30_000,
        ...(signal && { signal }),
        shouldRetry: ({ error }) => error instanceof Transient,
        onFailedAttempt: async ({ error, retriesLeft }) => {
          if (!(error instanceof Transient) || retriesLeft === 0) return;
          this.onRetry(error.message);
          if (error.waitMs > 0) await this.sleep(error.waitMs, signal);
        },
      });
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      const { cause, text, hint } = error;
      throw new OperatorError('hub_unreachable', text, {
        hint: () => `${t('Run the command again later: what is already here is kept.')} ${hint()}`,
        cause,
      });
    }
  }

  async #attempt(
    url: string,
    init: Init,
    what: string,
    read: (response: Response) => Promise<Response>,
  ): Promise<Response> {
    let at = new URL(url);
    let response: Response;
    try {
      for (let redirects = 0; ; redirects++) {
        response = await this.#fetch(at, init);
        const location = response.headers.get('location');
        if (response.status < 300 || response.status > 399 || location === null || redirects === MOST_REDIRECTS) break;
        await response.body?.cancel();
        at = new URL(location, at);
      }
      if (response.ok) return await read(response);
    } catch (error) {
      if (init.signal?.aborted) throw init.signal.reason;
      throw this.#unreachable(at, what, error);
    }
    await response.body?.cancel();
    const { range, ...others } = init.headers;
    // The range lies outside of what the server has: everything is asked for instead.
    if (response.status === 416 && range !== undefined) {
      return this.#attempt(url, { ...init, headers: others }, what, read);
    }
    throw this.#refused(response, at, what);
  }

  /** The token goes to the hub itself only, wherever it redirects to. */
  async #fetch(url: URL, { headers, signal }: Init): Promise<Response> {
    const authorization = this.#token !== undefined && url.origin === this.#origin && `Bearer ${this.#token}`;
    const response = await undiciFetch(url, {
      headers: { ...headers, ...(authorization && { authorization }) },
      redirect: 'manual',
      dispatcher: this.#agent,
      ...(signal && { signal }),
    });
    this.#answered.add(url.host);
    return response;
  }

  #destination(url: URL): Destination {
    return { host: url.host, proxy: proxyFor(url, this.#proxies), answered: this.#answered.has(url.host) };
  }

  #unreachable(url: URL, what: string, cause: unknown): Error {
    const failure = networkFailure(cause, this.#destination(url));
    const message = () =>
      t('{who} cannot be reached for {what}: {reason}.', {
        ...{ who: this.#nameOf(url), what },
        reason: failure?.reason ?? codeOf(cause),
      });
    const hint = () => `${failure?.hint ?? t('Check the network.')} ${mirror()}`;
    return failure?.permanent
      ? new OperatorError('hub_unreachable', message, { hint, cause })
      : new Transient(message, hint, 0, cause);
  }

  #refused(response: Response, url: URL, what: string): Error {
    const { status, headers } = response;
    const to = this.#destination(url);
    if (!isPassing(status)) {
      const { endpoint } = this;
      return refusal({ response, who: this.#nameOf(url), to, what, endpoint, hasToken: this.#token !== undefined });
    }
    const values = { who: this.#nameOf(url), status, what };
    const waitMs = retryAfter(headers, 0);
    if (waitMs <= LONGEST_WAIT_MS)
      return new Transient(() => t('{who} answered {status} for {what}.', values), mirror, waitMs);
    return new OperatorError(
      'hub_busy',
      () =>
        t(
          '{who} answered {status} for {what} and asks to wait {count} minute. | {who} answered {status} for {what} and asks to wait {count} minutes.',
          { ...values, count: Math.ceil(waitMs / 60_000) },
        ),
      {
        hint: () =>
          t('Run the command again then: what is already here is kept. A token in HF_TOKEN raises the limit.'),
      },
    );
  }

  #nameOf({ origin, host }: URL): string {
    return origin === this.#origin ? origin : t('{host} (where {origin} sends)', { host, origin: this.#origin });
  }
}

async function readWhole(response: Response): Promise<Response> {
  const { status, headers } = response;
  return new Response(await response.arrayBuffer(), { status, headers });
}

/** Whatever breaks on an answer that is not the expected JSON is reported as the endpoint's fault. */
async function sensible<T>(repo: string, signal: AbortSignal | undefined, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof OperatorError) throw error;
    throw wrongAnswer(repo, () => t("it does not match the hub's API"), error);
  }
}

/** The code of a network error, since its message may contain the address of a proxy. */
export function codeOf(error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  const code = cause?.code ?? (error as { code?: string }).code;
  return code ?? (cause?.message === undefined ? (error as Error).name : foreignWords(cause.message));
}

function wrongAnswer(what: string, finding: () => string, cause?: unknown): OperatorError {
  return new OperatorError(
    'hub_wrong_answer',
    () => t("The hub's answer for {what} makes no sense: {finding}.", { what, finding: finding() }),
    {
      hint: () =>
        t(
          'Check HF_ENDPOINT: it must offer the same API as https://huggingface.co. If it does, open it in a browser: the network may want a sign-in.',
        ),
      cause,
    },
  );
}
