import { UserError } from '../../../../system/errors.ts';
import { methods } from '../methods.ts';
import { parseRoom } from '../names.ts';
import { EventStream } from '../sse.ts';
import type { WebApp, WebContext, WebRequest } from '../web-context.ts';

const MAX_ROOMS = 20;

/**
 * `GET /api/rooms/{room}/events`. `?also=other` (repeatable) adds rooms to the same stream: browsers allow few
 * connections to one server. `Last-Event-ID`, or `?after=` where no header can be set, replays what was missed.
 */
export function eventRoutes(app: WebApp, web: WebContext): void {
  methods(app, '/api/rooms/:room/events', {
    GET: (c) => {
      const rooms = [...new Set([c.req.param('room') ?? '', ...(c.req.queries('also') ?? [])].map(parseRoom))];
      if (rooms.length > MAX_ROOMS) {
        throw new UserError('too_many_rooms', `One stream carries at most ${MAX_ROOMS} rooms, got ${rooms.length}.`);
      }
      const after = parseEventId(c.req.header('last-event-id') ?? c.req.query('after'));
      c.header('Content-Type', 'text/event-stream; charset=utf-8');
      c.header('Cache-Control', 'no-store, no-transform');
      // Proxies that collect answers before they pass them on would hold events back.
      c.header('X-Accel-Buffering', 'no');
      if (c.req.raw.method === 'HEAD') return c.body(null);
      return c.body(openStream(c, web, rooms, after).body);
    },
  });
}

function openStream(c: WebRequest, web: WebContext, rooms: readonly string[], after: number | null): EventStream {
  const { liveIntervalMs = 120, heartbeatMs = 15_000, maxStreams = 512 } = web.options;
  if (web.streams.size >= maxStreams) {
    throw new UserError('too_many_streams', `${web.streams.size} event streams are open already.`, {
      hint: 'Close some pages of this chat, or try again later.',
    });
  }
  const stream = new EventStream({
    core: web.core,
    live: web.live,
    encoder: web.encoder,
    rooms,
    after,
    liveIntervalMs,
    heartbeatMs,
    onStalled: () => closeSocket(c.env),
    onEnd: () => web.streams.delete(stream),
  });
  web.streams.add(stream);
  return stream;
}

function parseEventId(text: string | undefined): number | null {
  if (text === undefined || text === '') return null;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UserError(
    'event_id_invalid',
    `Expected the number of an event as Last-Event-ID, got "${text.slice(0, 40)}".`,
    {
      hint: 'Send the id of the last event that came, or leave it out to start now.',
    },
  );
}

/** Ending the answer politely would wait for a page that does not read. */
function closeSocket(env: unknown): void {
  if (typeof env !== 'object' || env === null || !('outgoing' in env)) return;
  const { outgoing } = env;
  if (
    typeof outgoing === 'object' &&
    outgoing !== null &&
    'destroy' in outgoing &&
    typeof outgoing.destroy === 'function'
  ) {
    outgoing.destroy();
  }
}
