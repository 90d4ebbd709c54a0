import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { isRecord, type Json } from './strict.ts';

/** How long an acknowledgement may take, in ms of real time. */
const ACK_WITHIN = 3000;
/** Connections of one app at a time. https://docs.slack.dev/apis/events-api/using-socket-mode#connections */
const MOST_CONNECTIONS = 10;

export type EnvelopeType = 'slash_commands' | 'interactive' | 'events_api';

export interface Acknowledged {
  readonly payload: Json;
  /** From the first delivery, in ms. */
  readonly ms: number;
  readonly deliveries: number;
}

/** Slack's side of Socket Mode: hello, envelopes, acknowledgements, redelivery, refreshing. */
export class SocketSide {
  readonly #server: WebSocketServer;
  readonly #tickets = new Set<string>();
  readonly #pending = new Map<string, (payload: Json) => void>();
  readonly sockets: WebSocket[] = [];
  /** Envelopes that were not acknowledged in time. */
  late = 0;
  /** Connections that were ever made. */
  connections = 0;
  /** While true, no connection is to be had. */
  down = false;
  /** While set, Slack ends each connection for this reason right after its greeting. */
  refusal: string | null = null;
  /** While true, Slack leaves the line open after the goodbyes, as it was seen to do. */
  lingers = false;
  #turn = 0;

  constructor(http: Server) {
    this.#server = new WebSocketServer({ server: http, path: '/link' });
    this.#server.on('connection', (socket, request) => {
      const ticket = new URL(request.url ?? '', 'http://localhost').searchParams.get('ticket') ?? '';
      if (this.down || !this.#tickets.delete(ticket)) return socket.close(4001);
      if (this.sockets.length === MOST_CONNECTIONS) {
        socket.send(JSON.stringify({ type: 'disconnect', reason: 'too_many_websockets' }));
        return socket.close();
      }
      this.connections++;
      socket.setMaxListeners(0);
      this.sockets.push(socket);
      const { socket: line } = request;
      const end = line.end.bind(line);
      line.end = (...args: []) => (this.lingers ? line : end(...args));
      socket.on('message', (data) => this.#heard(String(data)));
      socket.on('close', () => this.sockets.splice(this.sockets.indexOf(socket), 1));
      socket.send(JSON.stringify({ type: 'hello', num_connections: this.sockets.length }));
      if (this.refusal !== null) {
        socket.send(JSON.stringify({ type: 'disconnect', reason: this.refusal }));
        socket.close();
      }
    });
  }

  /** Connections that something can be delivered by. */
  get open(): readonly WebSocket[] {
    return this.sockets.filter((socket) => socket.readyState === socket.OPEN);
  }

  ticket(): string {
    const ticket = randomUUID();
    this.#tickets.add(ticket);
    return ticket;
  }

  /** Delivers as Slack does: to one of the connections, and again where it is not acknowledged. */
  async deliver(type: EnvelopeType, payload: Json, deliveries = 1): Promise<Acknowledged> {
    const began = performance.now();
    for (let attempt = 0; attempt < 4; attempt++) {
      const socket = await this.#nextSocket();
      const acks = Array.from({ length: deliveries }, () => this.#send(socket, type, payload, attempt));
      const [first] = await Promise.all(acks);
      if (first) return { payload: first, ms: performance.now() - began, deliveries: attempt + 1 };
      this.late++;
    }
    throw new Error(`never acknowledged: ${type}`);
  }

  /** The app may be on its way back; the test's own limit ends what never comes. */
  async #nextSocket(): Promise<WebSocket> {
    for (;;) {
      const { open } = this;
      const socket = open[this.#turn++ % Math.max(1, open.length)];
      if (socket) return socket;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** The acknowledgement's payload, or `null` where none came in time or the connection went. */
  #send(socket: WebSocket, type: EnvelopeType, payload: Json, attempt: number): Promise<Json | null> {
    return new Promise((resolve) => {
      const id = randomUUID();
      const done = (answer: Json | null) => {
        clearTimeout(timer);
        socket.off('close', gone);
        this.#pending.delete(id);
        resolve(answer);
      };
      const gone = () => done(null);
      const timer = setTimeout(gone, ACK_WITHIN);
      this.#pending.set(id, done);
      socket.on('close', gone);
      socket.send(
        JSON.stringify({
          envelope_id: id,
          type,
          accepts_response_payload: type !== 'events_api',
          payload,
          ...(attempt === 0 ? {} : { retry_attempt: attempt, retry_reason: 'timeout' }),
        }),
      );
    });
  }

  #heard(text: string): void {
    const message: unknown = JSON.parse(text);
    if (!isRecord(message) || typeof message.envelope_id !== 'string') return;
    this.#pending.get(message.envelope_id)?.(isRecord(message.payload) ? message.payload : {});
  }

  /** Tells a connection to go, as Slack does every few hours; a `warning` comes some seconds before. */
  refresh(which = 0, reason: 'warning' | 'refresh_requested' = 'refresh_requested'): void {
    this.sockets[which]?.send(JSON.stringify({ type: 'disconnect', reason }));
  }

  /** Breaks every connection. */
  cut(): void {
    for (const socket of [...this.sockets]) socket.terminate();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
