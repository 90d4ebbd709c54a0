import { isOver, type Job } from '../../bot/job.ts';
import { EMPTY_REPLY, type Reply } from '../../bot/reply.ts';
import { t } from '../../texts/translate.ts';

/**
 * How much of a reply a message shows. What a platform refuses is shown in a poorer form: without what people typed (and
 * without names made from it), then as sentences of our own alone.
 */
export type Form = 'whole' | 'wordless' | 'notice';

/** The reply without a word that somebody typed: its pictures and buttons, and why. */
export function wordless(reply: Reply, why: string): Reply {
  return {
    ...reply,
    title: '',
    lines: [
      why,
      t('The words of the request are left out here.'),
      ...(reply.tone === 'error' ? [t('It failed.')] : []),
    ],
    fields: [],
    code: null,
    images: reply.images.map((image, k) => ({
      ...image,
      fileName: `picture-${k + 1}${image.fileName.slice(image.fileName.lastIndexOf('.'))}`,
      alt: t('Picture {number}', { number: k + 1 }),
    })),
  };
}

/**
 * The poorest answer to a request: why it can't be shown, and how to get it.
 * @param show the command that shows the job
 */
export function jobNotice(job: Job, why: string, show: string): string {
  const how = isOver(job)
    ? t('The result is kept: get it with {command} elsewhere, for example in a direct message to me.', {
        command: show,
      })
    : t(
        "The result can't be shown here. Once it is finished, get it with {command} elsewhere, for example in a direct message to me.",
        { command: show },
      );
  return `${why} ${how}`;
}

/** The poorest answer to a command. */
export function replyNotice(why: string): Reply {
  const lines = [why, t('Ask again elsewhere, for example in a direct message to me.')];
  return { ...EMPTY_REPLY, tone: 'error', title: t("I can't show the answer here."), lines, ephemeral: true };
}
