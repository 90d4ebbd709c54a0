import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { Outcome } from '../core.ts';
import { type Caller, forReader, isOver, type Job } from '../job.ts';
import { jobOutcome } from './outcomes.ts';
import type { StudioParts } from './studio-parts.ts';
import { isOwner } from './targets.ts';

/** The caller's newest request that is not over. @throws UserError `job_unknown` */
export function newestUnfinished({ history }: Pick<StudioParts, 'history'>, { surface, user }: Caller): Job {
  const newest = history.lists.unfinished({ surface, user }).at(-1);
  if (newest !== undefined) return newest;
  throw new UserError('job_unknown', t('You have no request that is waiting or running.'), {
    hint: t('See what you asked for: {command}', { command: '/wuerst history' }),
  });
}

/**
 * Cancels a request for somebody who may. @throws UserError `already_finished`
 */
export function cancelJob(
  { history, queue, dispatcher, bus }: Pick<StudioParts, 'history' | 'queue' | 'dispatcher' | 'bus'>,
  job: Job,
  caller: Caller,
): Outcome {
  if (isOver(job)) {
    throw new UserError('already_finished', alreadyOver(job), {
      hint: t('Its pictures can be deleted instead.'),
    });
  }
  const own = isOwner(job, caller);
  const message = forReader(job.caller, () => (own ? t('Cancelled.') : t('Cancelled by a moderator.')));
  const reason = { code: 'cancelled', message };
  const cancel = () => {
    const cancelled = history.jobs.cancel(job.id, reason, dispatcher.computed(job));
    if (cancelled !== null && !own) {
      const { surface, user: actor } = caller;
      const { guild } = job.caller;
      history.audit.add({ surface, guild, actor, action: 'cancel', target: job.id, detail: null });
    }
    return cancelled;
  };
  queue.transact(cancel, (event) => {
    if (event === null) return;
    queue.remove(job.id);
    dispatcher.abort(job.id);
    bus.emit(event);
  });
  return jobOutcome({ job: history.jobs.get(job.id) ?? job, repeated: false });
}

function alreadyOver({ state }: Job): string {
  if (state === 'done') return t('This request is already done.');
  return state === 'failed' ? t('This request is already failed.') : t('This request is already cancelled.');
}
