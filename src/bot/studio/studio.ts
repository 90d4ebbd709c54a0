import * as z from 'zod';
import { type Marker, UNMARKED } from '../../marking/marker.ts';
import { type Clock, systemClock } from '../../system/clock.ts';
import { UserError } from '../../system/errors.ts';
import type { Logger } from '../../system/logging.ts';
import { t } from '../../texts/translate.ts';
import { completions } from '../command/completion.ts';
import { randomSeed } from '../command/parse.ts';
import type { CommandOptions, Core } from '../core.ts';
import type { History, StoredJob } from '../history/history.ts';
import { type Caller, forReader, isOver, type Job, type JobImage, type Lack, type QueuePosition } from '../job.ts';
import { Dispatcher } from '../jobs/dispatcher.ts';
import { Estimator, type Timings, type Work } from '../jobs/estimator.ts';
import { EventBus } from '../jobs/event-bus.ts';
import { MAX_ATTEMPTS, MAX_STARTS } from '../jobs/job-error.ts';
import { JobQueue } from '../jobs/job-queue.ts';
import type { Describe, Painter } from '../jobs/painter.ts';
import type { Painters } from '../jobs/painters.ts';
import { QueuePositions } from '../jobs/queue-positions.ts';
import { Recipes, SAME_WEIGHTS } from '../jobs/recipes.ts';
import { Removals } from '../jobs/removals.ts';
import { LostImages } from '../jobs/restore-images.ts';
import { Shortages } from '../jobs/shortages.ts';
import { Submissions } from '../jobs/submissions.ts';
import { type LoraShelf, NO_LORAS } from '../lora-shelf.ts';
import type { PromptFolder } from '../prompts/prompt-folder.ts';
import { POSITION_CAP } from '../queue/fair-queue.ts';
import { errorReply, withheldReply } from '../replies/error-reply.ts';
import { jobReply } from '../replies/job-reply.ts';
import { pictureOfFile } from '../reply.ts';
import type { RequestLimits } from '../request-limits.ts';
import { GuildRules } from '../rules/guild-rules.ts';
import { administration } from './administration.ts';
import { Answers } from './answers.ts';
import { BlurredFiles } from './blurred-files.ts';
import { GivenPictureFiles } from './given-pictures.ts';
import { PictureGallery } from './picture-gallery.ts';
import { queueOverview } from './queue-overview.ts';

export interface StudioOptions {
  /** Open, and closed by who opened it. */
  readonly history: History;
  /** Who paints; they may join and leave at any time. */
  readonly painters: Painters;
  /** Of this program; part of every recipe. */
  readonly version: string;
  readonly logger: Pick<Logger, 'info' | 'error'>;
  /** Texts for the pictures' files. @default the recipe alone */
  readonly describe?: Describe;
  /** What whoever runs the bot has put into the data folder, for everyone's prompts. @default nothing */
  readonly prompts?: PromptFolder;
  /** What the model in use says about requests. @default the reference's values */
  readonly model?: Partial<RequestLimits>;
  /** @default none */
  readonly loras?: LoraShelf;
  /** Marks the pictures that leave. @default nothing */
  readonly marker?: Marker;
  /** Called with what each painted request asked for and took, in milliseconds. */
  readonly onPainted?: (work: Work, timings: Timings, painter: Painter) => void;
  readonly clock?: Clock;
  /** A seed for a request that names none. @default 32 random bits */
  readonly randomSeed?: () => bigint;
}

const crashedBot = () => ({
  code: 'pipeline_crashed',
  message: t('The bot crashed several times while making this request, so it was given up.'),
  hint: t('Only pictures that are kept were charged. A smaller picture may work.'),
});
/** Owner and key of the memo of what was loaded last. */
const LOADED = ['checkpoint', 'loaded'] as const;

/**
 * The core: takes commands and buttons, queues jobs fairly, has them painted, stores what happens to them and tells
 * everyone. Adapters see it as `Core`.
 */
