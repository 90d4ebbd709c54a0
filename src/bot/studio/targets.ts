import { UserError } from '../../system/errors.ts';
import { t, translatable } from '../../texts/translate.ts';
import type { History } from '../history/history.ts';
import type { Caller, Job, JobImage } from '../job.ts';
import { kept } from '../replies/job-reply.ts';
import type { GuildRules } from '../rules/guild-rules.ts';
import { refuseBlocked } from '../rules/moderation.ts';

/** What an action is about. */
export interface Target {
  readonly job: Job;
  /** `null` for the job as a whole. */
  readonly image: JobImage | null;
}

/** Finds what an id means to a caller. Jobs and images of other places and people count as unknown. */
export class Targets {
  readonly #history: History;
  readonly #rules: GuildRules;

  constructor(history: History, rules: GuildRules) {
    this.#history = history;
    this.#rules = rules;
  }

  /** @throws UserError `image_unknown`, `image_deleted` or `blocked_user` */
  get(id: string, caller: Caller): Target {
    refuseBlocked(caller, this.#rules.at(caller));
    const target = this.#find(id, caller);
    if (target === null) {
      throw new UserError('image_unknown', t('Nothing is known here under the id {id}.', { id: id.slice(0, 64) }), {
        hint: t('It may have been erased, or it belongs to another place. Yours are listed by {command}', {
          command: '/wuerst history',
        }),
      });
    }
    if (target.image?.deleted === true) {
      throw new UserError('image_deleted', t('This picture was deleted.'), {
        hint: t('Others of yours are listed by {command}', { command: '/wuerst history' }),
      });
    }
    return target;
  }

  #find(id: string, caller: Caller): Target | null {
    const whole = this.#history.jobs.get(id);
    if (whole !== null) return isVisible(whole, caller) ? { job: whole, image: null } : null;
    const details = this.#history.images.get(id);
    const job = details === null ? null : this.#history.jobs.get(details.jobId);
    return details !== null && job !== null && isVisible(job, caller) ? { job, image: details.image } : null;
  }
}

export function isOwner(job: Job, caller: Caller): boolean {
  return job.caller.surface === caller.surface && job.caller.user === caller.user;
}

const NOT_YOURS = {
  cancel: translatable('Only the person who asked for this, or a moderator, can cancel it.'),
  delete: translatable('Only the person who asked for this, or a moderator, can delete it.'),
} as const;

/** @throws UserError `not_yours` */
export function requireOwner(job: Job, caller: Caller, what: keyof typeof NOT_YOURS): void {
  if (isOwner(job, caller) || caller.moderator) return;
  throw new UserError('not_yours', t(NOT_YOURS[what]), {
    hint: t('Your own requests are listed by {command}', { command: '/wuerst history' }),
  });
}

/** Whether a job is of the caller's, or of their place. */
export function isVisible(job: Job, caller: Caller): boolean {
  if (job.caller.surface !== caller.surface) return false;
  const sameGuild = job.caller.guild !== null && job.caller.guild === caller.guild;
  return isOwner(job, caller) || sameGuild || job.caller.room === caller.room;
}

/** The picture meant by an action on a job: its first one that is left. @throws UserError `image_unknown` */
export function firstImage(job: Job): JobImage {
  const [image] = kept(job);
  if (image !== undefined) return image;
  throw new UserError('image_unknown', t('This request has no picture to start from.'), {
    hint: t('{button} makes it again with new seeds.', { button: t('Reroll') }),
  });
}
