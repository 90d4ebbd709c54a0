import { actingUser } from '../access.ts';
import { complete } from '../complete.ts';
import { methods } from '../methods.ts';
import { parseRoom } from '../names.ts';
import { type WebApp, type WebContext, webCaller } from '../web-context.ts';

const MAX_TEXT = 4000;

/** `GET /api/complete?text=…&cursor=…&room=…&user=…`: what could be meant at the cursor. */
export function completeRoutes(app: WebApp, web: WebContext): void {
  methods(app, '/api/complete', {
    GET: (c) => {
      const identity = c.get('identity');
      const room = parseRoom(c.req.query('room') ?? '');
      const caller = webCaller(web, identity, actingUser(identity, c.req.query('user')), room);
      const text = (c.req.query('text') ?? '').slice(0, MAX_TEXT);
      const cursor = Math.min(Number.parseInt(c.req.query('cursor') ?? '', 10) || text.length, text.length);
      const items = complete(text, cursor, {
        grammar: (before) => web.core.completions(before, caller),
        recent: (containing, limit) => web.core.recentPrompts(caller, containing, limit).map(({ prompt }) => prompt),
      });
      return c.json({ items });
    },
  });
}
