import type { SocketModeReceiver } from '@slack/bolt';
import { type Clock, doneWithin } from '../../../system/clock.ts';
import { OperatorError } from '../../../system/errors.ts';
import type { Logger } from '../../../system/logging.ts';
import { errorText } from '../web-api/errors.ts';

type Client = SocketModeReceiver['client'];

/** Pause after the first failed try to connect; it doubles up to the longest. In ms. */
const RETRY_FIRST = 500;
const RETRY_LONGEST = 30_000;
/** A connection that does not say hello within this time is given up, in ms. */
const HELLO_WITHIN = 20_000;
/** How long disconnecting may take, in ms. */
const CLOSE_WITHIN = 1000;

/**
 * Keeps one of the Socket Mode clients connected, however long that takes. A single client gives up after some kinds of
 * error, and takes five seconds or more to notice that Slack has closed its connection: then another client takes over.
 */
export class Connection {
  readonly #clients: readonly Client[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  #greeted: () => void = () => undefined;
  readonly #hello = new Promise<void>((resolve) => {
    this.#greeted = resolve;
  });
  #client: Client;
  #closed = false;
  #connecting = false;
  #failures = 0;
  #cancelRetry: () => void = () => undefined;

  constructor(
    clients: readonly [Client, ...Client[]],
    { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.#clients = clients;
    [this.#client] = clients;
    this.#clock = clock;
    this.#logger = logger;
    for (const client of clients) {
      client.on('ws_message', (data: unknown) => {
        if (isDisconnect(data)) this.#switchClient(client);
      });
      client.on('disconnected', () => this.#switchClient(client));
    }
  }

  /** Resolves with the first hello. */
  async open(): Promise<void> {
    void this.#connect();
    await this.#hello;
  }

  /** Accepts nothing new; what was accepted can still be acknowledged. */
  stopListening(): void {
    for (const client of this.#clients) client.removeAllListeners('slack_event');
  }

  /** Resolves once disconnected, at the latest after a second. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry();
    await doneWithin(Promise.all(this.#clients.map((client) => client.disconnect())), CLOSE_WITHIN);
  }

  async #connect(): Promise<void> {
    if (this.#closed || this.#connecting) return;
    this.#connecting = true;
    const client = this.#client;
    const callOff = this.#clock.after(HELLO_WITHIN, () => void client.disconnect());
    try {
      await client.start();
      this.#failures = 0;
      this.#greeted();
    } catch (error) {
      this.#failures++;
      const log = { attempt: this.#failures, problem: errorText(error) };
      this.#logger.warn(log, 'slack: a connection could not be made');
    } finally {
      callOff();
      this.#connecting = false;
    }
    if (this.#closed) void client.disconnect();
    else if (this.#failures > 0) this.#retry();
  }

  #retry(): void {
    this.#cancelRetry();
    const wait = Math.min(RETRY_LONGEST, RETRY_FIRST * 2 ** (this.#failures - 1));
    this.#cancelRetry = this.#clock.after(wait, () => void this.#connect());
  }

  #switchClient(gone: Client): void {
    if (this.#closed || this.#connecting || gone !== this.#client) return;
    this.#logger.debug({}, 'slack: reconnecting');
    this.#client = this.#clients[(this.#clients.indexOf(gone) + 1) % this.#clients.length] ?? gone;
    void this.#connect();
  }
}

/** Slack's message that a connection ends, at once or soon. */
function isDisconnect(data: unknown): boolean {
  return typeof data === 'string' && /^\s*\{[^{}]*"type"\s*:\s*"disconnect"/.test(data);
}

/** Resolves once each connection has said hello. Rejects with an OperatorError after `ms` of real time. */
export async function openAll(connections: readonly Connection[], ms: number): Promise<void> {
  if (await doneWithin(Promise.all(connections.map((connection) => connection.open())), ms)) return;
  throw new OperatorError('slack_socket_timeout', `Slack's Socket Mode did not become ready within ${ms / 1000} s.`, {
    hint: 'Check that Socket Mode is on under "Socket Mode" of your app, and that outgoing websocket connections are allowed.',
  });
}
