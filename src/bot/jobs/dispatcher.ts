import { joinSheets, type Sheet } from '../../pipeline/images/contact-sheet.ts';
import { PipelineCrashed, PipelineStopped } from '../../pipeline/process/client.ts';
import type { EngineEvent, EngineInfo, EngineRequest } from '../../pipeline/process/protocol.ts';
import { pause } from '../../system/clock.ts';
import { OperatorError, UserError } from '../../system/errors.ts';
import { type Eta, type Job, type JobEvent, seedOf } from '../job.ts';
import type { FairOptions } from '../queue/fair-queue.ts';
import type { GuildRules } from '../rules/guild-rules.ts';
import { secondsOf, type Timings, type Work, workLeft, workOf } from './estimator.ts';
import { isUnkept, jobErrorOf, MAX_ATTEMPTS, MAX_STARTS } from './job-error.ts';
import type { Hands } from './job-queue.ts';
import type { JobServices } from './job-services.ts';
import { loadedBy, type Painter, speedOf } from './painter.ts';
import { deal, fractionOf, Part, slowestStep } from './part.ts';
import type { Recipes } from './recipes.ts';
import { Repainting } from './repainting.ts';

export interface DispatcherOptions extends JobServices {
  readonly recipes: Recipes;
  readonly rules: GuildRules;
  readonly onPainted: (work: Work, timings: Timings, painter: Painter) => void;
}

/** How far a running job is. */
export type LiveStep = Omit<Extract<JobEvent, { type: 'step' }>, 'seq' | 'type' | 'job'>;

/** Key of the memo in which the pipeline keeps what its previews have learned. */
export const PREVIEW_MAPS = 'previewMaps';
const RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

interface Running {
  readonly hands: Hands;
  /** As it is now. */
  job: Job;
  /** By the monotonic clock. */
  readonly startedAt: number;
  /** Estimated accelerator seconds, if one painter makes all. */
  readonly seconds: number;
  /** What each of its painters makes; empty while parents are painted again. */
  parts: readonly Part[];
  /** Accelerator seconds of the pictures that were kept before this start. */
  readonly secondsBefore: number;
  /** What its pictures are made from and is not kept any more. */
  readonly repainting: Repainting;
  readonly controller: AbortController;
  /** The newest step; one without a preview has that of the step before. */
  step?: LiveStep;
  /** What the machine's clock was set to at that step. */
  setAt: number;
  /** The bot is stopping: this start does not count against the job, unless the pipeline process dies of it. */
  excused: boolean;
}

