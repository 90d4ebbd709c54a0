import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { History } from '../../src/bot/history/history.ts';
import type { Job } from '../../src/bot/job.ts';
import { post } from '../bot-process.ts';
import { ChildLines } from '../child-lines.ts';
import { running } from '../program.ts';
import { endProblems, pictureProblems } from './job-checks.ts';
import { freePort, RedisServer } from './redis-server.ts';
import { WorkerProcess } from './worker-process.ts';
import type { Ends } from './workshop.ts';

const VICTIMS = ['bot', 'worker', 'pipeline', 'redis'] as const;
export type Victim = (typeof VICTIMS)[number];

export interface KillOptions {
  readonly kills: number;
  readonly folder: string;
  /** How often each is killed, of 1. */
  readonly shares: Readonly<Record<Victim, number>>;
  /** Jobs that are open at a time. */
  readonly open: number;
  /** Pictures to paint again alone, and to compare; all of them where it is more than there are. */
  readonly compared: number;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly onKill?: (done: number, victim: Victim) => void;
}

export interface KillReport {
  readonly jobs: readonly Job[];
  readonly killed: Readonly<Record<Victim, number>>;
  /** What is wrong, in sentences. */
  readonly problems: readonly string[];
  readonly compared: number;
}

const BOT = new URL('./bot-child.ts', import.meta.url);
const ROOM = 'room';
const WORKERS = 2;
/** Pictures of several requests that a worker paints at the same time. */
const TOGETHER = 4;
const TIMING = { leaseMs: 3000, lookMs: 100, silenceMs: 1500 };
const accepted = z.object({ job: z.object({ id: z.string() }) });

/**
 * A bot, Redis and two workers of the embedded model as real processes, of which one after the other is killed while jobs are
 * asked for and painted. Whoever is killed is started again, as a service manager does.
 */
export async function killAround(t: Ends, options: KillOptions): Promise<KillReport> {
  const house = await House.open(t, options.folder);
  const killed = { bot: 0, worker: 0, pipeline: 0, redis: 0 };
  const keys = new Map<string, string>();
  for (let kill = 0; kill < options.kills; kill += 1) {
    for (const key of await house.fill(options.open, keys.size)) keys.set(key, '');
    await house.someEvents(1 + Math.floor(50 * options.random()));
    const victim = chosen(options.shares, options.random());
    killed[victim] += 1;
    options.onKill?.(kill + 1, victim);
    await house.kill(victim, options.random());
  }
  const last = await house.settled();
  const problems: string[] = [];
  for (const key of last) {
    const id = await house.ask(key);
    if (id === undefined) problems.push(`the request ${key} was not accepted again`);
  }
  await house.close();
  const history = History.open({ folder: options.folder });
  try {
    const jobs = history.lists.page({ surface: 'web', limit: 100_000 });
    problems.push(...endProblems(history, ROOM, jobs));
    const sample = jobs.filter(({ state }) => state === 'done').slice(0, options.compared);
    problems.push(...(await pictureProblems(history, options.folder, sample)));
    return { jobs, killed, problems, compared: sample.length };
  } finally {
    history.close();
  }
}

function chosen(shares: KillOptions['shares'], at: number): Victim {
  let left = at;
  for (const victim of VICTIMS) {
    left -= shares[victim];
    if (left < 0) return victim;
  }
  return 'pipeline';
}

/** All the processes. */
class House {
  readonly #ends: Ends;
  readonly #folder: string;
  readonly #redis: RedisServer;
  readonly #workersPort: number;
  readonly #workers: WorkerProcess[] = [];
  #bot: ChildLines;
  #url = '';
  /** Requests that may not have been answered. */
  readonly #asked: string[] = [];
  readonly #open = new Set<string>();

  private constructor(t: Ends, folder: string, redis: RedisServer, workersPort: number) {
    this.#ends = t;
    this.#folder = folder;
    this.#redis = redis;
    this.#workersPort = workersPort;
    this.#bot = this.#newBot();
  }

  static async open(t: Ends, folder: string): Promise<House> {
    const house = new House(t, folder, await RedisServer.start(t), await freePort());
    for (let i = 0; i < WORKERS; i += 1) house.#workers.push(house.#newWorker(i));
    await house.#ready();
    return house;
  }

