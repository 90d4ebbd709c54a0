import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectEncrypted } from 'node:tls';
import { AbstractConnector, type Redis, type RedisOptions } from 'ioredis';

/** How far a connection has come. */
interface Way {
  readonly stream: Socket;
  /** The server has taken it. */
  isReached: boolean;
  /** The server has answered the TLS handshake. */
  isSecure: boolean;
}

/** By the options of a connection, which each has for itself. */
const ways = new WeakMap<object, Way>();

/** Connects as ioredis does by itself, and keeps how far it came. */
export class Connector extends AbstractConnector {
  readonly #options: RedisOptions;

  constructor(given: unknown) {
    const options = given as RedisOptions & { readonly disconnectTimeout: number };
    super(options.disconnectTimeout);
    this.#options = options;
  }

  override async connect(): Promise<Socket> {
    const { host = 'localhost', port = 6379, tls } = this.#options;
    this.connecting = true;
    const stream = tls === undefined ? connectPlain({ host, port }) : connectEncrypted({ host, port, ...tls });
    const way: Way = { stream, isReached: false, isSecure: false };
    stream.once('connect', () => {
      way.isReached = true;
    });
    stream.once('secureConnect', () => {
      way.isSecure = true;
    });
    stream.once('error', (error) => {
      this.firstError = error;
    });
    ways.set(this.#options, way);
    this.stream = stream;
    return stream;
  }
}

/** The server has taken a connection, and nothing that a Redis would answer has come back over it. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  /** `handshake`: it does not answer as one that speaks TLS. The others have been closed, with TLS or without. */
  readonly to: 'handshake' | 'encrypted' | 'plain';

  constructor(to: NoAnswer['to'], cause: unknown) {
    super('The server does not answer.', { cause });
    this.to = to;
  }
}

/** What OpenSSL says of bytes that are none of TLS, and what is left of a handshake that nobody answers. */
const OF_NO_TLS = /^(?:ETIMEDOUT|ECONNRESET|EPIPE|ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG))$/;
/** As ioredis words it that the first byte is that of an alert of TLS. */
const TLS_ALERT = /^Protocol error, got "\\u0015"/;

/** `undefined` where a failure has another reason than that the server does not answer. */
export function noAnswer({ options }: Redis, failure: unknown): NoAnswer | undefined {
  const way = ways.get(options);
  if (way?.isReached !== true || !(failure instanceof Error)) return undefined;
  const { stream, isSecure } = way;
  const code = 'code' in failure ? String(failure.code) : '';
  if (options.tls !== undefined && !isSecure) {
    return OF_NO_TLS.test(code) ? new NoAnswer('handshake', failure) : undefined;
  }
  const isClosed = stream.destroyed && stream.bytesRead === 0 && !/timeout/i.test(failure.message);
  if (!isClosed && !TLS_ALERT.test(failure.message)) return undefined;
  return new NoAnswer(options.tls === undefined ? 'plain' : 'encrypted', failure);
}
