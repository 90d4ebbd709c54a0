import type { Context, MiddlewareHandler } from 'hono';
import { UserError } from '../../../system/errors.ts';
import { acceptedLanguages, inLanguage, languageOf } from '../../../texts/language.ts';
import { bareHost } from './options.ts';

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const HEADERS = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/** Sets the headers of every answer. A route may allow its answers to be cached. */
export const securityHeaders: MiddlewareHandler = async (c, next) => {
  for (const [name, value] of Object.entries(HEADERS)) c.header(name, value);
  await next();
};

/** Everything that a request is answered with is in the language of whoever reads it. */
export const readerLanguage: MiddlewareHandler = (c, next) =>
  inLanguage(languageOf(acceptedLanguages(c.req.header('accept-language') ?? '')), next);

/**
 * Refuses host names that are not configured. When another site's name is made to resolve to this machine (DNS rebinding),
 * the browser takes that site's page for one of this server. Only the Host header shows the difference.
 */
export function hostGuard(hostnames: ReadonlySet<string>): MiddlewareHandler {
  return async (c, next) => {
    const host = hostOf(c);
    if (!hostnames.has(bareHost(host))) {
      throw new UserError('host_not_allowed', `The host name "${host.slice(0, 100)}" is not allowed.`, {
        hint: `Use ${[...hostnames][0]}, or add the name to WUERST_WEB_HOSTNAMES.`,
      });
    }
    await next();
  };
}

/** Where a phone's system hands over what an app shares. */
export const SHARE_PATH = '/share';

/**
 * Refuses requests from the pages of other sites that would change state or open an event stream. Browsers always send
 * an Origin header with these; programs send none. What a person shares comes from no page: browsers say so in a header that no page
 * can set, and give it the origin `null`.
 */
export const originGuard: MiddlewareHandler = async (c, next) => {
  const safe = c.req.raw.method === 'GET' || c.req.raw.method === 'HEAD';
  const isShared = c.req.path === SHARE_PATH && c.req.header('sec-fetch-site') === 'none';
  if ((!safe && !isShared) || c.req.path.endsWith('/events')) requireSameOrigin(c);
  await next();
};

function requireSameOrigin(c: Context): void {
  const origin = c.req.header('origin');
  const site = c.req.header('sec-fetch-site');
  const foreignOrigin = origin !== undefined && originHost(origin) !== hostOf(c).toLowerCase();
  const foreignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
  if (foreignOrigin || foreignSite) {
    const sender = (origin ?? site ?? '').slice(0, 100);
    throw new UserError('origin_not_allowed', `Requests from the pages of ${sender} are not allowed.`, {
      hint: 'Use the page that this server serves, or a program that sends no Origin header.',
    });
  }
}

function hostOf(c: Context): string {
  return c.req.header('host') ?? new URL(c.req.url).host;
}

/** Host and port without the scheme, which differs from the one seen here when a proxy terminates TLS. */
function originHost(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