export interface Studio extends Required<Core> {
  /**
   * Resumes what an earlier process left, then takes commands. Before `paint`, jobs only wait.
   *
   * @param options.pipelineOutlived the earlier bot died and its pipeline process did not: within reason, the job that
   *   was being made is not to blame
   */
  open(options?: { readonly pipelineOutlived?: boolean }): Promise<void>;
  /** The model is loaded: jobs start. */
  paint(): void;
  /** Takes no more commands. The running job may go on until the deadline; after that it waits for the next start. */
  close(deadlineMs: number): Promise<void>;
  /** Jobs that wait. */
  readonly waiting: number;
}

/**
 * @example
 * const studio = createStudio({ history, painters: new Painters([painter]), version, logger });
 * await studio.open();       // commands are taken, what an earlier process left waits again
 * await client.start();
 * studio.paint();            // jobs start
 * await studio.close(20_000);
 */
export function createStudio(options: StudioOptions): Studio {
  const parts = partsOf(options);
  const { history, painters, logger } = options;
  const { queue, dispatcher, submissions, positions, shortages, images, refreshLoras } = parts;
  painters.on('changed', () => rememberLoaded(options));
  return {
    ...coreOf(parts),
    async open({ pipelineOutlived = false } = {}) {
      const swept = await history.images.sweep();
      const interrupted = history.jobs.running();
      for (const stored of interrupted) takeUp(parts, stored, pipelineOutlived);
      const waiting = history.jobs.waiting();
      queue.restore(waiting);
      void refreshLoras();
      submissions.open();
      logger.info({ ...swept, interrupted: interrupted.length, waiting: waiting.length }, 'the studio is open');
    },
    paint() {
      rememberLoaded(options);
      dispatcher.start();
    },
    close(deadlineMs) {
      submissions.close();
      positions.close();
      shortages.close();
      images.stop();
      return dispatcher.stop(deadlineMs);
    },
    get waiting() {
      return queue.waiting.size;
    },
  };
}

function partsOf(options: StudioOptions) {
  const { history, painters, version, logger, clock = systemClock, loras = NO_LORAS } = options;
  const onProblem = (error: unknown, what: string) => logger.error({ err: error }, what);
  const recipes = new Recipes({ history, version, describe: options.describe ?? (() => ({})) });
  const estimator = new Estimator(history.memos, () => painters.speeds);
  const bus = new EventBus((error, event) => onProblem(error, `a listener failed on ${event.type} ${event.job.id}`));
  const rules = new GuildRules(
    history.settings,
    () => painters.info ?? loadedModel(history.memos.get(...LOADED)),
    options.model,
    () => loras.known,
    (request) => history.images.madeOf(request),
    (id) => history.apiKeys.get(id)?.limits,
    () => classifierOf(painters) ?? loadedModel(history.memos.get(...LOADED))?.classifier,
  );
  const queue = new JobQueue({ history, painters, estimator, onProblem, weight: (payer) => rules.weight(payer) });
  rules.on('changed', () => queue.reweighed());
  const shared = { history, rules, estimator, queue, bus, clock, onProblem };
  const dispatcher = new Dispatcher({ ...shared, recipes, onPainted: options.onPainted ?? (() => {}) });
  const shortages = new Shortages({ clock, logger });
  const onLacks = (lacks: readonly Lack[]) => shortages.saw(lacks);
  const positions = new QueuePositions({ ...shared, painters, dispatcher, onLacks });
  const images = new LostImages({ ...shared, recipes });
  const submissions = new Submissions({ ...shared, etaOf: (job) => positions.of(job).eta });
  const removals = new Removals({ history, clock });
  const { marker = UNMARKED } = options;
  const refreshLoras = () => loras.refresh().catch((error: unknown) => onProblem(error, 'LoRAs cannot be listed'));
  const seeds = { randomSeed: options.randomSeed ?? randomSeed };
  const all = {
    ...shared,
    ...{ painters, dispatcher, positions, shortages, submissions, images, removals, ...seeds },
    ...{ prompts: options.prompts, signature: () => marker.note },
  };
  const given = new GivenPictureFiles({ history, rules, painters, clock });
  const blurredFiles = new BlurredFiles(history.images);
  return { ...all, answers: new Answers(all), refreshLoras, given, blurredFiles, marker };
}

