import type { MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import * as z from 'zod';
import { SESSION_COOKIE, SESSION_SECONDS } from '../access.ts';
import { readJson } from '../json-body.ts';
import { parseUser } from '../names.ts';
import { SignInAttempts } from '../sign-in-attempts.ts';
import { route, type WebApp, type WebContext, type WebEnv, type WebRequest } from '../web-context.ts';

const SIGN_IN = z.strictObject({ token: z.string().max(1000).default(''), user: z.string() });
const COOKIE = { path: '/', httpOnly: true, sameSite: 'Strict' } as const;

/** `/api/session`: who am I, sign in, sign out. Registered before the guard that requires a session. */
export function sessionRoutes(app: WebApp, web: WebContext): void {
  const attempts = new SignInAttempts();
  route(app, '/api/session', {
    GET: (c) => c.json({ ...identify(web, c), open: web.access.open }),
    POST: async (c) => {
      const { token, user } = await readJson(c, SIGN_IN);
      const name = parseUser(user);
      if (web.access.open) return c.json({ user: name, admin: true, open: true });
      const address = c.env?.incoming?.socket.remoteAddress ?? 'in process';
      const { identity, cookie } = attempts.attempt(address, () => web.access.signIn(token, name));
      // The scheme that the page sees: a proxy in front of this server may terminate TLS.
      const secure = c.req.header('origin')?.startsWith('https:') ?? false;
      setCookie(c, SESSION_COOKIE, cookie, { ...COOKIE, secure, maxAge: SESSION_SECONDS });
      return c.json({ ...identity, open: false });
    },
    DELETE: (c) => {
      deleteCookie(c, SESSION_COOKIE, COOKIE);
      return c.body(null, 204);
    },
  });
}

/** Requires a session or a token. */
export function sessionGuard(web: WebContext): MiddlewareHandler<WebEnv> {
  return async (c, next) => {
    c.set('identity', identify(web, c));
    await next();
  };
}

function identify(web: WebContext, c: WebRequest) {
  return web.access.identify({
    authorization: c.req.header('authorization'),
    cookie: getCookie(c, SESSION_COOKIE),
  });
}
