import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { History, type HistoryOptions } from '../../src/bot/history/history.ts';
import { isOver, type Job, type JobEvent } from '../../src/bot/job.ts';
import { Painters } from '../../src/bot/jobs/painters.ts';
import { createStudio } from '../../src/bot/studio/studio.ts';
import { VERSION } from '../../src/pipeline/version.ts';
import { createLogger } from '../../src/system/logging.ts';
import { ownBotId } from '../../src/workers/bot/bot-id.ts';
import type { Orders } from '../../src/workers/bot/judgement.ts';
import { startWorkforce } from '../../src/workers/bot/workforce.ts';
import type { RedisAddress } from '../../src/workers/redis-address.ts';
import { startWorker } from '../../src/workers/worker/worker.ts';
import type { WorkerOptions } from '../../src/workers/worker/worker-options.ts';
import { caller } from '../bot/history/history-fixture.ts';
import { RedisServer } from './redis-server.ts';
import { QUICK } from './worker-process.ts';

export const SKETCH_ENGINE = new URL('./sketch-engine.ts', import.meta.url).href;
export const LEASE_MS = 3000;
const LOOK_MS = 50;

/** What a test ends, the last first: a worker should not have to wait for a Redis that is gone. */
export interface Ends {
  after(end: () => unknown): void;
}

const scopes = new WeakMap<TestContext, (() => unknown)[]>();

export function endsOf(t: TestContext): Ends {
  let ends = scopes.get(t);
  if (ends === undefined) {
    const own: (() => unknown)[] = [];
    scopes.set(t, own);
    t.after(async () => {
      for (const end of own.reverse()) await end();
    });
    ends = own;
  }
  return { after: (end) => ends.push(end) };
}

interface Options {
  /** @default one of its own */
  readonly redis?: RedisServer;
  /** How the bot reaches Redis. @default directly */
  readonly address?: RedisAddress;
  readonly images?: HistoryOptions['images'];
  readonly folder?: string;
  readonly leaseMs?: number;
}

/** A bot that paints nothing itself, with workers in this process and their pipeline processes. */
export async function openWorkshop(t: TestContext, options: Options = {}) {
  const redis = options.redis ?? (await RedisServer.start(endsOf(t)));
  const folder = options.folder ?? folderOf(t);
  const history = History.open({ folder, ...(options.images === undefined ? {} : { images: options.images }) });
  const log = new Log();
  const painters = new Painters();
  const studio = createStudio({ history, painters, version: VERSION, logger: log.logger });
  const orders: Record<string, Orders[string]> = {};
  const workerEnds: string[] = [];
  const force = await startWorkforce({
    ...{
      redis: options.address ?? redis.address,
      host: '127.0.0.1',
      port: 0,
      bot: ownBotId(history),
      painters,
      logger: log.logger,
    },
    info: () => painters.weights ?? undefined,
    orders: () => orders,
    loras: () => [],
    onEnd: (name, outcome) => workerEnds.push(`${name} ${outcome}`),
    ...{ leaseMs: options.leaseMs ?? LEASE_MS, lookMs: LOOK_MS, silenceMs: QUICK.silenceMs },
  });
  const events: JobEvent[] = [];
  const wakes = new Set<() => void>();
  studio.subscribe((event) => {
    events.push(event);
    for (const wake of wakes) wake();
  });
  painters.on('changed', () => {
    for (const wake of wakes) wake();
  });
  await studio.open();
  studio.paint();
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await Promise.all([studio.close(0), force.stop(0)]);
    history.close();
  };
  endsOf(t).after(close);

  /** Resolves when `found` gives something, which may come with an event or a change among the painters. */
  const when = async <T>(found: () => T | undefined): Promise<T> => {
    for (;;) {
      const value = found();
      if (value !== undefined) return value;
      await new Promise<void>((resolve) => {
        const wake = () => {
          wakes.delete(wake);
          resolve();
        };
        wakes.add(wake);
      });
    }
  };
  const member = (id: string) => painters.all.find(({ painter }) => painter.id === id);

  return {
    ...{ redis, folder, history, log, painters, studio, force, orders, events, workerEnds, close, when },

    /** A worker; resolves when jobs are handed over to it. */
    async worker(name: string, more: Partial<WorkerOptions> = {}) {
      const load = { model: 'sketch', cacheDir: folder };
      const worker = await openWorker(t, { load, redis: redis.address, bot: new URL(force.url), name, ...more });
      await when(() => member(worker.id));
      return worker;
    },

    /** As in a chat. */
    async ask(text: string, user = 'ann'): Promise<Job> {
      const outcome = await studio.command(text, caller({ user }));
      if (outcome.kind !== 'job') throw new Error('expected a job');
      return outcome.job;
    },

    /** The job when it has ended. */
    ended: (id: string) =>
      when(() => {
        const job = studio.job(id);
        return job !== null && isOver(job) ? job : undefined;
      }),

    /** Resolves when a job has begun to be painted so often. */
    steps: (id: string, times = 1) =>
      when(() => {
        const starts = events.filter(({ type, job }) => type === 'started' && job.id === id).length;
        const last = events.findLast(({ job }) => job.id === id);
        return starts >= times && last?.type === 'step' ? true : undefined;
      }),
  };
}

export async function openWorker(
  t: TestContext,
  options: Pick<WorkerOptions, 'redis' | 'bot' | 'name'> & Partial<WorkerOptions>,
) {
  const data = folderOf(t);
  const worker = await startWorker({
    engine: SKETCH_ENGINE,
    load: { model: 'sketch', cacheDir: data },
    lockPath: join(data, 'pipeline.lock'),
    hardware: () => 'test',
    loras: async () => [],
    logger: createLogger({ level: 'silent', secrets: [] }),
    timing: QUICK,
    ...options,
  });
  endsOf(t).after(() => worker.giveBack());
  return worker;
}

export function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'wuerst-workers-'));
  endsOf(t).after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return folder;
}

/** What was logged, as lines of JSON. */
export class Log {
  readonly lines: string[] = [];
  readonly #wakes = new Set<() => void>();
  readonly logger = createLogger({
    level: 'info',
    secrets: [],
    destination: {
      write: (line) => {
        this.lines.push(line);
        for (const wake of this.#wakes) wake();
      },
    },
    format: 'json',
  });

  /** Resolves with the first line that contains this, logged now or later. */
  async line(part: string): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => line.includes(part));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#wakes.delete(wake);
          resolve();
        };
        this.#wakes.add(wake);
      });
    }
  }
}
