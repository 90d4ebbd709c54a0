import * as z from 'zod';
import { UserError } from '../../../../system/errors.ts';
import { t } from '../../../../texts/translate.ts';
import { adminCaller, administrationOf } from '../admin-access.ts';
import { readJson } from '../json-body.ts';
import { route, type WebApp, type WebContext } from '../web-context.ts';

const ORDER = z.strictObject({
  name: z.string().regex(/^[\w.-]{1,64}$/, 'expected the name of a worker'),
  order: z.enum(['drain', 'ban', 'admit']),
});

/** `GET /api/admin/painters`: the pool, and the workers on other machines. `POST /api/admin/workers` drains, bans or admits one. */
export function adminPainterRoutes(app: WebApp, web: WebContext): void {
  const workersOf = () => web.options.operations?.workers;
  route(app, '/api/admin/painters', {
    GET: (c) => {
      const workers = workersOf();
      return c.json({
        painters: administrationOf(web).painters(adminCaller(web, c)),
        workers: workers === undefined ? null : workers.all(),
        orders: workers?.orders() ?? {},
        now: Date.now(),
      });
    },
  });
  route(app, '/api/admin/workers', {
    POST: async (c) => {
      const { name, order } = await readJson(c, ORDER);
      const workers = workersOf();
      if (workers === undefined) {
        throw new UserError('workers_off', t('This bot paints alone: it has no workers on other machines.'), {
          hint: t('The operator sets {setting} for them.', { setting: 'WUERST_REDIS' }),
        });
      }
      workers.give(name, order === 'admit' ? undefined : order, adminCaller(web, c));
      return c.body(null, 204);
    },
  });
}
