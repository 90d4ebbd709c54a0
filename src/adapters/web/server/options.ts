import type { Logger } from 'pino';
import { OperatorError } from '../../../system/errors.ts';

export type WebLogger = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export interface WebOptions {
  /** Address to listen on. Anything but a loopback address needs a `token`. @default '127.0.0.1' */
  readonly host?: string;
  /** 0 to 65535; 0 takes any free port. */
  readonly port: number;
  /** What people must know to come in, at least 16 characters. When set, it is asked for on loopback too. */
  readonly token?: string;
  /** Like `token`, for admins: settings, and deleting and cancelling for others. */
  readonly adminToken?: string;
  /** Names under which the page may be opened, besides the loopback names and `host`: the name a proxy or the DNS gives it. */
  readonly hostnames?: readonly string[];
  /** Rooms that count as adults only. @default [] */
  readonly ageRestrictedRooms?: readonly string[];
  /** Renders the Prometheus registry as text; without it there is no `/metrics`. */
  readonly metrics?: () => Promise<string> | string;
  /** Whether jobs are being taken and made, for `/readyz`. @default always */
  readonly ready?: () => Promise<boolean> | boolean;
  readonly logger: WebLogger;
  /** Milliseconds between two live updates (steps, positions) on one connection. @default 120 */
  readonly liveIntervalMs?: number;
  /** Milliseconds between two heartbeats; a page that has read nothing from one to the next is dropped. @default 15000 */
  readonly heartbeatMs?: number;
  /** Open event streams at most. @default 512 */
  readonly maxStreams?: number;
}

export type WebSettings = Required<Omit<WebOptions, 'token' | 'adminToken' | 'metrics' | 'hostnames'>> & {
  readonly token: string | null;
  readonly adminToken: string | null;
  readonly metrics: (() => Promise<string> | string) | null;
  /** Lower case, without port; IPv6 without brackets. */
  readonly hostnames: ReadonlySet<string>;
};

const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '::1'];
const ANY_ADDRESS: readonly string[] = ['0.0.0.0', '::', ''];
const MIN_TOKEN_LENGTH = 16;

export function isLoopback(host: string): boolean {
  const name = bareHost(host);
  return LOOPBACK_NAMES.includes(name) || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** `[::1]:80` → `::1`, `Example.org:80` → `example.org`. */
export function bareHost(host: string): string {
  const lower = host.trim().toLowerCase();
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(lower);
  if (bracketed) return bracketed[1] ?? '';
  return lower.split(':').length === 2 ? lower.replace(/:\d*$/, '') : lower;
}

/** Fills in defaults. Throws `OperatorError` where the combination would be unsafe or cannot work. */
export function resolveOptions(options: WebOptions): WebSettings {
  const host = options.host ?? '127.0.0.1';
  const token = options.token || null;
  const adminToken = options.adminToken || null;
  if (!Number.isInteger(options.port) || options.port < 0 || options.port > 65_535) {
    throw new OperatorError('web_port_invalid', `Expected a web port from 0 to 65535, got ${options.port}`);
  }
  if (token === null && !isLoopback(host)) {
    throw new OperatorError('web_token_missing', `The web chat would listen on ${host} for everyone without a token`, {
      hint: 'Set a token of at least 16 characters, or listen on 127.0.0.1.',
    });
  }
  if (token === null && adminToken !== null) {
    throw new OperatorError('web_token_missing', 'An admin token was set for the web chat without an ordinary token', {
      hint: 'Without a token everyone on this machine is admin already: set both tokens or none.',
    });
  }
  for (const secret of [token, adminToken]) {
    if (secret !== null && secret.length < MIN_TOKEN_LENGTH) {
      throw new OperatorError(
        'web_token_short',
        `Expected web tokens of at least ${MIN_TOKEN_LENGTH} characters, got one of ${secret.length}`,
      );
    }
  }
  if (token !== null && token === adminToken) {
    throw new OperatorError('web_tokens_equal', 'The web token and the admin token are the same', {
      hint: 'Choose two different ones, or everyone is admin.',
    });
  }
  const own = ANY_ADDRESS.includes(bareHost(host)) ? [] : [host];
  return {
    host,
    port: options.port,
    token,
    adminToken,
    hostnames: new Set([...LOOPBACK_NAMES, ...own, ...(options.hostnames ?? [])].map(bareHost)),
    ageRestrictedRooms: options.ageRestrictedRooms ?? [],
    metrics: options.metrics ?? null,
    ready: options.ready ?? (() => true),
    logger: options.logger,
    liveIntervalMs: options.liveIntervalMs ?? 120,
    heartbeatMs: options.heartbeatMs ?? 15_000,
    maxStreams: options.maxStreams ?? 512,
  };
}
