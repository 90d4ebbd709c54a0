import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { troubleOf } from '../../../bot/replies/replies.ts';
import { UserError } from '../../../system/errors.ts';
import type { Logger } from '../../../system/logging.ts';

/** Codes that are not simply a bad request (400). */
const STATUS: Readonly<Record<string, ContentfulStatusCode>> = {
  token_missing: 401,
  token_wrong: 401,
  host_not_allowed: 403,
  origin_not_allowed: 403,
  user_mismatch: 403,
  not_found: 404,
  method_not_allowed: 405,
  body_too_large: 413,
  body_not_json_type: 415,
  too_many_attempts: 429,
  too_many_streams: 429,
  stopping: 503,
};

/** The core's codes, by how they are built. */
const PATTERNS: readonly (readonly [RegExp, ContentfulStatusCode])[] = [
  [/^(?:unknown_(?:job|image|action)|(?:job|image|action)_(?:unknown|deleted|gone|not_found))$/, 404],
  [/^(?:blocked_|not_allowed|not_yours|forbidden|nsfw_)|_(?:blocked|forbidden|not_allowed|not_yours)$/, 403],
  [/^(?:limit_|too_many_)|_limit$/, 429],
  [/^(?:already_|job_not_)|_conflict$/, 409],
];

export function statusOf(error: UserError): ContentfulStatusCode {
  return STATUS[error.code] ?? PATTERNS.find(([pattern]) => pattern.test(error.code))?.[1] ?? 400;
}

/** The one place where an error becomes an answer. Only a `UserError` may speak to the outside. */
export function problemResponse(error: unknown, c: Context, logger: Logger): Response {
  c.header('Cache-Control', 'no-store');
  if (error instanceof UserError) {
    const status = statusOf(error);
    if (status === 413) c.header('Connection', 'close');
    return c.json({ error: { code: error.code, message: error.message, hint: error.hint ?? null } }, status);
  }
  logger.error({ err: error, method: c.req.method, path: c.req.path }, 'a web request failed');
  const [message, hint] = troubleOf(error);
  return c.json({ error: { code: 'internal', message, hint } }, 500);
}

export function notFound(what: string): UserError {
  return new UserError('not_found', what);
}
