import type { SocketModeReceiver } from '@slack/bolt';
import { type Clock, doneWithin } from '../../../system/clock.ts';
import { OperatorError } from '../../../system/errors.ts';
import { foreignWords } from '../../../system/foreign-words.ts';
import type { Logger } from '../../../system/logging.ts';
import { t } from '../../../texts/translate.ts';
import { BackOff } from '../../delivery/back-off.ts';
import type { Health } from '../../delivery/health.ts';
import { errorText, problemOf, Refused } from '../web-api/errors.ts';
import { withoutSecrets } from '../web-api/logger.ts';
import { tokenError } from '../web-api/startup.ts';
import { startExplained } from './socket-failure.ts';

export interface ConnectionOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when `problem` has changed. */
  readonly changed: () => void;
}

type Client = SocketModeReceiver['client'];

/** Pauses between tries to connect, in ms. */
const RETRIES = { first: 500, longest: 60_000 };
/** Reasons that Slack gives every few hours to every connection. */
const ORDINARY = new Set(['warning', 'refresh_requested']);
/** A connection that does not say hello within this time is given up, in ms. */
const HELLO_WITHIN = 20_000;
/** How long disconnecting may take, in ms. */
const CLOSE_WITHIN = 1000;

/**
 * Keeps one of the Socket Mode clients connected, however long that takes. A single client gives up after some kinds of
 * error, and takes five seconds or more to notice that Slack has closed its connection: then another client takes over.
 */
