import { type Clock, systemClock } from '../../system/clock.ts';
import { UserError } from '../../system/errors.ts';
import { type CommandLimits, completions, randomSeed } from '../command/parse.ts';
import type { CommandOptions, Core, Outcome } from '../core.ts';
import type { History } from '../history/history.ts';
import { type Caller, type Job, type JobEvent, type Surface, TERMINAL_STATES } from '../job.ts';
import { Dispatcher } from '../jobs/dispatcher.ts';
import { Estimator, type Timings, type Work } from '../jobs/estimator.ts';
import { EventBus } from '../jobs/event-bus.ts';
import { MAX_ATTEMPTS } from '../jobs/job-error.ts';
import { JobQueue } from '../jobs/job-queue.ts';
import type { Describe, Painter } from '../jobs/painter.ts';
import { QueuePositions } from '../jobs/queue-positions.ts';
import { Recipes } from '../jobs/recipes.ts';
import { LostImages } from '../jobs/restore-images.ts';
import { Submissions } from '../jobs/submissions.ts';
import { POSITION_CAP } from '../queue/fair-queue.ts';
import { jobReply } from '../replies/job-reply.ts';
import { eraseQuestion, errorReply } from '../replies/replies.ts';
import type { Button, Reply } from '../reply.ts';
import { HouseRules, type Loaded } from '../rules/guild-rules.ts';
import { Answers } from './answers.ts';

