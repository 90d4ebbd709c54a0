import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { SocketModeReceiver } from '@slack/bolt';
import { OperatorError } from '../../../system/errors.ts';
import { networkFailure, unexpectedAnswer } from '../../../system/network-failure.ts';
import { t } from '../../../texts/translate.ts';

type Client = SocketModeReceiver['client'];

/** The parts that are read of what undici reports. */
interface ConnectError {
  readonly connectParams: { readonly host: string };
  readonly error: unknown;
}
interface Answer {
  readonly request: { readonly origin: string | URL; readonly upgrade?: unknown };
  readonly response: { readonly statusCode: number };
}

/**
 * Starts a client. Where its WebSocket can't be made, undici's error says nothing of the reason; it is taken from undici's
 * diagnostics. Rejects with an OperatorError where the network keeps the two apart, else as the client does.
 */
export async function startExplained(client: Client): Promise<void> {
  let host = '';
  let reason: unknown;
  const authenticated = ({ url }: { readonly url?: string }) => {
    host = url === undefined ? '' : new URL(url).host;
  };
  const failed = (message: unknown) => {
    const { connectParams, error } = message as ConnectError;
    if (connectParams.host === host) reason = error;
  };
  const answered = (message: unknown) => {
    const { request, response } = message as Answer;
    const isSocket = request.upgrade === 'websocket' && new URL(request.origin).host === host;
    if (isSocket && response.statusCode !== 101) reason = unexpectedAnswer(response.statusCode);
  };
  client.on('authenticated', authenticated);
  subscribe('undici:client:connectError', failed);
  subscribe('undici:request:headers', answered);
  try {
    await client.start();
  } catch (error) {
    const failure = networkFailure(reason, { host, direct: true });
    if (!failure?.permanent) throw reason ?? error;
    throw new OperatorError(
      'slack_unreachable',
      () => t("Slack's Socket Mode at {host} can't be reached: {reason}.", { host, reason: failure.reason }),
      { hint: () => failure.hint, cause: reason },
    );
  } finally {
    client.off('authenticated', authenticated);
    unsubscribe('undici:client:connectError', failed);
    unsubscribe('undici:request:headers', answered);
  }
}
