import { isOver, type Job } from '../../../bot/job.ts';
import type { Reply } from '../../../bot/reply.ts';
import { t } from '../../../texts/translate.ts';
import { type Delivery, JobMessage } from '../../delivery/job-message.ts';
import { type Form, jobNotice, wordless } from '../../delivery/poorer.ts';
import type { Message } from '../web-api/api.ts';
import {
  CLOSED_ROOM,
  isContentRefused,
  LOST_TOKEN,
  problemOf,
  RateLimited,
  Refused,
  reasonOf,
  type Unanswered,
  whyOf,
} from '../web-api/errors.ts';
import { type Workspace, within } from '../web-api/workspaces.ts';
import { MessageFiles } from './files.ts';
import { COPIES, copiesOf, type MessageRef } from './message-ref.ts';
import { ensurePosted, whyElsewhere, whyNotHere } from './posting.ts';
import { DETAILS, type Detail, messageOf, NO_FILES, type ShownFiles } from './render.ts';
import type { SharedFiles } from './shared-files.ts';
import { sentences, type Telling, tell } from './telling.ts';

/** The least time between two updates of one message, in ms. */
const UPDATE_GAP = 2000;
/** Pause before the next try after a message moved or a file was not ready, and after moving failed, in ms. */
const RETRY_SOON = 1000;
const RETRY_LATE = 60_000;
/** Pause while the token is not accepted, and the most tries: a day in all. */
const RETRY_TOKEN = 300_000;
const TOKEN_TRIES = 288;

/** Slack said that it had taken a file in, and then did not know it. */
class FileNotReady extends Error {
  override readonly name = 'FileNotReady';
}

/** There is no place left to show the job. */
class NoPlaceLeft extends Error {
  override readonly name = 'NoPlaceLeft';
  readonly code: string | null;
  /** @param why for the person who waits */
  constructor(why: string, { code }: Refused | Unanswered) {
    super(why);
    this.code = code;
  }
}

interface ShownMessageOptions {
  readonly workspace: Workspace;
  readonly shared: SharedFiles;
  /** The job's end was shown before, and something about it changed. */
  readonly settled: boolean;
}

/** The message that shows a job: posted once, then only edited. */
export class ShownMessage extends JobMessage<MessageRef> {
  readonly workspace: Workspace;
  /** Answers the interaction that led to the job, through its own address. */
  respond: Telling['respond'] = null;
  readonly #files: MessageFiles;
  /** Where it was asked for, as far as is known. */
  readonly #asked: Pick<Telling, 'place' | 'user'>;
  /** How much Slack lets the message show, and why not more. */
  #form: Form = 'whole';
  #detail: Detail = 'all';
  #why = '';
  /** Whether the job's end was tried: it begins with the whole reply again, whatever happened to progress. */
  #ending = false;
  /** Why the answer comes by direct message, until the person has been told so. */
  #left: string | null = null;
  /** What was last shown, as JSON. */
  #last = '';

  /** The job's end was shown before: only later changes are shown. */
  readonly #settled: boolean;

  constructor(delivery: Delivery, job: Job, ref: MessageRef, { workspace, shared, settled }: ShownMessageOptions) {
    super(delivery, job, ref);
    this.workspace = workspace;
    this.#settled = settled;
    this.#files = new MessageFiles(this, delivery, shared);
    this.#asked = { place: { channel: ref.channel, thread: ref.thread }, user: ref.user };
  }

