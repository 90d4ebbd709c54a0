import * as z from 'zod';
import { CHANGES, type ChangeKind } from '../../../../bot/change-kinds.ts';
import { SURFACES } from '../../../../bot/job.ts';
import { adminCaller, adminGuard, administrationOf, operationsOf } from '../admin-access.ts';
import { readJson } from '../json-body.ts';
import { parseId } from '../names.ts';
import { route, type WebApp, type WebContext } from '../web-context.ts';
import { adminKeyRoutes } from './admin-keys.ts';
import { adminModelRoutes } from './admin-models.ts';
import { adminPainterRoutes } from './admin-painters.ts';
import { adminPromptRoutes } from './admin-prompts.ts';

/** Up to 2000 words of a list. */
const RULE_BYTES = 512 * 1024;
const RULE = z.strictObject({
  name: z.string().max(64),
  value: z.union([z.string().max(100_000), z.array(z.string().max(200)).max(2000)]),
});
const CHANGE_KIND = z.enum(Object.keys(CHANGES) as [ChangeKind, ...ChangeKind[]]);
const BLOCK = z.strictObject({ surface: z.enum(SURFACES), user: z.string().min(1).max(200), blocked: z.boolean() });

/** What admins look after, below `/api/admin`. All of it is for them alone. */
export function adminRoutes(app: WebApp, web: WebContext): void {
  app.use('/api/admin/*', adminGuard);
  route(app, '/api/admin/rules', {
    GET: (c) => c.json({ rules: administrationOf(web).rules(adminCaller(web, c)) }),
    POST: async (c) => {
      const { name, value } = await readJson(c, RULE, RULE_BYTES);
      const caller = adminCaller(web, c);
      administrationOf(web).changeRule(caller, name, value);
      return c.json({ rules: administrationOf(web).rules(caller) });
    },
  });
  route(app, '/api/admin/people', {
    GET: (c) => {
      const containing = (c.req.query('q') ?? '').slice(0, 200);
      return c.json({ people: administrationOf(web).people(adminCaller(web, c), containing) });
    },
    POST: async (c) => {
      const { blocked, ...person } = await readJson(c, BLOCK);
      administrationOf(web).block(adminCaller(web, c), person, blocked);
      return c.body(null, 204);
    },
  });
  route(app, '/api/admin/failures', {
    GET: (c) => c.json({ failures: administrationOf(web).failures(adminCaller(web, c)) }),
  });
  route(app, '/api/admin/queue/:id', {
    DELETE: (c) => {
      administrationOf(web).cancel(adminCaller(web, c), parseId(c.req.param('id'), 'job'));
      return c.body(null, 204);
    },
  });
  route(app, '/api/admin/changes', {
    GET: (c) => {
      const of = CHANGE_KIND.safeParse(c.req.query('of')).data;
      return c.json({ changes: administrationOf(web).changes(adminCaller(web, c), of) });
    },
  });
  route(app, '/api/admin/disk', {
    GET: async (c) => {
      const { files, bytes } = administrationOf(web).pictures(adminCaller(web, c));
      return c.json({ ...(await operationsOf(web).disk()), pictures: { files, bytes } });
    },
  });
  adminPainterRoutes(app, web);
  adminModelRoutes(app, web);
  adminPromptRoutes(app, web);
  adminKeyRoutes(app, web);
}
