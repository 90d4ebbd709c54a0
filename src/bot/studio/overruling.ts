import type { Outcome } from '../core.ts';
import type { Caller, Job, Overruling } from '../job.ts';
import { overruledReply, overruleNotAllowed } from '../replies/covered-pictures.ts';
import { isOperator } from './change-settings.ts';
import { replyOutcome } from './outcomes.ts';
import type { StudioParts } from './studio-parts.ts';
import { firstImage, type Target } from './targets.ts';

type Parts = Pick<StudioParts, 'history' | 'bus' | 'removals'>;

/** A moderator decides about a picture, over what the picture classifier found. @throws UserError `overrule_not_allowed` */
export function overrule(
  { history, bus, removals }: Parts,
  { job, image }: Target,
  caller: Caller,
  decision: Overruling,
): Outcome {
  if (!mayOverrule(job, caller)) throw overruleNotAllowed();
  const { id } = image ?? firstImage(job);
  bus.emit(history.images.overrule(id, decision, caller));
  if (decision === 'hidden') removals.announce(job.caller.surface);
  return replyOutcome(overruledReply(decision));
}

/** Moderators of the place that a picture was made in, and whoever runs the bot. */
export function mayOverrule({ caller: { guild } }: Job, caller: Caller): boolean {
  return caller.moderator && (isOperator(caller) || (guild !== null && guild === caller.guild));
}
