import { getConnInfo } from '@hono/node-server/conninfo';
import type { MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { z } from 'zod';
import { UserError } from '../../../../system/errors.ts';
import { SESSION_COOKIE, SESSION_SECONDS } from '../access.ts';
import { SignInAttempts } from '../attempts.ts';
import { readJson } from '../body.ts';
import { methods } from '../methods.ts';
import { parseUser } from '../names.ts';
import type { WebApp, WebContext, WebEnv, WebRequest } from '../web-context.ts';

const SIGN_IN = z.strictObject({ token: z.string().max(1000).default(''), user: z.string() });
const COOKIE = { path: '/', httpOnly: true, sameSite: 'Strict' } as const;

/** `/api/session`: who am I, sign in, sign out. Registered before the guard that asks for a session. */
export function sessionRoutes(app: WebApp, web: WebContext): void {
  const attempts = new SignInAttempts();
  methods(app, '/api/session', {
    GET: (c) => c.json({ ...identify(web, c), open: web.access.open }),
    POST: async (c) => {
      const { token, user } = await readJson(c, SIGN_IN);
      const name = parseUser(user);
      if (web.access.open) return c.json({ user: name, admin: true, open: true });
      const { identity, cookie } = signIn(web, attempts, addressOf(c), token, name);
      // The page's own scheme: TLS may end at a proxy in front of this server.
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

/** Lets nobody through without a session or a token. */
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

function signIn(web: WebContext, attempts: SignInAttempts, address: string, token: string, user: string) {
  attempts.check(address);
  try {
    return web.access.signIn(token, user);
  } catch (error) {
    if (error instanceof UserError) attempts.failed(address);
    throw error;
  }
}

/** Requests that come in process, without a socket, count as one address. */
function addressOf(c: WebRequest): string {
  try {
    return getConnInfo(c).remote.address ?? 'unknown';
  } catch {
    return 'unknown';
  }
}
