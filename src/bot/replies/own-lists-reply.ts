import { t, translatable } from '../../texts/translate.ts';
import { type Job, type JobImage, type JobState, titleOf } from '../job.ts';
import { NOTICE, type Reply } from '../reply.ts';
import { type CoverOf, kept, rowsOf, secondary, shortened, shownImages } from './job-reply.ts';

const LISTED = 10;
const SHOWN_PICTURES = 4;

/** A person's latest requests, newest first. */
interface HistoryView {
  readonly isPresent: (imageId: string) => boolean;
  /** The place covers all pictures. */
  readonly spoiler: boolean;
  /** How it shows each picture. */
  readonly cover: CoverOf;
  /** Jobs left out, because the rules of this place forbid to show them. */
  readonly hidden: number;
}

export function historyReply(jobs: readonly Job[], { isPresent, spoiler, cover, hidden }: HistoryView): Reply {
  const listed = jobs.slice(0, LISTED);
  if (listed.length === 0 && hidden === 0) {
    return { ...NOTICE, title: t('You have asked for nothing yet'), code: '/wuerst a red fox in the snow' };
  }
  const pictures = listed
    .flatMap((job) => shownImages(job, cover).slice(0, 1))
    .filter(({ id }) => isPresent(id))
    .map((image) => ({ ...image, spoiler: image.spoiler || spoiler }));
  const buttons = listed.map(({ id, request }) => secondary(`show:${id}`, shortened(titleOf(request), 30)));
  return {
    ...NOTICE,
    title: t('Your latest pictures'),
    lines: hidden === 0 ? [] : [t('The rules here do not allow {count} of them to be shown.', { count: hidden })],
    fields: listed.map((job) => ({ name: job.id, value: `${shortened(titleOf(job.request), 100)} (${outcome(job)})` })),
    images: pictures.slice(0, SHOWN_PICTURES),
    buttons: rowsOf(buttons),
  };
}

/** A person's latest favourites, newest picture first. */
export function favouritesReply(
  found: readonly { readonly job: Job; readonly image: JobImage }[],
  { isPresent, spoiler, cover, hidden }: HistoryView,
): Reply {
  const listed = found.slice(0, LISTED);
  if (listed.length === 0 && hidden === 0) {
    const line = t('The button {button} below a picture keeps it here for you alone.', { button: t('★ Favourite') });
    return { ...NOTICE, title: t('You have no favourites yet'), lines: [line] };
  }
  const pictures = listed
    .flatMap(({ job }) => shownImages(job, cover))
    .filter(({ id }) => isPresent(id))
    .map((image) => ({ ...image, spoiler: image.spoiler || spoiler }));
  return {
    ...NOTICE,
    title: t('Your favourites'),
    lines: hidden === 0 ? [] : [t('{count} of them cannot be shown here.', { count: hidden })],
    fields: listed.map(({ job, image }) => ({ name: image.id, value: shortened(titleOf(job.request), 100) })),
    images: pictures.slice(0, SHOWN_PICTURES),
    buttons: rowsOf(listed.map(({ job, image }) => secondary(`show:${image.id}`, shortened(titleOf(job.request), 30)))),
  };
}

export function favouredReply(imageId: string, isLiked: boolean): Reply {
  if (!isLiked) {
    return {
      ...NOTICE,
      title: t('No longer a favourite'),
      buttons: [[secondary(`favourite:${imageId}`, t('★ Favourite'))]],
    };
  }
  return {
    ...NOTICE,
    title: t('Kept as a favourite'),
    lines: [t('Only you see your favourites: {command}', { command: '/wuerst favourites' })],
    buttons: [[secondary(`unfavourite:${imageId}`, t('Take it out'))]],
  };
}

const STATES: Readonly<Record<Exclude<JobState, 'done'>, string>> = {
  queued: translatable('waiting'),
  running: translatable('running'),
  failed: translatable('failed'),
  cancelled: translatable('cancelled'),
};

function outcome(job: Job): string {
  if (job.state !== 'done') return t(STATES[job.state]);
  return t('{count} picture | {count} pictures', { count: kept(job).length });
}