export class Connection {
  /** Why there is none; `null` while there is one. */
  problem: OperatorError | null = null;
  /** Failures since a connection held last. */
  get failures(): number {
    return this.#backOff.failures;
  }
  readonly #options: ConnectionOptions;
  readonly #backOff: BackOff;
  readonly #clients: readonly Client[];
  #greeted: () => void = () => undefined;
  #unreachable: (error: OperatorError) => void = () => undefined;
  readonly #hello = new Promise<void>((resolve, reject) => {
    this.#greeted = resolve;
    this.#unreachable = reject;
  });
  #client: Client;
  #closed = false;
  #connecting = false;
  /** Why Slack ended the connection that is being made. */
  #refusal: string | null = null;
  #cancelRetry: () => void = () => undefined;

  constructor(clients: readonly [Client, ...Client[]], options: ConnectionOptions) {
    this.#clients = clients;
    [this.#client] = clients;
    this.#options = options;
    this.#backOff = new BackOff({ clock: options.clock, ...RETRIES });
    for (const client of clients) {
      client.on('ws_message', (data: unknown) => {
        const reason = disconnectReason(data);
        if (reason !== null) this.#ended(client, reason);
      });
      client.on('disconnected', () => this.#ended(client, null));
    }
  }

  /** Resolves with the first hello. Rejects where the network keeps Slack away for good. */
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
    const callOff = this.#options.clock.after(HELLO_WITHIN, () => void client.disconnect());
    this.#refusal = null;
    let isEnded = false;
    try {
      await startExplained(client);
      // Slack may say goodbye in the same breath.
      isEnded = this.#refusal !== null;
      this.#backOff.connected();
      this.#report(null);
      this.#greeted();
    } catch (error) {
      if (error instanceof OperatorError) this.#unreachable(error);
      const refusal = this.#refusal === null ? null : `Slack said "${this.#refusal}".`;
      this.#retry(this.#backOff.failed(), connectionError(error, this.#refusal), refusal ?? errorText(error));
    } finally {
      callOff();
      this.#connecting = false;
    }
    if (this.#closed) void client.disconnect();
    else if (isEnded) this.#ended(client, this.#refusal);
  }

  #retry(wait: number, error: OperatorError, problem: string): void {
    const log = { attempt: this.#backOff.failures, problem, wait };
    this.#options.logger.warn(log, 'slack: a connection could not be made');
    if (!this.#closed) this.#report(error);
    this.#connectIn(wait);
  }

  #connectIn(wait: number): void {
    this.#cancelRetry();
    if (this.#closed) return;
    if (wait === 0) void this.#connect();
    else this.#cancelRetry = this.#options.clock.after(wait, () => void this.#connect());
  }

  #report(problem: OperatorError | null): void {
    this.problem = problem;
    this.#options.changed();
  }

  /** @param reason what Slack said; `null` where the connection just broke */
  #ended(gone: Client, reason: string | null): void {
    if (this.#closed || gone !== this.#client) return;
    if (this.#connecting) {
      this.#refusal ??= reason;
      return;
    }
    this.#client = this.#clients[(this.#clients.indexOf(gone) + 1) % this.#clients.length] ?? gone;
    const isOrdinary = reason === null || ORDINARY.has(reason);
    const wait = isOrdinary ? this.#backOff.broken() : this.#backOff.failed();
    const log = { reason: reason ?? 'the connection broke', attempt: this.#backOff.failures, wait };
    if (isOrdinary && wait === 0) this.#options.logger.info(log, 'slack: a connection has ended; another one is made');
    else this.#options.logger.warn(log, 'slack: a connection was ended before it had held; another one is made');
    this.#report(connectionError(null, reason));
    this.#connectIn(wait);
  }
}

const LOST = 'slack_socket_lost';

/** Why Slack ends a connection, at once or soon; `null` for any other message. */
function disconnectReason(data: unknown): string | null {
  if (typeof data !== 'string' || !/^\s*\{[^{}]*"type"\s*:\s*"disconnect"/.test(data)) return null;
  return /"reason"\s*:\s*"(\w{1,60})"/.exec(data)?.[1] ?? 'unknown';
}

/** @param reason what Slack said when it ended the connection */
function connectionError(error: unknown, reason: string | null): OperatorError {
  if (error instanceof OperatorError) return error;
  const problem = error === null || error === undefined ? null : problemOf(error);
  if (problem instanceof Refused) return tokenError(problem, 'SLACK_APP_TOKEN', "Slack's Web API");
  if (reason === 'link_disabled') {
    return new OperatorError('slack_socket_off', () => t('Socket Mode is off for this app of Slack.'), {
      hint: () => t('Switch it on under "Socket Mode" of your app.'),
    });
  }
  if (reason === 'too_many_websockets') {
    return new OperatorError(
      'slack_too_many_sockets',
      () => t('Slack allows this app no further Socket Mode connections.'),
      { hint: () => t('An app has ten: stop other copies of the bot that use the same SLACK_APP_TOKEN.') },
    );
  }
  const why = reason ?? problem?.message;
  return new OperatorError(
    LOST,
    () =>
      why === undefined
        ? t('The Socket Mode connection to Slack broke.')
        : t('There is no Socket Mode connection to Slack: {reason}.', { reason: foreignWords(withoutSecrets(why)) }),
    { hint: () => t('The bot connects again by itself.') },
  );
}

/** Codes of troubles that only the operator can end. */
const LASTING = new Set(['slack_app_token', 'slack_refused', 'slack_socket_off']);
/** The part of Slack's health that the connections are. */
const PART = 'Socket Mode';

/** Slack can be heard as long as one connection stands. */
export function reportConnections(connections: readonly Connection[], health: Health): void {
  const problems = connections.flatMap(({ problem, failures }) => (problem === null ? [] : [{ problem, failures }]));
  const [first] = problems;
  if (first === undefined || problems.length < connections.length) {
    health.works(PART);
    return;
  }
  const isLasting = problems.every(({ problem, failures }) => failures > 1 && LASTING.has(problem.code));
  health.failed(PART, first.problem, { isLasting });
}

/** Resolves once each connection has said hello. Rejects with an OperatorError after `ms` of real time. */
export async function openAll(connections: readonly Connection[], ms: number): Promise<void> {
  if (await doneWithin(Promise.all(connections.map((connection) => connection.open())), ms)) return;
  for (const { problem } of connections) if (problem !== null && problem.code !== LOST) throw problem;
  throw new OperatorError(
    'slack_socket_timeout',
    () => t("Slack's Socket Mode did not become ready within {seconds} s.", { seconds: ms / 1000 }),
    {
      hint: () =>
        t(
          'Check that Socket Mode is on under "Socket Mode" of your app, and have the firewall of your network let wuerst reach {host} and {other} directly, with WebSockets.',
          { host: 'wss-primary.slack.com', other: 'wss-backup.slack.com' },
        ),
    },
  );
}
