import { type Job, type JobEvent, TERMINAL_STATES } from '../../bot/job.ts';
import type { Reply } from '../../bot/reply.ts';
import type { Clock } from '../../clock.ts';
import type { Core, Outcome } from '../adapter.ts';
import { DETAILS, type Detail, type Message, messageOf, NO_FILES } from './blocks.ts';
import { scoped, unscoped } from './ids.ts';
import type { Logger } from './logger.ts';
import { type MessageRef, newRef, type Place, parseRef } from './message-ref.ts';
import type { Pictures } from './pictures.ts';
import { ensurePosted } from './posting.ts';
import { CLOSED_ROOM, LOST_TOKEN, problemOf, RateLimited, Refused } from './problems.ts';
import { type Workspace, type Workspaces, within } from './workspaces.ts';

/** A job that no command claims within this time is shown by a message all the same, in ms. */
const CLAIM_WITHIN = 5000;
/** The least time between two updates of one message, in ms. */
const UPDATE_GAP = 2000;
/** Pause after the first failed try; it doubles up to the longest. In ms. */
const RETRY_FIRST = 1000;
const RETRY_LONGEST = 60_000;
/** Pause while the token is of no use, and how often it is waited: a day in all. */
const RETRY_TOKEN = 300_000;
const TOKEN_TRIES = 288;
/** How often a refusal that nothing is known about is tried again. */
const REFUSED_TRIES = 3;
/** How long a command's place is remembered for further jobs that it makes, in ms. */
const PLACE_LIFE = 60_000;

export interface DeliveryOptions {
  readonly core: Core;
  readonly workspaces: Workspaces;
  readonly pictures: Pictures;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Deliveries {
  /** Shows the job that somebody's command or click came to. */
  follow(outcome: JobOutcome, asked: Asked): void;
  /** Where jobs come from that one command makes besides the one it answers with. */
  expect(user: string, room: string, place: Place): void;
  /** Takes up jobs whose end was not shown yet. */
  resume(jobs: readonly Job[]): void;
  /** The workspace has a new token: what waits for it is tried at once. */
  nudge(team: string): void;
  onEvent(event: JobEvent): void;
  /** Resolves once nothing finished waits, or after `ms`; then nothing more is sent. */
  drain(ms: number): Promise<void>;
}

export type JobOutcome = Extract<Outcome, { kind: 'job' }>;

/** What somebody did that came to a job. */
export interface Asked {
  /** The same for what Slack delivers again. */
  readonly key: string;
  readonly place: Place;
  /** Told why the answer comes elsewhere. */
  readonly moved: (why: string) => void;
}

/** One job's message. */
interface Watch {
  readonly jobId: string;
  readonly ref: MessageRef;
  readonly workspace: Workspace;
  moved: ((why: string) => void) | null;
  /** Something happened since `work` last looked. */
  dirty: boolean;
  working: boolean;
  /** Nobody can see its progress; the result goes elsewhere. */
  hidden: boolean;
  dropped: boolean;
  failures: number;
  detail: Detail;
  /** What was last shown, as JSON. */
  shown: string;
  updatedAt: number;
  cancelRetry: (() => void) | null;
}

function isOver(job: Job): boolean {
  return TERMINAL_STATES.includes(job.state);
}

export function createDeliveries({ core, workspaces, pictures, clock, logger }: DeliveryOptions): Deliveries {
  const watches = new Map<string, Watch>();
  const unclaimed = new Map<string, () => void>();
  const places = new Map<string, { readonly place: Place; readonly until: number }>();
  let idle: (() => void) | null = null;
  let draining = false;
  let stopped = false;

  function save({ jobId, ref, dropped }: Watch): void {
    if (!dropped) core.saveMessage(jobId, ref);
  }

  function drop(watch: Watch): void {
    watch.dropped = true;
    watch.cancelRetry?.();
    if (watches.get(watch.jobId) === watch) watches.delete(watch.jobId);
    settle();
  }

  function busy(): boolean {
    return [...watches.values()].some(({ jobId, working }) => {
      const job = core.job(jobId);
      return working || (job !== null && isOver(job));
    });
  }

  function settle(): void {
    if (!busy()) idle?.();
  }

  function start(jobId: string, ref: MessageRef, moved: ((why: string) => void) | null = null): Watch {
    unclaimed.get(jobId)?.();
    unclaimed.delete(jobId);
    const watch: Watch = {
      jobId,
      ref,
      workspace: workspaces.of(ref.team, ref.enterprise),
      moved,
      dirty: true,
      working: false,
      hidden: false,
      dropped: false,
      failures: 0,
      detail: 'all',
      shown: '',
      updatedAt: 0,
      cancelRetry: null,
    };
    watches.set(jobId, watch);
    void work(watch);
    return watch;
  }

  function touch(watch: Watch): void {
    watch.dirty = true;
    if (watch.working) return;
    const job = core.job(watch.jobId);
    if (watch.cancelRetry !== null && (watch.failures > 0 || !job || !isOver(job))) return;
    watch.cancelRetry?.();
    watch.cancelRetry = null;
    void work(watch);
  }

  function later(watch: Watch, ms: number): void {
    if (stopped || watch.dropped) return;
    watch.cancelRetry?.();
    watch.cancelRetry = clock.after(ms, () => {
      watch.cancelRetry = null;
      void work(watch);
    });
  }

  /** Brings the message up to date, one step after the other. */
  async function work(watch: Watch): Promise<void> {
    if (watch.working || stopped || watch.dropped) return;
    watch.working = true;
    try {
      while (watch.dirty && watch.cancelRetry === null && !stopped && !watch.dropped) {
        const job = core.job(watch.jobId);
        if (!job) return drop(watch);
        watch.dirty = false;
        if (isOver(job)) await finish(watch, job);
        else if (!watch.hidden) await progress(watch, job);
        watch.failures = 0;
      }
    } catch (error) {
      await failed(watch, error);
    } finally {
      watch.working = false;
      settle();
    }
  }

  async function progress(watch: Watch, job: Job): Promise<void> {
    const { ref, workspace } = watch;
    if (ref.ts === null) return post(watch, job);
    const wait = watch.updatedAt + UPDATE_GAP - clock.now();
    if (wait > 0) {
      watch.dirty = true;
      return later(watch, wait);
    }
    const reply = core.jobReply(job);
    if (reply.preview !== null && !draining) {
      pictures.offerPreview(watch, reply.preview, { save: () => save(watch), ready: () => touch(watch) });
    }
    if (rendered(watch, reply).json === watch.shown) return;
    workspace.updates.submit(job.id, 'progress', () => showProgress(watch));
  }

  /** Runs when the workspace's budget comes round to this job, and shows what holds then. */
  async function showProgress(watch: Watch): Promise<void> {
    const { ref, workspace } = watch;
    const job = core.job(watch.jobId);
    if (!job || isOver(job) || watch.dropped || stopped || ref.ts === null) return;
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

  async function finish(watch: Watch, job: Job): Promise<void> {
    const { ref, workspace } = watch;
    watch.detail = 'all';
    if (ref.ts === null) await post(watch, job);
    const problem = await pictures.prepare(watch, core.jobReply(job).images, () => save(watch));
    await within(workspace.updates, job.id, 'final', () => showFinal(watch, job));
    await pictures.tidy(watch, job, () => save(watch));
    if (watch.dirty || watch.dropped) return;
    core.markDelivered(job.id, ...(problem === null ? [] : [problem]));
    drop(watch);
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
        if (CLOSED_ROOM.has(problem.code)) await moveToDm(watch, problem);
        else if (!lessDetail(watch, problem)) throw problem;
      }
    }
  }

