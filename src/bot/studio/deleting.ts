import { UserError } from '../../system/errors.ts';
import { t } from '../../texts/translate.ts';
import type { Outcome } from '../core.ts';
import { type Caller, isOver, type Job } from '../job.ts';
import { kept } from '../replies/job-reply.ts';
import { erasedReply } from '../replies/own-data-reply.ts';
import { jobOutcome, replyOutcome } from './outcomes.ts';
import type { StudioParts } from './studio-parts.ts';
import { requireOwner, type Target } from './targets.ts';

type Parts = Pick<StudioParts, 'history' | 'bus' | 'removals'>;

const ERASED_PAGE = 500;

/** Deletes a picture, or all of a request. @throws UserError `not_yours`, `image_deleted` or `job_not_finished` */
export function deletePictures({ history, bus, removals }: Parts, { job, image }: Target, caller: Caller): Outcome {
  requireOwner(job, caller, 'delete');
  const images = image === null ? kept(job) : [image];
  if (images.length === 0) {
    throw isOver(job)
      ? new UserError('image_deleted', t('Its pictures have already been deleted.'))
      : new UserError('job_not_finished', t('This request has no pictures yet.'), { hint: t('It can be cancelled.') });
  }
  const { surface, user } = caller;
  for (const { id } of images) bus.emit(history.images.delete(id, { surface, user }));
  removals.announce(job.caller.surface);
  return jobOutcome({ job: history.jobs.get(job.id) ?? job, repeated: false });
}

/** Erases everything that is kept about the caller. */
export async function erasePerson({ history, removals, bus }: Parts, { surface, user }: Caller): Promise<Outcome> {
  const { personalData } = history;
  const jobs = jobsOf({ history }, surface, user);
  const counts = personalData.erase(surface, user);
  for (const job of jobs) bus.emit({ seq: null, type: 'erased', job });
  removals.announce(surface);
  const posted = await removals.outlook(surface, user);
  return replyOutcome(erasedReply({ ...counts, posted, logHoldsErased: personalData.logHoldsErased }));
}

function jobsOf({ history }: Pick<Parts, 'history'>, surface: Caller['surface'], user: string): readonly Job[] {
  const jobs: Job[] = [];
  for (let before: { before?: string } = {}; ; before = { before: jobs.at(-1)?.id ?? '' }) {
    const page = history.lists.page({ surface, user, limit: ERASED_PAGE, ...before });
    jobs.push(...page);
    if (page.length < ERASED_PAGE) return jobs;
  }
}
