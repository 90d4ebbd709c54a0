import { randomUUID } from 'node:crypto';
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js';
import { RecentMap } from '../../../system/memo.ts';
import { mcpServer, type Studio } from './mcp-server.ts';

/** Of one key: the session that was used longest ago makes way. */
const MOST = 16;

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly close: () => void;
}

/** Sessions of the model context protocol over HTTP. A restart ends them; clients begin anew. */
export class Sessions {
  /** By key and id. */
  readonly #all = new Map<string, RecentMap<string, Session>>();

  /**
   * @param sessionId of the request's header; without one, or with one that is not known to this key, it has to begin a session
   * @param body the message, parsed; `undefined` where the method has none
   */
  async handle(request: Request, studio: Studio, keyId: string, body: unknown): Promise<Response> {
    const id = request.headers.get('mcp-session-id');
    const own = this.#all.get(keyId);
    const session = id === null ? undefined : own?.get(id);
    // Set again, so that the order of the map is the order of use.
    if (session !== undefined && id !== null) own?.set(id, session);
    if (session === undefined && id !== null) return unknownSession();
    const { transport } = session ?? (await this.#begin(studio, keyId));
    return transport.handleRequest(request, body === undefined ? {} : { parsedBody: body });
  }

  close(): void {
    for (const own of this.#all.values()) for (const { close } of own.values()) close();
    this.#all.clear();
  }

  async #begin(studio: Studio, keyId: string): Promise<Pick<Session, 'transport'>> {
    const server = mcpServer(studio);
    const transport: WebStandardStreamableHTTPServerTransport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      // Only now is it known that the request was one that begins a session.
      onsessioninitialized: (id) => this.#keep(keyId, id, { transport, close: () => void server.close() }),
      onsessionclosed: (id) => void this.#all.get(keyId)?.delete(id),
    });
    await server.connect(transport);
    return { transport };
  }

  #keep(keyId: string, id: string, session: Session): void {
    const own = this.#all.get(keyId) ?? new RecentMap<string, Session>(MOST);
    this.#all.set(keyId, own);
    const [oldest] = own;
    if (own.size >= MOST && oldest !== undefined) oldest[1].close();
    own.set(id, session);
  }
}

function unknownSession(): Response {
  const error = { code: -32001, message: 'This session has ended: begin a new one.' };
  return Response.json({ jsonrpc: '2.0', error, id: null }, { status: 404 });
}