  async function moveToDm(watch: Watch, why: Refused): Promise<void> {
    const { ref, workspace } = watch;
    const dm = await workspace.api.openDm(ref.user);
    if (ref.channel === dm) throw new Hopeless(`the direct message is closed: ${why.code}`);
    const here = NO_LONGER_WRITABLE.has(why.code)
      ? "Nobody can write in that channel any more, so here's the answer as a direct message."
      : "I'm not in that channel, so here's the answer as a direct message. To have it there, type /invite @wuerst in the channel.";
    ref.note = here;
    ref.channel = dm;
    ref.thread = null;
    ref.ts = null;
    ref.triedAt = null;
    watch.hidden = false;
    save(watch);
    watch.moved?.(
      NO_LONGER_WRITABLE.has(why.code)
        ? "I can't write in this channel. The answer comes to you as a direct message."
        : "I'm not in this channel. Type /invite @wuerst to have me here. This time the answer comes to you as a direct message.",
    );
    watch.moved = null;
  }

  /** Chooses when and where the next try goes. */
  async function failed(watch: Watch, error: unknown): Promise<void> {
    if (watch.dropped) return;
    watch.dirty = true;
    watch.failures++;
    if (error instanceof NotReady) return later(watch, RETRY_FIRST);
    if (error instanceof Hopeless) return giveUp(watch, error.message);
    const problem = problemOf(error);
    const log = { job: watch.jobId, attempt: watch.failures, problem: problem.message };
    if (problem instanceof RateLimited) return later(watch, problem.retryAfterMs);
    if (!(problem instanceof Refused)) {
      logger.debug(log, 'slack: a message could not be brought up to date; trying again');
      return later(watch, Math.min(RETRY_LONGEST, RETRY_FIRST * 2 ** Math.min(watch.failures - 1, 10)));
    }
    if (!LOST_TOKEN.has(problem.code)) return recover(watch, problem);
    if (watch.failures === 1)
      logger.error(log, 'slack: the bot token is not accepted any more; results wait for a new one');
    return watch.failures < TOKEN_TRIES ? later(watch, RETRY_TOKEN) : giveUp(watch, problem.message);
  }

