import type { Context, MiddlewareHandler } from 'hono';
import { UserError } from '../../../system/errors.ts';
import { bareHost } from './options.ts';

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Headers that every answer carries; answers are not stored unless a route says otherwise. */
export function securityHeaders(): MiddlewareHandler {
  return async (c, next) => {
    c.header('Content-Security-Policy', CONTENT_SECURITY_POLICY);
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('X-Frame-Options', 'DENY');
    c.header('Referrer-Policy', 'no-referrer');
    c.header('Cross-Origin-Resource-Policy', 'same-origin');
    c.header('Cross-Origin-Opener-Policy', 'same-origin');
    c.header('Cache-Control', 'no-store');
    await next();
  };
}

/**
 * Refuses names that nobody configured. A web page whose name was made to resolve to this machine (DNS rebinding)
 * counts as same-origin for the browser; only the Host header gives it away.
 */
export function hostGuard(hostnames: ReadonlySet<string>): MiddlewareHandler {
  return async (c, next) => {
    const host = hostOf(c);
    if (!hostnames.has(bareHost(host))) {
      throw new UserError('host_not_allowed', `This server is not known as "${host.slice(0, 100)}".`, {
        hint: `Open it as ${[...hostnames][0]}, or add the name to the allowed host names of the web chat.`,
      });
    }
    await next();
  };
}

/**
 * Refuses requests that another site's page sends, for everything that changes state and for event streams.
 * Programs send no Origin; a browser always does when it counts.
 */
export function originGuard(): MiddlewareHandler {
  return async (c, next) => {
    const safe = c.req.raw.method === 'GET' || c.req.raw.method === 'HEAD';
    if (!safe || c.req.path.endsWith('/events')) requireSameOrigin(c);
    await next();
  };
}

function requireSameOrigin(c: Context): void {
  const origin = c.req.header('origin');
  const site = c.req.header('sec-fetch-site');
  const foreignOrigin = origin !== undefined && originHost(origin) !== hostOf(c).toLowerCase();
  const foreignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
  if (foreignOrigin || foreignSite) {
    throw new UserError(
      'origin_not_allowed',
      `Requests from the page ${(origin ?? site ?? '').slice(0, 100)} are not taken.`,
      {
        hint: 'Use the page that this server serves itself, or a program that sends no Origin header.',
      },
    );
  }
}

function hostOf(c: Context): string {
  return c.req.header('host') ?? new URL(c.req.url).host;
}

/** Host and port only: behind a proxy that ends TLS the scheme of the page is not the one seen here. */
function originHost(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
