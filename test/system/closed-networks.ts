import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { selfSigned } from './certificate.ts';

export interface ClosedProxy {
  readonly host: string;
  /** `Proxy-Authorization` of every tunnel that was asked for. */
  readonly asked: (string | undefined)[];
}

/** A proxy that refuses every tunnel with a status. */
export async function refusingProxy(t: TestContext, status: number): Promise<ClosedProxy> {
  const asked: (string | undefined)[] = [];
  const server = createServer().on('connect', ({ headers }, socket) => {
    asked.push(headers['proxy-authorization']);
    socket.end(`HTTP/1.1 ${status} Refused\r\nconnection: close\r\n\r\n<html>secret words of the proxy</html>`);
  });
  return { host: await listen(t, server), asked };
}

/** A server whose certificate nobody has signed but itself. @returns its host, and how often it was asked */
export async function distrustedServer(
  t: TestContext,
  certificate: Parameters<typeof selfSigned>[0] = {},
  answer: RequestListener = (_request, response) => response.end('{}'),
) {
  const identity = selfSigned(certificate);
  let connections = 0;
  const server = createTlsServer(identity, answer).on('connection', () => {
    connections++;
  });
  return { host: await listen(t, server), cert: identity.cert, connections: () => connections };
}

/** A server that gives every request the same answer, such as a firewall. */
export async function firewall(t: TestContext, status: number, headers: Readonly<Record<string, string>> = {}) {
  let requests = 0;
  const server = createServer((_request, response) => {
    requests++;
    response
      .writeHead(status, { 'content-type': 'text/html', ...headers })
      .end('<html>Blocked by the firewall.</html>');
  });
  return { host: await listen(t, server), requests: () => requests };
}

/** A host where nothing listens. */
export async function closedPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}

async function listen(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
