import type { APIMessage } from 'discord.js';
import { type Job, type JobEvent, TERMINAL_STATES } from '../../bot/job.ts';
import type { Core } from '../adapter.ts';
import type { DiscordApi } from './api.ts';
import type { Clock } from './clock.ts';
import { attachmentsOf, type Composed, composeReply } from './compose.ts';
import { escapeText } from './escape.ts';
import { classify, describe, missingFrom } from './failure.ts';
import { DEFAULT_FILE_LIMIT } from './files.ts';
import type { Logger } from './logger.ts';
import { createPlaces } from './message-place.ts';
import { type MessageRef, parseRef } from './message-ref.ts';

/** How long before its token dies an unreachable message is replaced by a direct message, in ms. */
const NOTICE_BEFORE = 60_000;
/** A job that no interaction claims within this time is shown by a message of the bot's own, in ms. */
const CLAIM_WITHIN = 5000;
/** Pause after the first failed attempt; it doubles up to the longest. In ms. */
const RETRY_FIRST = 1000;
const RETRY_LONGEST = 60_000;
/** The first progress may come this soon, in ms: a quick job then needs one edit only. */
const FIRST_EDIT_AFTER = 400;

export interface DeliveryOptions {
  readonly core: Core;
  readonly api: DiscordApi;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The bot's own user id. */
  readonly self: string;
  /** The least time between two edits of one message, in ms. */
  readonly editInterval: number;
}

export interface Deliveries {
  /** Shows a job in the message that `ref` names, from now on. `ref` is stored already. */
  follow(jobId: string, ref: MessageRef): void;
  /** Takes up jobs whose end was not shown yet. */
  resume(jobs: readonly Job[]): void;
  onEvent(event: JobEvent): void;
  /** Resolves once nothing is being sent and nothing finished waits, or after `ms`; then nothing more is sent. */
  drain(ms: number): Promise<void>;
}

/** One job's message. Everything that happens to it happens one after the other, in `work`. */
interface Watch {
  readonly jobId: string;
  ref: MessageRef;
  /** Something changed since the message was last brought up to date. */
  dirty: boolean;
  working: boolean;
  /** Its message was deleted: nothing is shown before there is a result. */
  hidden: boolean;
  /** Another watch took over. */
  dropped: boolean;
  lastEdit: number;
  failures: number;
  cancelWork: (() => void) | null;
  cancelNotice: (() => void) | null;
}

function isOver(job: Job): boolean {
  return TERMINAL_STATES.includes(job.state);
}

