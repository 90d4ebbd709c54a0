import { isOver, type Job, type JobEvent } from '../../../bot/job.ts';
import type { Clock } from '../../../system/clock.ts';
import type { Logger } from '../../../system/logging.ts';
import type { Core, Outcome } from '../../adapter.ts';
import { createIdle } from '../../delivery/drain.ts';
import { createTurns } from '../../delivery/one-per-tick.ts';
import { createClaims } from '../../delivery/unclaimed-jobs.ts';
import { CLOSED_ROOM, LOST_TOKEN, problemOf, RateLimited, Refused } from '../web-api/errors.ts';
import { scoped, unscoped } from '../web-api/ids.ts';
import type { Workspaces } from '../web-api/workspaces.ts';
import type { Pictures } from './files.ts';
import { type MessageRef, newRef, type Place, parseRef } from './message-ref.ts';
import { Hopeless, moveToDm } from './posting.ts';
import { createShowing, NotReady } from './showing.ts';
import { newWatch, type Watch } from './watch.ts';

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

export function createDeliveries({ core, workspaces, pictures, clock, logger }: DeliveryOptions): Deliveries {
  const watches = new Map<string, Watch>();
  const claims = createClaims({ core, clock, adopt: (job) => stopped || adopt(job) });
  const idle = createIdle(clock, busy);
  const places = new Map<string, { readonly place: Place; readonly until: number }>();
  let draining = false;
  let stopped = false;
  const ending = () => ({ draining, stopped });
  const turns = createTurns();
  const showing = createShowing({ core, pictures, clock, logger, save, touch, later, ending });

  function save({ jobId, ref, dropped }: Watch): void {
    if (!dropped) core.saveMessage(jobId, ref);
  }

  function drop(watch: Watch): void {
    watch.dropped = true;
    watch.cancelRetry?.();
    if (watches.get(watch.jobId) === watch) watches.delete(watch.jobId);
    idle.check();
  }

  function busy(): boolean {
    return [...watches.values()].some(({ jobId, working }) => {
      const job = core.job(jobId);
      return working || (job !== null && isOver(job));
    });
  }

  function start(jobId: string, ref: MessageRef, moved: ((why: string) => void) | null = null): Watch {
    claims.end(jobId);
    const watch = newWatch(jobId, ref, workspaces.of(ref.team, ref.enterprise));
    watch.moved = moved;
    watches.set(jobId, watch);
    soon(watch);
    return watch;
  }

  function touch(watch: Watch): void {
    watch.dirty = true;
    if (watch.working) return;
    const job = watch.cancelRetry === null ? null : core.job(watch.jobId);
    if (watch.cancelRetry !== null && (watch.failures > 0 || !job || !isOver(job))) return;
    watch.cancelRetry?.();
    watch.cancelRetry = null;
    soon(watch);
  }

  /** Acknowledgements go first. */
  function soon(watch: Watch): void {
    if (watch.soon) return;
    watch.soon = true;
    turns(() => {
      watch.soon = false;
      void work(watch);
    });
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
        if (isOver(job)) await end(watch, job);
        else if (!watch.hidden) await showing.progress(watch, job);
        watch.failures = 0;
      }
    } catch (error) {
      await failed(watch, error);
    } finally {
      watch.working = false;
      idle.check();
    }
  }

  async function end(watch: Watch, job: Job): Promise<void> {
    const shown = await showing.finish(watch, job);
    if (shown === null) return;
    core.markDelivered(job.id, ...(shown.problem === null ? [] : [shown.problem]));
    drop(watch);
  }

  /** A job of another platform lost pictures that were shown here, too. */
  async function discard(job: Job): Promise<void> {
    try {
      await pictures.discard(job);
    } catch (error) {
      logger.warn({ job: job.id, problem: problemOf(error).message }, 'slack: a file could not be deleted');
    }
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
      } else if (CLOSED_ROOM.has(problem.code) || watch.failures === REFUSED_TRIES)
        await moveToDm(watch, problem, () => save(watch));
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
      if (stopped) return;
      if (job.caller.surface !== 'slack') {
        if (type === 'changed') void discard(job);
        return;
      }
      const watch = watches.get(job.id);
      if (watch) return touch(watch);
      if (draining || claims.has(job.id)) return;
      const ref = parseRef(core.message(job.id));
      if (ref) {
        start(job.id, ref);
      } else if (type !== 'changed') {
        claims.wait(job.id);
      }
    },
    async drain(ms) {
      draining = true;
      claims.stop();
      for (const { updates } of workspaces.all()) updates.dropProgress();
      await idle.within(ms);
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
