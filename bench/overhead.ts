/**
 * What the bot adds to the time that `wuerst imagine` takes for the same 20 pictures, and how long the main process's
 * event loop is held up while they are made and 20 pages watch.
 * Run with `node --import tsx bench/overhead.ts [rounds]`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import type { RunningBot } from '../src/main.ts';
import { allEnded, ask, guest, withRealBot } from './real-bot.ts';

const ROUNDS = Number(process.argv[2] ?? 2);
const PICTURES = 20;
const PAGES = 20;
const PROMPT = 'a red fox in the snow';

/** Seconds from the first step of the first picture to the last file, without loading. */
async function imagine(): Promise<number> {
  const out = mkdtempSync(join(tmpdir(), 'wuerst-bench-'));
  const cli = join(import.meta.dirname, '../src/cli.ts');
  const args = [
    'imagine',
    `{${PROMPT}, ${PROMPT}}`,
    '-n',
    '10',
    '--seed',
    '1',
    '--json',
    '--quiet',
    '--yes',
    '--out',
    out,
  ];
  const child = spawn(process.execPath, ['--import', 'tsx', cli, ...args, '--provider', 'cpu'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('expected the output of imagine');
  let first: { readonly at: number; readonly seconds: number } | null = null;
  let last = 0;
  let pictures = 0;
  for await (const line of createInterface(child.stdout)) {
    const report: { readonly seconds: number; readonly encodeSeconds: number } = JSON.parse(line);
    last = performance.now();
    pictures += 1;
    first ??= { at: last, seconds: report.seconds + report.encodeSeconds };
  }
  rmSync(out, { recursive: true, force: true });
  if (first === null || pictures !== PICTURES) throw new Error(`expected ${PICTURES} pictures, got ${pictures}`);
  return (last - first.at) / 1000 + first.seconds;
}

/** Seconds from the start of the first job to the end of the last one. */
async function chat(bot: RunningBot, room: string, texts: readonly string[]): Promise<number> {
  const jobs = await Promise.all(texts.map((text) => ask(bot, text, guest(room))));
  const start = performance.now();
  await allEnded(bot, jobs);
  const failed = jobs.map(({ id }) => bot.studio.job(id)).filter((job) => job?.state !== 'done');
  if (failed.length > 0) throw new Error(`${failed.length} jobs failed`);
  return (performance.now() - start) / 1000;
}

/** Pages of another process, which read everything that they are sent. */
async function watchers(url: string, room: string): Promise<ChildProcess> {
  const program = `
    const pages = Array.from({ length: ${PAGES} }, async () => {
      const { body } = await fetch(${JSON.stringify(`${url}api/rooms/${room}/events`)});
      const reader = body.getReader();
      await reader.read();
      void (async () => { while (!(await reader.read()).done); })();
    });
    Promise.all(pages).then(() => process.send('watching'));`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message');
  return child;
}

const seeds = Array.from({ length: PICTURES }, (_, k) => k + 1);
const alone = seeds.map((seed) => `${PROMPT} seed:${seed}`);
const together = [`${PROMPT} n:10 seed:1`, `${PROMPT} n:10 seed:11`];
const seconds: Record<'imagine' | 'alone' | 'together', number[]> = { imagine: [], alone: [], together: [] };
function measured(what: keyof typeof seconds, took: number): void {
  seconds[what].push(took);
  console.error(`${what}: ${took.toFixed(2)} s`);
}

for (let round = 0; round < ROUNDS; round += 1) {
  measured('imagine', await imagine());
  await withRealBot(async (bot) => {
    measured('alone', await chat(bot, 'alone', alone));
    measured('together', await chat(bot, 'together', together));
    if (round < ROUNDS - 1) return;
    const pages = await watchers(bot.url ?? '', 'watched');
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const watched = await chat(bot, 'watched', alone);
    delay.disable();
    pages.kill();
    const ms = (nanoseconds: number) => (nanoseconds / 1e6).toFixed(1);
    console.log(
      `event loop delay with ${PAGES} pages watching, ms: p50 ${ms(delay.percentile(50))}, p99 ${ms(delay.percentile(99))}, max ${ms(delay.max)}; ${watched.toFixed(2)} s`,
    );
  });
}
const best = (list: readonly number[]) => Math.min(...list);
const ratio = (list: readonly number[]) => `${((best(list) / best(seconds.imagine) - 1) * 100).toFixed(1)} %`;
const shown = (list: readonly number[]) => list.map((value) => value.toFixed(2)).join(', ');
console.log(`imagine: ${shown(seconds.imagine)} s for ${PICTURES} pictures`);
console.log(
  `bot, ${PICTURES} jobs of one picture: ${shown(seconds.alone)} s, best against best ${ratio(seconds.alone)}`,
);
console.log(`bot, 2 jobs of ten: ${shown(seconds.together)} s, best against best ${ratio(seconds.together)}`);