  /** The message is out of reach: the result comes elsewhere. */
  async function recover(watch: Watch, problem: Refused): Promise<void> {
    const { ref } = watch;
    const gone = problem.code === 'message_not_found';
    if (watch.failures > 2 * REFUSED_TRIES || (gone && ref.replaced)) {
      return giveUp(watch, gone ? 'the message was deleted' : problem.message);
    }
    try {
      if (gone) {
        ref.replaced = true;
        ref.ts = null;
        ref.triedAt = null;
        save(watch);
      } else if (CLOSED_ROOM.has(problem.code) || watch.failures === REFUSED_TRIES) await moveToDm(watch, problem);
      later(watch, RETRY_FIRST);
    } catch (error) {
      if (error instanceof Hopeless || problemOf(error) instanceof Refused) giveUp(watch, problem.message);
      else later(watch, RETRY_LONGEST);
    }
  }

  function giveUp(watch: Watch, why: string): void {
    const job = core.job(watch.jobId);
    logger.warn({ job: watch.jobId, why }, 'slack: a job cannot be shown');
    if (job && isOver(job)) {
      core.markDelivered(watch.jobId, why);
      drop(watch);
    } else watch.hidden = true;
  }

  /** A job without a message: one of several made by one command, or stored just before a crash. */
  function adopt(job: Job): void {
    const { caller } = job;
    const expected = places.get(scoped(caller.user, caller.room));
    const { team, id: channel } = unscoped(caller.room);
    const place =
      expected !== undefined && expected.until > clock.now()
        ? expected.place
        : { team, enterprise: null, channel, thread: null, user: unscoped(caller.user).id };
    const ref = newRef(place, null);
    core.saveMessage(job.id, ref);
    start(job.id, ref);
  }

  return {
    follow({ job, repeated }, { key, place, moved }) {
      const watch = watches.get(job.id);
      const stored = parseRef(core.message(job.id));
      // A job that there was before is asked to be shown here, unless Slack only delivered again.
      const here = stored === null || (repeated && stored.key !== key);
      if (watch && !here) return touch(watch);
      if (watch) drop(watch);
      const ref = here ? shownAnew(stored, place, key) : stored;
      if (here) core.saveMessage(job.id, ref);
      start(job.id, ref, moved);
    },
    expect(user, room, place) {
      for (const [key, { until }] of places) if (until <= clock.now()) places.delete(key);
      places.set(scoped(user, room), { place, until: clock.now() + PLACE_LIFE });
    },
    resume(jobs) {
      for (const job of jobs) {
        if (watches.has(job.id)) continue;
        const ref = parseRef(core.message(job.id));
        if (ref) start(job.id, ref);
        else adopt(job);
      }
    },
    nudge(team) {
      for (const watch of watches.values()) {
        if (watch.workspace.team !== team) continue;
        watch.cancelRetry?.();
        watch.cancelRetry = null;
        watch.failures = 0;
        void work(watch);
      }
    },
    onEvent({ job, type }) {
      if (job.caller.surface !== 'slack' || stopped) return;
      const watch = watches.get(job.id);
      if (watch) return touch(watch);
      if (draining || unclaimed.has(job.id)) return;
      const ref = parseRef(core.message(job.id));
      if (ref) {
        start(job.id, ref);
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
      for (const { updates } of workspaces.all()) updates.dropProgress();
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
      for (const workspace of workspaces.all()) workspace.clear();
    },
  };
}

/** A further message for a job takes its uploaded pictures over. The old one stays, and changes no more. */
function shownAnew(stored: MessageRef | null, place: Place, key: string): MessageRef {
  const ref = newRef(place, key);
  if (stored === null || stored.team !== place.team) return ref;
  const { files, stale, preview } = structuredClone(stored);
  return { ...ref, files, stale: preview === null ? stale : [...stale, preview] };
}

/** No place is left to show it. */
class Hopeless extends Error {
  override readonly name = 'Hopeless';
}

/** Slack named a file that it says it has taken in, and then did not know it. */
class NotReady extends Error {
  override readonly name = 'NotReady';
}

const NO_LONGER_WRITABLE = new Set(['is_archived', 'is_inactive', 'channel_is_limited_access', 'thread_locked']);

function fileTrouble({ details }: Refused): boolean {
  return details.some((detail) => detail.includes('slack_file') || detail.includes('slack file'));
}
