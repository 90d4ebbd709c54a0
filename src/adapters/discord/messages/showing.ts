import { isOver, type Job } from '../../../bot/job.ts';
import type { Clock } from '../../../system/clock.ts';
import type { Logger } from '../../../system/logging.ts';
import type { Core } from '../../adapter.ts';
import type { DiscordApi } from '../rest/api.ts';
import { classify, describe, missingFrom } from '../rest/errors.ts';
import { attachmentsOf, composeReply } from './compose.ts';
import { createEditor, type Edited, originalOf, type Reach, reachOf, type Send } from './edit.ts';
import { escapeText } from './escape.ts';
import type { MessageRef } from './message-ref.ts';
import { createPlaces } from './posting.ts';

/** How long before its token dies an unreachable message is replaced by a direct message, in ms. */
export const NOTICE_BEFORE = 60_000;

export interface ShowingOptions {
  readonly core: Core;
  readonly api: DiscordApi;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The bot's own user id. */
  readonly self: string;
}

/** A job and the message that shows it. */
export interface Shown {
  readonly jobId: string;
  readonly ref: MessageRef;
  /** Its message was deleted: nothing is shown before there is a result. */
  hidden: boolean;
  /** The permission that the bot was found to lack in the channel. */
  missing: string | null;
  /** Another one took over: nothing is stored any more. */
  dropped: boolean;
}

