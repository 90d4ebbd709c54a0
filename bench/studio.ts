/**
 * What the core adds around the model: 10,000 jobs of 200 guilds submitted, then a restart with all of them waiting.
 * Run with `node --import tsx bench/studio.ts`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { History } from '../src/bot/history/history.ts';
import type { Caller } from '../src/bot/job.ts';
import { Painters } from '../src/bot/jobs/painters.ts';
import { createStudio } from '../src/bot/studio/studio.ts';

const JOBS = 10_000;
const GUILDS = 200;
const USERS = 10;

const folder = mkdtempSync(join(tmpdir(), 'wuerst-bench-'));
const painter = {
  ...{ id: 'none', name: 'none' },
  status: { info: { checkpoint: 'none', provider: 'none', styles: ['interpolated'] } },
  async *generate() {},
};
const logger = { info() {}, error: (...parts: unknown[]) => console.error(...parts) };

function open() {
  const history = History.open({ folder });
  return { history, studio: createStudio({ history, painters: new Painters([painter]), version: '0', logger }) };
}

function callerOf(index: number): Caller {
  const guild = `guild${index % GUILDS}`;
  const user = `user${index % (GUILDS * USERS)}`;
  const rest = { moderator: false, ageRestricted: false } as const;
  return { surface: 'web', user, name: user, room: guild, guild, payer: guild, ...rest };
}

try {
  const first = open();
  await first.studio.open();
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const millis: number[] = [];
  for (let index = 0; index < JOBS; index += 1) {
    const start = performance.now();
    await first.studio.command(`a red fox ${index} seed:${index}`, callerOf(index));
    millis.push(performance.now() - start);
    if (index % 20 === 0) await new Promise(setImmediate);
  }
  millis.sort((a, b) => a - b);
  const quantile = (q: number) => (millis[Math.floor(q * (millis.length - 1))] ?? 0).toFixed(2);
  console.log(`submit of ${JOBS} jobs, ms: median ${quantile(0.5)}, p99 ${quantile(0.99)}, max ${quantile(1)}`);
  console.log(
    `event loop delay, ms: p99 ${(delay.percentile(99) / 1e6).toFixed(1)}, max ${(delay.max / 1e6).toFixed(1)}`,
  );
  const last = first.history.jobs.waiting().at(-1)?.job;
  if (last === undefined) throw new Error('expected waiting jobs');
  for (const [what, work] of [
    ['queue position of the last job', () => first.studio.queuePosition(last.id)],
    ['its reply', () => first.studio.jobReply(last)],
    ['queue', () => first.studio.command('queue', callerOf(0))],
    ['history of a person', () => first.studio.command('history', callerOf(0))],
  ] as const) {
    const start = performance.now();
    await work();
    console.log(`${what}: ${(performance.now() - start).toFixed(2)} ms`);
  }
  await first.studio.close(0);
  first.history.close();

  const start = performance.now();
  const second = open();
  await second.studio.open();
  console.log(`restart with ${second.studio.waiting} waiting: ${(performance.now() - start).toFixed(0)} ms`);
  await second.studio.close(0);
  second.history.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
