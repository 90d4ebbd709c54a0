import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PipelineCrashed, PipelineStopped } from '../../pipeline/process/client.ts';
import {
  type EngineEvent,
  type EngineRequest,
  type EngineStage,
  reportError,
} from '../../pipeline/process/protocol.ts';
import type { Clock } from '../../system/clock.ts';
import { OperatorError } from '../../system/errors.ts';
import { makeFolder } from '../../system/make-folder.ts';
import { oomKills } from '../../system/oom-kills.ts';
import { t, translatable } from '../../texts/translate.ts';
import { quoting, type Said, saying, toldInEnglish } from '../said.ts';
import type { WireEnd, WireRequest } from '../wire.ts';
import { AttemptOver, type BotConnection } from './bot-connection.ts';
import { Outbox } from './outbox.ts';

/** Paints: the pipeline process has it. */
export interface Hands {
  generate(
    request: EngineRequest,
    options: { readonly signal: AbortSignal; readonly alongside: true },
  ): AsyncGenerator<EngineEvent, void>;
}

export interface AttemptOptions {
  readonly bot: BotConnection;
  readonly hands: Hands;
  readonly clock: Clock;
  /** Where pictures lie that requests start from, as long as they are painted. */
  readonly filesFolder: string;
  /** Milliseconds between two signs of life. */
  readonly beatMs: number;
  /** Aborted when the lock is lost or the worker gives its job back. */
  readonly signal: AbortSignal;
  /** Says why this worker, as it is now, cannot paint the request; `undefined` if it can. */
  readonly objection: (request: WireRequest) => Said | undefined;
  /** The request has come. */
  readonly onRequest: (request: WireRequest) => void;
}

export interface AttemptResult {
  /** `over`: the bot did not want it any more. */
  readonly end: WireEnd | 'over';
  /** Measured seconds a step, by stage. */
  readonly stepSeconds: Readonly<Partial<Record<EngineStage, number>>>;
}

/** Paints one job that was handed over, and tells the bot everything about it. What was lost on the way is thrown away. */
export async function attempt(options: AttemptOptions): Promise<AttemptResult> {
  const { bot, signal } = options;
  const controller = new AbortController();
  const stop = () => controller.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const beating = beat(options, controller);
  const steps = new StepTimes();
  const killsBefore = oomKills();
  let end: WireEnd | 'over';
  try {
    const done = await paint(options, controller, steps);
    end = { kind: 'done', ...done };
  } catch (error) {
    end = endOf(error, controller.signal, killsBefore);
  }
  try {
    const unwanted = quoting('It was not wanted any more.');
    await bot.end(end === 'over' ? { kind: 'given-back', reason: unwanted, leaving: false } : end);
  } catch (error) {
    if (!(error instanceof AttemptOver)) throw error;
    end = 'over';
  } finally {
    beating.stop();
    signal.removeEventListener('abort', stop);
  }
  return { end, stepSeconds: end !== 'over' && end.kind === 'done' ? steps.seconds(end.timings) : {} };
}

