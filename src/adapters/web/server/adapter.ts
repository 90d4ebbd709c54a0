import type { AddressInfo } from 'node:net';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { doneWithin } from '../../../system/clock.ts';
import { OperatorError } from '../../../system/errors.ts';
import { reasonOf } from '../../../system/foreign-words.ts';
import { t } from '../../../texts/translate.ts';
import type { Adapter, Core } from '../../adapter.ts';
import { createWebApp, type RunningWebApp } from './app.ts';
import { urlOf } from './links.ts';
import { bareHost, type WebAdapterOptions } from './options.ts';
import type { Mount } from './web-context.ts';

/** Milliseconds a client may take to send a whole request. */
const REQUEST_TIMEOUT_MS = 30_000;

export interface WebAdapter extends Adapter {
  /** Where the page is, once started. */
  readonly url: string;
}

/** The web chat, for browsers and programs. */
export function createWebAdapter(options: WebAdapterOptions, mounts: readonly Mount[] = []): WebAdapter {
  const { host, logger } = options;
  let { port } = options;
  let running: { readonly server: ServerType; readonly web: RunningWebApp } | null = null;

  return {
    surface: 'web',

    get url() {
      return urlOf(host, port);
    },

    async start(core: Core) {
      const web = createWebApp(core, options, mounts);
      const server = createAdaptorServer({
        fetch: web.app.fetch,
        serverOptions: { requestTimeout: REQUEST_TIMEOUT_MS },
      });
      try {
        port = (await listen(server, host, options.port)).port;
      } catch (error) {
        web.close();
        throw error;
      }
      running = { server, web };
      // Pages read what they missed from the history, so nothing is sent again.
      for (const job of core.undelivered('web')) core.markDelivered(job.id);
      logger.info({ url: this.url }, 'the web chat is open');
    },

    async stop(deadlineMs: number) {
      if (!running) return;
      const { server, web } = running;
      running = null;
      web.close();
      await close(server, deadlineMs);
    },
  };
}

function listen(server: ServerType, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenProblem(host, port, cause)));
    server.listen(port, bareHost(host), () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') resolve(address);
    });
  });
}

function listenProblem(host: string, port: number, cause: Error & { code?: string }): OperatorError {
  const where = { host, port: String(port) };
  if (cause.code === 'EADDRINUSE') {
    return new OperatorError(
      'web_port_in_use',
      () => t('The web chat cannot listen on {host}, port {port}, because another program does.', where),
      { hint: () => t('Stop that program, or choose another port.'), cause },
    );
  }
  return new OperatorError(
    'web_listen_failed',
    () => t('The web chat cannot listen on {host}, port {port}: {reason}.', { ...where, reason: reasonOf(cause) }),
    { hint: () => t('Use an address of this machine and a port above {port}.', { port: '1023' }), cause },
  );
}

/** Lets requests finish until the deadline. */
async function close(server: ServerType, deadlineMs: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  if ('closeIdleConnections' in server) server.closeIdleConnections();
  if (await doneWithin(closed, deadlineMs)) return;
  if ('closeAllConnections' in server) server.closeAllConnections();
  await closed;
}
