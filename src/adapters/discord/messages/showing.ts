import { isOver, type Job } from '../../../bot/job.ts';
import { fileIdOf, type Reply } from '../../../bot/reply.ts';
import { t, translatable } from '../../../texts/translate.ts';
import { type Delivery, type DeliveryOptions, JobMessage } from '../../delivery/job-message.ts';
import type { PlatformTime } from '../../delivery/platform-time.ts';
import { type Form, jobNotice, wordless } from '../../delivery/poorer.ts';
import type { DiscordApi } from '../rest/api.ts';
import { classify, errorFields, isAnswered, isRefusal, reasonOf, whyOf } from '../rest/errors.ts';
import { attachmentsOf, type Composed, composeReply } from './compose.ts';
import { type Edited, editMessage, type Send } from './edit.ts';
import { COPIES, copiesOf, type MessageRef, type Reach, reachOf } from './message-ref.ts';
import { locateReply, postOwn } from './posting.ts';
import { sayIn, tell } from './telling.ts';

/** Why a message may be out of reach that only an interaction's token reaches. */
const TOKEN_ONLY = translatable('In the channel I can write only for 15 minutes after a command.');
/** How long before its token dies an unreachable message is replaced by a direct message, in ms. */
const NOTICE_BEFORE = 60_000;

export interface ShowingOptions extends DeliveryOptions {
  readonly clock: PlatformTime;
  readonly api: DiscordApi;
  /** The bot's own user id. */
  readonly self: string;
  /** The least time between two edits of one message, in ms. */
  readonly editInterval: number;
}

/** A message still shows a picture that was deleted. */
class OutOfReach extends Error {
  override readonly name = 'OutOfReach';
}

/** The message that shows a job, brought up to date by any route that reaches it. */
export class ShownMessage extends JobMessage<MessageRef> {
  readonly #options: ShowingOptions;
  /** The job's end was shown before: only later changes are shown. */
  readonly #settled: boolean;
  /** How much Discord lets the message show, and why not more. */
  #form: Form = 'whole';
  #why = '';
  /** Whether the job's end was tried: it begins with the whole reply again, whatever happened to progress. */
  #ending = false;
  /** Why the place must be left before the next attempt. */
  #leave: string | null = null;
  /** Why only the interaction's token reaches the channel. */
  #outOfReach = () => t(TOKEN_ONLY);
  #cancelNotice: (() => void) | null = null;
  /** Why the latest request failed, for the log. */
  #lastReason = 'no request';

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
    if (job !== null) await sayIn(this.#telling, reach, job, text);
  }

  #tell(job: Job, text: string): Promise<boolean> {
    return tell(this.#telling, this.ref, job, text);
  }

  get #telling() {
    const note = (error: unknown) => this.#note(error, 'discord: it could not be said where a job is shown');
    return { ...this.#options, note };
  }

  #note(error: unknown, message: string): void {
    this.#lastReason = reasonOf(error);
    this.delivery.refused(this.#lastReason);
    this.delivery.logger.debug({ job: this.jobId, attempt: this.failures, ...errorFields(error) }, message);
  }

