import { listFiles, modelInfo } from '@huggingface/hub';
import pRetry from 'p-retry';
import { EnvHttpProxyAgent, Response, fetch as undiciFetch } from 'undici';
import { pause, systemClock } from '../../system/clock.ts';
import { OperatorError } from '../../system/errors.ts';
import { checkEndpoint, checkProxy, checkToken, type HubOptions } from './hub-options.ts';

export interface HubFile {
  readonly path: string;
  readonly size: number;
  /** The hub knows the sha256 of large files; small ones lie in git itself and have a blob id. */
  readonly sha256?: string;
  readonly gitOid?: string;
}

/** A longer wait is an error instead, so that the person at the terminal can decide. */
const LONGEST_WAIT_MS = 10 * 60_000;

/** A connection that broke or a server that is busy: worth another attempt. */
class Transient extends Error {
  readonly waitMs: number;

  constructor(message: string, waitMs = 0, cause?: unknown) {
    super(message, { cause });
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
    checkProxy('HTTP_PROXY', options.httpProxy);
    checkProxy('HTTPS_PROXY', options.httpsProxy);
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
      throw wrongAnswer(repo, `expected a commit for ${revision}, got ${JSON.stringify(sha)}`);
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
          throw wrongAnswer(repo, `${path} is listed without a hash or a size`);
        }
        files.set(path, { path, size, ...(sha256 === undefined ? { gitOid: oid ?? '' } : { sha256 }) });
      }
      return files;
    });
  }

  /** Opens a file of a commit at a byte. The answer may start at byte 0 nevertheless: check its status. */
  async open(repo: string, commit: string, path: string, from: number, signal?: AbortSignal): Promise<Response> {
    const url = `${this.endpoint}/${repo}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
    // Byte ranges and sizes only make sense without compression.
    const headers = { 'accept-encoding': 'identity', ...(from > 0 && { range: `bytes=${from}-` }) };
    return this.#request(url, headers, `${repo}/${path}`, signal);
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
    const token = this.#token !== undefined && new URL(url).origin === this.#origin ? this.#token : undefined;
    const init = {
      headers: { 'user-agent': 'wuerst', ...headers, ...(token && { authorization: `Bearer ${token}` }) },
      dispatcher: this.#agent,
      ...(signal && { signal }),
    };
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
      throw new OperatorError('hub_unreachable', error.message, {
        hint: 'Run the command again later: what is already here is kept. Behind a proxy, set HTTPS_PROXY; for a mirror, HF_ENDPOINT.',
        cause: error.cause,
      });
    }
  }

  async #attempt(
    url: string,
    init: Parameters<typeof undiciFetch>[1],
    what: string,
    read: (response: Response) => Promise<Response>,
  ): Promise<Response> {
    let response: Response;
    try {
      response = await undiciFetch(url, init);
      if (response.ok) return await read(response);
    } catch (error) {
      if (init?.signal?.aborted) throw init.signal.reason;
      throw new Transient(`The hub at ${this.#origin} cannot be reached for ${what}: ${reasonOf(error)}.`, 0, error);
    }
    await response.body?.cancel();
    const { status, headers } = response;
    if (status === 429 || status === 408 || status >= 500) {
      const waitMs = retryAfter(headers.get('retry-after'));
      const message = `The hub answered ${status} for ${what}`;
      if (waitMs <= LONGEST_WAIT_MS) throw new Transient(`${message}.`, waitMs);
      throw new OperatorError('hub_busy', `${message} and asks to wait ${Math.ceil(waitMs / 60_000)} minutes.`, {
        hint: 'Run the command again then: what is already here is kept. A token in HF_TOKEN raises the limit.',
      });
    }
    throw this.#refusal(status, what, headers.get('x-error-code'));
  }

  #refusal(status: number, what: string, code: string | null): OperatorError {
    const message = `The hub answered ${status} for ${what}${code && /^\w+$/.test(code) ? ` (${code})` : ''}.`;
    if (status === 401) {
      const hint = this.#token
        ? 'It refuses the token in HF_TOKEN: set one that is valid and may read this repository.'
        : 'Set HF_TOKEN to a token that may read this repository; the hub answers the same for names that do not exist.';
      return new OperatorError('hub_unauthorized', message, { hint });
    }
    if (status === 403) {
      const repo = what.split('/').slice(0, 2).join('/');
      const hint = `Accept the terms at ${this.endpoint}/${repo}, then set HF_TOKEN to a token of that account.`;
      return new OperatorError('hub_forbidden', message, { hint });
    }
    if (status === 404) {
      const hint = 'The repository, revision or file does not exist there: check the name, --revision and HF_ENDPOINT.';
      return new OperatorError('hub_not_found', message, { hint });
    }
    return new OperatorError('hub_refused', message, { hint: 'Check HF_ENDPOINT and the proxy settings.' });
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
    throw wrongAnswer(repo, "it does not match the hub's API", error);
  }
}

/** Seconds or a date, in milliseconds from now. */
function retryAfter(header: string | null): number {
  if (header === null) return 0;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

/** The code of a network error, since its message may contain the address of a proxy. */
export function reasonOf(error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  return cause?.code ?? (error as { code?: string }).code ?? cause?.message ?? (error as Error).name;
}

function wrongAnswer(what: string, message: string, cause?: unknown): OperatorError {
  return new OperatorError('hub_wrong_answer', `The hub's answer for ${what} makes no sense: ${message}.`, {
    hint: 'Check HF_ENDPOINT: it must offer the same API as https://huggingface.co.',
    cause,
  });
}
