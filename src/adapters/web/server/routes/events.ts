import { PERSON_BOUNDS } from '../../../../bot/person-bounds.ts';
import { UserError } from '../../../../system/errors.ts';
import { currentLanguage } from '../../../../texts/language.ts';
import { t } from '../../../../texts/translate.ts';
import { EventStream } from '../event-stream.ts';
import { parseRoom } from '../names.ts';
import { personOf, route, type WebApp, type WebContext, type WebRequest } from '../web-context.ts';

/**
 * `GET /api/rooms/{room}/events`. `?also=other` (repeatable) adds rooms to the same stream, because browsers allow few
 * connections to one server; `?queue=1` tells when the queue is different. `Last-Event-ID`, or `?after=` where headers cannot be set, replays what was missed.
 */
export function eventRoutes(app: WebApp, web: WebContext): void {
  route(app, '/api/rooms/:room/events', {
    GET: (c) => {
      const rooms = [...new Set([c.req.param('room') ?? '', ...(c.req.queries('also') ?? [])].map(parseRoom))];
      const { roomsPerStream } = PERSON_BOUNDS;
      if (rooms.length > roomsPerStream) {
        throw new UserError(
          'too_many_rooms',
          `Expected at most ${roomsPerStream} rooms in one stream, got ${rooms.length}.`,
        );
      }
      const after = parseEventId(c.req.header('last-event-id') ?? c.req.query('after'));
      c.header('Content-Type', 'text/event-stream; charset=utf-8');
      c.header('Cache-Control', 'no-store, no-transform');
      // Keeps proxies from collecting events before they pass them on.
      c.header('X-Accel-Buffering', 'no');
      if (c.req.raw.method === 'HEAD') return c.body(null);
      return c.body(openStream(c, web, rooms, after).body);
    },
  });
}

function openStream(c: WebRequest, web: WebContext, rooms: readonly string[], after: number | null): EventStream {
  const { liveIntervalMs = 120, heartbeatMs = 15_000, maxStreams = 512 } = web.options;
  if (web.streams.size >= maxStreams) {
    throw new UserError(
      'too_many_streams',
      t('There are already {number} open event streams.', { number: web.streams.size }),
      {
        hint: t('Close some pages of this chat, or try again later.'),
      },
    );
  }
  const [person, identity] = [personOf(web, c), c.get('identity')];
  const own = [...web.streams.values()].filter((other) => other === person).length;
  if (own >= PERSON_BOUNDS.eventStreams) {
    throw new UserError('too_many_streams', t('You have already {number} open event streams.', { number: own }), {
      hint: t('Close some pages of this chat.'),
    });
  }
  const stream = new EventStream({
    core: web.core,
    live: web.live,
    encoder: web.encoder,
    rooms,
    language: currentLanguage(),
    after,
    liveIntervalMs,
    heartbeatMs,
    watchesQueue: c.req.query('queue') === '1',
    mayGoOn: () => web.access.holds(identity),
    // Not `end`, which would wait for a page that does not read.
    onStalled: () => c.env?.outgoing?.destroy(),
    onEnd: () => web.streams.delete(stream),
  });
  web.streams.set(stream, person);
  return stream;
}

function parseEventId(text: string | undefined): number | null {
  if (text === undefined || text === '') return null;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UserError('event_id_invalid', `Expected an event number as Last-Event-ID, got "${text.slice(0, 40)}".`, {
    hint: 'Send the id of the last event that you received, or leave it out to start now.',
  });
}
