import { isOver, type Job } from '../../../bot/job.ts';
import type { Reply } from '../../../bot/reply.ts';
import { type Delivery, JobMessage } from '../../delivery/job-message.ts';
import type { Message } from '../web-api/api.ts';
import { CLOSED_ROOM, LOST_TOKEN, problemOf, RateLimited, Refused } from '../web-api/errors.ts';
import { type Workspace, within } from '../web-api/workspaces.ts';
import { MessageFiles } from './files.ts';
import type { MessageRef } from './message-ref.ts';
import { ensurePosted, whyElsewhere } from './posting.ts';
import { DETAILS, type Detail, messageOf, NO_FILES } from './render.ts';
import type { SharedFiles } from './shared-files.ts';

/** The least time between two updates of one message, in ms. */
const UPDATE_GAP = 2000;
/** Pause before the next try after a message moved or a file was not ready, and after moving failed, in ms. */
const RETRY_SOON = 1000;
const RETRY_LATE = 60_000;
/** Pause while the token is not accepted, and the most tries: a day in all. */
const RETRY_TOKEN = 300_000;
const TOKEN_TRIES = 288;
/** How often an unknown kind of refusal is tried again. */
const REFUSED_TRIES = 3;

/** Slack said that it had taken a file in, and then did not know it. */
class FileNotReady extends Error {
  override readonly name = 'FileNotReady';
}

/** There is no place left to show the job. */
class NoPlaceLeft extends Error {
  override readonly name = 'NoPlaceLeft';
}

/** The message that shows a job: posted once, then only edited. */
export class ShownMessage extends JobMessage<MessageRef> {
  readonly workspace: Workspace;
  /** Told once why the answer comes elsewhere. */
  moved: ((why: string) => void) | null = null;
  readonly #files: MessageFiles;
  #detail: Detail = 'all';
  /** What was last shown, as JSON. */
  #last = '';

  constructor(delivery: Delivery, job: Job, ref: MessageRef, workspace: Workspace, shared: SharedFiles) {
    super(delivery, job, ref);
    this.workspace = workspace;
    this.#files = new MessageFiles(this, delivery, shared);
  }

  protected async bringUpToDate(job: Job): Promise<string | null> {
    if (isOver(job)) return this.#finish(job);
    if (this.ref.ts === null) await this.#post(job);
    else this.#progress(job);
    return null;
  }

  /** Chooses when and where to try next. */
  protected async recover(error: unknown): Promise<void> {
    if (error instanceof FileNotReady) return this.again(RETRY_SOON);
    if (error instanceof NoPlaceLeft) return this.#giveUp(error.message);
    const problem = problemOf(error);
    const { logger } = this.delivery;
    const log = { job: this.jobId, attempt: this.failures, problem: problem.message };
    if (problem instanceof RateLimited) return this.again(problem.retryAfterMs);
    if (!(problem instanceof Refused)) {
      logger.debug(log, 'slack: a message could not be brought up to date; trying again');
      return this.again(this.backOff());
    }
    if (!LOST_TOKEN.has(problem.code)) return this.#chooseOtherPlace(problem);
    if (this.failures === 1) {
      logger.error(log, 'slack: the bot token is not accepted any more; results wait for a new one');
    }
    return this.failures < TOKEN_TRIES ? this.again(RETRY_TOKEN) : this.#giveUp(problem.message);
  }