  protected async bringUpToDate(job: Job): Promise<string | null> {
    if (isOver(job) && !this.#ending) {
      this.#ending = true;
      this.#form = 'whole';
      this.failures = 0;
    }
    try {
      if (!this.#settled) return await this.#show(job);
      // If the message is out of reach, no new one is posted.
      const { kind } = await this.#edit(job);
      const areClean = await this.#refreshCopies(job);
      if (kind === 'unreachable' || !areClean) throw new OutOfReach();
      return null;
    } finally {
      this.waitFor(this.#options.editInterval);
    }
  }

  protected override shown(job: Job, problem: string | null): void {
    if (this.#settled) this.refreshed();
    else super.shown(job, problem);
  }

  protected async recover(error: unknown, job: Job): Promise<void> {
    const { logger } = this.delivery;
    if (error instanceof OutOfReach) return this.#tryLater();
    this.#note(error, 'discord: a message could not be brought up to date; trying again');
    // Without an answer nothing is known of the message: it waits for Discord, the network or the operator.
    const waits = classify(error) === 'transient' && !isAnswered(error);
    this.again(this.backOff(!waits));
    if (waits) return;
    if (!this.triedEnough || this.#lessen(error) || !isOver(job)) return;
    if (this.#settled) return this.#tryLater();
    if (this.ref.place !== 'dm') this.#leave = whyOf(error);
    if (!this.triedForADay) return;
    logger.warn({ job: job.id, ...errorFields(error) }, 'discord: a job cannot be shown');
    this.end(job, whyOf(error));
  }

  /** A deleted picture cannot be taken off a message. It stays noted: for the next click on it, and for the next start. */
  #tryLater(): void {
    if (this.triedForADay || !this.ref.access) this.drop();
    else this.again(this.backOff(true));
  }

  /** From now on the message shows less, as its error asks for. `false` if it shows as little as it can. */
  #lessen(error: unknown): boolean {
    if (this.#form === 'notice') return false;
    this.#form = this.#form === 'whole' && classify(error) !== 'too_large' ? 'wordless' : 'notice';
    this.#why = whyOf(error);
    return true;
  }

  /** Brings the message up to date by the first route that works. Resolves with why the result is not shown, or `null`. */
  async #show(job: Job): Promise<string | null> {
    const { ref } = this;
    if (ref.place === 'reply' && ref.target.message === null) {
      ref.target.message = await locateReply(this.#options, job, ref);
      if (ref.target.message === null) await this.#replace(job);
      else this.save();
    }
    const dying = ref.interaction !== null && this.#options.clock.now() >= ref.interaction.expires - NOTICE_BEFORE;
    if (ref.place === 'reply' && !ref.access && dying && !isOver(job)) this.#leave ??= this.#outOfReach();
    if (this.#leave !== null) await this.#moveToDm(job, this.#leave);

    // Each turn tries another place; there are three.
    for (let turn = 0; turn < 3 && ref.place !== 'none'; turn++) {
      if (ref.target.message === null && !(await this.#post(job))) continue;
      const outcome = await this.#tryEdit(job);
      if (outcome.kind === 'done') return this.#form === 'notice' ? this.#why : null;
      if (outcome.kind === 'gone') {
        this.hidden = true;
        if (!isOver(job)) return null;
        if (job.state === 'cancelled') return t('The message was deleted.');
        await this.#replace(job);
      } else if (outcome.kind === 'refused') {
        // Progress is left out; the end is tried as a whole again.
        this.hidden = true;
        if (!isOver(job)) return null;
        if (ref.place !== 'dm' && (await this.#tell(job, this.#notice(job)))) return outcome.why;
        await this.#moveToDm(job, outcome.why);
      } else await this.#moveToDm(job, outcome.why ?? this.#outOfReach());
    }
    if (ref.place === 'none') return ref.note ?? t('There is no place left to show it.');
    throw new Error('No route was left to try in this round.');
  }

  /** As `#edit`; `refused` where Discord does not even take the poorest form. */
  async #tryEdit(job: Job): Promise<Edited | { readonly kind: 'refused'; readonly why: string }> {
    try {
      return await this.#edit(job);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return { kind: 'refused', why: whyOf(error) };
    }
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
      const reply = { ...this.delivery.core.jobReply(job), images: [], preview: null };
      const posted = await postOwn(this.#options, job, ref, (await this.#compose(job, reply, 0)).body);
      if (posted === 'unreadable') {
        this.#giveUp(t('It cannot be known whether the message was posted before.'));
        return false;
      }
      ref.target.message = posted;
      this.save();
      if (ref.place === 'dm')
        await this.#tell(job, `${this.#why} ${t('The result comes to you as a direct message.')}`.trim());
      return true;
    } catch (error) {
      if (classify(error) === 'transient') throw error;
      this.#note(error, 'discord: a message could not be posted');
      if (isRefusal(error) && this.#lessen(error)) return this.#post(job);
      if (ref.place === 'dm') await this.#noDm(job, whyOf(error));
      else await this.#moveToDm(job, whyOf(error));
      return false;
    }
  }

  #notice(job: Job): string {
    return jobNotice(job, this.#why, `\`/wuerst-show ${job.id}\``);
  }

  /** The job's state as one request, in the form that Discord takes. */
  async #compose(job: Job, reply: Reply, limit: number): Promise<Composed> {
    if (this.#form === 'notice') {
      const body = { content: this.#notice(job), embeds: [], components: [], attachments: [] };
      return { body, sent: new Map() };
    }
    const { core } = this.delivery;
    const { clock } = this.#options;
    const { files, note } = this.ref;
    return composeReply(this.#form === 'whole' ? reply : wordless(reply, this.#why), {
      core,
      id: job.id,
      now: clock.now(),
      ahead: clock.ahead,
      limit,
      keep: files,
      spoiler: job.request.spoiler,
      ...(note === null ? {} : { note }),
    });
  }

  /** Sends the job's state: with all files if Discord lost the kept ones, with smaller ones if it finds them too large, then with less. */
  async #send(job: Job, limit: number, request: Parameters<Send>[0]): Promise<void> {
    const { ref } = this;
    const reply = this.delivery.core.jobReply(job);
    for (let attempt = 0, bytes = limit; ; attempt++) {
      const keep = ref.files;
      const composed = await this.#compose(job, reply, bytes);
      try {
        const message = await request(composed);
        const files = attachmentsOf(message, composed, keep);
        if (JSON.stringify(files) !== JSON.stringify(ref.files)) {
          ref.files = files;
          this.save();
        }
        return;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        this.#note(error, 'discord: a message was refused');
        const shrinkable = classify(error) === 'too_large' && (composed.files?.length ?? 0) > 0 && attempt < 4;
        if (shrinkable) bytes = bytes / 2;
        else if (classify(error) === 'rejected' && Object.keys(keep).length > 0) ref.files = {};
        else if (!this.#lessen(error)) throw error;
      }
    }
  }

  #goTo(place: MessageRef['place'], channel: string): void {
    // What is left there says a word or two of the request, and is removed with it.
    const copies = copiesOf(this.ref).slice(-COPIES);
    Object.assign(this.ref, {
      copies,
      place,
      target: { channel, message: null },
      posted: null,
      files: {},
    });
    this.#leave = null;
    this.#form = 'whole';
    this.hidden = false;
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
    else if (ref.place === 'reply') await this.#moveToDm(job, this.#outOfReach());
    // A message of the bot's own that somebody deleted is not posted a third time.
    else this.#giveUp(t('The message was deleted.'));
  }

  /** The channel is out of reach: the person who asked gets a direct message, and is told so in the channel if possible. */
  async #moveToDm(job: Job, why: string): Promise<void> {
    const { ref } = this;
    if (ref.place === 'dm') return this.#noDm(job, why);
    let dm: string;
    try {
      dm = await this.#options.api.openDm(ref.user);
    } catch (error) {
      if (classify(error) === 'transient') throw error;
      return this.#noDm(job, `${why} ${whyOf(error)}`);
    }
    ref.note = `${t('You asked for this in {channel}.', { channel: `<#${ref.channel}>` })} ${why}`;
    this.#why = why;
    this.#goTo('dm', dm);
    await this.#post(job);
  }

  /** No place is left: the person is told why and how to get the result, as long as the interaction lets us. */
  async #noDm(job: Job, why: string): Promise<void> {
    this.#giveUp(why);
    this.#why = why;
    await this.#tell(job, this.#notice(job));
    this.delivery.logger.warn({ job: job.id, reason: this.#lastReason }, 'discord: a job cannot be shown');
  }

  /** Shortly before the token dies, checks that the bot can reach the channel without it; if not, tells the person. */
  #watchToken(): void {
    const { ref } = this;
    const { clock } = this.#options;
    if (ref.place !== 'reply' || !ref.interaction || this.#settled) return;
    const wait = Math.max(0, ref.interaction.expires - NOTICE_BEFORE - clock.now());
    this.#cancelNotice = clock.after(wait, () => void this.forOwner(() => this.#checkAccess()));
  }

  async #checkAccess(): Promise<void> {
    const { ref } = this;
    if (ref.access) {
      try {
        await this.#options.api.channel(ref.channel);
      } catch (error) {
        ref.access = classify(error) !== 'no_access' && classify(error) !== 'token';
        if (!ref.access) this.#outOfReach = () => whyOf(error);
      }
    }
    if (!ref.access) this.touch();
  }

  /** Takes deleted pictures off the messages that showed the job before. `false` if one of them is out of reach. */
  async #refreshCopies(job: Job): Promise<boolean> {
    let areClean = true;
    const { core } = this.delivery;
    const { clock } = this.#options;
    const reply = core.jobReply(job);
    const present = new Set(reply.images.map(fileIdOf));
    for (const copy of this.ref.copies) {
      const keep = Object.fromEntries(Object.entries(copy.files).filter(([image]) => present.has(image)));
      if (Object.keys(keep).length === Object.keys(copy.files).length) continue;
      const images = reply.images.filter((image) => fileIdOf(image) in keep);
      const { body } = await composeReply(
        { ...reply, images },
        { core, id: job.id, now: clock.now(), ahead: clock.ahead, limit: 0, keep },
      );
      const outcome = await editMessage(this.#options, copy, 0, async (request) => {
        await request({ body });
      });
      if (outcome.kind === 'unreachable') {
        areClean = false;
        continue;
      }
      copy.files = keep;
      this.save();
    }
    return areClean;
  }
}
