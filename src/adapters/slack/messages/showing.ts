import { isOver, type Job } from '../../../bot/job.ts';
import type { Reply } from '../../../bot/reply.ts';
import type { Clock } from '../../../system/clock.ts';
import type { Logger } from '../../../system/logging.ts';
import type { Core } from '../../adapter.ts';
import type { Message } from '../web-api/api.ts';
import { CLOSED_ROOM, problemOf, RateLimited, Refused } from '../web-api/errors.ts';
import { within } from '../web-api/workspaces.ts';
import type { Pictures } from './files.ts';
import { ensurePosted, moveToDm } from './posting.ts';
import { DETAILS, messageOf, NO_FILES } from './render.ts';
import type { Watch } from './watch.ts';

/** The least time between two updates of one message, in ms. */
const UPDATE_GAP = 2000;

/** Slack named a file that it says it has taken in, and then did not know it. */
export class NotReady extends Error {
  override readonly name = 'NotReady';
}

interface ShowingOptions {
  readonly core: Core;
  readonly pictures: Pictures;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly save: (watch: Watch) => void;
  /** Something happened that the message should show. */
  readonly touch: (watch: Watch) => void;
  /** Looks again after so many ms. */
  readonly later: (watch: Watch, ms: number) => void;
  /** Whether nothing but ends is worth showing any more, or nothing at all. */
  readonly ending: () => { readonly draining: boolean; readonly stopped: boolean };
}

/** What the message of a job shows: posted once, then only edited. */
export function createShowing(options: ShowingOptions) {
  const { core, pictures, clock, logger, save, touch, later, ending } = options;

  async function progress(watch: Watch, job: Job): Promise<void> {
    const { ref, workspace } = watch;
    if (ref.ts === null) return post(watch, job);
    const wait = watch.updatedAt + UPDATE_GAP - clock.now();
    if (wait > 0) {
      watch.dirty = true;
      return later(watch, wait);
    }
    const reply = core.jobReply(job);
    if (reply.preview !== null && !ending().draining) {
      pictures.offerPreview(watch, reply.preview, { save: () => save(watch), ready: () => touch(watch) });
    }
    if (rendered(watch, reply).json === watch.shown) return;
    workspace.updates.submit(job.id, 'progress', () => showProgress(watch));
  }

  /** Runs when the workspace's budget comes round to this job, and shows what holds then. */
  async function showProgress(watch: Watch): Promise<void> {
    const { ref, workspace } = watch;
    const job = core.job(watch.jobId);
    if (!job || isOver(job) || watch.dropped || ending().stopped || ref.ts === null) return;
    try {
      const { message, json } = rendered(watch, core.jobReply(job));
      watch.updatedAt = clock.now();
      await workspace.api.update(ref.channel, ref.ts, message);
      watch.shown = json;
      void sweep(watch);
    } catch (error) {
      const problem = problemOf(error);
      if (problem instanceof RateLimited) throw problem;
      if (problem instanceof Refused) {
        if (CLOSED_ROOM.has(problem.code) || problem.code === 'message_not_found') watch.hidden = true;
        else if (fileTrouble(problem)) pictures.forgetPreview(watch);
        else lessDetail(watch, problem);
      }
      logger.debug({ job: watch.jobId, problem: problem.message }, 'slack: progress could not be shown');
    }
  }

  async function sweep(watch: Watch): Promise<void> {
    try {
      await pictures.sweep(watch, () => save(watch));
    } catch (error) {
      logger.debug(
        { job: watch.jobId, problem: problemOf(error).message },
        'slack: a preview could not be deleted yet',
      );
    }
  }

  function rendered(watch: Watch, reply: Reply): { readonly message: Message; readonly json: string } {
    const files = pictures.shownFiles(watch.ref, reply);
    const message = messageOf(reply, files, watch.ref.note, watch.detail);
    return { message, json: JSON.stringify(message) };
  }

  /** Resolves with why pictures are missing, or with `null` where something happened meanwhile. */
  async function finish(watch: Watch, job: Job): Promise<{ readonly problem: string | null } | null> {
    const { ref, workspace } = watch;
    watch.detail = 'all';
    if (ref.ts === null) await post(watch, job);
    const problem = await pictures.prepare(watch, core.jobReply(job).images, () => save(watch));
    await within(workspace.updates, job.id, 'final', () => showFinal(watch, job));
    await pictures.tidy(watch, job, () => save(watch));
    if (watch.dirty || watch.dropped) return null;
    return { problem };
  }

  async function showFinal(watch: Watch, job: Job): Promise<void> {
    const { ref, workspace } = watch;
    if (ref.ts === null) throw new Error('a message that was never posted cannot be updated');
    const latest = core.job(job.id) ?? job;
    const reply = core.jobReply(latest);
    for (;;) {
      try {
        return await workspace.api.update(ref.channel, ref.ts, rendered(watch, reply).message);
      } catch (error) {
        const problem = problemOf(error);
        if (!(problem instanceof Refused)) throw problem;
        if (fileTrouble(problem) && pictures.distrust(watch, reply.images)) throw new NotReady();
        if (!lessDetail(watch, problem)) throw problem;
      }
    }
  }

  /** A caption never kills a picture: what Slack finds too long or malformed is shown in less detail. */
  function lessDetail(watch: Watch, { code }: Refused): boolean {
    if (!/blocks|too_long|no_text|invalid_arg/.test(code)) return false;
    const next = DETAILS[DETAILS.indexOf(watch.detail) + 1];
    if (next === undefined) return false;
    logger.warn({ job: watch.jobId, code, detail: next }, 'slack: a message was refused and is shown in less detail');
    watch.detail = next;
    return true;
  }

  /** Posts the waiting message; in a direct message where the channel is closed to us. */
  async function post(watch: Watch, job: Job): Promise<void> {
    const { ref, workspace } = watch;
    const reply = core.jobReply(job);
    // Whatever is posted may be posted twice by a crash: a result never is.
    const waiting: Reply = isOver(job) ? { ...reply, images: [], buttons: [] } : reply;
    for (;;) {
      const message = messageOf(waiting, NO_FILES, ref.note, watch.detail);
      try {
        await ensurePosted(workspace, job.id, ref, { clock, message, save: () => save(watch) });
        watch.shown = JSON.stringify(message);
        watch.updatedAt = clock.now();
        return;
      } catch (error) {
        const problem = problemOf(error);
        if (!(problem instanceof Refused)) throw problem;
        if (CLOSED_ROOM.has(problem.code)) await moveToDm(watch, problem, () => save(watch));
        else if (!lessDetail(watch, problem)) throw problem;
      }
    }
  }

  return { progress, finish };
}

function fileTrouble({ details }: Refused): boolean {
  return details.some((detail) => detail.includes('slack_file') || detail.includes('slack file'));
}
