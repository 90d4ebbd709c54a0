import type { Context } from 'hono';
import { TooOften } from '../../../bot/rate-limit.ts';
import type { Problem } from '../../web/server/problems.ts';
import { sentenceOf } from '../serving/interface.ts';
import { PaintingFailed } from '../serving/paintings.ts';
import { WrongField } from '../serving/read-body.ts';

/** Codes that OpenAI's clients act on. Any other is this program's own. */
const CODES: readonly (readonly [own: RegExp, theirs: string])[] = [
  [/^token_/, 'invalid_api_key'],
  [/^(?:blocked_word|nsfw_)/, 'content_policy_violation'],
  [/^too_many_/, 'rate_limit_exceeded'],
  [/^limit_(?:user|guild)_/, 'insufficient_quota'],
];

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
  const param = error instanceof WrongField && error.field !== '' ? error.field : null;
  const body = {
    error: { message: sentenceOf(problem), type: typeOf(status, code), param, code },
  };
  return { status, body } as const;
}

/** As an answer: the official clients would ask again by themselves, and have the picture painted three times. */
export function openAiAnswer(problem: Problem, error: unknown, c: Context) {
  const answer = openAiProblem(problem, error);
  if (!(error instanceof TooOften) && answer.status !== 503) c.header('X-Should-Retry', 'false');
  return answer;
}