type Parts = ReturnType<typeof partsOf>;

/** What adapters see of the parts. */
function coreOf(parts: Parts): Required<Core> {
  const { history, rules, bus, dispatcher, positions, images, removals, answers, refreshLoras, given, marker } = parts;
  const { blurredFiles } = parts;
  const { jobs, lists, events, messages } = history;
  const refusal = (job: Job) => rules.refusal(job.request, job.caller);
  const showJob = (job: Job, known?: QueuePosition | null) => {
    const place = isOver(job) || known === null ? null : (known ?? positions.of(job, POSITION_CAP));
    const cover = (image: JobImage) => rules.cover(image, job.caller);
    const reply = jobReply(job, { place, step: dispatcher.step(job.id), limits: rules.limits(job.caller), cover });
    // Rules may have become stricter since the job was accepted.
    const refused = refusal(job);
    return refused === undefined ? reply : withheldReply(reply, refused);
  };
  const pathFor = (imageId: string, job: Job, asker: Caller | undefined) => {
    if (asker !== undefined) return images.path(imageId, asker);
    return images.path(imageId, job.caller).catch((error: unknown) => {
      if (error instanceof UserError) return null;
      throw error;
    });
  };
  return {
    async command(text, caller, options = {}) {
      if (mayUseLoras(text, options.options)) await refreshLoras();
      try {
        return await answers.command(text, caller, options);
      } catch (error) {
        // No request names them.
        const { pictures = [], mask } = options.pictures ?? {};
        history.images.removeUnused([...pictures, ...(mask === undefined ? [] : [mask])]);
        throw error;
      }
    },
    async act(action, caller, options = {}) {
      if (mayUseLoras(options.text ?? '')) await refreshLoras();
      if (action.startsWith('start:')) {
        const target = answers.targetOf(action, caller);
        if (target !== null) rules.refuse(target.job.request, caller);
        // The file of the picture is what the new one starts from.
        await images.path(target?.image?.id ?? '', caller);
      }
      return answers.act(action, caller, options);
    },
    givePicture: (content, caller, options) => given.take(content, caller, options),

    job: (id) => jobs.get(id),
    jobOfImage: (imageId) => jobs.get(history.images.get(imageId)?.jobId ?? ''),
    jobs: (filter) => lists.page(filter),
    rooms: ({ surface, user }) => lists.rooms(surface, user),
    queuePosition(jobId) {
      const job = jobs.get(jobId);
      return job === null ? { position: null, eta: null } : positions.of(job);
    },
    async imagePath(fileId, asker) {
      const { id, version } = pictureOfFile(fileId);
      const { image, jobId = '' } = history.images.get(id) ?? {};
      const job = jobs.get(jobId);
      if (job === null || image === undefined || refusal(job) !== undefined) return null;
      // It is shown where they ask: a room may not be for adults any more.
      if (asker !== undefined && rules.refusal(job.request, asker) !== undefined) return null;
      const cover = rules.cover(image, asker ?? job.caller);
      const isOriginal = version === 'original' && (asker === undefined || asker.moderator);
      if (!isOriginal && (cover === 'block' || version === 'original')) return null;
      const path = await pathFor(id, job, asker);
      const isBlurred = !isOriginal && (cover === 'blur' || version === 'blurred');
      return path === null || !isBlurred ? path : blurredFiles.path(path);
    },
    cover(imageId, asker) {
      const { image, jobId = '' } = history.images.get(imageId) ?? {};
      const place = asker ?? jobs.get(jobId)?.caller;
      return image === undefined || place === undefined ? 'none' : rules.cover(image, place);
    },
    jobReply: showJob,
    errorReply,
    button(action, caller) {
      try {
        const target = answers.targetOf(action, caller);
        const { buttons } = target === null ? answers.eraseQuestion(caller) : showJob(target.job);
        return buttons.flat().find((button) => button.action === action) ?? null;
      } catch (error) {
        if (error instanceof UserError) return null;
        throw error;
      }
    },

    administration: administration(parts),
    queueOverview: (caller) => queueOverview(parts, caller),
    limits: (caller) => (caller === undefined ? rules.checkpoint() : answers.limits(caller)),
    presets: (caller) => answers.presets(caller),
    recentPrompts: (caller, containing, limit) => lists.recentPrompts(caller, containing, limit),
    promptById: (id, caller) => lists.promptById(id, caller),
    completions(textBeforeCursor, caller) {
      // Nobody waits for it: the next letter finds what is new.
      if (namesLora(textBeforeCursor)) void refreshLoras();
      return completions(textBeforeCursor, answers.limits(caller));
    },

    exportText: (caller) => answers.exportText(caller),
    gallery: new PictureGallery(history.gallery, rules),

    subscribe: (listener) => bus.subscribe(listener),
    eventsSince: (surface, room, seq, limit) => events.since(surface, room, seq, limit),

    saveMessage: (jobId, message) => messages.save(jobId, message),
    message: (jobId) => messages.get(jobId),
    undelivered: (surface) => lists.undelivered(surface),
    markDelivered: (jobId, problem) => messages.markDelivered(jobId, problem),
    postings: removals.postings,
    marker,
  };
}

