import { isOver, type Job, type JobEvent } from '../../../bot/job.ts';
import { createIdle } from '../../delivery/drain.ts';
import { createTurns } from '../../delivery/one-per-tick.ts';
import { createClaims } from '../../delivery/unclaimed-jobs.ts';
import { classify, describe } from '../rest/errors.ts';
import { reachOf } from './edit.ts';
import { DEFAULT_FILE_LIMIT } from './files.ts';
import { type MessageRef, newRef, parseRef, TOKEN_LIFE, type Token } from './message-ref.ts';
import { createShowing, NOTICE_BEFORE, type ShowingOptions, type Shown } from './showing.ts';

/** Pause after the first failed attempt; it doubles up to the longest. In ms. */
const RETRY_FIRST = 1000;
const RETRY_LONGEST = 60_000;
/** How often what Discord rejects is tried again. */
const REJECTED_TRIES = 3;
/** The first progress may come this soon, in ms: a quick job then needs one edit only. */
const FIRST_EDIT_AFTER = 400;
/** Jobs read at once when looking for those that wait. */
const PAGE = 200;

export interface DeliveryOptions extends ShowingOptions {
  /** The least time between two edits of one message, in ms. */
  readonly editInterval: number;
}

export interface Deliveries {
  /**
   * Shows a job in the message that `ref` names, from now on. `ref` is stored already; `left` is what showed the job
   * before, if anything did.
   */
  follow(jobId: string, ref: MessageRef, left: MessageRef | null): void;
  /** A click on one of a job's messages: its token reaches that message for a while. */
  lend(jobId: string, message: string, token: Token): void;
  /** Takes up, at start, what was not shown yet. */
  resume(): void;
  onEvent(event: JobEvent): void;
  /** Resolves once nothing is being sent and nothing finished waits, or after `ms`; then nothing more is sent. */
  drain(ms: number): Promise<void>;
}

/** Everything that happens to one job's message happens one after the other, in `work`. */
interface Watch extends Shown {
  /** Its end was shown before: only what changed since is brought up to date. */
  readonly settled: boolean;
  /** Something changed since the message was last brought up to date. */
  dirty: boolean;
  working: boolean;
  lastEdit: number;
  failures: number;
  cancelWork: (() => void) | null;
  cancelNotice: (() => void) | null;
}

