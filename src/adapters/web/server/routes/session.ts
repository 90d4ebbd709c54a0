import type { MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import * as z from 'zod';
import { UserError } from '../../../../system/errors.ts';
import { bearerOf, guessedAt, type Identity, SESSION_COOKIE, SESSION_SECONDS } from '../access.ts';
import { deviceName } from '../device-name.ts';
import { readJson } from '../json-body.ts';
import { parseUser } from '../names.ts';
import {
  addressOf,
  requireRate,
  route,
  type WebApp,
  type WebContext,
  type WebEnv,
  type WebRequest,
} from '../web-context.ts';

const SIGN_IN = z.strictObject({ token: z.string().max(1000).default(''), user: z.string().max(1000).optional() });
const COOKIE = { path: '/', httpOnly: true, sameSite: 'Strict' } as const;

/** `/api/session`: who am I, sign in, sign out. Registered before the guard that requires a session. */
export function sessionRoutes(app: WebApp, web: WebContext): void {
  route(app, '/api/session', {
    GET: (c) => c.json(sessionJson(web, identify(web, c))),
    POST: async (c) => {
      const { token, user } = await readJson(c, SIGN_IN);
      if (web.access.open) return c.json({ user: parseUser(user), admin: true, open: true });
      const place = { device: deviceName(c.req.header('user-agent')), address: addressOf(web, c) };
      const signedIn = guarded(web, c, guessedAt(token, user), () => web.access.signIn(token, user, place));
      c.set('identity', signedIn.identity);
      requireRate(web, c);
      // Whoever was signed in here no longer is.
      signOut(web, c);
      // The scheme that the page sees: a proxy in front of this server may terminate TLS.
      const secure = c.req.header('origin')?.startsWith('https:') ?? false;
      setCookie(c, SESSION_COOKIE, signedIn.cookie, { ...COOKIE, secure, maxAge: SESSION_SECONDS });
      return c.json(sessionJson(web, signedIn.identity));
    },
    DELETE: (c) => {
      signOut(web, c);
      deleteCookie(c, SESSION_COOKIE, COOKIE);
      return c.body(null, 204);
    },
  });
}

/** Requires a session or a token, and that its person does not ask too often. */
export function sessionGuard(web: WebContext): MiddlewareHandler<WebEnv> {
  return async (c, next) => {
    c.set('identity', identify(web, c));
    requireRate(web, c);
    await next();
  };
}

function sessionJson({ access }: WebContext, { user, admin }: Identity) {
  return { user, admin, open: access.open };
}

function identify(web: WebContext, c: WebRequest): Identity {
  const authorization = c.req.header('authorization');
  const guess = authorization === undefined ? null : guessedAt(bearerOf(authorization));
  const cookie = getCookie(c, SESSION_COOKIE);
  return guarded(web, c, guess, () => web.access.identify({ authorization, cookie }));
}

/** Counts a wrong token for the address, and for what is guessed at. */
function guarded<T>(web: WebContext, c: WebRequest, guess: string | null, attempt: () => T): T {
  const keys = [`address ${addressOf(web, c)}`, ...(guess === null ? [] : [guess])];
  return web.wrongTokens.attempt(keys, attempt);
}

/** What a browser forgets counts no longer, even if somebody has copied it. */
function signOut(web: WebContext, c: WebRequest): void {
  try {
    const { user, key } = web.access.identify({ authorization: undefined, cookie: getCookie(c, SESSION_COOKIE) });
    if (user !== null && key !== undefined) web.access.accounts.removeKey(user, key.id);
  } catch (error) {
    // Nobody was signed in.
    if (!(error instanceof UserError)) throw error;
  }
}
