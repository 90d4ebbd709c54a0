import * as z from 'zod';
import type { Caller } from '../../../../bot/job.ts';
import { STYLES } from '../../../../models/store.ts';
import { OperatorError, UserError } from '../../../../system/errors.ts';
import { t } from '../../../../texts/translate.ts';
import { adminCaller, administrationOf, operationsOf } from '../admin-access.ts';
import { readJson } from '../json-body.ts';
import { route, type WebApp, type WebContext } from '../web-context.ts';

const NAME = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/, 'expected the name of a model');
const PULL = z.strictObject({
  styles: z.array(z.enum(STYLES)).min(1).default(['interpolated']),
  variant: z.enum(['fp16']).optional(),
  pictures: z.boolean().default(false),
});
const TASK = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('pull'), model: NAME, ...PULL.shape }),
  z.strictObject({ do: z.literal('verify'), model: NAME }),
  z.strictObject({ do: z.literal('use'), model: NAME }),
]);

/**
 * `GET /api/admin/models`: what is here, and what is being done. `POST` with `{ do: 'pull' | 'verify' | 'use', model }`;
 * `DELETE /api/admin/models/{name}` removes one; `DELETE /api/admin/model-task` stops what runs.
 */
export function adminModelRoutes(app: WebApp, web: WebContext): void {
  const models = () => operationsOf(web).models;
  const state = async (caller: Caller) => ({
    models: await explained(() => models().list()),
    classifier: { ...(await models().classifier()), ...administrationOf(web).classifier(caller) },
    task: models().task ?? null,
    free: await models().freeBytes(),
  });
  route(app, '/api/admin/models', {
    GET: async (c) => c.json(await state(adminCaller(web, c))),
    POST: async (c) => {
      const wish = await readJson(c, TASK);
      const caller = adminCaller(web, c);
      await explained(async () => {
        if (wish.do === 'pull') await models().pull(wish.model, wish, caller.user);
        else if (wish.do === 'verify') await models().verify(wish.model);
        else await models().use(wish.model, caller.user);
      });
      return c.json(await state(caller), 202);
    },
  });
  route(app, '/api/admin/models/:name', {
    GET: async (c) => c.json({ files: await explained(() => models().files(nameIn(c.req.param('name')))) }),
    DELETE: async (c) => {
      const caller = adminCaller(web, c);
      await explained(() => models().remove(nameIn(c.req.param('name')), caller.user));
      return c.json(await state(caller));
    },
  });
  route(app, '/api/admin/model-task', {
    DELETE: async (c) => {
      const caller = adminCaller(web, c);
      await models().stop(caller.user);
      return c.json(await state(caller));
    },
  });
}

function nameIn(typed: string | undefined): string {
  const name = NAME.safeParse(typed);
  if (name.success) return name.data;
  throw new UserError('unknown_model', t('This is not the name of a model.'));
}

/** What the operator can mend is told here to whoever looks after the bot. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const { message, hint } = error.told;
    throw new UserError(error.code, message, { ...(hint === undefined ? {} : { hint }), cause: error });
  }
}
