import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { troubleOf } from '../../../bot/replies/error-reply.ts';
import { UserError } from '../../../system/errors.ts';
import type { Logger } from '../../../system/logging.ts';

/** The first match counts. Any other code is a bad request (400) or, where it says how long to wait, one too many (429). */
const STATUS: readonly (readonly [code: RegExp, status: ContentfulStatusCode])[] = [
  [/^token_(?:missing|wrong)$/, 401],
  [/^method_not_allowed$/, 405],
  [/^body_too_large$/, 413],
  [/^body_not_json_type$/, 415],
  [/^idempotency_key_reused$/, 422],
  [/^(?:stopping|pictures_busy)$/, 503],
  [/^(?:model_)?not_found$|^(?:job|image|action)_(?:unknown|deleted|gone)$/, 404],
  [/^(?:blocked|nsfw)_|^(?:not_yours|user_mismatch|name_taken|name_not_proven|admins_only)$|_not_allowed$/, 403],
  [/^(?:already|job_not)_|^job_cancelled$|^too_many_(?:tokens|invitations)$/, 409],
  // Only where waiting helps: what is too large now is so later, too.
  [/^limit_(?:user|guild)_(?:jobs|seconds)$|^too_many_streams$/, 429],
];

function statusOf({ code, retryAfter }: UserError): ContentfulStatusCode {
  return STATUS.find(([pattern]) => pattern.test(code))?.[1] ?? (retryAfter === undefined ? 400 : 429);
}

/** An error as it goes outside. */
export interface Problem {
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

/** Sets the headers that go with an error, beside what `toldProblem` does. */
export function problemOf(error: unknown, c: Context, logger: Logger): Problem {
  const problem = toldProblem(error, c, logger);
  c.header('Cache-Control', 'no-store');
  if (problem.status === 413) c.header('Connection', 'close');
  if (error instanceof UserError && error.retryAfter !== undefined) {
    c.header('Retry-After', String(error.retryAfter));
  }
  return problem;
}

/**
 * Logs what only the operator can mend. Only the words of a `UserError` go outside. On a stream that has begun, no header can be
 * set any more: that would throw.
 */
export function toldProblem(error: unknown, c: Context, logger: Logger): Problem {
  if (error instanceof UserError) {
    return { status: statusOf(error), code: error.code, message: error.message, hint: error.hint ?? null };
  }
  logger.error({ err: error, method: c.req.method, path: c.req.path }, 'a web request failed');
  const [message, hint] = troubleOf(error);
  return { status: 500, code: 'internal', message, hint };
}

/** Turns any error into the answer that is sent. */
export function problemResponse(error: unknown, c: Context, logger: Logger): Response {
  const { status, ...problem } = problemOf(error, c, logger);
  return c.json({ error: problem }, status);
}

export function notFound(message: string): UserError {
  return new UserError('not_found', message);
}
