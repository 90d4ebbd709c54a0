import type { MiddlewareHandler } from 'hono';
import type { Administration } from '../../../bot/administration.ts';
import type { Caller } from '../../../bot/job.ts';
import { UserError } from '../../../system/errors.ts';
import { t } from '../../../texts/translate.ts';
import { parseRoom } from './names.ts';
import type { Operations } from './operations.ts';
import { notFound } from './problems.ts';
import { callerOf, type WebContext, type WebEnv, type WebRequest } from './web-context.ts';

const ROOM = 'lobby';

/** For everything that only admins may ask. @throws UserError `admins_only` */
export const adminGuard: MiddlewareHandler<WebEnv> = async (c, next) => {
  if (!c.get('identity').admin) {
    throw new UserError('admins_only', t('Only admins can look after this bot.'), {
      hint: t('Ask whoever runs it for an invitation as an admin.'),
    });
  }
  await next();
};

/** In the room that the request is about. */
export function adminCaller(web: WebContext, c: WebRequest): Caller {
  return callerOf(web, c, c.req.query('user'), parseRoom(c.req.query('room') ?? ROOM));
}

export function administrationOf({ core }: WebContext): Administration {
  if (core.administration === undefined) throw notFound(t('There is nothing to look after here.'));
  return core.administration;
}

export function operationsOf({ options }: WebContext): Operations {
  if (options.operations === undefined) throw notFound(t('There is nothing to look after here.'));
  return options.operations;
}
