import { setImmediate as nextTurn } from 'node:timers/promises';
import { callerOf, route, type WebApp, type WebContext } from '../web-context.ts';
import { provenName } from './account.ts';

/** Bytes sent at a time, so that other requests come in between. */
const CHUNK = 64 * 1024;

/** `GET /api/export`: everything kept about whoever asks, as a file that is written while it is sent. */
export function exportRoutes(app: WebApp, web: WebContext): void {
  route(app, '/api/export', {
    GET: (c) => {
      const claimed = web.access.open || c.get('identity').admin ? c.req.query('user') : provenName(c);
      const parts = web.core.exportText(callerOf(web, c, claimed, 'export'))[Symbol.iterator]();
      c.header('Content-Type', 'application/json; charset=utf-8');
      c.header('Content-Disposition', 'attachment; filename="wuerst-export.json"');
      return c.body(streamOf(parts));
    },
  });
}

function streamOf(parts: Iterator<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      await nextTurn();
      let text = '';
      while (text.length < CHUNK) {
        const { done, value } = parts.next();
        if (done) {
          if (text !== '') controller.enqueue(encoder.encode(text));
          controller.close();
          return;
        }
        text += value;
      }
      controller.enqueue(encoder.encode(text));
    },
  });
}
