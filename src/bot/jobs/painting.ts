import { joinSheets, type Sheet } from '../../pipeline/images/contact-sheet.ts';
import type { PictureVerdict } from '../../pipeline/images/picture-verdict.ts';
import { PipelineCrashed, PipelineStopped } from '../../pipeline/process/client.ts';
import type { EngineEvent, EngineRequest } from '../../pipeline/process/protocol.ts';
import { OperatorError } from '../../system/errors.ts';
import { foreignWords } from '../../system/foreign-words.ts';
import { currentLanguage } from '../../texts/language.ts';
import { t } from '../../texts/translate.ts';
import { readerOf, seedOf } from '../job.ts';
import type { GuildRules } from '../rules/guild-rules.ts';
import { secondsOf, type Timings, type Work, workOf } from './estimator.ts';
import { insist } from './insist.ts';
import type { JobServices } from './job-services.ts';
import { loadedBy, type Painter, speedOf } from './painter.ts';
import { deal, Part } from './part.ts';
import type { Recipes } from './recipes.ts';
import type { RunningJob } from './running-job.ts';

type ImageEvent = Extract<EngineEvent, { type: 'image' }>;

export interface PaintingOptions extends JobServices {
  readonly recipes: Recipes;
  readonly rules: GuildRules;
  readonly onPainted: (work: Work, timings: Timings, painter: Painter) => void;
}

/** What was made of a job. */
export interface Painted {
  /** Accelerator seconds. */
  readonly seconds: number;
  /** What the person should know. */
  readonly notes: readonly string[];
}

/** Key of the memo in which the pipeline keeps what its previews have learned. */
export const PREVIEW_MAPS = 'previewMaps';

/** Takes a job through the pipelines of its painters, and stores and tells what they make. */
export class Painting {
  readonly #options: PaintingOptions;
  readonly #stopping: AbortSignal;

  /** @param stopping aborted when the bot stops */
  constructor(options: PaintingOptions, stopping: AbortSignal) {
    this.#options = options;
    this.#stopping = stopping;
  }

  /** Makes and stores the pictures that are missing. */
  async paint(running: RunningJob): Promise<Painted> {
    const { recipes, rules } = this.#options;
    const { job, hands, repainting, controller } = running;
    // They may have changed while it waited.
    rules.refuse(job.request, job.caller);
    const planned = await recipes.plan(job, hands.painter, repainting);
    const request: EngineRequest = rules.looksAtPictures ? { ...planned, judge: true } : planned;
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
  #divide({ hands, job }: RunningJob, request: EngineRequest): readonly Part[] {
    const { estimator, clock, history } = this.#options;
    const { provider, device } = loadedBy(hands.painter);
    const workFor = (pictures: number) => workOf(job.request, job.derivation?.verb ?? null, pictures);
    // Other providers, precisions and devices give other last digits, and one request should look the same.
    const alike = hands
      .helpers()
      .filter(({ status: { info } }) => info?.provider === provider && info.device === device);
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
    running: RunningJob,
    part: Part,
    request: EngineRequest,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { estimator, history, onPainted } = this.#options;
    const { painter, work, spent, speed } = part;
    let notes: readonly string[] = [];
    const alongside = running.hands.alongside && painter === running.hands.painter;
    for await (const event of painter.generate({ ...request, ...readerOf(currentLanguage()) }, { signal, alongside })) {
      spent.hold();
      if (event.type === 'step') await this.#step(running, part, event);
      else if (event.type === 'image')
        await this.#image(running, part, event, this.#verdictOn(event, request, painter));
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

  async #step(running: RunningJob, part: Part, event: Extract<EngineEvent, { type: 'step' }>): Promise<void> {
    part.advance(event);
    // What is looked at when it is finished is not shown before.
    const isUnseen = event.preview === null || this.#options.rules.hidesUnfinished(running.job.caller);
    const sheet = isUnseen ? undefined : await this.#previewOf(running, part);
    // Nobody wants to hear of a cancelled job.
    if (running.controller.signal.aborted) return;
    const step = running.advanced(part, sheet);
    if (step !== undefined) this.#options.bus.emit({ seq: null, type: 'step', job: running.job, ...step });
  }

  /** What all its pictures look like now. */
  async #previewOf({ parts, job }: RunningJob, newest: Part): Promise<Sheet | undefined> {
    const sheets = parts.flatMap(({ preview }) => preview ?? []);
    if (sheets.length < 2) return sheets[0];
    try {
      return await joinSheets(sheets, job.request);
    } catch (error) {
      this.#options.onProblem(error, `the previews of job ${job.id} cannot be joined`);
      return newest.preview;
    }
  }

  async #image(running: RunningJob, part: Part, event: ImageEvent, verdict: PictureVerdict | undefined): Promise<void> {
    const { history, recipes, bus, clock, onProblem } = this.#options;
    const { image: index, png, embedding } = event;
    const { job } = running;
    const { width, height } = job.request;
    const recipe = recipes.recipe(job, index, loadedBy(part.painter));
    const seed = seedOf(job.request, index);
    const image = { index, seed, width, height, recipe, embedding, png, verdict };
    const what = `picture ${index} of job ${job.id}`;
    const stored = await insist({ clock, onProblem, stopping: this.#stopping, what, mayPass: isBusy }, () =>
      history.images.finish(job.id, image),
    );
    if (stored !== null) running.job = stored.job;
    bus.emit(stored);
    part.finish(index);
  }

  /** What is known of a picture: one that should have been looked at and was not is as doubtful as one that could not be. */
  #verdictOn({ verdict }: ImageEvent, { judge }: EngineRequest, painter: Painter): PictureVerdict | undefined {
    if (judge !== true) return undefined;
    const { rules, onProblem } = this.#options;
    const problem = `${painter.name} has no picture classifier.`;
    const found = verdict ?? { classifier: rules.classifier ?? 'unknown', problem };
    if ('problem' in found) onProblem(classifierFailed(found.problem), 'a picture could not be looked at');
    return found;
  }
}

/** For the operator. */
function classifierFailed(problem: string): OperatorError {
  return new OperatorError(
    'classifier_failed',
    () => t('The picture classifier failed: {reason}.', { reason: foreignWords(problem) }),
    {
      hint: () =>
        t(
          'Where nsfw-pictures is set, the picture is hidden. Look with "wuerst models verify safety", or fetch it again with "wuerst models pull safety".',
        ),
    },
  );
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

function isBusy(error: unknown): boolean {
  return error instanceof OperatorError && error.code === 'database_locked';
}
