import type { Context } from 'hono';
import { UserError } from '../../../system/errors.ts';
import type { Problem } from '../../web/server/problems.ts';
import { sentenceOf } from '../serving/interface.ts';
import { PaintingFailed } from '../serving/paintings.ts';
import { WrongField } from '../serving/read-body.ts';

/** Codes that OpenAI's clients act on. Any other is this program's own. */
const CODES: readonly (readonly [own: RegExp, theirs: string])[] = [
  [/^token_/, 'invalid_api_key'],
  [/^(?:blocked_word|nsfw_)/, 'content_policy_violation'],
  [/^(?:too_many_(?!pixels|permutations)|pictures_too_often$)|^limit_(?:user|guild)_jobs$/, 'rate_limit_exceeded'],
  [/^limit_(?:user|guild)_seconds$/, 'insufficient_quota'],
];

/** Fields of OpenAI's that this program's own errors are about. */
const FIELDS: readonly (readonly [own: RegExp, theirs: string])[] = [
  [/^bad_(?:width|height)$|^(?:limit|too_many)_pixels$/, 'size'],
  [/^limit_images$/, 'n'],
  [/^bad_(n|seed|style)$/, '$1'],
  [/^prompt_.*$/, 'prompt'],
  [/^model_not_found$/, 'model'],
  [/^mask_.*$/, 'mask'],
  [/^picture_.*$/, 'image'],
];

/** Which field an error is about, if any. */
function fieldOf(code: string, error: unknown): string | null {
  if (error instanceof WrongField) return error.field || null;
  const [pattern, field] = FIELDS.find(([own]) => own.test(code)) ?? [];
  return pattern === undefined || field === undefined ? null : code.replace(pattern, field);
}

function typeOf(status: number, code: string): string {
  if (code === 'insufficient_quota') return code;
  if (status === 429) return 'rate_limit_error';
  if (status >= 500) return 'server_error';
  return code === 'content_policy_violation' ? 'image_generation_user_error' : 'invalid_request_error';
}

/** An error as OpenAI's clients read it. */
export function openAiProblem(problem: Problem, error: unknown) {
  const { status: usual, code: own } = problem;
  const code = CODES.find(([pattern]) => pattern.test(own))?.[1] ?? own;
  // What was accepted and could not be painted is no fault of the request.
  const status =
    error instanceof PaintingFailed && usual === 400 ? 500 : code === 'content_policy_violation' ? 400 : usual;
  const body = {
    error: { message: sentenceOf(problem), type: typeOf(status, code), param: fieldOf(own, error), code },
  };
  return { status, body } as const;
}

/** Seconds that a client may wait by itself before whoever uses it hears anything. */
const MOST_WAITED = 60;

/**
 * As an answer. The official clients ask again by themselves: they would have a picture painted three times, and wait for a
 * day without a word where a quota of the day is used up.
 */
export function openAiAnswer(problem: Problem, error: unknown, c: Context) {
  const answer = openAiProblem(problem, error);
  const wait = error instanceof UserError ? error.retryAfter : undefined;
  if (wait === undefined || wait > MOST_WAITED) c.header('X-Should-Retry', 'false');
  return answer;
}