  /** The message is out of reach: the result comes elsewhere. */
  async #chooseOtherPlace(problem: Refused): Promise<void> {
    const { ref } = this;
    const gone = problem.code === 'message_not_found';
    if (this.failures > 2 * REFUSED_TRIES || (gone && ref.replaced)) {
      return this.#giveUp(gone ? 'The message was deleted.' : problem.message);
    }
    try {
      if (gone) {
        Object.assign(ref, { replaced: true, ts: null, triedAt: null });
        this.save();
      } else if (CLOSED_ROOM.has(problem.code) || this.failures === REFUSED_TRIES) await this.#moveToDm(problem);
      this.again(RETRY_SOON);
    } catch (error) {
      if (error instanceof NoPlaceLeft || problemOf(error) instanceof Refused) this.#giveUp(problem.message);
      else this.again(RETRY_LATE);
    }
  }

  #giveUp(why: string): void {
    const { core, logger } = this.delivery;
    logger.warn({ job: this.jobId, why }, 'slack: a job cannot be shown');
    const job = core.job(this.jobId);
    if (job && isOver(job)) this.end(job, why);
    else {
      // The job's end gets tries of its own.
      this.hidden = true;
      this.failures = 0;
    }
  }

  #progress(job: Job): void {
    const { core, draining } = this.delivery;
    const reply = core.jobReply(job);
    if (reply.preview !== null && !draining) this.#files.offerPreview(reply.preview);
    if (this.#rendered(reply).json === this.#last) return;
    this.workspace.updates.submit(job.id, 'progress', () => this.#showProgress());
  }

  /** Shows the job's progress, as it is when the workspace's budget allows the call. */
  async #showProgress(): Promise<void> {
    const { ref, workspace } = this;
    const { core, clock, logger, stopped } = this.delivery;
    const job = core.job(this.jobId);
    if (!job || isOver(job) || this.dropped || stopped || ref.ts === null) return;
    try {
      const { message, json } = this.#rendered(core.jobReply(job));
      this.noProgressBefore = clock.monotonic() + UPDATE_GAP;
      await workspace.api.update(ref.channel, ref.ts, message);
      this.#last = json;
      void this.#deleteStale();
    } catch (error) {
      const problem = problemOf(error);
      if (problem instanceof RateLimited) throw problem;
      if (problem instanceof Refused) {
        if (CLOSED_ROOM.has(problem.code) || problem.code === 'message_not_found') this.hidden = true;
        else if (isFileTrouble(problem)) this.#files.forgetPreview();
        else this.#showLess(problem);
      }
      logger.debug({ job: this.jobId, problem: problem.message }, 'slack: progress could not be shown');
    }
  }

  async #deleteStale(): Promise<void> {
    try {
      await this.#files.deleteStale();
    } catch (error) {
      const log = { job: this.jobId, problem: problemOf(error).message };
      this.delivery.logger.debug(log, 'slack: a preview could not be deleted yet');
    }
  }

  #rendered(reply: Reply): { readonly message: Message; readonly json: string } {
    const message = messageOf(reply, this.#files.shown(reply), this.ref.note, this.#detail);
    return { message, json: JSON.stringify(message) };
  }

  /** Resolves with why pictures are missing, or with `null`. */
  async #finish(job: Job): Promise<string | null> {
    this.#detail = 'all';
    if (this.ref.ts === null) await this.#post(job);
    const problem = await this.#files.prepare(this.delivery.core.jobReply(job).images);
    await within(this.workspace.updates, job.id, 'final', () => this.#showFinal(job));
    await this.#files.cleanUp(job);
    return problem;
  }

  async #showFinal(job: Job): Promise<void> {
    const { ref, workspace } = this;
    const { core } = this.delivery;
    if (ref.ts === null) throw new Error('A message that was never posted cannot be updated.');
    const reply = core.jobReply(core.job(job.id) ?? job);
    for (;;) {
      try {
        return await workspace.api.update(ref.channel, ref.ts, this.#rendered(reply).message);
      } catch (error) {
        const problem = problemOf(error);
        if (!(problem instanceof Refused)) throw problem;
        if (isFileTrouble(problem) && this.#files.recheck(reply.images)) throw new FileNotReady();
        if (!this.#showLess(problem)) throw problem;
      }
    }
  }

  /** A caption must never keep a picture away: what Slack finds too long or malformed is shown in less detail. */
  #showLess({ code }: Refused): boolean {
    if (!/blocks|too_long|no_text|invalid_arg/.test(code)) return false;
    const next = DETAILS[DETAILS.indexOf(this.#detail) + 1];
    if (next === undefined) return false;
    const log = { job: this.jobId, code, detail: next };
    this.delivery.logger.warn(log, 'slack: a message was refused and is shown in less detail');
    this.#detail = next;
    return true;
  }

  /** Posts the waiting message; in a direct message where the channel is closed to us. */
  async #post(job: Job): Promise<void> {
    const { core, clock } = this.delivery;
    const reply = core.jobReply(job);
    // A crash may cause a message to be posted twice: it must not be a result.
    const waiting: Reply = isOver(job) ? { ...reply, images: [], buttons: [] } : reply;
    for (;;) {
      const message = messageOf(waiting, NO_FILES, this.ref.note, this.#detail);
      try {
        await ensurePosted(this, message, clock);
        this.#last = JSON.stringify(message);
        this.noProgressBefore = clock.monotonic() + UPDATE_GAP;
        return;
      } catch (error) {
        const problem = problemOf(error);
        if (!(problem instanceof Refused)) throw problem;
        if (CLOSED_ROOM.has(problem.code)) await this.#moveToDm(problem);
        else if (!this.#showLess(problem)) throw problem;
      }
    }
  }

  /** From now on the job is shown in a direct message. Rejects with `NoPlaceLeft` where it is already. */
  async #moveToDm(why: Refused): Promise<void> {
    const { ref } = this;
    const dm = await this.workspace.api.openDm(ref.user);
    if (ref.channel === dm) throw new NoPlaceLeft(`The direct message is closed (${why.code}).`);
    const words = whyElsewhere(ref.channel, why);
    Object.assign(ref, { note: words.there, channel: dm, thread: null, ts: null, triedAt: null });
    this.hidden = false;
    this.save();
    this.moved?.(words.here);
    this.moved = null;
  }
}

function isFileTrouble({ details }: Refused): boolean {
  return details.some((detail) => detail.includes('slack_file') || detail.includes('slack file'));
}
