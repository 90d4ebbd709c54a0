/**
 * One day of 10,000 guilds and 200 painters, simulated with the bot's own fair queue and beside it first come, first served: how long
 * jobs wait, by guild. Then what a job costs the bot's event loop and its database, measured. Writes docs/scale-waits.svg,
 * docs/scale-day.svg and its figures to the output. Run with `node --import tsx bench/scale.ts`.
 *
 * Arrivals: guilds are of sizes after Zipf's law, the intensity follows the hours of the day, and people come in sessions of several
 * requests, so that the gaps have the spread of BurstGPT's (https://arxiv.org/abs/2401.17644: gaps after a Gamma distribution, far
 * burstier than a Poisson process; lengths after Zipf's law).
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { History } from '../src/bot/history/history.ts';
import { isOver } from '../src/bot/job.ts';
import type { Painter } from '../src/bot/jobs/painter.ts';
import { Painters } from '../src/bot/jobs/painters.ts';
import { FairQueue } from '../src/bot/queue/fair-queue.ts';
import { createStudio } from '../src/bot/studio/studio.ts';
import type { EngineEvent, EngineRequest } from '../src/pipeline/process/protocol.ts';
import { linePlot } from './line-plot.ts';

const GUILDS = 10_000;
const PAINTERS = 200;
const DAY = 86_400;
/** Of one picture of 1024×1024 with the published model, on one GPU. */
const PICTURE_SECONDS = 5;
/** Pictures of a request, and how often. */
const COUNTS = [
  [1, 0.55],
  [2, 0.1],
  [4, 0.3],
  [10, 0.05],
] as const;
const MEAN_SECONDS = PICTURE_SECONDS * COUNTS.reduce((sum, [count, share]) => sum + count * share, 0);
/** Of all painters, averaged over the day. */
const LOAD = 0.8;
/** Of the daily average, at the busiest and at the quietest hour. */
const SWING = 0.5;
const SESSION = 6;
/** The guilds that ask for most. */
const HEAVY = 100;
const RUN = async () => {};

interface Arrival {
  readonly at: number;
  readonly guild: number;
  readonly user: string;
  readonly cost: number;
}

interface Waiting {
  readonly size: number;
  add(arrival: Arrival, seq: number): void;
  /** The number of the job whose turn it is. */
  next(): number;
  done(seq: number, cost: number): void;
}

/** The same numbers in each run (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function arrivals(): readonly Arrival[] {
  const random = randomFrom(19);
  const sizes = Array.from({ length: GUILDS }, (_, rank) => 1 / (rank + 1));
  const whole = sizes.reduce((sum, size) => sum + size);
  let sum = 0;
  const upTo = sizes.map((size) => (sum += size / whole));
  const sessions = Math.round((LOAD * PAINTERS * DAY) / MEAN_SECONDS / SESSION);
  const all: Arrival[] = [];
  for (let i = 0; i < sessions; i += 1) {
    let at = momentOfDay(random);
    const guild = firstAbove(upTo, random());
    // The bigger the guild, the more people; some of them far more often than others.
    const people = Math.max(1, Math.round(2000 / (guild + 1) ** 0.7));
    const user = `${guild} ${Math.floor(people * random() ** 2)}`;
    do {
      all.push({ at, guild, user, cost: costOf(random()) });
      at += 20 * Math.exp(1.2 * normal(random));
    } while (random() > 1 / SESSION && at < DAY);
  }
  return all.sort((a, b) => a.at - b.at);
}

/** Seconds since midnight: a wave over the day, by rejection. */
function momentOfDay(random: () => number): number {
  for (;;) {
    const at = random() * DAY;
    if (random() < (1 - SWING * Math.cos((2 * Math.PI * (at - 4 * 3600)) / DAY)) / (1 + SWING)) return at;
  }
}