export function createDeliveries(options: DeliveryOptions): Deliveries {
  const { core, clock, logger, editInterval } = options;
  const showing = createShowing(options);
  const turns = createTurns();
  const watches = new Map<string, Watch>();
  const claims = createClaims({ core, clock, adopt: (job) => stopped || adopt(job) });
  const idle = createIdle(clock, busy);
  let stopped = false;
  let draining = false;

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
    watch.cancelWork = clock.after(wait, () =>
      turns(() => {
        watch.cancelWork = null;
        if (!watch.dropped) void work(watch);
      }),
    );
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
      await bringUpToDate(watch, job);
      watch.failures = 0;
    } catch (error) {
      await failed(watch, job, error);
    } finally {
      watch.working = false;
      watch.lastEdit = clock.now();
      schedule(watch);
      idle.check();
    }
  }

  async function bringUpToDate(watch: Watch, job: Job): Promise<void> {
    if (watch.settled) {
      await showing.refresh(watch, job);
      if (!watch.dirty) drop(watch);
      return;
    }
    const problem = await showing.show(watch, job);
    if (!isOver(job) || watch.dirty || watch.dropped) return;
    core.markDelivered(job.id, ...(problem === null ? [] : [problem]));
    drop(watch);
  }

  async function failed(watch: Watch, job: Job, error: unknown): Promise<void> {
    watch.failures++;
    const lost = classify(error) !== 'transient' && watch.failures >= REJECTED_TRIES;
    const log = { job: job.id, attempt: watch.failures, ...describe(error) };
    if (!lost) {
      logger.debug(log, 'discord: a message could not be brought up to date; trying again');
      watch.dirty = true;
      return;
    }
    logger.error(log, 'discord: a message cannot be brought up to date');
    if (!isOver(job)) return;
    if (!watch.settled) {
      const text = `The result can't be shown here. Get it elsewhere with \`/wuerst-show ${job.id}\`.`;
      await showing.say(reachOf(watch.ref), job, text);
      core.markDelivered(job.id, describe(error).error);
    }
    drop(watch);
  }

  /** Before the token dies it is seen to that the bot's own will do; else the person is told while that can be said. */
  function watchNotice(watch: Watch): void {
    const { ref } = watch;
    if (ref.place !== 'reply' || !ref.interaction || watch.settled) return;
    const wait = Math.max(0, ref.interaction.expires - NOTICE_BEFORE - clock.now());
    watch.cancelNotice = clock.after(wait, () => {
      if (!ref.access) return touch(watch);
      void showing.probe(watch).then((reachable) => {
        if (!reachable) touch(watch);
      });
    });
  }

  function start(jobId: string, ref: MessageRef, how: Partial<Pick<Watch, 'settled' | 'dirty'>>, first = 0): void {
    const previous = watches.get(jobId);
    if (previous) drop(previous);
    claims.end(jobId);
    const watch: Watch = {
      ...{ jobId, ref, settled: false, dirty: true, ...how },
      working: false,
      hidden: false,
      missing: null,
      dropped: false,
      lastEdit: clock.now() - editInterval + first,
      failures: 0,
      cancelWork: null,
      cancelNotice: null,
    };
    watches.set(jobId, watch);
    watchNotice(watch);
    schedule(watch);
  }

  /** A job without a message: one of several made by one command, or stored just before a crash. */
  function adopt({ id, caller }: Job): void {
    const { user, room } = caller;
    const ref = newRef({ interaction: null, user, channel: room, access: true, limit: DEFAULT_FILE_LIMIT });
    core.saveMessage(id, ref);
    start(id, ref, {});
  }

  function takeUp(job: Job): void {
    if (watches.has(job.id)) return;
    const ref = parseRef(core.message(job.id));
    // What waits is brought up to date when something happens to it.
    if (ref) start(job.id, ref, { dirty: isOver(job) });
    else adopt(job);
  }

  /** Jobs that wait and whose interaction may still be answered: who asked has to hear of it before it can't. */
  function recentlyAsked(): readonly Job[] {
    const recent: Job[] = [];
    for (let before: string | undefined; ; ) {
      const page = core.jobs({ surface: 'discord', limit: PAGE, ...(before === undefined ? {} : { before }) });
      const young = page.filter(({ createdAt }) => createdAt > clock.now() - TOKEN_LIFE);
      recent.push(...young.filter((job) => !isOver(job)));
      if (young.length < PAGE) return recent;
      before = page.at(-1)?.id;
    }
  }

  return {
    follow(jobId, ref, left) {
      const job = core.job(jobId);
      if (!job) return;
      start(jobId, ref, {}, isOver(job) ? 0 : FIRST_EDIT_AFTER);
      if (left && !isOver(job)) void showing.say(reachOf(left), job, 'This was asked for again, and is shown there.');
    },
    lend(jobId, message, token) {
      const ref = watches.get(jobId)?.ref ?? parseRef(core.message(jobId));
      if (!ref) return;
      const copy = ref.copies.find((known) => known.message === message);
      if (copy) copy.interaction = token;
      else if (ref.place === 'reply' && ref.target.message === message) ref.interaction = token;
      else return;
      core.saveMessage(jobId, ref);
      const watch = watches.get(jobId);
      if (watch) touch(watch);
      else start(jobId, ref, { settled: true });
    },
    resume() {
      for (const job of [...core.undelivered('discord'), ...recentlyAsked()]) takeUp(job);
    },
    onEvent({ job, type }) {
      if (job.caller.surface !== 'discord' || stopped) return;
      const watch = watches.get(job.id);
      if (watch) return touch(watch);
      if (draining || claims.has(job.id)) return;
      const ref = parseRef(core.message(job.id));
      if (ref) {
        start(job.id, ref, { settled: type === 'changed' });
      } else if (type !== 'changed') {
        claims.wait(job.id);
      }
    },
    async drain(ms) {
      draining = true;
      claims.stop();
      await idle.within(ms);
      stopped = true;
      for (const watch of [...watches.values()]) drop(watch);
    },
  };
}