  protected async bringUpToDate(job: Job): Promise<string | null> {
    if (isOver(job) && !this.#ending) {
      this.#ending = true;
      this.failures = 0;
      this.#showAll();
    }
    if (this.#settled) return this.#refresh(job);
    if (isOver(job)) return this.#finish(job);
    if (this.ref.ts === null) await this.#post(job);
    else this.#progress(job);
    return null;
  }

  protected override shown(job: Job, problem: string | null): void {
    if (this.#settled) this.refreshed();
    else super.shown(job, problem);
  }

  /** Chooses when, where and in which form to try next. */
  protected async recover(error: unknown, job: Job): Promise<void> {
    if (error instanceof FileNotReady) return this.again(RETRY_SOON);
    if (this.#settled) return this.#tryLater(problemOf(error));
    if (error instanceof NoPlaceLeft) return this.#giveUp(job, error.message, error.code);
    const problem = problemOf(error);
    if (problem instanceof RateLimited) return this.again(problem.retryAfterMs);
    this.#note(problem, 'slack: a message could not be brought up to date');
    if (!(problem instanceof Refused)) {
      this.again(this.backOff(problem.code !== null));
      // Without an answer nothing is known of the message: it waits for Slack or the network.
      if (problem.code === null || !this.triedEnough) return;
      if (this.triedForADay) await this.#giveUp(job, whyOf(problem), problem.code);
      else await this.#goOn(job, problem);
    } else if (!LOST_TOKEN.has(problem.code)) {
      this.again(RETRY_SOON);
      if (problem.code === 'message_not_found') await this.#postAnew(job);
      else if (CLOSED_ROOM.has(problem.code) || this.triedEnough) await this.#goOn(job, problem);
    } else {
      if (this.failures === 1) {
        const log = { job: job.id, problem: problem.message };
        this.delivery.logger.error(log, 'slack: the bot token is not accepted any more; results wait for a new one');
      }
      if (this.failures < TOKEN_TRIES) this.again(RETRY_TOKEN);
      else await this.#giveUp(job, whyOf(problem), problem.code);
    }
  }

  /** A deleted picture is not gone yet. It stays noted, also for the next start. */
  #tryLater(problem: RateLimited | Unanswered | Refused): void {
    this.#note(problem, 'slack: a deleted picture is not gone yet');
    if (this.triedForADay) this.drop();
    else this.again(problem instanceof RateLimited ? problem.retryAfterMs : this.backOff(true));
  }

  /**
   * Takes away pictures that are deleted or shown in another version; their files go whatever becomes of the message. Then the
   * other versions come; nothing else is posted anew.
   */
  async #refresh(job: Job): Promise<null> {
    if (this.ref.ts !== null) await this.#update(job);
    await this.#files.cleanUp(job);
    const overruled = new Set(job.images.filter((image) => image.overruled !== undefined).map(({ id }) => id));
    const images = this.delivery.core.jobReply(job).images.filter(({ id }) => overruled.has(id));
    if (this.ref.ts === null || images.length === 0) return null;
    await this.#files.prepare(images);
    await this.#update(job);
    return null;
  }

  async #update(job: Job): Promise<void> {
    try {
      await within(this.workspace.updates, job.id, 'final', () => this.#showFinal(job));
    } catch (error) {
      const problem = problemOf(error);
      if (error instanceof FileNotReady || !(problem instanceof Refused) || LOST_TOKEN.has(problem.code)) throw error;
      this.#note(problem, 'slack: a message with a deleted picture could not be brought up to date');
    }
  }

  #note(error: unknown, message: string): void {
    this.delivery.refused(reasonOf(error));
    const log = { job: this.jobId, attempt: this.failures, problem: problemOf(error).message };
    this.delivery.logger.debug(log, message);
  }