function costOf(at: number): number {
  let left = at;
  for (const [count, share] of COUNTS) {
    left -= share;
    if (left < 0) return count * PICTURE_SECONDS;
  }
  return PICTURE_SECONDS;
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

function firstAbove(upTo: readonly number[], value: number): number {
  let [low, high] = [0, upTo.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((upTo[middle] ?? 1) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function fair(): Waiting {
  const queue = new FairQueue();
  let turn = -1;
  return {
    get size() {
      return queue.size;
    },
    add({ guild, user, cost }, seq) {
      queue.enqueue(
        async () => {
          turn = seq;
        },
        { id: String(seq), payer: `guild ${guild}`, user, cost, seq },
      );
    },
    next() {
      void queue.dequeue()?.();
      return turn;
    },
    done: (seq, cost) => queue.settle(String(seq), cost),
  };
}

function firstCome(): Waiting {
  let [first, last] = [0, 0];
  return {
    get size() {
      return last - first;
    },
    add: () => {
      last += 1;
    },
    next: () => first++,
    done: RUN,
  };
}

/** Seconds that each job waits. */
function simulated(all: readonly Arrival[], waiting: Waiting): Float64Array {
  const waits = new Float64Array(all.length);
  // When each painter is free again, the soonest first; and what it works on.
  const busy: { readonly until: number; readonly seq: number }[] = [];
  const start = (now: number) => {
    while (busy.length < PAINTERS && waiting.size > 0) {
      const seq = waiting.next();
      const { at = now, cost = 0 } = all[seq] ?? {};
      waits[seq] = now - at;
      const until = now + cost;
      let place = busy.length;
      while (place > 0 && (busy[place - 1]?.until ?? 0) > until) place -= 1;
      busy.splice(place, 0, { until, seq });
    }
  };
  const finish = (until: number) => {
    for (let first = busy[0]; first !== undefined && first.until <= until; first = busy[0]) {
      busy.shift();
      waiting.done(first.seq, all[first.seq]?.cost ?? 0);
      start(first.until);
    }
  };
  for (const [seq, arrival] of all.entries()) {
    finish(arrival.at);
    waiting.add(arrival, seq);
    start(arrival.at);
  }
  finish(Number.POSITIVE_INFINITY);
  return waits;
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

const SHARES = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];
const all = arrivals();
console.log(
  `${all.length} jobs of ${new Set(all.map(({ guild }) => guild)).size} guilds; the ${HEAVY} largest ask for ${Math.round((100 * all.filter(({ guild }) => guild < HEAVY).length) / all.length)} %`,
);
const begin = performance.now();
const waits = { fair: simulated(all, fair()), 'first come': simulated(all, firstCome()) };
console.log(`simulated in ${((performance.now() - begin) / 1000).toFixed(0)} s`);
const percentiles = new Map<string, number[]>();
const hours = new Map<string, number[]>();
for (const [order, seconds] of Object.entries(waits)) {
  for (const [who, isIn] of [
    ['light', (guild: number) => guild >= HEAVY],
    ['heavy', (guild: number) => guild < HEAVY],
  ] as const) {
    const name = `${who} guilds, ${order}`;
    const theirs = [...seconds].filter((_, seq) => isIn(all[seq]?.guild ?? 0)).sort((a, b) => a - b);
    const row = SHARES.map((share) => percentile(theirs, share));
    percentiles.set(name, row);
    console.log(`${name}: ${row.map((wait, i) => `p${100 * (SHARES[i] ?? 0)} ${wait.toFixed(1)} s`).join(', ')}`);
    const byHour = Array.from({ length: 24 }, (): number[] => []);
    for (const [seq, { at, guild }] of all.entries()) {
      if (isIn(guild)) byHour[Math.floor(at / 3600)]?.push(seconds[seq] ?? 0);
    }
    hours.set(
      name,
      byHour.map((own) =>
        percentile(
          own.sort((x, y) => x - y),
          0.95,
        ),
      ),
    );
  }
}
const docs = new URL('../docs/', import.meta.url);
writeFileSync(
  new URL('scale-waits.svg', docs),
  linePlot({
    ...{
      title: 'Wait by percentile',
      xLabel: 'percentile of jobs',
      yLabel: 'seconds',
      xs: SHARES.map((share) => `${100 * share}`),
    },
    ...{ lines: percentiles, least: 1 },
  }),
);
writeFileSync(
  new URL('scale-day.svg', docs),
  linePlot({
    ...{
      title: 'Wait of 95 % of the jobs, by hour',
      xLabel: 'hour of the day',
      yLabel: 'seconds',
      xs: Array.from({ length: 24 }, (_, hour) => `${hour}`),
    },
    ...{ lines: hours, least: 1 },
  }),
);
await measureBot();

/** What a job costs the bot: its painters answer at once, so that only the bot works. */
async function measureBot(): Promise<void> {
  const JOBS = 2000;
  const folder = mkdtempSync(join(tmpdir(), 'wuerst-scale-'));
  const history = History.open({ folder, images: { write: async () => {} } });
  const painters = new Painters(Array.from({ length: 20 }, (_, i) => instant(`painter ${i}`)));
  const studio = createStudio({ history, painters, version: '0', logger: { info: () => {}, error: () => {} } });
  let over = 0;
  let finished = () => {};
  const ended = new Promise<void>((resolve) => {
    finished = resolve;
  });
  studio.subscribe(({ type, job }) => {
    if (!isOver(job) || type === 'image' || type === 'step') return;
    over += 1;
    if (over === JOBS) finished();
  });
  await studio.open();
  const bytes = () => statSync(history.database.path).size;
  history.database.emptyLog();
  const [bytesBefore, cpuBefore] = [bytes(), process.cpuUsage()];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  studio.paint();
  for (let k = 0; k < JOBS; k += 1) {
    const guild = `guild ${k % 500}`;
    await studio.command(`a panda number ${k} on a green background n:2`, {
      surface: 'discord',
      ...{ user: `user ${k}`, name: 'Ann', room: guild, guild, payer: guild, moderator: false, ageRestricted: false },
    });
  }
  await ended;
  delay.disable();
  const cpu = process.cpuUsage(cpuBefore);
  history.database.emptyLog();
  const milliseconds = (cpu.user + cpu.system) / 1000 / JOBS;
  console.log(
    `a job of 2 pictures with 40 steps: ${milliseconds.toFixed(2)} ms of the processor, ` +
      `${((bytes() - bytesBefore) / JOBS / 1024).toFixed(1)} kB of the database; ` +
      `event loop delay p50 ${(delay.percentile(50) / 1e6).toFixed(1)} ms, p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms under full load`,
  );
  await studio.close(0);
  history.close();
  rmSync(folder, { recursive: true, force: true });
}

function instant(id: string): Painter {
  const info = { checkpoint: 'instant', provider: 'fake', styles: ['interpolated', 'base', 'aesthetic'] };
  return {
    ...{ id, name: id, status: { info } },
    async *generate({ images }: EngineRequest): AsyncGenerator<EngineEvent, void> {
      for (const { index, metadata } of images) {
        for (let step = 1; step <= 40; step += 1) {
          yield { type: 'step', stage: 'prior', image: index, step, total: 40, timestep: null, preview: null };
        }
        const embedding = { dims: [16, 24, 24], data: new Float32Array(16 * 24 * 24) };
        yield { type: 'image', image: index, png: new Uint8Array(1000).fill(index), metadata, embedding };
      }
      yield { type: 'done', timings: { prior: 1, decoder: 1 }, warnings: [] };
    },
  };
}
