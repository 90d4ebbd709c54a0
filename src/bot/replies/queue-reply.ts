import { t } from '../../texts/translate.ts';
import { type Job, type QueuePosition, titleOf } from '../job.ts';
import { NOTICE, type Reply } from '../reply.ts';
import { ROW, rowsOf, secondary, shortened, waitingLabel } from './job-reply.ts';
import { nobodyPaints } from './lack-text.ts';

interface QueueView {
  readonly waiting: number;
  /** Unfinished jobs of this guild; `null` in a direct message. */
  readonly here: number | null;
  readonly running: readonly { readonly own: boolean; readonly fraction: number }[];
  readonly own: readonly ({ readonly job: Job } & QueuePosition)[];
  /** Somebody can paint. */
  readonly isServed: boolean;
}

export function queueReply({ waiting, here, running, own, isServed }: QueueView): Reply {
  const cancels = own
    .slice(0, ROW)
    .map(({ job }) =>
      secondary(`cancel:${job.id}`, t('Cancel {title}', { title: shortened(titleOf(job.request), 24) })),
    );
  return {
    ...NOTICE,
    title: waiting === 0 ? t('Nothing waits') : t('{count} request waits | {count} requests wait', { count: waiting }),
    lines: [
      isServed || running.length > 0 ? beingMade(running) : nobodyPaints(),
      ...(here === null || here === 0 ? [] : [t('Unfinished requests from this place: {count}.', { count: here })]),
    ],
    fields: own.map(({ job, ...place }) => ({
      name: `${shortened(titleOf(job.request), 60)} (${job.id})`,
      value: job.state === 'running' ? t('Being made') : waitingLabel(place),
    })),
    buttons: rowsOf(cancels),
  };
}

function beingMade(running: QueueView['running']): string {
  const [only] = running;
  if (only === undefined) return t('Nothing is being made right now.');
  if (running.length === 1) {
    const percent = Math.floor(only.fraction * 100);
    return only.own
      ? t('Being made: a request of yours, {percent} %.', { percent })
      : t('Being made: a request of somebody else, {percent} %.', { percent });
  }
  const count = running.length;
  const own = running.filter((each) => each.own).map(({ fraction }) => `${Math.floor(fraction * 100)} %`);
  return own.length === 0
    ? t('Being made: {count} request, not yours. | Being made: {count} requests, none of them yours.', { count })
    : t('Being made: {count} request, yours: {own}. | Being made: {count} requests, of them yours: {own}.', {
        count,
        own: own.join(', '),
      });
}
