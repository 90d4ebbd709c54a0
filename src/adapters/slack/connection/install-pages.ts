import { createServer, type Server } from 'node:http';
import type { SocketModeReceiver } from '@slack/bolt';
import { OperatorError } from '../../../system/errors.ts';
import { reasonOf } from '../../../system/foreign-words.ts';
import type { Logger } from '../../../system/logging.ts';
import { t } from '../../../texts/translate.ts';
import { errorText } from '../web-api/errors.ts';
import { BOT_SCOPES } from '../web-api/methods.ts';

export const INSTALL_PATH = '/slack/install';
export const REDIRECT_PATH = '/slack/oauth_redirect';

type Installer = NonNullable<SocketModeReceiver['installer']>;

interface PageOptions {
  readonly port: number;
  readonly redirectUri: string | undefined;
  readonly logger: Logger;
}

/** The two pages of an installation through the browser, next to Socket Mode. Rejects where the port is taken. */
export async function serveInstallPages(installer: Installer, options: PageOptions): Promise<Server> {
  const { port, redirectUri, logger } = options;
  const links = { scopes: [...BOT_SCOPES], ...(redirectUri === undefined ? {} : { redirectUri }) };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    try {
      if (request.method === 'GET' && pathname === INSTALL_PATH) {
        await installer.handleInstallPath(request, response, undefined, links);
      } else if (request.method === 'GET' && pathname === REDIRECT_PATH) {
        await installer.handleCallback(request, response);
      } else response.writeHead(404).end();
    } catch (error) {
      logger.warn({ problem: errorText(error) }, 'slack: an installation page failed');
      if (!response.headersSent) response.writeHead(500);
      response.end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(portError(error, port)));
    server.listen(port, resolve);
  });
  return server;
}

export function portError(error: unknown, port: number): OperatorError {
  return new OperatorError(
    'slack_port',
    // A port, not a quantity: it is not grouped.
    () => t("Port {port} can't be used for Slack: {reason}.", { port: String(port), reason: reasonOf(error) }),
    { hint: () => t('Choose another port, or end what uses this one.'), cause: error },
  );
}
