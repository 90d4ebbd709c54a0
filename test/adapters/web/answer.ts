import type { JsonJob, JsonReply } from '../../../src/adapters/web/server/job-json.ts';
import type { JsonCompletion } from '../../../src/adapters/web/server/routes/completion.ts';

/** Whatever an answer of the HTTP face may hold; reading what it does not hold fails the test. */
export interface Answer extends JsonJob {
  readonly job: JsonJob;
  readonly jobs: readonly JsonJob[];
  readonly more: boolean;
  readonly items: readonly JsonCompletion[];
  readonly admin: boolean;
}

export async function answerOf(
  response: Response | Promise<Response>,
): Promise<Answer & { readonly reply: JsonReply }> {
  return (await (await response).json()) as Answer;
}