/** Brings messages up to date, by whatever way leads to them. Rejects with what may work later. */
export function createShowing({ core, api, clock, logger, self }: ShowingOptions) {
  const places = createPlaces({ core, api, clock, self });
  const edit = createEditor(api, clock);

  function save(shown: Shown): void {
    if (!shown.dropped) core.saveMessage(shown.jobId, shown.ref);
  }

  /** Brings the message up to date by the first route that works. Resolves with what can't be mended, or `null`. */
  async function show(shown: Shown, job: Job): Promise<string | null> {
    const { ref } = shown;
    if (ref.place === 'reply' && ref.target.message === null) {
      ref.target.message = await places.locateReply(job, ref);
      if (ref.target.message === null) await replace(shown, job, null);
      else save(shown);
    }
    const dying = ref.interaction !== null && clock.now() >= ref.interaction.expires - NOTICE_BEFORE;
    if (ref.place === 'reply' && !ref.access && dying && !isOver(job)) await moveToDm(shown, job, shown.missing);

    // Each turn is a further place; there are three of them.
    for (let turn = 0; turn < 3 && ref.place !== 'none'; turn++) {
      if (ref.target.message === null && !(await postOwn(shown, job))) continue;
      const outcome = await bringUpToDate(shown, job);
      if (outcome.kind === 'done') return null;
      if (outcome.kind === 'gone') {
        shown.hidden = true;
        if (!isOver(job)) return null;
        if (job.state === 'cancelled') return 'the message was deleted';
        await replace(shown, job, null);
      } else await moveToDm(shown, job, outcome.missing ?? shown.missing);
    }
    if (ref.place === 'none') return ref.note ?? 'there is no place left to show it';
    throw new Error('no route was left to try in this round');
  }

  async function bringUpToDate(shown: Shown, job: Job): Promise<Edited> {
    const reach = reachOf(shown.ref);
    if (reach === null) return { kind: 'gone' };
    return edit(reach, shown.ref.limit, (request, limit) => send(shown, job, limit, request));
  }

  /** Posts the bot's own message where the handle says. `false` where that place turned out closed, and the next was chosen. */
  async function postOwn(shown: Shown, job: Job): Promise<boolean> {
    const { ref } = shown;
    try {
      const posted = await places.post(job, ref);
      if (posted === 'unreadable') {
        giveUp(shown, 'it cannot be known whether the message was posted before');
        return false;
      }
      ref.target.message = posted;
      save(shown);
      return true;
    } catch (error) {
      const failure = classify(error);
      if (failure === 'transient' || failure === 'rejected') throw error;
      if (ref.place === 'dm') await dmsClosed(shown, job);
      else await moveToDm(shown, job, missingFrom(error));
      return false;
    }
  }

  /** Sends the job's state; smaller files where Discord finds them too large, all of them where it lost the kept ones. */
  async function send(shown: Shown, job: Job, limit: number, request: Parameters<Send>[0]): Promise<void> {
    const { ref } = shown;
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
          save(shown);
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

  function goTo(shown: Shown, place: MessageRef['place'], channel: string): void {
    const { ref } = shown;
    ref.place = place;
    ref.target = { channel, message: null };
    ref.posted = null;
    ref.files = {};
    save(shown);
  }

  function giveUp(shown: Shown, why: string): void {
    shown.ref.note = why;
    shown.ref.place = 'none';
    save(shown);
  }

  /** The message is gone, or never came to be: a new one in the same channel, where the bot has access. */
  async function replace(shown: Shown, job: Job, missing: string | null): Promise<void> {
    const { ref } = shown;
    if (ref.place === 'reply' && ref.access) goTo(shown, 'channel', ref.channel);
    else if (ref.place === 'reply') await moveToDm(shown, job, missing);
    // A message of the bot's own that somebody deleted is not posted a third time.
    else giveUp(shown, 'the message was deleted');
  }

  /** The channel is out of reach: the person who asked gets a direct message, and is told so while that can be said. */
  async function moveToDm(shown: Shown, job: Job, missing: string | null): Promise<void> {
    const { ref } = shown;
    if (ref.place === 'dm') return giveUp(shown, 'the direct message is out of reach');
    let dm: string;
    try {
      dm = await api.openDm(ref.user);
    } catch (error) {
      if (classify(error) === 'transient') throw error;
      return dmsClosed(shown, job);
    }
    ref.note =
      missing === null
        ? `You asked for this in <#${ref.channel}>, where I can't write any more.`
        : `You asked for this in <#${ref.channel}>, where I lack the permission “${missing}”.`;
    goTo(shown, 'dm', dm);
    if (!(await postOwn(shown, job))) return;
    await say(originalOf(ref), job, 'The result comes to you as a direct message.');
  }

  async function dmsClosed(shown: Shown, job: Job): Promise<void> {
    giveUp(shown, 'the person takes no direct messages');
    const text = `I can't write here much longer, and your direct messages are closed to me. Get the result with \`/wuerst-show ${job.id}\`.`;
    await say(originalOf(shown.ref), job, text);
  }

  /** A last word in a message that is left. It is a courtesy: its failure changes nothing. */
  async function say(reach: Reach | null, job: Job, text: string): Promise<void> {
    if (reach === null) return;
    const content = `${text}\n${escapeText(job.request.prompt.replace(/\s+/g, ' '), 300)}`;
    try {
      await edit(reach, 0, async (request) => {
        await request({ body: { content, embeds: [], components: [], attachments: [] } });
      });
    } catch (error) {
      logger.debug({ job: job.id, ...describe(error) }, 'discord: a last word could not be said');
    }
  }

  /** Whether the bot's own token will do once the interaction's has died, by asking Discord. */
  async function probe(shown: Shown): Promise<boolean> {
    const { ref } = shown;
    try {
      await api.channel(ref.channel);
    } catch (error) {
      ref.access = classify(error) !== 'no_access' && classify(error) !== 'token';
      shown.missing = missingFrom(error);
    }
    return ref.access;
  }

  /** Takes deleted pictures off the messages that showed the job before. */
  async function refreshCopies(shown: Shown, job: Job): Promise<void> {
    const reply = core.jobReply(job);
    const present = new Set(reply.images.map(({ id }) => id));
    for (const copy of shown.ref.copies) {
      const keep = Object.fromEntries(Object.entries(copy.files).filter(([image]) => present.has(image)));
      if (Object.keys(keep).length === Object.keys(copy.files).length) continue;
      const images = reply.images.filter(({ id }) => id in keep);
      const { body } = await composeReply({ ...reply, images }, { core, id: job.id, now: clock.now(), limit: 0, keep });
      const outcome = await edit(copy, 0, async (request) => {
        await request({ body });
      });
      if (outcome.kind === 'unreachable') continue;
      copy.files = keep;
      save(shown);
    }
  }

  return {
    show,
    /** For a job whose end was shown before: where its message is out of reach, nothing new is made. */
    async refresh(shown: Shown, job: Job): Promise<void> {
      await bringUpToDate(shown, job);
      await refreshCopies(shown, job);
    },
    probe,
    say,
    refreshCopies,
  };
}
