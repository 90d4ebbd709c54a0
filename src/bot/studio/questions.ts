import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import { withinMaxima } from '../command/layers.ts';
import type { Outcome } from '../core.ts';
import { QUESTION_WAITS } from '../history/confirmations.ts';
import type { Caller, ImagineRequest, Repeatable } from '../job.ts';
import type { Draft } from '../jobs/submissions.ts';
import { confirmedReply, confirmReply, doubtReply } from '../replies/question-reply.ts';
import { jobOutcome, replyOutcome } from './outcomes.ts';
import { sourcesFor } from './prompt-context.ts';
import type { StudioParts } from './studio-parts.ts';

interface Asked {
  readonly requests: readonly ImagineRequest[];
  readonly notes: readonly string[];
  /** The commands that may have been meant by a single request. @default it is beyond doubt */
  readonly doubt?: readonly string[];
}

/** Asks before requests are made. */
export function ask(
  { history, submissions, clock }: StudioParts,
  caller: Caller,
  { requests, notes, doubt }: Asked,
): Outcome {
  const allowed = submissions.review(caller, requests);
  const id = history.confirmations.save({ caller, requests: allowed, expiresAt: clock.now() + QUESTION_WAITS });
  const question = { id, requests: allowed, notes };
  return replyOutcome(doubt === undefined ? confirmReply(question) : doubtReply(question, doubt));
}

/**
 * Says yes to a question.
 *
 * @param id `null` for the newest
 * @throws UserError `confirmation_unknown` or `not_yours`
 */
export function confirm(parts: StudioParts, caller: Caller, id: string | null): Outcome {
  const { history, submissions, rules } = parts;
  const asked = id ?? history.confirmations.newestOf(caller.surface, caller.user);
  // The question is the key: a yes counts once, however often and from wherever it is said.
  const key = { idempotencyKey: `confirm:${asked ?? ''}` };
  const earlier = earlierOutcome(parts, caller, key);
  if (earlier !== null) return earlier;
  const confirmation = asked === null ? null : history.confirmations.get(asked);
  if (asked === null || confirmation === null) {
    throw new UserError('confirmation_unknown', t('No question is waiting for your answer.'), {
      hint: t('Questions wait for an hour. Ask again: {command}', { command: '/wuerst a {red, grey} fox' }),
    });
  }
  if (confirmation.caller.surface !== caller.surface || confirmation.caller.user !== caller.user) {
    throw new UserError('not_yours', t('This question was put to somebody else.'), {
      hint: t('Only the person who asked for the pictures can say yes.'),
    });
  }
  // The yes may come from another place than the question.
  const { maxima } = sourcesFor(parts, caller);
  const limits = rules.limits(caller);
  const drafts = confirmation.requests.map((one): Draft => {
    const { request, notes } = withinMaxima(one, maxima, limits);
    return { request, derivation: null, notes };
  });
  const submitted = submissions.submit(caller, drafts, key);
  history.confirmations.take(asked);
  if (submitted.length === 1) return jobOutcome(submitted[0]);
  return replyOutcome(confirmedReply(submitted.map(({ job }) => job)));
}

/** What a command or a click was answered with before; `null` for a new one. */
export function earlierOutcome(
  { submissions }: Pick<StudioParts, 'submissions'>,
  caller: Caller,
  key: Repeatable,
): Outcome | null {
  const earlier = submissions.earlier(caller, key);
  if (earlier.length > 1) return replyOutcome(confirmedReply(earlier.map(({ job }) => job)));
  return earlier.length === 1 ? jobOutcome(earlier[0]) : null;
}
