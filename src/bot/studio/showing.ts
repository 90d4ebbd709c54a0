import type { Outcome } from '../core.ts';
import type { Caller, Job, JobImage } from '../job.ts';
import { pictureWithheld, reviewReply } from '../replies/covered-pictures.ts';
import { infoReply } from '../replies/info-reply.ts';
import { imageReply, kept } from '../replies/job-reply.ts';
import { favouredReply } from '../replies/own-lists-reply.ts';
import { savePictureAsPreset } from './change-presets.ts';
import { jobOutcome, replyOutcome } from './outcomes.ts';
import { mayOverrule } from './overruling.ts';
import { promptContext } from './prompt-context.ts';
import type { StudioParts } from './studio-parts.ts';
import { firstImage, type Target } from './targets.ts';

/** A request as it is now. */
export function showJob(parts: StudioParts, { job }: Pick<Target, 'job'>, caller: Caller): Outcome {
  return jobOutcome({ job: shown(parts, job, caller), repeated: true });
}

/** A request, or one of its pictures with its buttons. */
export function show(parts: StudioParts, { job, image }: Target, caller: Caller): Outcome {
  if (image === null) return showJob(parts, { job }, caller);
  const seen = shown(parts, job, caller, [image]);
  const { rules } = parts;
  return replyOutcome(imageReply(seen, image, rules.limits(job.caller), (one) => rules.cover(one, job.caller)));
}

/** What a picture was made with. */
export function info(parts: StudioParts, { job, image }: Target, caller: Caller): Outcome {
  const { history, rules, signature } = parts;
  rules.refuse(job.request, caller);
  const acted = image ?? kept(job)[0] ?? null;
  const details = acted === null ? null : history.images.get(acted.id);
  const seen = withoutForbiddenOriginal(parts, job, caller);
  const reply = infoReply(seen, acted, details, rules.limits(job.caller), signature());
  const isReview = acted !== null && mayOverrule(job, caller) && rules.covers(job.caller);
  return replyOutcome(isReview ? reviewReply(reply, job, acted) : reply);
}

export function favour(
  { history, rules }: StudioParts,
  { job, image }: Target,
  caller: Caller,
  isLiked: boolean,
): Outcome {
  rules.refuse(job.request, caller);
  const { id } = image ?? firstImage(job);
  if (isLiked) history.gallery.like(id, caller);
  else history.gallery.unlike(id, caller);
  return replyOutcome(favouredReply(id, isLiked));
}

/** @param text the preset's name, with its text behind a colon */
export function savePreset(parts: StudioParts, { job }: Target, caller: Caller, text = ''): Outcome {
  parts.rules.refuse(job.request, caller);
  return replyOutcome(savePictureAsPreset(job.request, text, promptContext(parts, caller)));
}

/**
 * A job that is about to be shown to a caller: the rules of their place hold, wherever it was made, and lost files are
 * made again on their account.
 */
function shown({ history, rules, images }: StudioParts, job: Job, caller: Caller, pictures = kept(job)): Job {
  const place = rules.at(caller);
  rules.refuse(job.request, caller);
  refuseCovered({ history, rules }, job, caller, pictures);
  images.restore(
    pictures.map(({ id }) => id),
    caller,
  );
  if (!place.spoiler || job.request.spoiler) return job;
  history.jobs.cover(job.id);
  return { ...job, request: { ...job.request, spoiler: true } };
}

/** The message of a job shows what its own place shows. @throws UserError `nsfw_picture` where that is more than this one shows */
function refuseCovered(
  { history, rules }: Pick<StudioParts, 'history' | 'rules'>,
  job: Job,
  caller: Caller,
  pictures: readonly JobImage[],
): void {
  for (const picture of pictures) {
    const here = rules.cover(picture, caller);
    if (here === 'none' || here === rules.cover(picture, job.caller)) continue;
    if (here !== 'spoiler') throw pictureWithheld(here);
    history.jobs.cover(job.id);
  }
}

/** What was typed may name what was not drawn, and so was not refused. */
function withoutForbiddenOriginal({ rules }: StudioParts, job: Job, caller: Caller): Job {
  const { original = '', originalNegative = '', ...request } = job.request;
  const typed = { prompt: original, negative: originalNegative, weighted: true } as const;
  return rules.refusal(typed, caller) === undefined ? job : { ...job, request };
}