export interface StudioLogger {
  error(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

export interface StudioOptions {
  /** Open, and closed by who opened it. */
  readonly history: History;
  readonly painter: Painter;
  /** Of this program; part of every recipe. */
  readonly version: string;
  readonly logger: StudioLogger;
  /** Texts for the pictures' files. @default the recipe alone */
  readonly describe?: Describe;
  /** Called with what each painted request asked for and took, in milliseconds. */
  readonly onPainted?: (work: Work, timings: Timings) => void;
  readonly clock?: Clock;
  /** A seed for a request that names none. @default 32 random bits */
  readonly randomSeed?: () => bigint;
}

/** From then on a job counts as what the bot died of, though its pipeline process lived on. */
const MAX_STARTS = 5;
const KNOWN_CHECKPOINT = 'loaded';

/**
 * The core: takes commands and buttons, lets jobs wait for their fair turn, has them painted, tells everyone and forgets
 * nothing. Adapters see it as `Core`.
 *
 * @example
 * const studio = new Studio({ history, painter: client, version, logger });
 * await studio.open();       // commands are taken, what an earlier process left waits again
 * await client.start();
 * studio.paint();            // jobs start
 * await studio.close(20_000);
 */
export class Studio implements Core {
  readonly #options: StudioOptions;
  readonly #history: History;
  readonly #bus: EventBus;
  readonly #rules: HouseRules;
  readonly #queue: JobQueue;
  readonly #dispatcher: Dispatcher;
  readonly #positions: QueuePositions;
  readonly #images: LostImages;
  readonly #submissions: Submissions;
  readonly #answers: Answers;
  #remembered: Loaded | null = null;

  constructor(options: StudioOptions) {
    const { history, painter, version, clock = systemClock } = options;
    this.#options = options;
    this.#history = history;
    const onProblem = (error: unknown, what: string) => options.logger.error({ err: error }, what);
    const describe = options.describe ?? (() => ({}));
    const recipes = new Recipes({ history, painter, version, describe });
    const estimator = new Estimator(history.learned, () => {
      const { info } = painter.status;
      return info === null ? null : `${info.checkpoint} ${info.provider}`;
    });
    this.#bus = new EventBus((error, event) => onProblem(error, `a listener failed on ${event.type} ${event.job.id}`));
    this.#rules = new HouseRules(
      history.settings,
      () => this.#loaded(),
      () => this.#queue.reweighed(),
    );
    this.#queue = new JobQueue({
      history,
      onProblem,
      weight: (payer) => this.#rules.weight(payer),
    });
    const shared = { history, estimator, queue: this.#queue, bus: this.#bus, clock, onProblem };
    this.#dispatcher = new Dispatcher({
      ...shared,
      painter,
      recipes,
      onPainted: options.onPainted ?? (() => {}),
    });
    this.#positions = new QueuePositions({ ...shared, dispatcher: this.#dispatcher });
    this.#images = new LostImages({ ...shared, recipes });
    const etaOf = (job: Job) => this.#positions.of(job).eta;
    this.#submissions = new Submissions({ ...shared, rules: this.#rules, etaOf });
    this.#answers = new Answers({
      ...shared,
      rules: this.#rules,
      positions: this.#positions,
      dispatcher: this.#dispatcher,
      submissions: this.#submissions,
      randomSeed: options.randomSeed ?? randomSeed,
    });
  }

  /**
   * Takes up what an earlier process left, then takes commands. Before `paint`, jobs only wait.
   *
   * @param options.pipelineOutlived the earlier bot died and its pipeline process did not: what that worked on is not
   *   to blame, within reason
   */
  async open({ pipelineOutlived = false }: { readonly pipelineOutlived?: boolean } = {}): Promise<void> {
    const { logger } = this.#options;
    const swept = await this.#history.sweep();
    const interrupted = this.#history.interrupted();
    for (const { job, attempts } of interrupted) {
      const forgiveAttempt = pipelineOutlived && this.#history.starts(job.id) < MAX_STARTS;
      const isBlamed = attempts >= MAX_ATTEMPTS && !forgiveAttempt;
      this.#bus.emit(isBlamed ? this.#giveUp(job) : this.#history.requeue(job.id, { forgiveAttempt }));
    }
    const waiting = this.#history.waiting();
    this.#queue.restore(waiting);
    this.#submissions.open();
    logger.info({ ...swept, interrupted: interrupted.length, waiting: waiting.length }, 'the studio is open');
  }

  /** The model is loaded: jobs start. */
  paint(): void {
    this.#rememberLoaded();
    this.#dispatcher.start();
  }

  /** Takes no more; the running job may go on until the deadline, then it waits for the next start like the others. */
  async close(deadlineMs: number): Promise<void> {
    this.#submissions.close();
    this.#positions.close();
    this.#images.stop();
    await this.#dispatcher.stop(deadlineMs);
  }

  /** For measures: jobs that wait, by nothing else. */
  get waiting(): number {
    return this.#queue.waiting;
  }

  async command(text: string, caller: Caller, options: CommandOptions = {}): Promise<Outcome> {
    return this.#answers.command(text, caller, options);
  }

  async act(
    action: string,
    caller: Caller,
    options: { readonly idempotencyKey?: string; readonly text?: string } = {},
  ): Promise<Outcome> {
    return this.#answers.act(action, caller, options);
  }

  job(id: string): Job | null {
    return this.#history.job(id);
  }

  jobOfImage(imageId: string): Job | null {
    const details = this.#history.image(imageId);
    return details === null ? null : this.#history.job(details.jobId);
  }

  jobs(filter: Parameters<Core['jobs']>[0]): readonly Job[] {
    return this.#history.lists.page(filter);
  }

  queuePosition(jobId: string) {
    const job = this.#history.job(jobId);
    return job === null ? { position: null, eta: null } : this.#positions.of(job);
  }

  imagePath(imageId: string): Promise<string | null> {
    return this.#images.path(imageId);
  }

  jobReply(job: Job): Reply {
    const isOpen = !TERMINAL_STATES.includes(job.state);
    const place = isOpen ? this.#positions.of(job, POSITION_CAP) : null;
    return jobReply(job, { place, step: this.#dispatcher.step(job.id), limits: this.#rules.limits(job.caller) });
  }

  errorReply(error: unknown): Reply {
    return errorReply(error);
  }

  button(action: string, caller: Caller): Button | null {
    try {
      const target = this.#answers.targetOf(action, caller);
      const shown = target === null ? eraseQuestion() : this.jobReply(target.job);
      const buttons = shown.buttons.flat();
      return buttons.find((button) => button.action === action) ?? null;
    } catch (error) {
      if (error instanceof UserError) return null;
      throw error;
    }
  }

  limits(caller?: Caller): CommandLimits {
    return caller === undefined ? this.#rules.checkpoint() : this.#rules.limits(caller);
  }

  recentPrompts(caller: Caller, containing: string, limit: number) {
    return this.#history.lists.recentPrompts(caller, containing, limit);
  }

  promptById(id: string, caller: Caller): string | null {
    return this.#history.lists.promptById(id, caller);
  }

  completions(textBeforeCursor: string, caller: Caller) {
    return completions(textBeforeCursor, this.#rules.limits(caller));
  }

  subscribe(listener: (event: JobEvent) => void): () => void {
    return this.#bus.subscribe(listener);
  }

  eventsSince(surface: Surface, room: string, seq: number, limit: number): readonly JobEvent[] {
    return this.#history.eventsSince(surface, room, seq, limit);
  }

  saveMessage(jobId: string, message: unknown): void {
    this.#history.messages.save(jobId, message);
  }

  message(jobId: string): unknown | null {
    return this.#history.messages.get(jobId);
  }

  undelivered(surface: Surface): readonly Job[] {
    return this.#history.lists.undelivered(surface);
  }

  markDelivered(jobId: string, problem?: string): void {
    this.#history.messages.markDelivered(jobId, problem);
  }

  #giveUp(job: Job): JobEvent | null {
    return this.#history.fail(job.id, {
      code: 'pipeline_crashed',
      message: 'The bot died again and again over this request, so it was given up.',
      hint: 'Nothing was charged. A smaller picture may work.',
    });
  }

  #rememberLoaded(): void {
    const { painter, logger } = this.#options;
    const { info } = painter.status;
    if (info === null) return;
    const { styles, mixesStyles = false } = info;
    try {
      this.#history.learned.remember('checkpoint', KNOWN_CHECKPOINT, { styles, mixesStyles });
    } catch (err) {
      // Only the completions of the next start would miss it.
      logger.error({ err }, 'the styles of the model cannot be stored');
    }
  }

  /** What is loaded, or was when the bot ran last. */
  #loaded(): Loaded | null {
    const { info } = this.#options.painter.status;
    if (info !== null) return info;
    this.#remembered ??= remembered(this.#history.learned.recall('checkpoint').get(KNOWN_CHECKPOINT));
    return this.#remembered;
  }
}

function remembered(value: unknown): Loaded | null {
  if (typeof value !== 'object' || value === null || !('styles' in value) || !Array.isArray(value.styles)) return null;
  const styles = value.styles.filter((style) => typeof style === 'string');
  return styles.length > 0 ? { styles, mixesStyles: 'mixesStyles' in value && value.mixesStyles === true } : null;
}
