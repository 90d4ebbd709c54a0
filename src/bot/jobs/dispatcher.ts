import { PipelineCrashed, PipelineStopped } from '../../pipeline/process/client.ts';
import { pause } from '../../system/clock.ts';
import { UserError } from '../../system/errors.ts';
import { type Eta, forReader, type Job, type JobEvent } from '../job.ts';
import type { FairOptions } from '../queue/fair-job.ts';
import { FIRST_RETRY_MS, insist, MAX_RETRY_MS } from './insist.ts';
import { isUnkept, jobErrorOf, MAX_ATTEMPTS, MAX_STARTS } from './job-error.ts';
import type { Hands } from './job-queue.ts';
import type { Painter } from './painter.ts';
import { Painting, type PaintingOptions } from './painting.ts';
import { keptSeconds, type LiveStep, RunningJob } from './running-job.ts';

/** Starts the job whose turn it is, has it painted, and decides and stores what becomes of it. */
export class Dispatcher {
  readonly #options: PaintingOptions;
  readonly #painting: Painting;
  readonly #stopping = new AbortController();
  /** By the job's id, in the order in which they were started. */
  readonly #running = new Map<string, RunningJob>();
  #isClosing = false;
  /** Pause after the next failure to start a job; it doubles up to the longest. */
  #startRetryMs = FIRST_RETRY_MS;

  constructor(options: PaintingOptions) {
    this.#options = options;
    this.#painting = new Painting(options, this.#stopping.signal);
  }

  /** Ids of the jobs that are being made, in the order in which they were started. */
  get runningIds(): readonly string[] {
    return [...this.#running.keys()];
  }

  /** How far a job is; `null` unless it is being made. */
  step(jobId: string): LiveStep | null {
    return this.#running.get(jobId)?.step ?? null;
  }

  /** Who makes a job, or the parts of it that are not done. */
  paintersOf(jobId: string): readonly Painter[] {
    const running = this.#running.get(jobId);
    if (running === undefined) return [];
    const { parts, hands } = running;
    return parts.length === 0 ? [hands.painter] : parts.filter(({ isOver }) => !isOver).map(({ painter }) => painter);
  }

  /** When a running job should be done; `null` if it does not run, or where nothing was measured before. */
  eta(jobId: string): Eta | null {
    return this.#running.get(jobId)?.eta ?? null;
  }

  /** Seconds until a painter should be done with its part of a job; 0 if it makes none. */
  secondsUntilFree(painter: Painter): number {
    return Math.max(0, ...[...this.#running.values()].map((running) => running.secondsUntilFree(painter)));
  }

  /**
   * Accelerator seconds that were computed of a job, whatever becomes of it now: what its pictures that are kept should
   * have taken, or the time that has passed if that is more.
   */
  computed(job: Job): number {
    const running = this.#running.get(job.id);
    const kept = keptSeconds(this.#options.history, running?.job ?? job);
    return running?.computed(kept) ?? kept;
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
  #excuse(running: RunningJob): void {
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
    this.#startRetryMs = FIRST_RETRY_MS;
    // Cancelled in the moment before.
    if (started === null) return queue.settle(turn.id, 0);
    const { job } = started;
    const secondsBefore = keptSeconds(history, job);
    const running = new RunningJob({ job, hands, estimator, clock, secondsBefore });
    this.#running.set(job.id, running);
    bus.emit(started);
    try {
      await forReader(job.caller, () => this.#work(job, running));
    } finally {
      this.#running.delete(job.id);
    }
  }

  async #work(job: Job, running: RunningJob): Promise<void> {
    const { history, queue } = this.#options;
    try {
      const { seconds, notes } = await this.#painting.paint(running);
      await this.#store(job, () => {
        queue.settle(job.id, seconds);
        return history.jobs.finish(job.id, { seconds: running.secondsBefore + seconds, notes });
      });
    } catch (error) {
      running.repainting.spent.hold();
      await this.#store(job, () => this.#failed(job, error, running));
    }
  }

  /** Decides what becomes of a job that was not finished; runs inside the transaction. */
  #failed(job: Job, error: unknown, running: RunningJob): JobEvent | null {
    const { history, queue, onProblem } = this.#options;
    const computed = this.computed(job);
    const stored = history.jobs.stored(job.id);
    if (stored === null || stored.job.state !== 'running') {
      queue.settle(job.id, computed);
      return null;
    }
    if (this.#isClosing && isStopped(error, running)) {
      return history.jobs.requeue(job.id, { forgiveAttempt: !running.excused, forgetStart: true });
    }
    const forgetStart = error instanceof PipelineStopped && !error.counts;
    if (error instanceof PipelineStopped && (forgetStart || history.jobs.startsInVain(job.id) < MAX_STARTS)) {
      const event = history.jobs.requeue(job.id, { forgiveAttempt: !running.excused, forgetStart });
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
    const charged = isUnkept(error) ? keptSeconds(history, running.job) : computed;
    return history.jobs.fail(job.id, jobErrorOf(error), charged);
  }

  /** Stores the end of a job. What was made should not be lost because a disk is full for a while. */
  async #store(job: Job, write: () => JobEvent | null): Promise<void> {
    const { bus, queue, clock, onProblem } = this.#options;
    const what = `the end of job ${job.id}`;
    try {
      await insist({ clock, onProblem, stopping: this.#stopping.signal, what }, () =>
        queue.transact(write, (event) => bus.emit(event)),
      );
    } catch (error) {
      // Whoever starts next finds the job running and takes it up again.
      onProblem(error, `${what} was not stored`);
    }
  }
}

function isStopped(error: unknown, { controller }: RunningJob): boolean {
  return error instanceof PipelineStopped || controller.signal.reason instanceof PipelineStopped;
}
