import type { TestContext } from 'node:test';
import type { Outcome } from '../../../src/adapters/adapter.ts';
import { History, type HistoryOptions } from '../../../src/bot/history/history.ts';
import type { Caller, Job, JobEvent } from '../../../src/bot/job.ts';
import { Painters } from '../../../src/bot/jobs/painters.ts';
import { type LoraShelf, NO_LORAS } from '../../../src/bot/lora-shelf.ts';
import { openPromptFolder } from '../../../src/bot/prompts/prompt-folder.ts';
import type { Reply } from '../../../src/bot/reply.ts';
import { createStudio, type StudioOptions } from '../../../src/bot/studio/studio.ts';
import { ManualClock } from '../../manual-clock.ts';
import { caller, temporaryFolder } from '../history/history-fixture.ts';
import { FakePainter } from '../jobs/fake-painter.ts';

interface Options {
  readonly folder?: string;
  readonly images?: HistoryOptions['images'];
  /** Leave jobs waiting. @default false */
  readonly still?: boolean;
  readonly pipelineOutlived?: boolean;
  readonly model?: StudioOptions['model'];
  readonly loras?: LoraShelf;
  readonly painter?: FakePainter;
  /** Painters on other machines may join. @default false */
  readonly others?: boolean;
}

/** A studio over a real database and a painter in memory, with a clock that the test moves. */
export async function openStudio(t: TestContext, options: Options = {}) {
  const clock = new ManualClock();
  // Before the hook that removes the folder.
  const atEnd: (() => Promise<void>)[] = [];
  t.after(() => Promise.all(atEnd.map((end) => end())));
  const folder = options.folder ?? temporaryFolder(t);
  const images = options.images === undefined ? {} : { images: options.images };
  const history = History.open({ folder, now: () => clock.now(), monotonic: () => clock.monotonic(), ...images });
  const painter = options.painter ?? new FakePainter();
  const painters = new Painters([painter], { others: options.others ?? false });
  const problems: string[] = [];
  const logger = {
    info: () => {},
    error: (fields: object, message: string) => {
      problems.push(`${message}: ${'err' in fields ? String(fields.err) : ''}`);
    },
  };
  let seed = 1000n;
  const randomSeed = () => {
    seed += 100n;
    return seed;
  };
  const { model = {}, loras = NO_LORAS } = options;
  const prompts = openPromptFolder(folder, (error, file) => logger.error({ err: error }, file));
  const studio = createStudio({
    history,
    painters,
    version: '0.1.0',
    logger,
    clock,
    randomSeed,
    model,
    prompts,
    loras,
  });
  const events: JobEvent[] = [];
  studio.subscribe((event) => void events.push(event));
  let closed = false;
  const close = async (deadlineMs = 0): Promise<void> => {
    if (closed) return;
    closed = true;
    const closing = studio.close(deadlineMs);
    clock.advance(deadlineMs);
    await closing;
    history.close();
  };
  atEnd.push(close);
  await studio.open({ pipelineOutlived: options.pipelineOutlived ?? false });
  if (options.still !== true) studio.paint();

  const ann = caller();
  const ask = async (text: string, who: Caller = ann, key?: string) =>
    jobIn(await studio.command(text, who, key === undefined ? {} : { idempotencyKey: key }));
  const say = async (text: string, who: Caller = ann) => replyIn(await studio.command(text, who));
  const click = async (action: string, who: Caller = ann, text?: string) =>
    jobIn(await studio.act(action, who, text === undefined ? {} : { text }));
  const press = async (action: string, who: Caller = ann) => replyIn(await studio.act(action, who));
  /** The job as it ends. */
  const ended = async (id: string): Promise<Job> => {
    for (;;) {
      const job = studio.job(id);
      if (job === null) throw new Error(`no job ${id}`);
      if (job.state !== 'queued' && job.state !== 'running') return job;
      await new Promise<void>((resolve) => {
        const stop = studio.subscribe(() => {
          stop();
          resolve();
        });
      });
    }
  };
  const make = async (text: string, who: Caller = ann) => ended((await ask(text, who)).id);
  /** Resolves when the job is being painted. */
  const started = async (id: string) => {
    const isUnderWay = (event: JobEvent) => event.type === 'step' && event.step === 1 && event.job.id === id;
    while (!events.some(isUnderWay)) await new Promise(setImmediate);
  };
  return {
    ...{ studio, history, painter, painters, clock, folder, events, problems, close },
    ...{ ask, say, click, press, ended, make, started },
  };
}

export function jobIn(outcome: Outcome): Job {
  if (outcome.kind === 'job') return outcome.job;
  throw new Error(`expected a job, got the reply "${outcome.reply.title}"`);
}

export function replyIn(outcome: Outcome): Reply {
  if (outcome.kind === 'reply') return outcome.reply;
  throw new Error(`expected a reply, got the job ${outcome.job.id}`);
}

export function imageOf(job: Job, index = 0): string {
  const image = job.images[index];
  if (image === undefined) throw new Error(`job ${job.id} has no image ${index}`);
  return image.id;
}

export function actionsOf(reply: Reply): string[] {
  return reply.buttons.flat().map(({ action }) => action);
}
