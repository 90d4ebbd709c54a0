/**
 * Memory of both processes after 200 and after 2,000 jobs: of an engine that paints pixels, so that it takes a minute,
 * or with `real` of the embedded model.
 * Run with `node --import tsx bench/bot-memory.ts [jobs] [real]`.
 */
import type { RunningBot } from '../src/main.ts';
import { allEnded, ask, guest, memory, withRealBot } from './real-bot.ts';

const JOBS = Number(process.argv[2] ?? 2000);
const FIRST = JOBS / 10;
const BATCH = 20;
const isReal = process.argv[3] === 'real';
const engine = isReal ? {} : { engine: new URL('../test/bot/slow-engine.ts', import.meta.url).href };

const work = async (bot: RunningBot): Promise<void> => {
  let before: ReturnType<typeof memory> | null = null;
  for (let done = 0; done < JOBS; done += BATCH) {
    const jobs = Array.from({ length: BATCH }, (_, k) => {
      const text = `a fox ${done + k} size:128x128 steps:1 decoder-steps:1 seed:${done + k}`;
      return ask(bot, text, guest(`room${k % 5}`, `user${(done + k) % 97}`));
    });
    await allEnded(bot, await Promise.all(jobs));
    if (done + BATCH === FIRST) before = memory(bot.pipelines[0]?.pid ?? null);
  }
  const after = memory(bot.pipelines[0]?.pid ?? null);
  if (before === null) throw new Error(`expected a multiple of ${10 * BATCH} jobs, got ${JOBS}`);
  for (const [what, key] of [
    ['main process, in use by JavaScript', 'heap'],
    ['main process, resident', 'own'],
    ['pipeline process, resident', 'child'],
  ] as const) {
    const growth = (after[key] / before[key] - 1) * 100;
    console.log(`${what}: ${before[key].toFixed(1)} → ${after[key].toFixed(1)} MB, ${growth.toFixed(1)} %`);
  }
};

await withRealBot(work, engine);
