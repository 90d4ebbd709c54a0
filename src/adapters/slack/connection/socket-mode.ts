import type { SocketModeReceiver } from '@slack/bolt';
import type { Clock } from '../../../system/clock.ts';
import { OperatorError } from '../../../system/errors.ts';
import type { Logger } from '../../../system/logging.ts';
import { errorText } from '../web-api/errors.ts';

type Client = SocketModeReceiver['client'];

/** Pause after the first failed try to connect; it doubles up to the longest. In ms. */
const RETRY_FIRST = 500;
const RETRY_LONGEST = 30_000;
/** A connection that does not say hello within this time is given up, in ms. */
const HELLO_WITHIN = 20_000;
/** How long a goodbye may take, in ms. */
const CLOSE_WITHIN = 1000;

interface ConnectionOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Connection {
  /** Resolves with the first hello. */
  open(): Promise<void>;
  /** Takes nothing more in; what was taken in can still be acknowledged. */
  deafen(): void;
  /** Resolves once disconnected, at the latest after a second. */
  close(): Promise<void>;
}

/**
 * Keeps one of the Socket Mode clients connected, for as long as it takes. A client alone gives up after some kinds of
 * error, and where Slack sends it away it takes five seconds and more to see that it is gone: another one takes its turn.
 */
export function keepConnected(
  clients: readonly [Client, ...Client[]],
  { clock, logger }: ConnectionOptions,
): Connection {
  let [client] = clients;
  let closed = false;
  let connecting = false;
  let failures = 0;
  let cancel: (() => void) | null = null;
  let greeted: () => void = () => undefined;
  const hello = new Promise<void>((resolve) => {
    greeted = resolve;
  });

  async function connect(): Promise<void> {
    cancel = null;
    if (closed || connecting) return;
    connecting = true;
    const current = client;
    const callOff = clock.after(HELLO_WITHIN, () => void current.disconnect());
    try {
      await current.start();
      failures = 0;
      greeted();
    } catch (error) {
      failures++;
      logger.warn({ attempt: failures, problem: errorText(error) }, 'slack: a connection could not be made');
    } finally {
      callOff();
      connecting = false;
    }
    if (closed) void current.disconnect();
    else if (failures > 0) retry();
  }

  function retry(): void {
    cancel?.();
    const wait = Math.min(RETRY_LONGEST, RETRY_FIRST * 2 ** Math.min(failures - 1, 10));
    cancel = clock.after(wait, () => void connect());
  }

  function takeTurns(gone: Client): void {
    if (closed || connecting || gone !== client) return;
    logger.debug({}, 'slack: reconnecting');
    client = clients[(clients.indexOf(gone) + 1) % clients.length] ?? gone;
    void connect();
  }

  for (const each of clients) {
    each.on('ws_message', (data: unknown) => {
      if (isGoodbye(data)) takeTurns(each);
    });
    each.on('disconnected', () => takeTurns(each));
  }

  return {
    async open() {
      void connect();
      await hello;
    },
    deafen() {
      for (const each of clients) each.removeAllListeners('slack_event');
    },
    async close() {
      closed = true;
      cancel?.();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_WITHIN);
      });
      await Promise.race([Promise.all(clients.map((each) => each.disconnect())), late]);
      clearTimeout(timer);
    },
  };
}

/** Slack's message that a connection ends, at once or soon. */
function isGoodbye(data: unknown): boolean {
  return typeof data === 'string' && /^\s*\{[^{}]*"type"\s*:\s*"disconnect"/.test(data);
}

/** Resolves once each connection has said hello. Rejects with an OperatorError after `ms` of real time. */
export async function openAll(connections: readonly Connection[], ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(
        new OperatorError('slack_socket_timeout', `Slack's Socket Mode did not become ready within ${ms / 1000} s.`, {
          hint: 'Check that Socket Mode is on under "Socket Mode" of your app, and that outgoing websocket connections are allowed.',
        }),
      );
    }, ms);
  });
  try {
    await Promise.race([Promise.all(connections.map((connection) => connection.open())), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