export function createDeliveries({ core, api, clock, logger, self, editInterval }: DeliveryOptions): Deliveries {
  const places = createPlaces({ core, api, clock, self });
  const watches = new Map<string, Watch>();
  const unclaimed = new Map<string, () => void>();
  let idle: (() => void) | null = null;
  let stopped = false;
  let draining = false;

  function save(watch: Watch): void {
    if (watch.dropped) return;
    core.saveMessage(watch.jobId, watch.ref);
  }

  function drop(watch: Watch): void {
    watch.dropped = true;
    watch.cancelWork?.();
    watch.cancelNotice?.();
    if (watches.get(watch.jobId) === watch) watches.delete(watch.jobId);
  }

  function busy(): boolean {
    return [...watches.values()].some((watch) => {
      const job = core.job(watch.jobId);
      return watch.working || (watch.dirty && job !== null && isOver(job));
    });
  }

  function schedule(watch: Watch): void {
    if (stopped || watch.dropped || watch.working || !watch.dirty || watch.cancelWork) return;
    const retry = watch.failures === 0 ? 0 : Math.min(RETRY_LONGEST, RETRY_FIRST * 2 ** (watch.failures - 1));
    const wait = Math.max(0, watch.lastEdit + Math.max(editInterval, retry) - clock.now());
    watch.cancelWork = clock.after(wait, () => {
      watch.cancelWork = null;
      void work(watch);
    });
  }

  function touch(watch: Watch): void {
    watch.dirty = true;
    schedule(watch);
  }

  async function work(watch: Watch): Promise<void> {
    const job = core.job(watch.jobId);
    if (!job || stopped) return drop(watch);
    watch.dirty = false;
    if (watch.hidden && !isOver(job)) return;
    watch.working = true;
    try {
      const problem = await show(watch, job);
      watch.failures = 0;
      if (isOver(job) && !watch.dirty && !watch.dropped) {
        core.markDelivered(job.id, ...(problem === null ? [] : [problem]));
        drop(watch);
      }
    } catch (error) {
      failed(watch, job, error);
    } finally {
      watch.working = false;
      watch.lastEdit = clock.now();
      schedule(watch);
      if (idle && !busy()) idle();
    }
  }

  function failed(watch: Watch, job: Job, error: unknown): void {
    watch.failures++;
    const lost = classify(error) !== 'transient' && watch.failures >= 3;
    const log = { job: job.id, attempt: watch.failures, ...describe(error) };
    if (!lost) {
      logger.debug(log, 'discord: a message could not be brought up to date; trying again');
      watch.dirty = true;
      return;
    }
    logger.error(log, 'discord: a message cannot be brought up to date');
    if (!isOver(job)) return;
    core.markDelivered(job.id, describe(error).error);
    drop(watch);
  }

  /** Brings the message up to date by the first route that works. Resolves with what can't be mended, or `null`. */
  async function show(watch: Watch, job: Job): Promise<string | null> {
    const { ref } = watch;
    if (ref.place === 'reply' && ref.target.message === null) {
      ref.target.message = await places.locateReply(job, ref);
      if (ref.target.message === null) await replace(watch, job, null);
      else save(watch);
    }
    const dying = ref.interaction !== null && clock.now() >= ref.interaction.expires - NOTICE_BEFORE;
    if (ref.place === 'reply' && !ref.access && dying) await moveToDm(watch, job, null);

    // Each turn is a further place; there are three of them.
    for (let turn = 0; turn < 3 && ref.place !== 'none'; turn++) {
      if (ref.target.message === null && !(await postOwn(watch, job))) continue;
      const outcome = await edit(watch, job);
      if (outcome.kind === 'done') return null;
      if (outcome.kind === 'gone') {
        watch.hidden = true;
        if (!isOver(job)) return null;
        if (job.state === 'cancelled') return 'the message was deleted';
        await replace(watch, job, null);
      } else await moveToDm(watch, job, outcome.missing);
    }
    if (ref.place === 'none') return ref.note ?? 'there is no place left to show it';
    throw new Error('no route was left to try in this round');
  }

  /** Posts the bot's own message where the handle says. `false` where that place turned out closed, and the next was chosen. */
  async function postOwn(watch: Watch, job: Job): Promise<boolean> {
    const { ref } = watch;
    try {
      const posted = await places.post(job, ref);
      if (posted === 'unreadable') {
        giveUp(watch, 'it cannot be known whether the message was posted before');
        return false;
      }
      ref.target.message = posted;
      save(watch);
      return true;
    } catch (error) {
      const failure = classify(error);
      if (failure === 'transient' || failure === 'rejected') throw error;
      if (ref.place === 'dm') await dmsClosed(watch, job);
      else await moveToDm(watch, job, missingFrom(error));
      return false;
    }
  }

  type Edited =
    | { readonly kind: 'done' }
    | { readonly kind: 'gone' }
    | { readonly kind: 'unreachable'; readonly missing: string | null };

  async function edit(watch: Watch, job: Job): Promise<Edited> {
    const { ref } = watch;
    const message = ref.target.message;
    if (message === null) return { kind: 'gone' };
    let missing: string | null = null;
    let gone = false;
    if (ref.place === 'reply' && ref.interaction && places.tokenAlive(ref)) {
      const { token } = ref.interaction;
      try {
        await send(watch, job, ref.limit, (outgoing) => api.editOriginal(token, message, outgoing));
        return { kind: 'done' };
      } catch (error) {
        const failure = classify(error);
        if (failure === 'transient' || failure === 'rejected' || failure === 'too_large') throw error;
        if (failure === 'token') ref.interaction.expires = 0;
        gone = failure === 'gone';
        missing = missingFrom(error);
      }
    }
    if (ref.place === 'reply' && !ref.access) return gone ? { kind: 'gone' } : { kind: 'unreachable', missing };
    try {
      const limit = Math.min(ref.limit, DEFAULT_FILE_LIMIT);
      await send(watch, job, limit, (outgoing) => api.edit(ref.target.channel, message, outgoing));
      return { kind: 'done' };
    } catch (error) {
      const failure = classify(error);
      if (failure === 'transient' || failure === 'rejected' || failure === 'too_large') throw error;
      if (failure === 'gone' || failure === 'token') return { kind: 'gone' };
      return { kind: 'unreachable', missing: missingFrom(error) };
    }
  }

  /** Sends the job's state; smaller files where Discord finds them too large, all of them where it lost the kept ones. */
  async function send(
    watch: Watch,
    job: Job,
    limit: number,
    request: (outgoing: Composed) => Promise<APIMessage>,
  ): Promise<void> {
    const { ref } = watch;
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
          save(watch);
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

  function goTo(watch: Watch, place: MessageRef['place'], channel: string): void {
    const { ref } = watch;
    ref.place = place;
    ref.target = { channel, message: null };
    ref.posted = null;
    ref.files = {};
    save(watch);
  }

  function giveUp(watch: Watch, why: string): void {
    watch.ref.note = why;
    watch.ref.place = 'none';
    save(watch);
  }

  /** The message is gone, or never came to be: a new one in the same channel, where the bot has access. */
  async function replace(watch: Watch, job: Job, missing: string | null): Promise<void> {
    const { ref } = watch;
    if (ref.place === 'reply' && ref.access) goTo(watch, 'channel', ref.channel);
    else if (ref.place === 'reply') await moveToDm(watch, job, missing);
    // A message of the bot's own that somebody deleted is not posted a third time.
    else giveUp(watch, 'the message was deleted');
  }

  /** The channel is out of reach: the person who asked gets a direct message, and is told so while that can be said. */
  async function moveToDm(watch: Watch, job: Job, missing: string | null): Promise<void> {
    const { ref } = watch;
    if (ref.place === 'dm') return giveUp(watch, 'the direct message is out of reach');
    const replied = ref.place === 'reply' && ref.target.message;
    let dm: string;
    try {
      dm = await api.openDm(ref.user);
    } catch (error) {
      if (classify(error) === 'transient') throw error;
      return dmsClosed(watch, job);
    }
    ref.note =
      missing === null
        ? `You asked for this in <#${ref.channel}>, where I can't write any more.`
        : `You asked for this in <#${ref.channel}>, where I lack the permission “${missing}”.`;
    goTo(watch, 'dm', dm);
    if (!(await postOwn(watch, job))) return;
    if (replied) await tellThere(ref, replied, job, 'The result comes to you as a direct message.');
  }

  async function dmsClosed(watch: Watch, job: Job): Promise<void> {
    const { ref } = watch;
    const original = await originalOf(ref);
    giveUp(watch, 'the person takes no direct messages');
    if (original) {
      const text = `I can't write here much longer, and your direct messages are closed to me. Get the result with \`/wuerst-show ${job.id}\`.`;
      await tellThere(ref, original, job, text);
    }
  }

  async function originalOf(ref: MessageRef): Promise<string | null> {
    if (!ref.interaction || !places.tokenAlive(ref)) return null;
    if (ref.place === 'reply') return ref.target.message;
    try {
      return (await api.original(ref.interaction.token)).id;
    } catch {
      return null;
    }
  }

  /** A last word in the message that is about to go out of reach. It is a courtesy: its failure changes nothing. */
  async function tellThere(ref: MessageRef, message: string, job: Job, text: string): Promise<void> {
    if (!ref.interaction || !places.tokenAlive(ref)) return;
    try {
      const content = `${text}\n${escapeText(job.request.prompt.replace(/\s+/g, ' '), 300)}`;
      await api.editOriginal(ref.interaction.token, message, {
        body: { content, embeds: [], components: [], attachments: [] },
      });
    } catch (error) {
      logger.debug({ job: job.id, ...describe(error) }, 'discord: could not say where the result comes');
    }
  }

  function watchNotice(watch: Watch): void {
    const { ref } = watch;
    if (ref.place !== 'reply' || ref.access || !ref.interaction) return;
    const wait = Math.max(0, ref.interaction.expires - NOTICE_BEFORE - clock.now());
    watch.cancelNotice = clock.after(wait, () => touch(watch));
  }

  function start(jobId: string, ref: MessageRef, first: number): Watch {
    const previous = watches.get(jobId);
    if (previous) drop(previous);
    unclaimed.get(jobId)?.();
    unclaimed.delete(jobId);
    const watch: Watch = {
      jobId,
      ref,
      dirty: true,
      working: false,
      hidden: false,
      dropped: false,
      lastEdit: clock.now() - editInterval + first,
      failures: 0,
      cancelWork: null,
      cancelNotice: null,
    };
    watches.set(jobId, watch);
    watchNotice(watch);
    schedule(watch);
    return watch;
  }

  /** A job without a message: one of several made by one command, or stored just before a crash. */
  function adopt(job: Job): void {
    const ref: MessageRef = {
      version: 1,
      interaction: null,
      user: job.caller.user,
      channel: job.caller.room,
      access: true,
      limit: DEFAULT_FILE_LIMIT,
      place: 'channel',
      target: { channel: job.caller.room, message: null },
      posted: null,
      files: {},
      note: null,
    };
    core.saveMessage(job.id, ref);
    start(job.id, ref, 0);
  }

  return {
    follow(jobId, ref) {
      const job = core.job(jobId);
      start(jobId, ref, job && isOver(job) ? 0 : FIRST_EDIT_AFTER);
    },
    resume(jobs) {
      for (const job of jobs) {
        if (watches.has(job.id)) continue;
        const ref = parseRef(core.message(job.id));
        if (ref) start(job.id, ref, 0);
        else adopt(job);
      }
    },
    onEvent({ job, type }) {
      if (job.caller.surface !== 'discord' || stopped || draining) {
        if (!draining || !watches.has(job.id)) return;
      }
      const watch = watches.get(job.id);
      if (watch) return touch(watch);
      if (unclaimed.has(job.id)) return;
      const ref = parseRef(core.message(job.id));
      if (ref) {
        start(job.id, ref, 0);
      } else if (type !== 'changed') {
        const cancel = clock.after(CLAIM_WITHIN, () => {
          unclaimed.delete(job.id);
          const latest = core.job(job.id);
          if (latest && !stopped && core.message(job.id) === null) adopt(latest);
        });
        unclaimed.set(job.id, cancel);
      }
    },
    async drain(ms) {
      draining = true;
      for (const cancel of unclaimed.values()) cancel();
      if (busy()) {
        await new Promise<void>((resolve) => {
          const cancel = clock.after(ms, resolve);
          idle = () => {
            cancel();
            resolve();
          };
        });
      }
      stopped = true;
      for (const watch of [...watches.values()]) drop(watch);
    },
  };
}