  /** The message is gone: it is posted once more. */
  async #postAnew(job: Job): Promise<void> {
    if (this.ref.replaced) return this.#giveUp(job, null, null);
    Object.assign(this.ref, { replaced: true, ts: null, triedAt: null });
    this.save();
  }

  /** The same was tried often enough: from now on in the poorest form, then elsewhere. */
  async #goOn(job: Job, problem: Refused | Unanswered): Promise<void> {
    const closed = problem instanceof Refused && CLOSED_ROOM.has(problem.code);
    if (!closed && this.#form !== 'notice') {
      this.#form = 'notice';
      this.#why = whyOf(problem);
      return;
    }
    try {
      await this.#moveToDm(problem);
    } catch (error) {
      if (!(error instanceof NoPlaceLeft)) this.waitFor(RETRY_LATE);
      else if (problem instanceof Refused) await this.#giveUp(job, error.message, error.code);
    }
  }

  /**
   * No place is left: the person is told why, as long as Slack lets us, and how to get the result.
   *
   * @param why `null` where somebody deleted the message, which needs no explanation
   */
  async #giveUp(job: Job, why: string | null, code: string | null): Promise<void> {
    const current = this.delivery.core.job(job.id) ?? job;
    this.delivery.logger.warn({ job: job.id, code: why === null ? 'deleted' : code }, 'slack: a job cannot be shown');
    if (why !== null) await this.#tell(jobNotice(current, why, showCommand(job)));
    const problem = why ?? t('The message was deleted.');
    if (isOver(current)) this.end(current, code === null ? problem : `${problem} (${code})`);
    else {
      // The job's end gets tries of its own.
      this.hidden = true;
      this.failures = 0;
    }
  }

  async #tell(text: string): Promise<void> {
    const { workspace, respond } = this;
    const note = (error: unknown) => this.#note(error, 'slack: a person could not be told where a job is shown');
    await tell({ workspace, key: this.jobId, ...this.#asked, respond, note }, text);
  }

  #showAll(): void {
    this.#form = 'whole';
    this.#detail = 'all';
  }

  #progress(job: Job): void {
    const { core, draining } = this.delivery;
    const reply = core.jobReply(job);
    if (reply.preview !== null && !draining) this.#files.offerPreview(reply.preview);
    if (this.#rendered(job, reply).json === this.#last) return;
    this.workspace.updates.submit(job.id, 'progress', () => this.#showProgress());
  }

  /** Shows the job's progress, as it is when the workspace's budget allows the call. */
  async #showProgress(): Promise<void> {
    const { ref, workspace } = this;
    const { core, clock, stopped } = this.delivery;
    const job = core.job(this.jobId);
    if (!job || isOver(job) || this.dropped || stopped || ref.ts === null) return;
    try {
      const { message, json } = this.#rendered(job, core.jobReply(job));
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
      this.#note(problem, 'slack: progress could not be shown');
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

  #rendered(job: Job, reply: Reply): { readonly message: Message; readonly json: string } {
    const message = this.#inForm(job, reply, this.#files.shown(reply));
    return { message, json: JSON.stringify(message) };
  }

  /** A reply in as much detail as Slack takes. */
  #inForm(job: Job, reply: Reply, files: ShownFiles): Message {
    if (this.#form === 'notice') return sentences(jobNotice(job, this.#why, showCommand(job)));
    const { note } = this.ref;
    if (this.#form === 'wordless') return messageOf(wordless(reply, this.#why), files, note, 'short');
    const { ahead } = this.workspace.time;
    const eta = reply.eta && { from: reply.eta.from + ahead, to: reply.eta.to + ahead };
    return messageOf({ ...reply, eta }, files, note, this.#detail);
  }

  /** Resolves with why pictures are missing, or with `null`. */
  async #finish(job: Job): Promise<string | null> {
    if (this.ref.ts === null) await this.#post(job);
    const { images } = this.delivery.core.jobReply(job);
    const problem = this.#form === 'notice' ? null : await this.#files.prepare(images);
    await within(this.workspace.updates, job.id, 'final', () => this.#showFinal(job));
    await this.#files.cleanUp(job);
    return this.#form === 'notice' ? this.#why : problem;
  }

  async #showFinal(job: Job): Promise<void> {
    const { ref, workspace } = this;
    const { core } = this.delivery;
    if (ref.ts === null) throw new Error('A message that was never posted cannot be updated.');
    const reply = core.jobReply(core.job(job.id) ?? job);
    for (;;) {
      try {
        return await workspace.api.update(ref.channel, ref.ts, this.#rendered(job, reply).message);
      } catch (error) {
        const problem = problemOf(error);
        if (!(problem instanceof Refused)) throw problem;
        if (isFileTrouble(problem) && this.#files.recheck(reply.images)) throw new FileNotReady();
        if (!this.#showLess(problem)) throw problem;
      }
    }
  }

  /** A caption must never keep a picture away: what Slack finds too long or malformed is shown in less detail. */
  #showLess(problem: Refused): boolean {
    if (!isContentRefused(problem) || this.#form === 'notice') return false;
    const next = DETAILS[DETAILS.indexOf(this.#detail) + 1];
    if (this.#form === 'whole' && next !== undefined && next !== 'text') this.#detail = next;
    else this.#form = this.#form === 'whole' ? 'wordless' : 'notice';
    this.#why = whyOf(problem);
    this.#note(problem, 'slack: a message was refused and is shown in less detail');
    return true;
  }

  /** Posts the waiting message; in a direct message where the channel is closed to us. */
  async #post(job: Job): Promise<void> {
    const { core, clock } = this.delivery;
    const reply = core.jobReply(job);
    // A crash may cause a message to be posted twice: it must not be a result.
    const waiting: Reply = isOver(job) ? { ...reply, images: [], buttons: [] } : reply;
    for (;;) {
      const message = this.#inForm(job, waiting, NO_FILES);
      try {
        await ensurePosted(this, message);
        this.#last = JSON.stringify(message);
        this.noProgressBefore = clock.monotonic() + UPDATE_GAP;
        break;
      } catch (error) {
        const problem = problemOf(error);
        if (!(problem instanceof Refused)) throw problem;
        if (CLOSED_ROOM.has(problem.code)) await this.#moveToDm(problem);
        else if (!this.#showLess(problem)) throw problem;
      }
    }
    if (this.#left !== null) await this.#tell(`${this.#left} ${t('The answer comes to you as a direct message.')}`);
    this.#left = null;
  }

  /** From now on the job is shown in a direct message. Rejects with `NoPlaceLeft` where that can't be. */
  async #moveToDm(problem: Refused | Unanswered): Promise<void> {
    const { ref } = this;
    const why = whyNotHere(ref.channel, problem);
    this.delivery.refused(reasonOf(problem));
    const dm = await this.workspace.api.openDm(ref.user).catch((error: unknown) => {
      const refusal = problemOf(error);
      if (!(refusal instanceof Refused) || LOST_TOKEN.has(refusal.code)) throw refusal;
      throw new NoPlaceLeft(`${why} ${whyOf(refusal)}`, refusal);
    });
    if (ref.channel === dm) {
      throw new NoPlaceLeft(this.#left === null ? why : `${this.#left} ${whyOf(problem)}`, problem);
    }
    const note = whyElsewhere(ref.channel, problem);
    Object.assign(ref, {
      copies: copiesOf(ref).slice(-COPIES),
      note,
      channel: dm,
      thread: null,
      ts: null,
      triedAt: null,
    });
    this.#left = why;
    this.#showAll();
    this.hidden = false;
    this.failures = 0;
    this.save();
  }
}

function showCommand({ id }: Job): string {
  return `/wuerst show ${id}`;
}

function isFileTrouble({ details }: Refused): boolean {
  return details.some((detail) => detail.includes('slack_file') || detail.includes('slack file'));
}
