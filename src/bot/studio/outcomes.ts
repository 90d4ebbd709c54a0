import type { Outcome } from '../core.ts';
import type { Job } from '../job.ts';
import type { Reply } from '../reply.ts';

export function jobOutcome(submitted: { readonly job: Job; readonly repeated: boolean } | undefined): Outcome {
  if (submitted === undefined) throw new RangeError('Expected a job to answer with, got none.');
  return { kind: 'job', ...submitted };
}

export function replyOutcome(shown: Reply): Outcome {
  return { kind: 'reply', reply: shown };
}