function namesLora(text: string): boolean {
  return /lora/i.test(text);
}

/** By their names, or as presets and lists of words do. */
function mayUseLoras(text: string, options: CommandOptions['options'] = {}): boolean {
  return namesLora(text) || /preset|__/i.test(text) || options.lora !== undefined || options.preset !== undefined;
}

/** A job that was running when an earlier process died waits again, unless it is to blame. */
function takeUp({ history, bus, dispatcher }: Parts, { job, attempts }: StoredJob, pipelineOutlived: boolean): void {
  const forgiveAttempt = pipelineOutlived && history.jobs.startsInVain(job.id) < MAX_STARTS;
  const isBlamed = attempts >= MAX_ATTEMPTS && !forgiveAttempt;
  bus.emit(
    isBlamed
      ? history.jobs.fail(job.id, forReader(job.caller, crashedBot), dispatcher.computed(job))
      : history.jobs.requeue(job.id, { forgiveAttempt }),
  );
}

/** For the completions of the next start, before its model is loaded. */
function rememberLoaded({ history, painters, logger }: StudioOptions): void {
  const { info, weights } = painters;
  if (info === null || weights === null) return;
  const { styles, mixesStyles = false, startsFromPictures = false, sizes } = info;
  const classifier = classifierOf(painters);
  try {
    history.memos.set(...LOADED, { styles, mixesStyles, startsFromPictures, sizes, classifier });
    for (const { checkpoint, formerCheckpoints = [] } of [weights, ...Object.values(weights.further ?? {})]) {
      for (const former of formerCheckpoints) {
        if (former !== checkpoint) history.memos.set(SAME_WEIGHTS, former, checkpoint);
      }
    }
  } catch (err) {
    logger.error({ err }, 'the styles and sizes of the model cannot be stored');
  }
}

const storedModel = z.object({
  styles: z.array(z.string()).min(1),
  mixesStyles: z.boolean().default(false),
  startsFromPictures: z.boolean().default(false),
  classifier: z.string().optional(),
  sizes: z.object({ minSide: z.number(), maxSide: z.number(), maxPixels: z.number(), gridStep: z.number() }).optional(),
});

/** Of any of the painters. */
function classifierOf({ all }: Pick<Painters, 'all'>): string | undefined {
  return all.map(({ painter }) => painter.status.info?.classifier).find((name) => name !== undefined);
}

function loadedModel(memo: unknown): z.output<typeof storedModel> | null {
  return storedModel.safeParse(memo).data ?? null;
}
