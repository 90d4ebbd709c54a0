import { UserError } from '../../../../system/errors.ts';
import { t } from '../../../../texts/translate.ts';
import { parseRoom } from '../names.ts';
import { callerOf, requireRate, route, type WebApp, type WebContext } from '../web-context.ts';

/** What looking through the queue costs beyond a request. */
const COST = 2;

/** `GET /api/queue?room=…`: what is being painted and what waits, with its place and why there. */
export function queueRoutes(app: WebApp, web: WebContext): void {
  route(app, '/api/queue', {
    GET: (c) => {
      requireRate(web, c, COST);
      const caller = callerOf(web, c, c.req.query('user'), parseRoom(c.req.query('room')));
      const overview = web.core.queueOverview?.(caller);
      if (overview === undefined) throw new UserError('not_found', t('There is no queue here.'));
      return c.json({ ...overview, now: Date.now() });
    },
  });
}
