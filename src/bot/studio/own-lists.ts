import { type Caller, ruledBy } from '../job.ts';
import { POSITION_CAP } from '../queue/fair-queue.ts';
import { favouritesReply, historyReply } from '../replies/own-lists-reply.ts';
import { queueReply } from '../replies/queue-reply.ts';
import type { Reply } from '../reply.ts';
import type { StudioParts } from './studio-parts.ts';
import { isVisible } from './targets.ts';

/** The latest requests of a person that are listed. */
const LATEST = 10;
const OWN_IN_QUEUE = 10;
/** The latest ones that are looked through for those that may be shown. */
const FAVOURITES = 100;

/** The latest pictures of the caller. */
export function historyOf({ history, rules }: StudioParts, caller: Caller): Reply {
  const { surface, user } = caller;
  const jobs = history.lists.page({ surface, user, limit: LATEST });
  const here = rules.at(caller);
  const shown = jobs.filter(({ request }) => rules.refusal(request, caller) === undefined);
  return historyReply(shown, {
    isPresent: (id) => history.images.file(id)?.state === 'present',
    spoiler: here.spoiler,
    cover: (image) => rules.cover(image, caller),
    hidden: jobs.length - shown.length,
  });
}

/** The latest favourites of the caller. */
export function favouritesOf({ history, rules }: StudioParts, caller: Caller): Reply {
  const { surface, user } = caller;
  const liked = history.gallery.likedBy(surface, user).slice(-FAVOURITES).reverse();
  const pictures = liked.flatMap(({ id }) => history.gallery.get(id, caller) ?? []);
  const shown = pictures.filter(
    ({ job }) => isVisible(job, caller) && rules.refusal(job.request, caller) === undefined,
  );
  return favouritesReply(shown, {
    isPresent: (id) => history.images.file(id)?.state === 'present',
    spoiler: rules.at(caller).spoiler,
    cover: (image) => rules.cover(image, caller),
    hidden: pictures.length - shown.length,
  });
}

/** What is being made and what waits, as far as it concerns the caller. */
export function queueFor({ history, queue, dispatcher, positions, painters }: StudioParts, caller: Caller): Reply {
  const { surface, user } = caller;
  const guild = ruledBy(caller);
  const own = history.lists.unfinished({ surface, user });
  const running = dispatcher.runningIds.map((id) => ({
    own: own.some((job) => job.id === id),
    fraction: dispatcher.step(id)?.fraction ?? 0,
  }));
  const shown = own.slice(0, OWN_IN_QUEUE);
  return queueReply({
    waiting: queue.waiting.size,
    here: guild === null ? null : history.lists.countUnfinished({ surface, guild }),
    running,
    own: shown.map((job) => ({ job, ...positions.of(job, POSITION_CAP) })),
    isServed: painters.all.some(({ ready }) => ready),
  });
}
