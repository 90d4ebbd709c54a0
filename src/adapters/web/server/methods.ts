import type { Handler } from 'hono';
import { UserError } from '../../../system/errors.ts';
import type { WebApp, WebEnv } from './web-context.ts';

/** Registers a path with all it can do; any other method is answered with 405 and the allowed ones. */
export function methods(
  app: WebApp,
  path: string,
  handlers: Readonly<Partial<Record<'GET' | 'POST' | 'DELETE', Handler<WebEnv>>>>,
): void {
  for (const [method, handler] of Object.entries(handlers)) app.on(method, path, handler);
  const allowed = Object.keys(handlers).join(', ');
  app.all(path, (c) => {
    c.header('Allow', allowed);
    throw new UserError('method_not_allowed', `${c.req.method} is not possible here.`, { hint: `Use ${allowed}.` });
  });
}
