import type { Server } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';

interface Frame {
  readonly op: number;
  readonly d?: unknown;
}

interface Session {
  readonly id: string;
  readonly shard: number;
  readonly sent: { readonly s: number; readonly t: string; readonly d: unknown }[];
  socket: WebSocket | null;
}

interface GatewayOptions {
  readonly token: string;
  readonly userId: string;
  readonly applicationId: string;
  /** Address that READY names for resuming. */
  readonly url: () => string;
}

/** Members, presences and message contents: a developer has to switch these on. */
const PRIVILEGED = (1 << 1) | (1 << 8) | (1 << 15);

/** The gateway's side of hello, identify, heartbeat, resume and dispatch. */
export class FakeGateway {
  readonly sessions = new Map<string, Session>();
  /** Intents of every identify. */
  readonly intents: number[] = [];
  /** Close codes to answer the next identifies with. */
  readonly refuse: number[] = [];
  /** While true, new connections are dropped. */
  down = false;
  /** How many of the latest events a RESUME repeats although they had arrived. */
  repeatOnResume = 0;
  readonly #server: WebSocketServer;
  readonly #options: GatewayOptions;

  constructor(http: Server, options: GatewayOptions) {
    this.#options = options;
    this.#server = new WebSocketServer({ server: http });
    this.#server.on('connection', (socket) => this.#connected(socket));
  }

  /** Sends an event to shard 0, at once or after the next RESUME. */
  dispatch(t: string, d: unknown): void {
    const session = [...this.sessions.values()].findLast(({ shard }) => shard === 0);
    if (!session) throw new Error('nobody has identified');
    const event = { s: session.sent.length + 1, t, d };
    session.sent.push(event);
    session.socket?.send(JSON.stringify({ op: 0, ...event }));
  }

  /** Drops every connection, as a network failure does; sessions can be resumed. */
  disconnect(): void {
    for (const socket of this.#server.clients) socket.terminate();
  }

  /** Ends every connection with a close code. */
  end(code: number): void {
    for (const socket of this.#server.clients) socket.close(code);
  }

  close(): void {
    this.disconnect();
    this.#server.close();
  }

  #connected(socket: WebSocket): void {
    if (this.down) {
      socket.terminate();
      return;
    }
    let session: Session | null = null;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (session?.socket === socket) session.socket = null;
    });
    socket.on('message', (raw) => {
      const frame: Frame = JSON.parse(raw.toString());
      const d = (frame.d ?? {}) as Record<string, unknown>;
      if (frame.op === 1) socket.send(JSON.stringify({ op: 11 }));
      else if (frame.op === 2) session = this.#identify(socket, d);
      else if (frame.op === 6) session = this.#resume(socket, d);
      else if (session === null) socket.close(4003);
    });
    socket.send(JSON.stringify({ op: 10, d: { heartbeat_interval: 41_250 } }));
  }

  #identify(socket: WebSocket, d: Record<string, unknown>): Session | null {
    const intents = Number(d.intents);
    if (!Number.isInteger(intents)) this.refuse.unshift(4013);
    else if ((intents & PRIVILEGED) !== 0) this.refuse.unshift(4014);
    const refusal = d.token === this.#options.token ? this.refuse.shift() : 4004;
    if (refusal !== undefined) {
      socket.close(refusal);
      return null;
    }
    this.intents.push(intents);
    const [shard = 0] = (d.shard ?? [0, 1]) as number[];
    const session: Session = { id: `session-${this.sessions.size}`, shard, sent: [], socket };
    this.sessions.set(session.id, session);
    const ready = {
      v: 10,
      user: {
        id: this.#options.userId,
        username: 'wuerst',
        discriminator: '0',
        avatar: null,
        bot: true,
        global_name: null,
      },
      guilds: [],
      session_id: session.id,
      resume_gateway_url: this.#options.url(),
      application: { id: this.#options.applicationId, flags: 0 },
      shard: d.shard,
    };
    const event = { s: 1, t: 'READY', d: ready };
    session.sent.push(event);
    socket.send(JSON.stringify({ op: 0, ...event }));
    return session;
  }

  #resume(socket: WebSocket, d: Record<string, unknown>): Session | null {
    const session = this.sessions.get(String(d.session_id));
    if (!session || d.token !== this.#options.token) {
      socket.send(JSON.stringify({ op: 9, d: false }));
      return null;
    }
    session.socket = socket;
    const from = Math.max(1, Number(d.seq) - this.repeatOnResume);
    for (const event of session.sent.slice(from)) socket.send(JSON.stringify({ op: 0, ...event }));
    socket.send(JSON.stringify({ op: 0, s: session.sent.length, t: 'RESUMED', d: {} }));
    return session;
  }
}