  /** Asks until so many are open. Returns the keys of what was asked for. */
  async fill(open: number, from: number): Promise<readonly string[]> {
    const keys: string[] = [];
    for (let i = 0; this.#open.size < open; i += 1) {
      const key = `${from + i}`;
      keys.push(key);
      this.#asked.push(key);
      const id = await this.ask(key);
      if (id === undefined) break;
      this.#open.add(id);
    }
    return keys;
  }

  /** The id of the job; `undefined` when the bot is gone. */
  async ask(key: string): Promise<string | undefined> {
    const text = `a panda number ${key} on a green background seed:${100 * Number(key)} size:256x256 steps:2 decoder-steps:1 n:2`;
    const body = { text, user: `user${Number(key) % 3}` };
    const answer = await post(this.#url, `api/rooms/${ROOM}/commands`, body, key).catch(() => undefined);
    return accepted.safeParse(answer).data?.job.id;
  }

  /** Until the bot has told so much, or everything is over. */
  async someEvents(count: number): Promise<void> {
    const until = this.#bot.lines.length + count;
    // What was told before somebody listened.
    this.#hear();
    while (this.#open.size > 0 && this.#bot.lines.length < until && (await this.#bot.next())) this.#hear();
    this.#hear();
  }

  async kill(victim: Victim, which: number): Promise<void> {
    const i = Math.floor(which * this.#workers.length);
    if (victim === 'bot') {
      this.#bot.child.kill('SIGKILL');
      await this.#bot.ended;
      this.#bot = this.#newBot();
      await this.#ready();
    } else if (victim === 'redis') {
      await this.#redis.kill();
      await this.#redis.start();
    } else if (victim === 'worker') {
      const worker = this.#workers[i];
      worker?.child.kill('SIGKILL');
      await worker?.ended;
      this.#workers[i] = this.#newWorker(i);
    } else {
      const pid = this.#workers[i]?.pipelinePid;
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
      } catch {
        // It is gone already.
      }
    }
  }

  /** When everything has ended. Returns what was asked for. */
  async settled(): Promise<readonly string[]> {
    for (const key of this.#asked) {
      const id = await this.ask(key);
      if (id !== undefined) this.#open.add(id);
    }
    for (const id of this.#open) if (await this.#isOver(id)) this.#open.delete(id);
    while (this.#open.size > 0) await this.someEvents(1);
    return this.#asked;
  }

  async close(): Promise<void> {
    for (const { child } of [this.#bot, ...this.#workers]) child.kill('SIGKILL');
    await Promise.all([this.#bot, ...this.#workers].map(({ ended }) => ended));
  }

  async #isOver(id: string): Promise<boolean> {
    const response = await fetch(new URL(`api/jobs/${id}`, this.#url));
    const { state } = z.object({ state: z.string() }).parse(await response.json());
    return state !== 'queued' && state !== 'running';
  }

  #hear(): void {
    for (const line of this.#bot.lines) {
      const [, id] = /^event (?:done|failed|cancelled) (\S+)$/.exec(line) ?? [];
      if (id !== undefined) this.#open.delete(id);
    }
  }

  #newBot(): ChildLines {
    return new ChildLines(this.#ends, [process.execPath, ...running(BOT)], {
      ...{ WUERST_DATA: this.#folder, WUERST_WEB_PORT: '0', WUERST_PROCESSES: '0', WUERST_PROVIDER: 'cpu' },
      ...{ WUERST_REDIS: this.#redis.address.url, WUERST_WORKERS_PORT: String(this.#workersPort) },
      TEST_WORKER_TIMING: JSON.stringify(TIMING),
    });
  }

  #newWorker(i: number): WorkerProcess {
    const data = join(this.#folder, `worker-${i}`);
    mkdirSync(data, { recursive: true });
    const bot = `http://127.0.0.1:${this.#workersPort}/`;
    const redis = this.#redis.address.url;
    return new WorkerProcess(this.#ends, { redis, bot, name: `worker-${i}`, data, batch: TOGETHER });
  }

  async #ready(): Promise<void> {
    const line = await this.#bot.line('ready ');
    if (line === undefined) throw new Error(`the bot ended: ${this.#bot.lines.join('\n')}`);
    this.#url = line.slice('ready '.length);
    // What ended before it was killed, and was not heard of.
    for (const id of this.#open) if (await this.#isOver(id)) this.#open.delete(id);
  }
}