async function paint(
  { bot, hands, objection, onRequest, filesFolder }: AttemptOptions,
  controller: AbortController,
  steps: StepTimes,
) {
  const { signal } = controller;
  const request = await bot.request();
  onRequest(request);
  const insistOnFit = () => {
    const why = objection(request);
    if (why !== undefined) throw new Unfit(why);
  };
  insistOnFit();
  const outbox = new Outbox(bot, (error) => controller.abort(error));
  const folder = request.files === undefined ? undefined : newFolder(filesFolder);
  try {
    const { files: hashes = [], ...settings } = request;
    const files = await fetched(bot, hashes, folder ?? '', signal);
    const wanted: EngineRequest = folder === undefined ? settings : { ...settings, files };
    let done: Omit<Extract<EngineEvent, { type: 'done' }>, 'type' | 'previewMaps'> | undefined;
    // What else is here was handed over to be painted at the same time, whichever request arrived first.
    for await (const event of hands.generate(wanted, { signal, alongside: true })) {
      signal.throwIfAborted();
      // The pipeline process may have been replaced by one with another model.
      if (event.type === 'image') insistOnFit();
      if (event.type === 'done') {
        const { type: _, previewMaps: __, ...rest } = event;
        done = rest;
      } else outbox.put(event);
      if (event.type === 'step') steps.count(event);
    }
    await outbox.emptied();
    signal.throwIfAborted();
    if (done === undefined)
      throw new OperatorError('job_unfinished', () => t('The pipeline process ended a job without its end.'));
    return done;
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function newFolder(parent: string): string {
  makeFolder(parent, 0o700);
  return mkdtempSync(join(parent, 'job-'));
}

async function fetched(bot: BotConnection, hashes: readonly string[], folder: string, signal: AbortSignal) {
  const files: Record<string, string> = {};
  for (const hash of hashes) {
    const path = join(folder, hash);
    writeFileSync(path, await bot.file(hash), { mode: 0o600 });
    signal.throwIfAborted();
    files[hash] = path;
  }
  return files;
}

/** What was handed over does not fit this worker. */
class Unfit extends Error {
  readonly why: Said;

  constructor(why: Said) {
    super(toldInEnglish(why));
    this.why = why;
  }
}

/** The worker stops: it takes nothing else either. */
export class WorkerLeaves extends Unfit {
  override readonly name = 'WorkerLeaves';
}

function endOf(error: unknown, signal: AbortSignal, killsBefore: number | undefined): WireEnd | 'over' {
  const reason = signal.aborted ? signal.reason : error;
  if (reason instanceof AttemptOver) return 'over';
  if (signal.aborted || reason instanceof PipelineStopped || reason instanceof Unfit || isOfTheWay(reason)) {
    const why = reason instanceof Unfit ? reason.why : quoting(reason);
    return { kind: 'given-back', reason: why, leaving: reason instanceof WorkerLeaves };
  }
  if (reason instanceof PipelineCrashed && isFromOutside(reason, killsBefore)) {
    const killed = saying(translatable('Somebody killed the pipeline process.'));
    return { kind: 'given-back', reason: killed, leaving: false };
  }
  if (reason instanceof PipelineCrashed) return { kind: 'crashed', ending: reason.ending };
  return { kind: 'failed', error: reportError(reason, false) };
}

/** Whether somebody killed the process: the job is not to blame, as it may be where memory ran out. */
function isFromOutside({ ending }: PipelineCrashed, killsBefore: number | undefined): boolean {
  return (
    ending.reason === 'signal' && ending.signal === 'SIGKILL' && killsBefore !== undefined && oomKills() === killsBefore
  );
}

/** Between bot and worker: another worker may have more luck. */
function isOfTheWay(error: unknown): boolean {
  return error instanceof OperatorError && /^(?:bot_|file_damaged$|request_unreadable$|lock_held$)/.test(error.code);
}

/** Says that the worker lives until it is stopped; aborts when the bot does not want the job any more. */
function beat({ bot, clock, beatMs }: AttemptOptions, controller: AbortController) {
  let stopped = false;
  let callOff = () => {};
  const next = () => {
    callOff = clock.after(beatMs, () => {
      bot
        .beat()
        .catch((error) => controller.abort(error))
        .finally(() => {
          if (!stopped) next();
        });
    });
  };
  next();
  return {
    stop() {
      stopped = true;
      callOff();
    },
  };
}

/** Counts the steps of a job, for the seconds that one takes. */
class StepTimes {
  readonly #counts = new Map<EngineStage, number>();

  count({ stage, step }: Extract<EngineEvent, { type: 'step' }>): void {
    if (step > 0) this.#counts.set(stage, (this.#counts.get(stage) ?? 0) + 1);
  }

  seconds(timings: Readonly<Partial<Record<EngineStage, number>>>) {
    const measured: Partial<Record<EngineStage, number>> = {};
    for (const [stage, count] of this.#counts) {
      const ms = timings[stage];
      if (ms !== undefined && count > 0) measured[stage] = ms / 1000 / count;
    }
    return measured;
  }
}