/** Takes each job through the pipeline of a painter, and stores everything that happens to it. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #stopping = new AbortController();
  /** By the job's id, in the order in which they were started. */
  readonly #running = new Map<string, Running>();
  #isClosing = false;
  /** Pause after the next failure to start a job; it doubles up to the longest. */
  #startRetryMs = RETRY_MS;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Ids of the jobs that are being made, in the order in which they were started. */
  get runningIds(): readonly string[] {
    return [...this.#running.keys()];
  }

  /** How far a job is; `null` unless it is being made. */
  step(jobId: string): LiveStep | null {
    const running = this.#running.get(jobId);
    if (running?.step === undefined) return null;
    const { step, setAt } = running;
    const set = Math.round(this.#clockSetting() - setAt);
    const eta = step.eta && { from: step.eta.from + set, to: step.eta.to + set };
    return { ...step, eta };
  }

  /** When a running job should be done; `null` if it does not run, or where nothing was measured before. */
  eta(jobId: string): Eta | null {
    const running = this.#running.get(jobId);
    if (running === undefined) return null;
    const { estimator, clock } = this.#options;
    return (
      this.step(jobId)?.eta ?? estimator.eta(this.#secondsLeft(running), clock.now(), speedOf(running.hands.painter))
    );
  }

  /** Seconds until a painter should be done with its part of a job; 0 if it makes none. */
  secondsUntilFree({ id }: Painter): number {
    const left = [...this.#running.values()].map((running) => {
      const part = running.parts.find(({ painter, isOver }) => painter.id === id && !isOver);
      if (part !== undefined) return this.#secondsOfPart(running, part);
      return running.parts.length === 0 && running.hands.painter.id === id ? this.#secondsLeft(running) : 0;
    });
    return Math.max(0, ...left);
  }

  /**
   * Accelerator seconds that were computed of a job, whatever becomes of it now: what its pictures that are kept should
   * have taken, or the time that has passed if that is more.
   */
  computed(job: Job): number {
    const running = this.#running.get(job.id);
    const kept = this.#keptSeconds(running?.job ?? job);
    if (running === undefined) return kept;
    const { secondsBefore, repainting, parts } = running;
    const spent = parts.reduce((sum, part) => sum + part.spent.seconds * part.share, repainting.spent.seconds);
    return Math.max(kept + repainting.seconds, secondsBefore + spent);
  }

  /** From now on jobs are made. */
  start(): void {
    this.#options.queue.start((turn, hands) => this.#run(turn, hands));
  }

  /** Stops making a job that was cancelled. */
  abort(jobId: string): void {
    this.#running.get(jobId)?.controller.abort();
  }

  /** Resolves when nothing runs. At the deadline, the running jobs are put back into the queue without blame. */
  async stop(deadlineMs: number): Promise<void> {
    const { clock, queue } = this.#options;
    this.#isClosing = true;
    const ended = queue.pause();
    const running = [...this.#running.values()];
    if (running.length > 0) {
      for (const each of running) this.#excuse(each);
      const inTime = new AbortController();
      void ended.then(() => inTime.abort());
      await pause(clock, deadlineMs, inTime.signal);
    }
    this.#stopping.abort(new PipelineStopped());
    for (const { controller } of running) controller.abort(new PipelineStopped());
    if (running.length > 0) await ended;
  }

  /** Done at once, since whoever stops the bot may kill it before the deadline. */
  #excuse(running: Running): void {
    const { history, onProblem } = this.#options;
    const { id } = running.job;
    try {
      const stored = history.jobs.stored(id);
      if (stored?.job.state !== 'running') return;
      history.jobs.setAttempts(id, stored.attempts - 1);
      running.excused = true;
    } catch (error) {
      onProblem(error, `the start of job ${id} still counts against it`);
    }
  }

  /** Makes the job whose turn it is. */
  async #run(turn: FairOptions, hands: Hands): Promise<void> {
    const { history, bus, clock, queue, estimator, onProblem } = this.#options;
    let started: JobEvent | null;
    try {
      // The attempt is counted before anything can die of it.
      started = queue.transact(() => history.jobs.start(turn.id));
    } catch (error) {
      onProblem(error, `job ${turn.id} cannot be started`);
      void queue.pause();
      await pause(clock, this.#startRetryMs, this.#stopping.signal);
      this.#startRetryMs = Math.min(MAX_RETRY_MS, this.#startRetryMs * 2);
      queue.putBack(turn);
      if (!this.#stopping.signal.aborted) this.start();
      return;
    }
    this.#startRetryMs = RETRY_MS;
    // Cancelled in the moment before.
    if (started === null) return queue.settle(turn.id, 0);
    const { job } = started;
    const seconds = estimator.seconds(workLeft(job), speedOf(hands.painter));
    const controller = new AbortController();
    const running: Running = {
      ...{ hands, job, parts: [] },
      startedAt: clock.monotonic(),
      seconds,
      secondsBefore: this.#keptSeconds(job),
      repainting: new Repainting(clock, controller.signal),
      controller,
      excused: false,
      setAt: 0,
    };
    this.#running.set(job.id, running);
    bus.emit(started);
    try {
      await this.#work(job, running);
    } finally {
      this.#running.delete(job.id);
    }
  }

  async #work(job: Job, running: Running): Promise<void> {
    const { history, queue } = this.#options;
    try {
      const { seconds, notes } = await this.#paint(job, running);
      await this.#store(job, () => {
        queue.settle(job.id, seconds);
        return history.jobs.finish(job.id, { seconds: running.secondsBefore + seconds, notes });
      });
    } catch (error) {
      running.repainting.spent.hold();
      await this.#store(job, () => this.#failed(job, error, running));
    }
  }

  /** Makes and stores the pictures that are missing. */
  async #paint(job: Job, running: Running): Promise<{ readonly seconds: number; readonly notes: readonly string[] }> {
    const { recipes, rules } = this.#options;
    const { hands, repainting, controller } = running;
    // They may have changed while it waited.
    rules.refuse(job.request, job.caller);
    const request = await recipes.plan(job, hands.painter, repainting);
    if (request.images.length === 0) return { seconds: 0, notes: [] };
    const parts = this.#divide(running, request);
    running.parts = parts;
    const failing = new AbortController();
    const signal = AbortSignal.any([controller.signal, failing.signal]);
    let left = parts.length;
    const ends = await Promise.allSettled(
      parts.map(async (part) => {
        try {
          return await this.#paintPart(running, part, { ...request, images: part.images }, signal);
        } catch (error) {
          // Where a painter is lost, the others make what they have begun; what is wrong with the request is wrong for them too.
          if (!isLost(error)) failing.abort(error);
          throw error;
        } finally {
          part.spent.hold();
          part.isOver = true;
          left -= 1;
          // The last one is kept until the end is stored.
          if (left > 0) hands.release(part.painter);
        }
      }),
    );
    controller.signal.throwIfAborted();
    const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
    if (errors.length > 0) throw gravest(errors);
    const notes = ends.flatMap((end) => (end.status === 'fulfilled' ? end.value : []));
    const seconds = parts.reduce((sum, { timings }) => sum + secondsOf(timings), repainting.seconds);
    return { seconds, notes: [...new Set(notes)] };
  }

  /**
   * Deals the pictures out to the painters that have nothing to do, if nobody waits for one. A request that a painter may have
   * died of is made by one alone.
   */
  #divide(running: Running, request: EngineRequest): readonly Part[] {
    const { estimator, clock, history } = this.#options;
    const { hands, job } = running;
    const { provider } = loadedBy(hands.painter);
    const workFor = (pictures: number) => workOf(job.request, job.derivation?.verb ?? null, pictures);
    // Other providers and precisions give other last digits, and one request should look the same.
    const alike = hands.helpers().filter(({ status }) => status.info?.provider === provider);
    const isFirstStart = (history.jobs.stored(job.id)?.attempts ?? 1) <= 1;
    const painters = isFirstStart && request.images.length > 1 ? [hands.painter, ...alike] : [hands.painter];
    const seconds = (painter: Painter, pictures: number) => estimator.seconds(workFor(pictures), speedOf(painter));
    const counts = deal(request.images.length, painters, seconds);
    let from = 0;
    return painters.flatMap((painter, index) => {
      const images = request.images.slice(from, from + (counts[index] ?? 0));
      from += images.length;
      if (images.length === 0) return [];
      if (painter !== hands.painter) hands.take(painter);
      return new Part({ painter, images, work: workFor(images.length), estimator, clock });
    });
  }

  /** Makes and stores the pictures of one painter; what the person should know about them. */
  async #paintPart(
    running: Running,
    part: Part,
    request: EngineRequest,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { estimator, history, onPainted } = this.#options;
    const { painter, work, spent, speed } = part;
    const info = loadedBy(painter);
    let notes: readonly string[] = [];
    const alongside = running.hands.alongside && painter === running.hands.painter;
    for await (const event of painter.generate(request, { signal, alongside })) {
      spent.hold();
      if (event.type === 'step') await this.#step(running, part, event);
      else if (event.type === 'image') await this.#image(running, part, event, info);
      else {
        notes = event.warnings;
        part.timings = event.timings;
        part.share = event.share ?? 1;
        // For the next start of the process: a preview should be recognisable from the first step on.
        if ('previewMaps' in event) history.memos.set('pipeline', PREVIEW_MAPS, event.previewMaps);
      }
      spent.goOn(event);
    }
    signal.throwIfAborted();
    // The time of a batch says little of the time alone.
    if (part.share === 1) history.atomically(() => estimator.learn(work, part.timings, speed));
    onPainted(work, part.timings, painter);
    return notes;
  }

  async #step(running: Running, part: Part, event: Extract<EngineEvent, { type: 'step' }>): Promise<void> {
    const { bus, estimator, clock } = this.#options;
    const { parts, controller } = running;
    part.advance(event);
    const shown = event.preview === null ? running.step : await this.#previewOf(running, part);
    const { preview = null, previewOf = [] } = shown ?? {};
    const step = slowestStep(parts);
    // Nobody wants to hear of a cancelled job.
    if (controller.signal.aborted || step === undefined) return;
    const fraction = fractionOf(parts);
    const now = clock.now();
    const eta =
      estimator.eta(this.#secondsLeft(running), now, part.speed) ??
      extrapolated(clock.monotonic() - running.startedAt, fraction, now);
    running.setAt = this.#clockSetting();
    running.step = { ...step, fraction, eta, preview, previewOf };
    bus.emit({ seq: null, type: 'step', job: running.job, ...running.step });
  }

  /** What all its pictures look like now. */
  async #previewOf({ parts, job }: Running, newest: Part): Promise<Sheet | undefined> {
    const sheets = parts.flatMap(({ preview }) => preview ?? []);
    if (sheets.length < 2) return sheets[0];
    try {
      return await joinSheets(sheets, job.request);
    } catch (error) {
      this.#options.onProblem(error, `the previews of job ${job.id} cannot be joined`);
      return newest.preview;
    }
  }

  async #image(
    running: Running,
    part: Part,
    event: Extract<EngineEvent, { type: 'image' }>,
    info: EngineInfo,
  ): Promise<void> {
    const { history, recipes, bus } = this.#options;
    const { image: index, png, embedding } = event;
    const { job } = running;
    const { width, height } = job.request;
    const recipe = recipes.recipe(job, index, info);
    const seed = seedOf(job.request, index);
    const image = { index, seed, width, height, recipe, embedding, png };
    const stored = await this.#insist(`picture ${index} of job ${job.id}`, isBusy, () =>
      history.images.finish(job.id, image),
    );
    if (stored !== null) running.job = stored.job;
    bus.emit(stored);
    part.finish(index);
  }

  /** Decides what becomes of a job that was not finished; runs inside the transaction. */
  #failed(job: Job, error: unknown, running: Running): JobEvent | null {
    const { history, queue, onProblem } = this.#options;
    const computed = this.computed(job);
    const stored = history.jobs.stored(job.id);
    if (stored === null || stored.job.state !== 'running') {
      queue.settle(job.id, computed);
      return null;
    }
    if (this.#isClosing && isStopped(error, running)) {
      return history.jobs.requeue(job.id, { forgiveAttempt: !running.excused });
    }
    if (error instanceof PipelineStopped && history.jobs.starts(job.id) < MAX_STARTS) {
      const event = history.jobs.requeue(job.id, { forgiveAttempt: !running.excused });
      queue.resume(stored);
      return event;
    }
    if (!(error instanceof UserError)) onProblem(error, `job ${job.id}`);
    const attempts = stored.attempts + (running.excused ? 1 : 0);
    if (error instanceof PipelineCrashed && attempts < MAX_ATTEMPTS) {
      history.jobs.setAttempts(job.id, attempts);
      const event = history.jobs.requeue(job.id);
      queue.resume(stored);
      return event;
    }
    queue.settle(job.id, computed);
    const charged = isUnkept(error) ? this.#keptSeconds(running.job) : computed;
    return history.jobs.fail(job.id, jobErrorOf(error), charged);
  }

  /** What the pictures of a job that are kept should have taken, deleted ones too: their part of the estimate. */
  #keptSeconds({ id, request, images }: Job): number {
    if (images.length === 0) return 0;
    const estimate = this.#options.history.jobs.stored(id)?.estimate ?? 0;
    return (estimate * images.length) / request.n;
  }

  /** Stores the end of a job. What was made should not be lost because a disk is full for a while. */
  async #store(job: Job, write: () => JobEvent | null): Promise<void> {
    const { bus, queue, onProblem } = this.#options;
    try {
      await this.#insist(
        `the end of job ${job.id}`,
        () => true,
        () => queue.transact(write, (event) => bus.emit(event)),
      );
    } catch (error) {
      // Whoever starts next finds the job running and takes it up again.
      onProblem(error, `the end of job ${job.id} was not stored`);
    }
  }

  /** Repeats `work` at growing intervals until it succeeds, its error is not one that `mayPass`, or the bot stops. */
  async #insist<T>(what: string, mayPass: (error: unknown) => boolean, work: () => T | Promise<T>): Promise<T> {
    const { clock, onProblem } = this.#options;
    for (let wait = RETRY_MS; ; wait = Math.min(MAX_RETRY_MS, wait * 2)) {
      try {
        return await work();
      } catch (error) {
        if (!mayPass(error) || this.#stopping.signal.aborted) throw error;
        onProblem(error, `${what} cannot be stored yet`);
        await pause(clock, wait, this.#stopping.signal);
      }
    }
  }

  /** Changes when somebody sets the machine's clock, and while the machine sleeps. */
  #clockSetting(): number {
    const { clock } = this.#options;
    return clock.now() - clock.monotonic();
  }

  #secondsLeft(running: Running): number {
    const { parts, seconds } = running;
    if (parts.length === 0) return this.#remaining(running, seconds, 0);
    return Math.max(...parts.map((part) => this.#secondsOfPart(running, part)));
  }

  #secondsOfPart(running: Running, { seconds, fraction }: Part): number {
    return this.#remaining(running, seconds, fraction);
  }

  #remaining({ startedAt }: Running, seconds: number, fraction: number): number {
    const elapsed = (this.#options.clock.monotonic() - startedAt) / 1000;
    if (fraction <= 0.05) return Math.max(0, seconds - elapsed);
    // The further the job is, the more its own speed counts.
    return (seconds * (1 - fraction) + elapsed) * (1 - fraction);
  }
}

/** When a job should end where nothing was measured before: from its own speed, once it has done enough to tell. */
function extrapolated(elapsed: number, fraction: number, now: number): Eta | null {
  if (fraction < 0.15) return null;
  const left = (elapsed / fraction) * (1 - fraction);
  return { from: Math.round(now + left / 2), to: Math.round(now + left * 2) };
}

/** The painter is gone, whether or not over this request. */
function isLost(error: unknown): boolean {
  return error instanceof PipelineCrashed || error instanceof PipelineStopped;
}

/** The error that decides what becomes of the job. */
function gravest(errors: readonly unknown[]): unknown {
  return (
    errors.find((error) => !isLost(error)) ?? errors.find((error) => error instanceof PipelineCrashed) ?? errors[0]
  );
}

function isStopped(error: unknown, { controller }: Running): boolean {
  return error instanceof PipelineStopped || controller.signal.reason instanceof PipelineStopped;
}

function isBusy(error: unknown): boolean {
  return error instanceof OperatorError && error.code === 'database_locked';
}
