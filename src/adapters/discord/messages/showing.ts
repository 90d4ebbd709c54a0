import { isOver, type Job } from '../../../bot/job.ts';
import { type Delivery, type DeliveryOptions, JobMessage } from '../../delivery/job-message.ts';
import type { DiscordApi } from '../rest/api.ts';
import { classify, errorFields, missingFrom } from '../rest/errors.ts';
import { attachmentsOf, composeReply } from './compose.ts';
import { type Edited, editMessage, type Send } from './edit.ts';
import { escapeText } from './escape.ts';
import { type MessageRef, originalOf, type Reach, reachOf } from './message-ref.ts';
import { locateReply, postOwn } from './posting.ts';

/** How long before its token dies an unreachable message is replaced by a direct message, in ms. */
const NOTICE_BEFORE = 60_000;
/** How often a request that Discord rejects is tried. */
const REJECTED_TRIES = 3;

export interface ShowingOptions extends DeliveryOptions {
  readonly api: DiscordApi;
  /** The bot's own user id. */
  readonly self: string;
  /** The least time between two edits of one message, in ms. */
  readonly editInterval: number;
}

/** The message that shows a job, brought up to date by any route that reaches it. */
export class ShownMessage extends JobMessage<MessageRef> {
  readonly #options: ShowingOptions;
  /** The job's end was shown before: only later changes are shown. */
  readonly #settled: boolean;
  /** The permission that the bot was found to lack in the channel. */
  #missing: string | null = null;
  #cancelNotice: (() => void) | null = null;

  constructor(delivery: Delivery, job: Job, ref: MessageRef, options: ShowingOptions & { readonly settled: boolean }) {
    super(delivery, job, ref);
    this.#options = options;
    this.#settled = options.settled;
    this.#watchToken();
  }

  override drop(): void {
    this.#cancelNotice?.();
    super.drop();
  }

  /** Tells people, in a message that is left, where the job is shown now. A failure changes nothing. */
  async say(reach: Reach | null, text: string): Promise<void> {
    const job = this.delivery.core.job(this.jobId);
    if (reach === null || job === null) return;
    const content = `${text}\n${escapeText(job.request.prompt.replace(/\s+/g, ' '), 300)}`;
    try {
      await editMessage(this.#options, reach, 0, async (request) => {
        await request({ body: { content, embeds: [], components: [], attachments: [] } });
      });
    } catch (error) {
      this.delivery.logger.debug(
        { job: job.id, ...errorFields(error) },
        'discord: a message that is left could not say where the job is shown now',
      );
    }
  }

  protected async bringUpToDate(job: Job): Promise<string | null> {
    try {
      if (!this.#settled) return await this.#show(job);
      // If the message is out of reach, no new one is posted.
      await this.#edit(job);
      await this.#refreshCopies(job);
      return null;
    } finally {
      this.waitFor(this.#options.editInterval);
    }
  }

  protected override shown(job: Job, problem: string | null): void {
    if (this.#settled) this.drop();
    else super.shown(job, problem);
  }

  protected async recover(error: unknown, job: Job): Promise<void> {
    const { logger } = this.delivery;
    const log = { job: job.id, attempt: this.failures, ...errorFields(error) };
    if (classify(error) === 'transient' || this.failures < REJECTED_TRIES) {
      logger.debug(log, 'discord: a message could not be brought up to date; trying again');
      return this.again(this.backOff());
    }
    logger.error(log, 'discord: a message cannot be brought up to date');
    if (!isOver(job)) return this.waitFor(this.backOff());
    if (this.#settled) return this.drop();
    const text = `The result can't be shown here. Get it elsewhere with \`/wuerst-show ${job.id}\`.`;
    await this.say(reachOf(this.ref), text);
    this.end(job, log.error);
  }

  /** Brings the message up to date by the first route that works. Resolves with why none does, or `null`. */
  async #show(job: Job): Promise<string | null> {
    const { ref } = this;
    if (ref.place === 'reply' && ref.target.message === null) {
      ref.target.message = await locateReply(this.#options, job, ref);
      if (ref.target.message === null) await this.#replace(job);
      else this.save();
    }
    const dying = ref.interaction !== null && this.delivery.clock.now() >= ref.interaction.expires - NOTICE_BEFORE;
    if (ref.place === 'reply' && !ref.access && dying && !isOver(job)) await this.#moveToDm(job, this.#missing);

    // Each turn tries another place; there are three.
    for (let turn = 0; turn < 3 && ref.place !== 'none'; turn++) {
      if (ref.target.message === null && !(await this.#post(job))) continue;
      const outcome = await this.#edit(job);
      if (outcome.kind === 'done') return null;
      if (outcome.kind === 'gone') {
        this.hidden = true;
        if (!isOver(job)) return null;
        if (job.state === 'cancelled') return 'The message was deleted.';
        await this.#replace(job);
      } else await this.#moveToDm(job, outcome.missing ?? this.#missing);
    }
    if (ref.place === 'none') return ref.note ?? 'There is no place left to show it.';
    throw new Error('No route was left to try in this round.');
  }

  async #edit(job: Job): Promise<Edited> {
    const reach = reachOf(this.ref);
    if (reach === null) return { kind: 'gone' };
    return editMessage(this.#options, reach, this.ref.limit, (request, limit) => this.#send(job, limit, request));
  }

  /** Posts the bot's own message at the place in `ref`. `false` if that is closed and another place was chosen. */
  async #post(job: Job): Promise<boolean> {
    const { ref } = this;
    try {
      const posted = await postOwn(this.#options, job, ref);
      if (posted === 'unreadable') {
        this.#giveUp('It cannot be known whether the message was posted before.');
        return false;
      }
      ref.target.message = posted;
      this.save();
      return true;
    } catch (error) {
      const failure = classify(error);
      if (failure === 'transient' || failure === 'rejected') throw error;
      if (ref.place === 'dm') await this.#dmsClosed();
      else await this.#moveToDm(job, missingFrom(error));
      return false;
    }
  }

  /** Sends the job's state: with smaller files if Discord finds them too large, with all files if it lost the kept ones. */
  async #send(job: Job, limit: number, request: Parameters<Send>[0]): Promise<void> {
    const { ref } = this;
    const { core, clock } = this.delivery;
    const reply = core.jobReply(job);
    for (let attempt = 0, bytes = limit; ; attempt++) {
      const keep = ref.files;
      const composed = await composeReply(reply, {
        core,
        id: job.id,
        now: clock.now(),
        limit: bytes,
        keep,
        spoiler: job.request.spoiler,
        ...(ref.note === null ? {} : { note: ref.note }),
      });
      try {
        const message = await request(composed);
        const files = attachmentsOf(message, composed, keep);
        if (JSON.stringify(files) !== JSON.stringify(ref.files)) {
          ref.files = files;
          this.save();
        }
        return;
      } catch (error) {
        const failure = classify(error);
        if (failure === 'too_large' && composed.files && composed.files.length > 0 && attempt < 4) bytes = bytes / 2;
        else if (failure === 'rejected' && Object.keys(keep).length > 0) ref.files = {};
        else throw error;
      }
    }
  }

  #goTo(place: MessageRef['place'], channel: string): void {
    Object.assign(this.ref, { place, target: { channel, message: null }, posted: null, files: {} });
    this.save();
  }

  #giveUp(why: string): void {
    this.ref.note = why;
    this.ref.place = 'none';
    this.save();
  }

  /** The message is gone or was never made: chooses the same channel for a new one, if the bot has access. */
  async #replace(job: Job): Promise<void> {
    const { ref } = this;
    if (ref.place === 'reply' && ref.access) this.#goTo('channel', ref.channel);
    else if (ref.place === 'reply') await this.#moveToDm(job, null);
    // A message of the bot's own that somebody deleted is not posted a third time.
    else this.#giveUp('The message was deleted.');
  }

  /** The channel is out of reach: the person who asked gets a direct message, and is told so in the channel if possible. */
  async #moveToDm(job: Job, missing: string | null): Promise<void> {
    const { ref } = this;
    if (ref.place === 'dm') return this.#giveUp('The direct message is out of reach.');
    let dm: string;
    try {
      dm = await this.#options.api.openDm(ref.user);
    } catch (error) {
      if (classify(error) === 'transient') throw error;
      return this.#dmsClosed();
    }
    const why = missing === null ? "I can't write any more" : `I lack the permission “${missing}”`;
    ref.note = `You asked for this in <#${ref.channel}>, where ${why}.`;
    this.#goTo('dm', dm);
    if (await this.#post(job)) await this.say(originalOf(ref), 'The result comes to you as a direct message.');
  }

  async #dmsClosed(): Promise<void> {
    this.#giveUp('The person takes no direct messages.');
    const text = `I can't write here much longer, and your direct messages are closed to me. Get the result with \`/wuerst-show ${this.jobId}\`.`;
    await this.say(originalOf(this.ref), text);
  }

  /** Shortly before the token dies, checks that the bot can reach the channel without it; if not, tells the person. */
  #watchToken(): void {
    const { ref } = this;
    const { clock } = this.delivery;
    if (ref.place !== 'reply' || !ref.interaction || this.#settled) return;
    const wait = Math.max(0, ref.interaction.expires - NOTICE_BEFORE - clock.now());
    this.#cancelNotice = clock.after(wait, () => void this.#checkAccess());
  }

  async #checkAccess(): Promise<void> {
    const { ref } = this;
    if (ref.access) {
      try {
        await this.#options.api.channel(ref.channel);
      } catch (error) {
        ref.access = classify(error) !== 'no_access' && classify(error) !== 'token';
        this.#missing = missingFrom(error);
      }
    }
    if (!ref.access) this.touch();
  }

  /** Takes deleted pictures off the messages that showed the job before. */
  async #refreshCopies(job: Job): Promise<void> {
    const { core, clock } = this.delivery;
    const reply = core.jobReply(job);
    const present = new Set(reply.images.map(({ id }) => id));
    for (const copy of this.ref.copies) {
      const keep = Object.fromEntries(Object.entries(copy.files).filter(([image]) => present.has(image)));
      if (Object.keys(keep).length === Object.keys(copy.files).length) continue;
      const images = reply.images.filter(({ id }) => id in keep);
      const { body } = await composeReply({ ...reply, images }, { core, id: job.id, now: clock.now(), limit: 0, keep });
      const outcome = await editMessage(this.#options, copy, 0, async (request) => {
        await request({ body });
      });
      if (outcome.kind === 'unreachable') continue;
      copy.files = keep;
      this.save();
    }
  }
}
